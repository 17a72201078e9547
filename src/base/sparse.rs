//! Copies a disk into the store as a sparse file. A disk that is too long or does not fit is refused.

use crate::digest::{Hasher, Sha256};
use crate::store::Store;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// The unit of holes, a multiple of the block size of any filesystem.
const BLOCK: usize = 64 << 10;
static ZEROS: [u8; BLOCK] = [0; BLOCK];
/// The most bytes that are read at once.
const CHUNK: usize = 16 * BLOCK;
/// The most chunks that wait to be hashed.
const QUEUE: usize = 8;

/// The limits of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The length of the disk.
    pub len: u64,
    /// The bytes of blocks that are not zeros.
    pub room: u64,
}

/// A disk exceeds its [`Bounds`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Beyond {
    /// The disk is longer than any base image of its size.
    #[error(
        "it unpacks to more than {0} bytes, which no base image of its size does; if it really is one, \
         unpack it and give the disk itself"
    )]
    Len(u64),
    /// The filesystem of the store would be full.
    #[error("it unpacks to more than the {0} bytes that are free in the store")]
    Room(u64),
}

/// A disk in the scratch space of the store. It is removed when it is dropped.
pub struct Scratched {
    scratch: Scratch,
    /// Digest of the whole disk.
    pub digest: Sha256,
}

impl Scratched {
    /// Makes the disk an object of `store`.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn keep(self, store: &Store) -> io::Result<Sha256> {
        if !store.contains(&self.digest) {
            store.adopt(&self.scratch.0, &self.digest)?;
        }
        Ok(self.digest)
    }

    /// Opens the disk, which is kept nowhere: it is gone when the file is closed.
    ///
    /// # Errors
    ///
    /// The disk cannot be opened.
    pub fn open(self) -> io::Result<fs_err::File> {
        fs_err::File::open(&self.scratch.0)
    }
}

/// Copies `disk` into the scratch space of `store`. `advance` is called with the length of each chunk.
///
/// # Errors
///
/// The disk cannot be read, exceeds `bounds`, or cannot be written.
pub fn copy(
    store: &Store,
    disk: &mut dyn Read,
    bounds: Bounds,
    advance: &mut dyn FnMut(u64),
) -> io::Result<Scratched> {
    let scratch = Scratch(store.scratch_path());
    let file = fs_err::File::create(&scratch.0)?;
    let (sender, receiver) = sync_channel::<Arc<[u8]>>(QUEUE);
    let (len, digest) = std::thread::scope(|scope| {
        let hash = scope.spawn(move || {
            let mut hasher = Hasher::new();
            receiver.iter().for_each(|chunk| hasher.update(&chunk));
            hasher.finish()
        });
        let mut copy = Copy {
            file: &file,
            bounds,
            len: 0,
            data: 0,
        };
        let mut copied = Ok(());
        while copied.is_ok() {
            let chunk = match chunk(disk) {
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => chunk,
                Err(error) => {
                    copied = Err(error);
                    break;
                }
            };
            copied = copy.append(&chunk);
            advance(chunk.len() as u64);
            // The receiver lives as long as this scope.
            let _ = sender.send(chunk);
        }
        drop(sender);
        let digest = hash.join().expect("hashing does not panic");
        copied.map(|()| (copy.len, digest))
    })?;
    file.set_len(len)?;
    Ok(Scratched { scratch, digest })
}

/// The next bytes of `disk`, which are empty at its end.
fn chunk(disk: &mut dyn Read) -> io::Result<Arc<[u8]>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    disk.take(CHUNK as u64).read_to_end(&mut chunk)?;
    Ok(chunk.into())
}

/// A file that is written from its start to its end, except for blocks of zeros.
struct Copy<'a> {
    file: &'a fs_err::File,
    bounds: Bounds,
    len: u64,
    data: u64,
}

impl Copy<'_> {
    fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        for block in chunk.chunks(BLOCK) {
            let len = block.len() as u64;
            if self.len.saturating_add(len) > self.bounds.len {
                return Err(io::Error::other(Beyond::Len(self.bounds.len)));
            }
            // Slices are compared as a whole, because memcmp(3) compares sixteen bytes or more at a time.
            if *block != ZEROS[..block.len()] {
                self.data += len;
                if self.data > self.bounds.room {
                    let error = Beyond::Room(self.bounds.room);
                    return Err(io::Error::new(io::ErrorKind::StorageFull, error));
                }
                self.file.file().write_all_at(block, self.len)?;
            }
            self.len += len;
        }
        Ok(())
    }
}

/// A file that is removed when it is dropped, unless the store has adopted it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failure is ignored, because the store removes old scratch files anyway.
        let _ = fs_err::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    const WIDE: Bounds = Bounds {
        len: 1 << 30,
        room: 1 << 30,
    };

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn zeros_take_no_room() {
        let (_folder, store) = store();
        let mut disk = vec![0; 40 * BLOCK + 7];
        disk[3 * BLOCK] = 1;
        disk[30 * BLOCK..31 * BLOCK].fill(2);
        let mut advanced = 0;
        let copied = copy(&store, &mut &disk[..], WIDE, &mut |n| advanced += n).unwrap();
        let digest = copied.keep(&store).unwrap();
        assert_eq!(digest, Sha256::of(&disk));
        assert_eq!(advanced, disk.len() as u64);
        let path = store.object_path(&digest);
        assert_eq!(fs_err::read(&path).unwrap(), disk);
        let blocks = fs_err::metadata(&path).unwrap().blocks();
        assert!(blocks * 512 <= 3 * BLOCK as u64, "{blocks}");
    }

    #[test]
    fn a_bomb_leaves_nothing() {
        let (_folder, store) = store();
        let refused = |bounds, byte| {
            let mut endless = io::repeat(byte);
            let copied = copy(&store, &mut endless, bounds, &mut |_| {});
            copied.err().unwrap().to_string()
        };
        let long = Bounds {
            len: 1 << 24,
            ..WIDE
        };
        assert_eq!(refused(long, 0), Beyond::Len(1 << 24).to_string());
        let full = Bounds {
            room: 1 << 24,
            ..WIDE
        };
        assert_eq!(refused(full, 1), Beyond::Room(1 << 24).to_string());
        let left = |folder: &Path| listing::sorted(folder).unwrap();
        assert!(left(&store.root().join("objects")).is_empty());
        assert_eq!(left(store.scratch()), ["uses"]);
    }
}
