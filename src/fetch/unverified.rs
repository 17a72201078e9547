//! Downloads large files whose digest or length is not known beforehand. They are resumed like any
//! other download, and come into the store only after the caller has verified them.

use super::Url;
use super::client::Client;
use super::error::{FetchError, Trouble};
use super::pace::Watch;
use super::partial::Partial;
use crate::digest::{Hasher, Sha256};
use crate::event::{Event, Reporter, Stage, Work};
use crate::store::Store;
use std::io;

/// A file to fetch, whose content the caller verifies afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedDownload {
    /// Its name in messages.
    pub name: String,
    /// Its addresses, the best one first.
    pub urls: Vec<Url>,
    /// The greatest length that a genuine file of this kind has, in bytes.
    pub limit: u64,
}

/// A file that was downloaded and is not in the store yet. If it is dropped, it stays where it is
/// and the next run can verify it again.
pub struct Downloaded {
    partial: Partial,
    /// Digest of the received bytes.
    pub sha256: Sha256,
    /// Whether a part of it was received in an earlier run, when the server may have had another
    /// version.
    pub resumed: bool,
}

impl Downloaded {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.partial.len
    }

    /// Opens the file at its start.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(&self) -> io::Result<fs_err::File> {
        fs_err::File::open(&self.partial.path)
    }

    /// Makes the file an object of `store`.
    ///
    /// # Errors
    ///
    /// The file cannot be moved into the store.
    pub fn keep(self, store: &Store) -> io::Result<()> {
        store.adopt(&self.partial.path, &self.sha256)
    }

    /// Removes the file, because it failed the caller's verification.
    ///
    /// # Errors
    ///
    /// The file cannot be removed.
    pub fn discard(self) -> io::Result<()> {
        fs_err::remove_file(&self.partial.path)
    }
}

impl Client {
    /// Downloads `wanted` to a partial file of `store`. Events report it as [`Stage::Fetch`], with
    /// the length of the file if the server says it.
    ///
    /// # Errors
    ///
    /// No address has the file, it is longer than its limit, the client is offline, or the store
    /// cannot be written.
    pub fn download_unverified(
        &self,
        store: &Store,
        wanted: &UnverifiedDownload,
        reporter: &dyn Reporter,
    ) -> Result<Downloaded, FetchError> {
        let mut partial = claim(store, wanted)?;
        partial.resume(wanted.limit)?;
        let resumed = partial.len > 0;
        let mut progress = Progress {
            reporter,
            reported: None,
            watch: self.watch(),
        };
        let fetched = self.try_each(&wanted.name, &wanted.urls, |url| {
            let result = self.append_all(wanted, &mut partial, url, &mut progress);
            result.map_err(|trouble| partial.judge(trouble))
        });
        match fetched {
            Ok(()) => {
                progress.end();
                let sha256 = partial.hasher.clone().finish();
                Ok(Downloaded {
                    partial,
                    sha256,
                    resumed,
                })
            }
            Err(error) => {
                partial.leave();
                Err(error)
            }
        }
    }

    fn append_all(
        &self,
        wanted: &UnverifiedDownload,
        partial: &mut Partial,
        url: &Url,
        progress: &mut Progress<'_>,
    ) -> Result<(), Trouble> {
        let limit = wanted.limit;
        let too_large = || {
            let url = url.clone();
            Trouble::Lasting(FetchError::TooLarge { url, limit })
        };
        progress.watch.advance(url, 0)?;
        let mut body = self.open(url, partial.len)?;
        if body.total.is_some_and(|total| total > limit) {
            return Err(too_large());
        }
        if body.start != partial.len {
            partial.restart().map_err(Trouble::Ours)?;
        }
        progress.begin(body.total, partial.len);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = body.read(url, &mut buffer)?;
            if count == 0 {
                break;
            }
            if partial.len.saturating_add(count as u64) > limit {
                partial.restart().map_err(Trouble::Ours)?;
                return Err(too_large());
            }
            partial.append(&buffer[..count]).map_err(Trouble::Ours)?;
            progress.reach(partial.len);
            progress.watch.advance(url, count)?;
        }
        match body.total {
            Some(expected) if partial.len < expected => Err(Trouble::Passing(FetchError::CutOff {
                url: url.clone(),
                expected,
                received: partial.len,
            })),
            _ => Ok(()),
        }
    }
}

/// Locks the partial file of `wanted`, which is named by the addresses because its digest is
/// unknown.
fn claim(store: &Store, wanted: &UnverifiedDownload) -> io::Result<Partial> {
    let mut hasher = Hasher::new();
    for url in &wanted.urls {
        hasher.field(url.to_string().as_bytes());
    }
    let claimed = Partial::claim(&store.partial_path(&hasher.finish()), || false)?;
    Ok(claimed.expect("it is claimed unless it is there, and it never is"))
}

/// Reports each byte once, even if a download starts again, and watches the pace of the transfer.
struct Progress<'a> {
    reporter: &'a dyn Reporter,
    watch: Watch<'a>,
    /// The number of reported bytes; `None` until the transfer begins.
    reported: Option<u64>,
}

impl Progress<'_> {
    fn begin(&mut self, total: Option<u64>, have: u64) {
        if self.reported.is_none() {
            self.reporter.report(Event::Started {
                stage: Stage::Fetch,
                work: Work::Bytes(total),
            });
            self.reported = Some(0);
        }
        self.reach(have);
    }

    fn reach(&mut self, total: u64) {
        let amount = total.saturating_sub(self.reported.unwrap_or(0));
        if amount > 0 {
            self.reported = Some(total);
            self.reporter.report(Event::Advanced {
                stage: Stage::Fetch,
                amount,
            });
        }
    }

    fn end(&self) {
        if self.reported.is_some() {
            self.reporter.report(Event::Finished {
                stage: Stage::Fetch,
                memoized: false,
            });
        }
    }
}
