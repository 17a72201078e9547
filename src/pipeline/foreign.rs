//! Reads a single file of a .deb that does not come from a signed archive. The board's definition, or the lock, has
//! its digest.

use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice};
use crate::dpkg::deb::{self, DebError, EntryKind, TarError};
use crate::store::Store;
use crate::tree::Objects;
use std::io;

/// The largest file that is read; every boot loader is smaller.
const MAX_FILE: u64 = 64 << 20;

/// Why a file of a .deb cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The package is not a .deb, or is damaged.
    #[error("cannot open the fetched package")]
    Deb(#[from] DebError),
    /// The package's files cannot be listed.
    #[error("cannot read the files of the fetched package")]
    Tar(#[from] TarError),
    /// The package has no such file.
    #[error("the fetched package has no file `{0}`; correct `path` of the blob's source")]
    Missing(String),
    /// The file is too large for a boot loader.
    #[error("`{path}` of the fetched package has {size} bytes, expected at most {MAX_FILE}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        size: u64,
    },
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}

/// The bytes of the file at the absolute `path` of the package `deb`, which is in the store.
pub(super) fn file(store: &Store, deb: &Sha256, path: &str) -> Result<Vec<u8>, ForeignError> {
    let opened = deb::open_all(store, &[*deb], &|_| ());
    let opened = opened.into_iter().next().expect("one .deb was asked for")?;
    let archive = FileDevice::new(store.open(&opened.data)?)?;
    for entry in deb::entries(&archive)? {
        if entry.kind != EntryKind::File || absolute(&entry.name) != path.as_bytes() {
            continue;
        }
        if entry.size > MAX_FILE {
            let (path, size) = (path.to_owned(), entry.size);
            return Err(ForeignError::TooLarge { path, size });
        }
        let mut bytes = vec![0; usize::try_from(entry.size).expect("64 MiB fit memory")];
        archive.read_at(entry.offset, &mut bytes)?;
        return Ok(bytes);
    }
    Err(ForeignError::Missing(path.to_owned()))
}

/// The absolute path of a member that is named `./usr/x` or `usr/x`.
fn absolute(name: &[u8]) -> Vec<u8> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    [b"/", name].concat()
}
