//! Downloads large files whose digest or length is not known beforehand. They are resumed like any
//! other download, and come into the store only after the caller has verified them.

use super::Url;
use super::client::Client;
use super::error::FetchError;
use super::partial::Partial;
use super::transfer::{Expected, Progress};
use crate::digest::{Hasher, Sha256};
use crate::event::Reporter;
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
    /// Downloads `wanted` to a partial file of `store`. Events report it as
    /// [`Fetch`](crate::event::Stage::Fetch), with the length of the file if the server says it.
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
        let mut progress = Progress::new(self, reporter);
        let named = (wanted.name.as_str(), &*wanted.urls);
        let partial = claim(store, wanted)?;
        let partial =
            self.complete(named, Expected::Limit(wanted.limit), partial, &mut progress)?;
        progress.finish();
        Ok(Downloaded {
            sha256: partial.hasher.clone().finish(),
            resumed: partial.resumed,
            partial,
        })
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
