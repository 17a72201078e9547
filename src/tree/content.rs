//! What a file holds: bytes in memory, or a slice of an object in the store.

use crate::digest::Sha256;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where stored objects can be opened for reading. The store is one; tests have a map.
pub trait Objects: Sync {
    /// Opens object `digest`, which somebody has verified before.
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File>;
}

/// `len` bytes at `offset` of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The object.
    pub object: Sha256,
    /// First byte within it.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

/// Content of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory, for what imgbuild makes itself.
    Inline(Arc<[u8]>),
    /// Bytes of a stored object: package members, what scripts wrote.
    Stored(Slice),
}

impl Content {
    /// Holds a copy of `bytes`.
    pub fn inline(bytes: &[u8]) -> Self {
        Self::Inline(bytes.into())
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => u64::try_from(bytes.len()).expect("a length fits 64 bits"),
            Self::Stored(slice) => slice.len,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes, in memory. For files that are parsed or patched, not for bulk copying.
    pub fn read(&self, objects: &dyn Objects) -> io::Result<Arc<[u8]>> {
        match self {
            Self::Inline(bytes) => Ok(bytes.clone()),
            Self::Stored(slice) => {
                let len = usize::try_from(slice.len).map_err(io::Error::other)?;
                let mut bytes = vec![0; len];
                let file = objects.open(&slice.object)?;
                file.file().read_exact_at(&mut bytes, slice.offset)?;
                Ok(bytes.into())
            }
        }
    }
}
