//! What a build says while it runs. The library emits events; terminal, JSON and tests listen.

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

/// How much a stage has to do, and in what it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing is counted.
    Uncounted,
    /// Bytes; how many, where that is known before.
    Bytes(Option<u64>),
    /// So many packages.
    Packages(u64),
}

impl Work {
    /// How much there is to do, where that is known before.
    pub fn total(self) -> Option<u64> {
        match self {
            Self::Uncounted => None,
            Self::Bytes(total) => total,
            Self::Packages(total) => Some(total),
        }
    }
}

/// One thing that happened. Events carry no time; who shows them may add it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `stage` begins.
    Started {
        /// The stage.
        stage: Stage,
        /// What it has to do.
        work: Work,
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
