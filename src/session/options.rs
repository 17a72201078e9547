//! What a session needs from outside.

use crate::apt::keyring::Keyring;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::repository::Freshness;
use crate::epoch::Epoch;
use crate::event::{Reporter, Silent};
use crate::fetch::{BadUrl, Network, Proxies, Url};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a session works, over which network, whom it trusts, and who listens.
pub struct Options<'a> {
    /// The folder of the store. It is made if it does not exist.
    pub store: PathBuf,
    /// Whether the network may be used.
    pub network: Network,
    /// Which addresses are asked through which proxy.
    pub proxies: Proxies,
    /// Debian's archives.
    pub mirrors: Mirrors,
    /// The keys that sign Debian's archives; Debian's own if not set.
    pub keyring: Option<Keyring>,
    /// The keys that may sign the base image; the keys are fetched from the addresses of the board's
    /// definition if not set.
    pub base_keys: Option<Vec<u8>>,
    /// Whether the age of an archive matters.
    pub freshness: Freshness,
    /// The time by which signatures and the age of archives are judged. It decides no byte of an image.
    pub now: Epoch,
    /// A program whose `main` begins with [`crate::sandbox::reenter`], usually the running one: the sandbox
    /// starts it again inside.
    pub program: PathBuf,
    /// How long one maintainer script may go on, if not as long as usual.
    pub script_timeout: Option<Duration>,
    /// Gives a key that nobody else can read, under which the digests of images with secrets are noted in the
    /// store. They are not noted without one.
    pub own_key: fn() -> Option<[u8; 32]>,
    /// Is called with each file and folder that has to be removed if the process ends without unwinding, as by
    /// a signal.
    pub guard: fn(&Path),
    /// Who listens to what happens.
    pub reporter: &'a dyn Reporter,
}

impl Options<'_> {
    /// Options of a session that trusts Debian's keys, uses the network without a proxy, and reports nothing.
    pub fn new(store: PathBuf, mirrors: Mirrors, now: Epoch, program: PathBuf) -> Self {
        Self {
            store,
            network: Network::Online,
            proxies: Proxies::default(),
            mirrors,
            keyring: None,
            base_keys: None,
            freshness: Freshness::Checked,
            now,
            program,
            script_timeout: None,
            own_key: || None,
            guard: |_| {},
            reporter: &Silent,
        }
    }

    /// The keys that sign Debian's archives.
    pub(super) fn debian_keyring(&self) -> Keyring {
        self.keyring.clone().unwrap_or_else(Keyring::debian)
    }
}

/// The mirrors of Debian's archives that a session fetches from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirrors {
    /// No mirror is known. A base image has its own apt sources, and needs none.
    Unknown,
    /// Somebody named them. They also take the place of Debian's archives in the apt sources of a base image.
    Named(DebianMirrors),
    /// The building machine uses them. A base image is built on by its own apt sources.
    OfHost(DebianMirrors),
}

impl Mirrors {
    /// The mirror at `url` of Debian's archive, with the mirror of its security archive beside it.
    ///
    /// # Errors
    /// Where `url` is no address that can be fetched from.
    pub fn named(url: &str) -> Result<Self, BadUrl> {
        let debian: Url = url.parse()?;
        let security = debian.with_suffix("-security");
        Ok(Self::Named(DebianMirrors { debian, security }))
    }

    /// The mirrors that take the place of Debian's archives in the apt sources of a base image.
    pub(super) fn instead(&self) -> Option<&DebianMirrors> {
        match self {
            Self::Named(mirrors) => Some(mirrors),
            Self::Unknown | Self::OfHost(_) => None,
        }
    }

    /// The mirrors, whoever named them.
    pub(super) fn known(&self) -> Option<&DebianMirrors> {
        match self {
            Self::Named(mirrors) | Self::OfHost(mirrors) => Some(mirrors),
            Self::Unknown => None,
        }
    }
}
