//! The events of a build. The library emits them; the terminal, the JSON output and tests listen.

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
    /// Overlays, units and identity are written over the tree.
    Compose,
    /// Programs of the image check what they would read on a device.
    Verify,
    /// Filesystems and tables are laid out.
    Seal,
    /// The image is written.
    Write,
    /// The image is compared with one that was published.
    Compare,
}

/// The amount of work of a stage, and the unit in which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The work is not counted.
    Uncounted,
    /// Bytes, and their number if it is known beforehand.
    Bytes(Option<u64>),
    /// This number of packages.
    Packages(u64),
}

impl Work {
    /// The number of units, if it is known beforehand.
    pub fn total(self) -> Option<u64> {
        match self {
            Self::Uncounted => None,
            Self::Bytes(total) => total,
            Self::Packages(total) => Some(total),
        }
    }
}

/// Something that happened. An event has no time; a listener may add it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `stage` begins.
    Started {
        /// The stage.
        stage: Stage,
        /// The work of the stage.
        work: Work,
    },
    /// `amount` further units of `stage` are done.
    Advanced {
        /// The stage.
        stage: Stage,
        /// Units that were done since the last such event.
        amount: u64,
    },
    /// `stage` is done. `memoized` says whether its result is that of an earlier build.
    Finished {
        /// The stage.
        stage: Stage,
        /// Whether the result came from the store.
        memoized: bool,
    },
    /// A fact that is worth a line on the screen, about the running stage.
    Note(String),
    /// A fact that the user should act on.
    Warning(String),
}

/// A listener. It is called from several threads.
pub trait Reporter: Sync {
    /// Called with each event.
    fn report(&self, event: Event);

    /// Reports that `stage` begins.
    fn started(&self, stage: Stage, work: Work) {
        self.report(Event::Started { stage, work });
    }

    /// Reports that `stage` is done. `memoized` says whether its result is that of an earlier build.
    fn finished(&self, stage: Stage, memoized: bool) {
        self.report(Event::Finished { stage, memoized });
    }
}

/// A listener that ignores every event.
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}
