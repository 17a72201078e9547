//! A single file out of a .deb that no archive's index vouches for: the board names its digest.

use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice};
use crate::dpkg::deb::{self, DebError, EntryKind, TarError, tar};
use crate::store::Store;
use crate::tree::Objects;
use std::io;

/// No boot loader is larger.
const MAX_FILE: u64 = 64 << 20;

/// Why a file of a .deb cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is no .deb, or a damaged one.
    #[error("cannot open the fetched package")]
    Deb(#[from] DebError),
    /// Its files cannot be listed.
    #[error("cannot read the files of the fetched package")]
    Tar(#[from] TarError),
    /// It holds no such file.
    #[error("the fetched package has no file `{0}`; correct `path` of the blob's source")]
    Missing(String),
    /// It holds more than a boot loader.
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

/// The bytes of file `path`, absolute, of the package `deb` in the store.
pub(super) fn file(store: &Store, deb: &Sha256, path: &str) -> Result<Vec<u8>, ForeignError> {
    let opened = deb::open_all(store, &[*deb], &|_| ());
    let opened = opened.into_iter().next().expect("one .deb was asked for")?;
    let archive = FileDevice::new(store.open(&opened.data)?)?;
    for entry in tar::entries(&archive) {
        let entry = entry?;
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

/// The path that a member's name, `./usr/x` or `usr/x`, means.
fn absolute(name: &[u8]) -> Vec<u8> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    [b"/", name].concat()
}
