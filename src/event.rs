//! What a build says while it runs. The library emits events; terminal, JSON and tests listen.

use crate::digest::Sha256;
use std::path::PathBuf;

/// A step of a build that takes long enough to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Archive indices are fetched and packages chosen.
    Resolve,
    /// Inputs are downloaded and verified.
    Fetch,
    /// A base image is decompressed and read.
    Open,
    /// Packages are unpacked into the tree.
    Unpack,
    /// Maintainer scripts run in the sandbox.
    Configure,
    /// Overlays, units and identity are laid over the tree.
    Compose,
    /// Programs of the image check what they would read on a device.
    Verify,
    /// Filesystems and tables are laid out.
    Seal,
    /// The image is written.
    Write,
}

/// One thing that happened. Events carry no time; who shows them may add it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `stage` begins; `total` counts its units (bytes or packages) where they are known before.
    Started {
        /// The stage.
        stage: Stage,
        /// Units to come; 0 where unknown.
        total: u64,
        /// Whether the units are bytes.
        bytes: bool,
    },
    /// `amount` further units of `stage` are done.
    Advanced {
        /// The stage.
        stage: Stage,
        /// Units done since the last such event.
        amount: u64,
    },
    /// `stage` is done; `memoized` if an earlier build had done it.
    Finished {
        /// The stage.
        stage: Stage,
        /// Whether the result came from the store.
        memoized: bool,
    },
    /// Something worth a line for a person, in a running stage.
    Note(String),
    /// Something that a person should act on.
    Warning(String),
    /// The image is complete under its final name.
    Done {
        /// Where it is.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
        /// Its digest.
        sha256: Sha256,
        /// The digest of the plan.
        build_id: Sha256,
    },
}

/// Who listens. Called from several threads.
pub trait Reporter: Sync {
    /// Takes note of `event`.
    fn report(&self, event: Event);
}

/// Listens to nothing.
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}
