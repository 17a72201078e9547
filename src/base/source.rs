//! Finds and verifies the file of a base image, and unpacks its disk into the store.
//!
//! A genuine file has the digest in the board's definition, on the command line or in the lock, or a signature
//! by a key with a given fingerprint. A digest that is published beside the file proves nothing alone.

mod error;
mod keys;
pub(crate) mod unpack;

pub use error::SourceError;

use super::input::Input;
use crate::address::without_login;
use crate::define::board::{Base, Proof};
use crate::digest::{Hasher, Sha256};
use crate::epoch::Epoch;
use crate::event::Reporter;
use crate::fetch::{BadUrl, Client, Downloaded, FetchError, Network, UnverifiedDownload, Url};
use crate::lock::LockedBase;
use crate::specification::ImageBase;
use crate::store::Store;
use crate::tree::Objects;
use std::io;
use std::path::Path;

/// The memo from the digest of a file to that of its disk. Raise the number when the same file must
/// give another disk.
const DISK: &str = "base-disk-1";
/// The memo from a signature to the file for which it was valid.
const SIGNED: &str = "base-signed-1";
/// The memo from an address to the small file that was last fetched from it.
const SMALL: &str = "base-small-1";

/// The longest packed image, in bytes. Those of today have at most 2 GiB.
const MAX_FILE: u64 = 64 << 30;
/// The longest disk of an image.
pub(crate) const MAX_DISK: u64 = 256 << 30;
/// The longest file of keys, signature or list of sums.
const MAX_SMALL: u64 = 4 << 20;

/// The network and the store for base images.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Fetches files.
    pub client: &'a Client,
    /// Keeps files and disks.
    pub store: &'a Store,
    /// The time at which signatures have to be valid.
    pub now: Epoch,
    /// The file of keys that a person gives instead of the keys at the addresses of the board.
    pub keys: Option<&'a [u8]>,
    /// Receives events.
    pub reporter: &'a dyn Reporter,
}

