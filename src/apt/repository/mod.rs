//! Fetches the Release and the package indices of an archive from a mirror, and verifies them.
//!
//! ```text
//! dists/<suite>/InRelease                              signed, small, asked for anew each time
//! dists/<suite>/<component>/binary-<arch>/Packages.xz  InRelease has its size and digest
//! pool/…/<package>.deb                                 Packages has its size and digest
//! ```
//!
//! A mirror may be stale, hostile, or in the middle of a sync. Its files are accepted only with a
//! good signature, before `Valid-Until`, and if they are not older than those that this store has
//! seen before.
//!
//! **No archive decides for another.** The state that is remembered of an archive belongs to its
//! name here and to the key that has signed it, because anybody can write the `Origin` and `Suite`
//! of another archive into a Release file. Everything else that is stored is named by its digest.

mod error;
mod remembered;

pub use error::RepositoryError;

use super::keyring::Keyring;
use super::release::{ListedFile, Release};
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::dpkg::deb::Compression;
use crate::epoch::Epoch;
use crate::event::{Event, Reporter, Silent};
use crate::fetch::{Client, Download, FetchError, Network, Url};
use crate::lock::LockedPackage;
use crate::store::Store;
use crate::tree::Objects;
use remembered::{age_keys, release_key};
use std::io::{self, Read};

/// One suite of an archive.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The name that locks and messages use: `debian/trixie`.
    pub name: String,
    /// Mirrors of the archive's root, best first.
    pub base_urls: Vec<Url>,
    /// The suite or its codename: `trixie-updates`.
    pub suite: String,
    /// The components wanted: `main`.
    pub components: Vec<String>,
    /// The keys that may sign.
    pub keyring: Keyring,
    /// Whether an old state of it is refused.
    pub freshness: Freshness,
}

/// Whether an old state of an archive is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A state is refused if its `Valid-Until` is over, or if a newer one was seen before.
    Checked,
    /// Any signed state is accepted: for a snapshot, or because the user allows it.
    Ignored,
}

/// One fetched package index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its component.
    pub component: String,
    /// Its architecture. Packages of `Architecture: all` are in the index of each architecture.
    pub architecture: Architecture,
    /// The decompressed text, an object of the store.
    pub text: Sha256,
}

/// A suite as it was at one moment: the Release and all wanted indices that it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indices {
    /// The Release.
    pub release: Release,
    /// By component, then by architecture, in the order asked for.
    pub indices: Vec<Index>,
}

/// The stage of the memo of the newest `Date` that was seen.
const NEWEST: &str = "newest-release-2";

/// The number of times that InRelease is fetched again because an index does not match it.
const MID_SYNC_RETRIES: u32 = 3;

/// The largest InRelease accepted; trixie's has 140 KB.
const RELEASE_LIMIT: u64 = 2 << 20;

/// The largest index accepted where its size is not listed; trixie's main has 57 MB.
const INDEX_LIMIT: u64 = 1 << 30;

/// A `Date` may be this many seconds ahead of the clock of this machine.
const CLOCK_SKEW: u64 = 300;

impl Repository {
    /// The download of `package`, whose path is below this archive's root.
    ///
    /// # Errors
    ///
    /// The path cannot be part of an address.
    pub fn download(&self, package: &LockedPackage) -> Result<Download, RepositoryError> {
        Ok(Download {
            name: format!("{} {}", package.name, package.version),
            urls: self.urls(&package.path)?,
            size: package.size,
            sha256: package.sha256,
        })
    }

    fn urls(&self, path: &str) -> Result<Vec<Url>, RepositoryError> {
        let urls = self.base_urls.iter().map(|base| base.join(path));
        urls.collect::<Result<_, _>>()
            .map_err(|error| RepositoryError::Address(self.name.clone(), error))
    }

    fn dists(&self, path: &str) -> Result<Vec<Url>, RepositoryError> {
        self.urls(&format!("dists/{}/{path}", self.suite))
    }

    fn fetch_error(&self, source: FetchError) -> RepositoryError {
        RepositoryError::Fetch(self.name.clone(), source)
    }
}

