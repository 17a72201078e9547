//! Downloads files whose digest is known. A download is resumed after an interruption, is hashed
//! while it streams, and is visible in the store only when it is complete and right.
//!
//! A download grows in `partial/<digest>` under an exclusive lock. Threads or processes that want
//! the same object at once therefore fetch it one after the other, and the second finds it
//! complete.

use super::Url;
use super::client::Client;
use super::error::{FetchError, Trouble};
use super::pace::Watch;
use super::partial::Partial;
use crate::digest::Sha256;
use crate::event::{Event, Reporter, Stage};
use crate::store::Store;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A file to fetch, pinned by size and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its name in messages.
    pub name: String,
    /// Its addresses, the best one first.
    pub urls: Vec<Url>,
    /// Its length in bytes.
    pub size: u64,
    /// Its digest, the name of the object in the store.
    pub sha256: Sha256,
}

impl Client {
    /// Brings `download` into the store. On success it has reported exactly `size` units of
    /// [`Stage::Fetch`], whether the bytes came over the network or were in the store already.
    ///
    /// # Errors
    ///
    /// No address has the file with this size and digest, or the store cannot be written.
    pub fn download(
        &self,
        store: &Store,
        download: &Download,
        reporter: &dyn Reporter,
    ) -> Result<(), FetchError> {
        let mut progress = Progress {
            reporter,
            reported: 0,
            watch: self.watch(),
        };
        let path = store.partial_path(&download.sha256);
        let claimed = Partial::claim(&path, || store.contains(&download.sha256))?;
        if let Some(mut partial) = claimed {
            let fetched = partial
                .resume(download.size)
                .map_err(FetchError::File)
                .and_then(|()| {
                    progress.reach(partial.len);
                    self.try_each(&download.name, &download.urls, |url| {
                        let result = self.transfer(download, &mut partial, url, &mut progress);
                        result.map_err(|trouble| partial.judge(trouble))
                    })
                });
            match fetched {
                Ok(()) => store.adopt(&partial.path, &download.sha256)?,
                Err(error) => {
                    partial.leave();
                    return Err(error);
                }
            }
        }
        progress.reach(download.size);
        Ok(())
    }

    /// Brings all `downloads` into the store, `jobs` at a time. After a failure no further download
    /// is begun.
    ///
    /// # Errors
    ///
    /// One or more downloads failed. The error is that of the first of them in the order of
    /// `downloads`.
    pub fn download_all(
        &self,
        store: &Store,
        downloads: &[Download],
        jobs: NonZeroUsize,
        reporter: &dyn Reporter,
    ) -> Result<(), FetchError> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let failures = Mutex::new(Vec::new());
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(download) = downloads.get(index) else {
                    return;
                };
                if let Err(error) = self.download(store, download, reporter) {
                    failed.store(true, Ordering::Relaxed);
                    failures
                        .lock()
                        .expect("no thread panics here")
                        .push((index, error));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs.get().min(downloads.len()) {
                scope.spawn(work);
            }
        });
        let failures = failures.into_inner().expect("no thread panics here");
        match failures.into_iter().min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Reads the missing rest of `partial` from `url`.
    fn transfer(
        &self,
        download: &Download,
        partial: &mut Partial,
        url: &Url,
        progress: &mut Progress<'_>,
    ) -> Result<(), Trouble> {
        let Download { size, sha256, .. } = *download;
        let resumed = partial.len > 0;
        if partial.len < size {
            self.append(size, partial, url, progress)?;
        }
        let received = partial.hasher.clone().finish();
        if received == sha256 {
            return Ok(());
        }
        partial.restart().map_err(Trouble::Ours)?;
        let error = FetchError::Digest {
            url: url.clone(),
            expected: sha256,
            received,
        };
        // The bytes of the earlier run may be the wrong ones: they may come from another mirror, or
        // may have been lost in a crash.
        Err(if resumed {
            Trouble::Passing(error)
        } else {
            Trouble::Lasting(error)
        })
    }

    fn append(
        &self,
        expected: u64,
        partial: &mut Partial,
        url: &Url,
        progress: &mut Progress<'_>,
    ) -> Result<(), Trouble> {
        let wrong_size = |found| {
            Trouble::Lasting(FetchError::Size {
                url: url.clone(),
                expected,
                found,
            })
        };
        progress.watch.advance(url, 0)?;
        let mut body = self.open(url, partial.len)?;
        if let Some(found) = body.total.filter(|total| *total != expected) {
            return Err(wrong_size(found));
        }
        if body.start != partial.len {
            partial.restart().map_err(Trouble::Ours)?;
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = body.read(url, &mut buffer)?;
            if count == 0 {
                break;
            }
            let chunk = &buffer[..count];
            let room = expected.saturating_sub(partial.len);
            if u64::try_from(count).map_or(true, |count| count > room) {
                partial.restart().map_err(Trouble::Ours)?;
                return Err(wrong_size(expected.saturating_add(1)));
            }
            partial.append(chunk).map_err(Trouble::Ours)?;
            progress.reach(partial.len);
            progress.watch.advance(url, count)?;
        }
        if partial.len < expected {
            let url = url.clone();
            return Err(Trouble::Passing(FetchError::CutOff {
                url,
                expected,
                received: partial.len,
            }));
        }
        Ok(())
    }
}

/// Reports each byte once, even if a download starts again, and watches the pace of the transfer.
struct Progress<'a> {
    reporter: &'a dyn Reporter,
    reported: u64,
    watch: Watch<'a>,
}

impl Progress<'_> {
    fn reach(&mut self, total: u64) {
        let amount = total.saturating_sub(self.reported);
        if amount > 0 {
            self.reported = total;
            self.reporter.report(Event::Advanced {
                stage: Stage::Fetch,
                amount,
            });
        }
    }
}
