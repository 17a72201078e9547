//! Downloads files whose digest is known. A download is resumed after an interruption, is hashed
//! while it streams, and is visible in the store only when it is complete and right.
//!
//! A download grows in `partial/<digest>` under an exclusive lock. Threads or processes that want
//! the same object at once therefore fetch it one after the other, and the second finds it
//! complete.

use super::Url;
use super::client::Client;
use super::error::FetchError;
use super::partial::Partial;
use super::transfer::{Expected, Progress};
use crate::digest::Sha256;
use crate::event::Reporter;
use crate::parallel;
use crate::store::Store;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// [`Fetch`](crate::event::Stage::Fetch), whether the bytes came over the network or were in the store already.
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
        let mut progress = Progress::new(self, reporter);
        let path = store.partial_path(&download.sha256);
        if let Some(partial) = Partial::claim(&path, || store.contains(&download.sha256))? {
            let expected = Expected::Content {
                size: download.size,
                sha256: download.sha256,
            };
            let named = (download.name.as_str(), &*download.urls);
            let partial = self.complete(named, expected, partial, &mut progress)?;
            store.adopt(&partial.path, &download.sha256)?;
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
        let failed = AtomicBool::new(false);
        let results = parallel::map(downloads, jobs.get(), |download| {
            if failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let result = self.download(store, download, reporter);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            result
        });
        results.into_iter().collect()
    }
}