impl Source<'_> {
    /// Finds the file of `base` for the lock. It is fetched and verified.
    ///
    /// # Errors
    ///
    /// The file cannot be fetched or read, or is not genuine.
    pub fn lock(&self, base: &ImageBase) -> Result<LockedBase, SourceError> {
        let name = base.name();
        match base {
            ImageBase::File { path, sha256 } => self.lock_file(name, path, *sha256),
            ImageBase::Address { url, sha256: None } => {
                let url = without_login(url).into_owned();
                Err(SourceError::NoProof { url })
            }
            ImageBase::Address {
                url,
                sha256: Some(sha256),
            } => self.lock_pinned(name, std::slice::from_ref(url), *sha256),
            ImageBase::Named(named) => match &named.proof {
                Proof::Sha256(sha256) => self.lock_pinned(name, &named.urls, *sha256),
                Proof::Signature { .. } => self.lock_signed(named),
            },
        }
    }

    /// The disk in the file `locked` of `base`, as an object of the store.
    ///
    /// # Errors
    ///
    /// The file cannot be fetched, read or unpacked, or is not that of the lock.
    pub fn disk(&self, base: &ImageBase, locked: &LockedBase) -> Result<Sha256, SourceError> {
        if let Some(disk) = self.store.memo(DISK, &locked.sha256) {
            return Ok(disk);
        }
        let urls: &[String] = match base {
            ImageBase::File { .. } => &[],
            ImageBase::Address { url, .. } => std::slice::from_ref(url),
            ImageBase::Named(named) => &named.urls,
        };
        let input = match base {
            ImageBase::File { path, .. } => open(path)?,
            _ => {
                self.fetch(locked, urls)?;
                Input::new(self.store.open(&locked.sha256)?)?
            }
        };
        let disk = self.unpack(locked, input)?;
        self.store.set_memo(DISK, &locked.sha256, &disk)?;
        Ok(disk)
    }

    fn lock_file(
        &self,
        name: String,
        path: &Path,
        expected: Option<Sha256>,
    ) -> Result<LockedBase, SourceError> {
        let input = open(path)?;
        let size = input.len();
        let hashed = input.digest().map_err(|source| SourceError::File {
            path: path.to_owned(),
            source: source.into(),
        })?;
        let sha256 = hashed.expect("nothing stops this hashing");
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            let found = sha256;
            return Err(SourceError::Digest {
                name,
                expected,
                found,
            });
        }
        Ok(LockedBase {
            name,
            urls: Vec::new(),
            size,
            sha256,
        })
    }

    /// Locks a file whose digest is known, but not its length.
    fn lock_pinned(
        &self,
        name: String,
        urls: &[String],
        sha256: Sha256,
    ) -> Result<LockedBase, SourceError> {
        if !self.store.contains(&sha256) {
            self.download(&name, urls, &|downloaded| match downloaded.sha256 {
                found if found == sha256 => Ok(()),
                found => Err(SourceError::Digest {
                    name: name.clone(),
                    expected: sha256,
                    found,
                }),
            })?;
        }
        self.locked(name, urls, sha256)
    }

    fn lock_signed(&self, base: &Base) -> Result<LockedBase, SourceError> {
        let Proof::Signature {
            fingerprints,
            keys,
            signature,
            checksums,
        } = &base.proof
        else {
            unreachable!("the caller has matched the proof")
        };
        let name = &base.name;
        let keyring = self.keyring(name, fingerprints, &addresses(keys)?)?;
        let signature = self.small(name, "signature", &beside(&base.urls, signature)?)?;
        let signature = self.bytes(&signature)?;
        let good = |open: &dyn Fn() -> io::Result<fs_err::File>| {
            let verified = keyring.verify_detached(&signature, self.now, open);
            verified.map_err(|error| SourceError::Signature {
                name: name.clone(),
                source: Box::new(error),
            })
        };
        if let Some(checksums) = checksums {
            let list = self.small(name, "list of sums", &beside(&base.urls, checksums)?)?;
            good(&|| self.store.open(&list))?;
            let list = self.bytes(&list)?;
            let sha256 = listed(&list, &base.urls).ok_or_else(|| SourceError::NotListed {
                name: name.clone(),
                file: file_name(&base.urls).to_owned(),
            })?;
            return self.lock_pinned(name.clone(), &base.urls, sha256);
        }
        let mut hasher = Hasher::new();
        for fingerprint in fingerprints {
            hasher.field(fingerprint.as_bytes());
        }
        hasher.field(&signature);
        let statement = hasher.finish();
        let sha256 = match self.store.memo(SIGNED, &statement) {
            Some(sha256) => sha256,
            None => {
                let verify = |downloaded: &Downloaded| good(&|| downloaded.open()).map(|_| ());
                let sha256 = self.download(name, &base.urls, &verify)?;
                self.store.set_memo(SIGNED, &statement, &sha256)?;
                sha256
            }
        };
        self.locked(name.clone(), &base.urls, sha256)
    }

    fn locked(
        &self,
        name: String,
        urls: &[String],
        sha256: Sha256,
    ) -> Result<LockedBase, SourceError> {
        let size = self.store.len_of(&sha256)?;
        let urls = urls.iter().map(|url| without_login(url).into_owned());
        Ok(LockedBase {
            name,
            urls: urls.collect(),
            size,
            sha256,
        })
    }

    /// Downloads a file into the store if `verify` accepts it. The partial download of an earlier run may be of
    /// another version of the file, so a resumed download that is refused is repeated once from the start.
    fn download(
        &self,
        name: &str,
        urls: &[String],
        verify: &dyn Fn(&Downloaded) -> Result<(), SourceError>,
    ) -> Result<Sha256, SourceError> {
        let wanted = UnverifiedDownload {
            name: name.to_owned(),
            urls: addresses(urls)?,
            limit: MAX_FILE,
        };
        loop {
            let client = self.client;
            let downloaded = client.download_unverified(self.store, &wanted, self.reporter);
            let downloaded = downloaded.map_err(|source| failed(name, source))?;
            match verify(&downloaded) {
                Ok(()) => {
                    let sha256 = downloaded.sha256;
                    downloaded.keep(self.store)?;
                    return Ok(sha256);
                }
                Err(_) if downloaded.resumed => downloaded.discard()?,
                Err(error) => {
                    downloaded.discard()?;
                    return Err(error);
                }
            }
        }
    }

    /// Fetches a small file into the store. Offline, it is the file that was last fetched from these addresses.
    fn small(&self, name: &str, what: &str, urls: &[Url]) -> Result<Sha256, SourceError> {
        let mut hasher = Hasher::new();
        for url in urls {
            hasher.field(url.to_string().as_bytes());
        }
        let key = hasher.finish();
        if self.client.network() == Network::Offline
            && let Some(known) = self.store.memo(SMALL, &key)
        {
            return Ok(known);
        }
        let what = format!("{what} of {name}");
        let bytes = self.client.get(&what, urls, MAX_SMALL);
        let bytes = bytes.map_err(|source| failed(name, source))?;
        let object = self.store.insert(&bytes)?;
        self.store.set_memo(SMALL, &key, &object)?;
        Ok(object)
    }

    fn bytes(&self, object: &Sha256) -> io::Result<Vec<u8>> {
        self.store.read(object)
    }
}

fn failed(name: &str, source: FetchError) -> SourceError {
    let name = name.to_owned();
    SourceError::Fetch { name, source }
}

fn open(path: &Path) -> Result<Input, SourceError> {
    Input::open(path, MAX_DISK).map_err(|source| SourceError::File {
        path: path.to_owned(),
        source,
    })
}

fn addresses(urls: &[String]) -> Result<Vec<Url>, SourceError> {
    let parsed: Result<Vec<Url>, BadUrl> = urls.iter().map(|url| url.parse()).collect();
    Ok(parsed?)
}

/// The addresses of a file beside each of `urls`. If `word` begins with a dot, such as `.sig`, it is appended to
/// the address; otherwise it is a name in the same folder.
fn beside(urls: &[String], word: &str) -> Result<Vec<Url>, SourceError> {
    let beside = |url: &String| match word.starts_with('.') {
        true => format!("{url}{word}"),
        false => {
            let folder = url.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{word}")
        }
    };
    addresses(&urls.iter().map(beside).collect::<Vec<_>>())
}

fn file_name(urls: &[String]) -> &str {
    let first = urls.first().map_or("", String::as_str);
    first.rsplit('/').next().unwrap_or(first)
}

/// The digest of the file of `urls` in a list in the format of sha256sum(1).
fn listed(list: &[u8], urls: &[String]) -> Option<Sha256> {
    let text = std::str::from_utf8(list).ok()?;
    let line = |line: &str| {
        let (sum, name) = line.split_once([' ', '\t'])?;
        let sum: Sha256 = sum.parse().ok()?;
        Some((sum, name.trim_start_matches([' ', '*', '\t']).to_owned()))
    };
    let mut sums = text.lines().filter_map(line);
    let named = sums.find(|(_, name)| name == file_name(urls));
    named.map(|(sum, _)| sum)
}