/// Fetches from archives into a store.
pub struct Archives<'a> {
    /// The client for the network.
    pub client: &'a Client,
    /// The store for the fetched files and the memos.
    pub store: &'a Store,
    /// The time at which signatures and `Valid-Until` are checked.
    pub now: Epoch,
    /// The reporter of retries.
    pub reporter: &'a dyn Reporter,
}

impl Archives<'_> {
    /// Fetches the Release of `repository` and the matching indices for `architectures`. The
    /// archive must have the first architecture; the others are for tools, which another archive
    /// may have. The InRelease is remembered for offline builds.
    ///
    /// # Errors
    ///
    /// The archive cannot be fetched, is not genuine, is too old, or lacks an index.
    pub fn fetch_indices(
        &self,
        repository: &Repository,
        architectures: &[Architecture],
    ) -> Result<Indices, RepositoryError> {
        let mut retries = 0;
        loop {
            let release = self.fetch_release(repository)?;
            match self.all_indices(repository, &release, architectures) {
                Ok(indices) => {
                    let key = release_key(&repository.name, &repository.suite, &repository.keyring);
                    self.store.set_memo("in-release", &key, &release.digest)?;
                    return Ok(Indices { release, indices });
                }
                Err(RepositoryError::MidSync { .. }) if retries < MID_SYNC_RETRIES => {
                    retries += 1;
                    self.reporter.report(Event::Note(format!(
                        "the mirror of `{}` seems to be in the middle of a sync; asking again",
                        repository.name
                    )));
                    // A sync takes minutes rather than milliseconds.
                    self.client.back_off(retries.saturating_add(3));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The newest Release of `repository`; offline, the one that its indices were last fetched by.
    fn fetch_release(&self, repository: &Repository) -> Result<Release, RepositoryError> {
        let name = format!("InRelease of {}", repository.name);
        let bytes = if self.client.network() == Network::Offline {
            let known = self.store.memo(
                "in-release",
                &release_key(&repository.name, &repository.suite, &repository.keyring),
            );
            let missing = || repository.fetch_error(FetchError::Offline { name: name.clone() });
            self.store.read(&known.ok_or_else(missing)?)?
        } else {
            let urls = repository.dists("InRelease")?;
            let fetched = self.client.get(&name, &urls, RELEASE_LIMIT);
            fetched.map_err(|source| repository.fetch_error(source))?
        };
        let release = Release::verify(&bytes, &repository.keyring, self.now);
        let refused = |error| RepositoryError::Release(repository.name.clone(), error);
        let release = release.map_err(refused)?;
        self.check(repository, &release)?;
        self.store.insert(&bytes)?;
        Ok(release)
    }

    /// The decompressed index of `component` for `architecture` that `release` lists.
    fn fetch_index(
        &self,
        repository: &Repository,
        release: &Release,
        component: &str,
        architecture: Architecture,
    ) -> Result<Sha256, RepositoryError> {
        let folder = format!("{component}/binary-{architecture}");
        let plain = release.files.get(&format!("{folder}/Packages"));
        let listed = ["Packages.xz", "Packages.gz", "Packages"]
            .into_iter()
            .find_map(|name| {
                let path = format!("{folder}/{name}");
                Some((*release.files.get(&path)?, path))
            });
        let (file, path) = listed.ok_or_else(|| RepositoryError::NoIndex {
            repository: repository.name.clone(),
            component: component.to_owned(),
            architecture,
            components: release.components.clone(),
            architectures: release.architectures.clone(),
        })?;
        // Another archive may have listed the same compressed file with another text.
        let known = self.store.memo("packages-text", &file.sha256);
        if let Some(text) = known.filter(|text| plain.is_none_or(|plain| plain.sha256 == *text)) {
            return Ok(text);
        }
        let mut urls = Vec::new();
        if release.by_hash {
            urls = repository.dists(&format!("{folder}/by-hash/SHA256/{}", file.sha256))?;
        }
        urls.extend(repository.dists(&path)?);
        let name = format!("{path} of {}", repository.name);
        let download = Download {
            name,
            urls,
            size: file.size,
            sha256: file.sha256,
        };
        let fetched = self.client.download(self.store, &download, &Silent);
        fetched.map_err(|source| match source {
            FetchError::Status { .. } | FetchError::Size { .. } | FetchError::Digest { .. } => {
                RepositoryError::MidSync {
                    repository: repository.name.clone(),
                    suite: repository.suite.clone(),
                    architecture,
                    source: Box::new(source),
                }
            }
            source => repository.fetch_error(source),
        })?;
        let text = self.decompress(&path, &file, plain);
        let text = text.map_err(|source| RepositoryError::Compression {
            repository: repository.name.clone(),
            path,
            source,
        })?;
        self.store.set_memo("packages-text", &file.sha256, &text)?;
        Ok(text)
    }

    fn all_indices(
        &self,
        repository: &Repository,
        release: &Release,
        architectures: &[Architecture],
    ) -> Result<Vec<Index>, RepositoryError> {
        let mut indices = Vec::new();
        let first = architectures.first();
        let has = |architecture: &&Architecture| {
            let mut names = release.architectures.iter();
            names.any(|name| name == architecture.debian())
        };
        let optional = architectures.iter().skip(1).filter(has);
        let architectures: Vec<Architecture> = first.into_iter().chain(optional).copied().collect();
        for component in &repository.components {
            for &architecture in &architectures {
                let text = self.fetch_index(repository, release, component, architecture)?;
                indices.push(Index {
                    component: component.clone(),
                    architecture,
                    text,
                });
            }
        }
        Ok(indices)
    }

    /// Refuses a genuine `release` of another suite, or one that is too old.
    fn check(&self, wanted: &Repository, release: &Release) -> Result<(), RepositoryError> {
        let repository = || wanted.name.clone();
        let (date, now) = (release.date, self.now);
        if !release.is_suite(&wanted.suite) {
            let names = [&release.suite, &release.codename].into_iter().flatten();
            let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            return Err(RepositoryError::Suite {
                repository: repository(),
                expected: wanted.suite.clone(),
                found: if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                },
            });
        }
        if date.0 > now.0.saturating_add(CLOCK_SKEW) {
            return Err(RepositoryError::FromTheFuture {
                repository: repository(),
                date,
                now,
            });
        }
        if wanted.freshness == Freshness::Ignored {
            return Ok(());
        }
        if let Some(valid_until) = release.valid_until.filter(|end| *end < now) {
            return Err(RepositoryError::Expired {
                repository: repository(),
                valid_until,
                now,
            });
        }
        let mut outdated = Vec::new();
        for key in age_keys(&wanted.name, release) {
            match self.newest_seen(&key)? {
                Some(newest) if newest > date => {
                    return Err(RepositoryError::Replayed {
                        repository: repository(),
                        date,
                        newest,
                    });
                }
                Some(newest) if newest == date => {}
                _ => outdated.push(key),
            }
        }
        for key in outdated {
            let seen = self.store.insert(date.0.to_string().as_bytes())?;
            self.store.set_memo(NEWEST, &key, &seen)?;
        }
        Ok(())
    }

    /// The newest `Date` that this store has seen under `key`.
    fn newest_seen(&self, key: &Sha256) -> io::Result<Option<Epoch>> {
        let Some(seen) = self.store.memo(NEWEST, key) else {
            return Ok(None);
        };
        let text = self.store.read_text(&seen)?;
        let number = text.parse().map_err(|_| {
            let what = format!("`{text}`, remembered as a date, is not a number of seconds");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        Ok(Some(Epoch(number)))
    }

    /// Decompresses the stored index `file` into an object of its own.
    fn decompress(
        &self,
        path: &str,
        file: &ListedFile,
        plain: Option<&ListedFile>,
    ) -> io::Result<Sha256> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let compression = match path.rsplit_once('.') {
            Some((_, "xz")) => Compression::Xz,
            Some((_, "gz")) => Compression::Gzip,
            _ => return Ok(file.sha256),
        };
        let reader = compression.decode(self.store.open(&file.sha256)?, file.size, 1)?;
        let limit = plain.map_or(INDEX_LIMIT, |plain| plain.size);
        let mut writer = self.store.writer()?;
        let len = io::copy(&mut reader.take(limit.saturating_add(1)), &mut writer)?;
        if len > limit {
            return Err(wrong("the text is longer than it may be"));
        }
        let text = writer.commit()?;
        match plain {
            Some(plain) if plain.sha256 != text => Err(wrong("the text has another digest")),
            _ => Ok(text),
        }
    }
}
