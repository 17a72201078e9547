//! The file that holds a base image: found, verified, and its disk in the store.
//!
//! What is genuine stands in the board's definition, on the command line or in the lock: a digest, or
//! the fingerprints of the keys that sign. A digest that lies beside a file proves nothing alone.

mod error;
mod keys;
mod unpack;

pub use error::SourceError;

use super::input::Input;
use crate::address::without_login;
use crate::define::board::{Base, Proof};
use crate::digest::{Hasher, Sha256};
use crate::epoch::Epoch;
use crate::event::Reporter;
use crate::fetch::{BadUrl, Client, Downloaded, Network, UnverifiedDownload, Url};
use crate::lock::LockedBase;
use crate::specification::ImageBase;
use crate::store::Store;
use crate::tree::Objects;
use std::io;
use std::path::Path;

/// Changes whenever the same file gives another disk.
const DISK: &str = "base-disk-1";
/// From a signature to the file that it was found good for.
const SIGNED: &str = "base-signed-1";
/// From an address to the small file that it gave last.
const SMALL: &str = "base-small-1";

/// No packed image is longer: the longest of today has 2 GiB.
const MAX_FILE: u64 = 64 << 30;
/// No disk of an image is longer.
const MAX_DISK: u64 = 256 << 30;
/// Keys, signatures and lists of sums.
const MAX_SMALL: u64 = 4 << 20;
/// Where base images come from and go to.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Over which network.
    pub client: &'a Client,
    /// Into which store.
    pub store: &'a Store,
    /// When signatures are judged.
    pub now: Epoch,
    /// The file of keys that a person gives instead of those that a board has addresses of.
    pub keys: Option<&'a [u8]>,
    /// Who hears of it.
    pub reporter: &'a dyn Reporter,
}

impl Source<'_> {
    /// Which file `base` is: it is fetched and verified.
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

    /// The disk that the file `locked` of `base` holds, as an object of the store.
    pub fn disk(&self, base: &ImageBase, locked: &LockedBase) -> Result<Sha256, SourceError> {
        if let Some(disk) = self.store.memo(DISK, &locked.sha256) {
            return Ok(disk);
        }
        let input = match base {
            ImageBase::File { path, .. } => open(path)?,
            ImageBase::Address { url, .. } => self.fetched(locked, std::slice::from_ref(url))?,
            ImageBase::Named(named) => self.fetched(locked, &named.urls)?,
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
        let sha256 = hashed.expect("nobody stopped it");
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

    /// A file that is known by its digest, but not by its length.
    fn lock_pinned(
        &self,
        name: String,
        urls: &[String],
        sha256: Sha256,
    ) -> Result<LockedBase, SourceError> {
        if !self.store.contains(&sha256) {
            self.arrive(&name, urls, &|downloaded| match downloaded.sha256 {
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
            unreachable!("the caller looked")
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
        fingerprints
            .iter()
            .for_each(|fingerprint| hasher.field(fingerprint.as_bytes()));
        hasher.field(&signature);
        let statement = hasher.finish();
        let sha256 = match self.store.memo(SIGNED, &statement) {
            Some(sha256) => sha256,
            None => {
                let judge = |downloaded: &Downloaded| good(&|| downloaded.open()).map(|_| ());
                let sha256 = self.arrive(name, &base.urls, &judge)?;
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
        Ok(LockedBase {
            name,
            urls: urls
                .iter()
                .map(|url| without_login(url).into_owned())
                .collect(),
            size,
            sha256,
        })
    }

    /// Fetches a file that `judge` accepts, into the store. What an earlier run had begun may be of
    /// another version of the file, and is tried once only.
    fn arrive(
        &self,
        name: &str,
        urls: &[String],
        judge: &dyn Fn(&Downloaded) -> Result<(), SourceError>,
    ) -> Result<Sha256, SourceError> {
        let wanted = UnverifiedDownload {
            name: name.to_owned(),
            urls: addresses(urls)?,
            limit: MAX_FILE,
        };
        loop {
            let downloaded = self
                .client
                .download_unverified(self.store, &wanted, self.reporter);
            let downloaded = downloaded.map_err(|source| SourceError::Fetch {
                name: name.to_owned(),
                source,
            })?;
            match judge(&downloaded) {
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

    /// A small file, as an object; offline, what came from there last.
    fn small(&self, name: &str, what: &str, urls: &[Url]) -> Result<Sha256, SourceError> {
        let mut hasher = Hasher::new();
        urls.iter()
            .for_each(|url| hasher.field(url.to_string().as_bytes()));
        let key = hasher.finish();
        if self.client.network() == Network::Offline
            && let Some(known) = self.store.memo(SMALL, &key)
        {
            return Ok(known);
        }
        let got = self
            .client
            .get(&format!("{what} of {name}"), urls, MAX_SMALL);
        let bytes = got.map_err(|source| SourceError::Fetch {
            name: name.to_owned(),
            source,
        })?;
        let object = self.store.insert(&bytes)?;
        self.store.set_memo(SMALL, &key, &object)?;
        Ok(object)
    }

    fn bytes(&self, object: &Sha256) -> io::Result<Vec<u8>> {
        self.store.read(object)
    }
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

/// The addresses of `word` beside each of `urls`: `.sig` is appended, any other word is a name in the
/// same folder.
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

/// The sum of the file of `urls` in a list in the form of sha256sum(1).
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
