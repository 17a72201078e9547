//! Everything that a caller gives to a session beside the specification.

use crate::apt::keyring::Keyring;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::repository::Freshness;
use crate::epoch::Epoch;
use crate::event::{Reporter, Silent};
use crate::fetch::{BadUrl, Network, Proxies, Url};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The store, network, keys and callbacks of a session.
pub struct Options<'a> {
    /// The folder of the store. It is made if it does not exist.
    pub store: PathBuf,
    /// Whether the network may be used.
    pub network: Network,
    /// The proxies for HTTP and HTTPS, and the hosts that are reached without one.
    pub proxies: Proxies,
    /// The mirrors of Debian's archives.
    pub mirrors: Mirrors,
    /// The keys that sign Debian's archives; Debian's own if not set.
    pub keyring: Option<Keyring>,
    /// The keys that may sign the base image; the keys are fetched from the addresses of the board's
    /// definition if not set.
    pub base_keys: Option<Vec<u8>>,
    /// Whether an archive is refused for its age.
    pub freshness: Freshness,
    /// The time by which signatures and the age of archives are judged. It decides no byte of an image.
    pub now: Epoch,
    /// A program whose `main` begins with [`crate::sandbox::reenter`], usually the running one: the sandbox
    /// starts it again inside.
    pub program: PathBuf,
    /// The time limit of one maintainer script, if it is not the usual one.
    pub script_timeout: Option<Duration>,
    /// Gives a key that nobody else can read, under which the digests of images with secrets are noted in the
    /// store. They are not noted without one.
    pub own_key: fn() -> Option<[u8; 32]>,
    /// This function is called with each file and folder that the caller must remove if the process ends without
    /// unwinding, for example by a signal.
    pub guard: fn(&Path),
    /// The reporter that gets every event.
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
}

/// The mirrors of Debian's archives that a session fetches from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirrors {
    /// No mirror is known. A base image has its own apt sources, and needs none.
    Unknown,
    /// The user named these mirrors. They also replace Debian's archives in the apt sources of a base image.
    Named(DebianMirrors),
    /// The building machine uses these mirrors. Packages for a base image come from its own apt sources instead.
    OfHost(DebianMirrors),
}

impl Mirrors {
    /// The mirror at `url` of Debian's archive, with the mirror of its security archive beside it.
    ///
    /// # Errors
    /// `url` is not an address that imgbuild can fetch from.
    pub fn named(url: &str) -> Result<Self, BadUrl> {
        let debian: Url = url.parse()?;
        let security = debian.with_suffix("-security");
        Ok(Self::Named(DebianMirrors { debian, security }))
    }

    /// The mirrors that replace Debian's archives in the apt sources of a base image.
    pub(super) fn instead(&self) -> Option<&DebianMirrors> {
        match self {
            Self::Named(mirrors) => Some(mirrors),
            Self::Unknown | Self::OfHost(_) => None,
        }
    }

    /// The mirrors, from whichever source.
    pub(super) fn known(&self) -> Option<&DebianMirrors> {
        match self {
            Self::Named(mirrors) | Self::OfHost(mirrors) => Some(mirrors),
            Self::Unknown => None,
        }
    }
}
