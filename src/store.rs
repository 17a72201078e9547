//! The store: content-addressed objects and the memo of finished stages.
//!
//! ```text
//! objects/ab/cdef…   an object, read-only, named by its SHA-256
//! inodes/<digest>    what the inode of the object was when its content was known to be right
//! memo/<stage>/<key> the digest of the object that <stage> made for <key>, as text
//! partial/<digest>   a download that was cut off, to be resumed
//! scratch/<process>  unfinished objects and sandboxes; swept when their owner has ended
//! ```
//!
//! An object appears whole or not at all: it is written in `scratch`, synced, renamed and made
//! read-only. Two builds at once write the same object twice and rename it to the same name.
//!
//! **Nothing is trusted for lying here.** What goes into an image is known to be what was stored:
//!
//! - An object is a regular file of the user's own or of root; nothing else is opened, followed or
//!   waited for.
//! - An object that is read as a whole is hashed as it is read ([`Store::read`]).
//! - An object of which parts are read is opened only while its inode is the one that was noted when its
//!   content was known; one whose inode is another, or was never noted, is hashed first.
//! - A disk that loses bits changes no inode. So whatever a stage reads is hashed before its result is
//!   remembered ([`Store::prove`]), and a build compares its image with the one that it made of the same
//!   inputs before, or hashes everything that it used ([`Store::prove_used`]).
//! - A memo says for which stage and key it is, so that no other one can stand in its place.
//!
//! What is not what it should be is removed, and counts as missing: whoever needs it fetches or makes it
//! anew. [`Store::take_lost`] tells what that was, so that a failed command is worth another attempt.

mod check;
mod folder;
mod lost;
mod memo;
pub(crate) mod object;

pub use lost::Lost;

use crate::digest::{HashingWriter, Sha256};
use crate::removal;
use crate::unfinished::{self, ScratchFolder};
use crate::units::Bytes;
use check::Known;
use memo::clear;
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// A directory that holds everything a build fetches and everything it need not do twice.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Its folder of objects.
    objects: OwnedFd,
    scratch: ScratchFolder,
    /// Numbers the names in it.
    next_scratch: AtomicU64,
    /// What removes things from it.
    removals: Mutex<Vec<JoinHandle<()>>>,
    /// What this process knows of the objects that it has used.
    known: Mutex<BTreeMap<Sha256, Known>>,
    /// What was missing or not what it should be.
    lost: Mutex<Vec<Lost>>,
    /// The least that was free whenever somebody asked.
    least_free: AtomicU64,
}

impl Store {
    /// Opens the store at `root`, making it where it is missing, and removes what killed processes
    /// have left unfinished. Folders in which another user can write are refused.
    pub fn open(root: &Path) -> io::Result<Self> {
        folder::make(root)?;
        let root = fs_err::canonicalize(root)?;
        folder::check(&root)?;
        for part in ["objects", "inodes", "memo", "partial", "scratch"] {
            let part = root.join(part);
            if fs_err::symlink_metadata(&part).is_err() {
                folder::make(&part)?;
            }
            folder::check(&part)?;
        }
        let objects = object::open_folder(rustix::fs::CWD, &root.join("objects"))?;
        let scratch = ScratchFolder::create(&root.join("scratch"))?;
        Ok(Self {
            root,
            objects,
            scratch,
            next_scratch: AtomicU64::new(0),
            removals: Mutex::default(),
            known: Mutex::default(),
            lost: Mutex::default(),
            least_free: AtomicU64::new(u64::MAX),
        })
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What an ordinary user can still write to its disk.
    pub fn free(&self) -> Bytes {
        let free = unfinished::free(&self.root);
        self.least_free.fetch_min(free.0, Ordering::Relaxed);
        free
    }

    /// The least that [`Store::free`] has found. What has failed for want of room may have given it
    /// back by the time that somebody asks why.
    pub fn least_free(&self) -> Bytes {
        self.free();
        Bytes(self.least_free.load(Ordering::Relaxed))
    }

    /// Where object `digest` lies, or would.
    pub fn object_path(&self, digest: &Sha256) -> PathBuf {
        let name = digest.to_string();
        self.root.join("objects").join(&name[..2]).join(&name[2..])
    }

    /// Where a cut-off download of `digest` waits to be resumed.
    pub fn partial_path(&self, digest: &Sha256) -> PathBuf {
        self.root.join("partial").join(digest.to_string())
    }

    /// Where everything unfinished of this process lies: to be removed by whoever ends it without
    /// unwinding, as on Ctrl-C.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A fresh path for something unfinished; nothing is there yet.
    pub fn scratch_path(&self) -> PathBuf {
        let number = self.next_scratch.fetch_add(1, Ordering::Relaxed);
        self.scratch.path().join(number.to_string())
    }

    /// Removes the scratch `path` while other things are done: a root filesystem's files are many, and
    /// some disks take long for each. The store is not closed before it is gone.
    pub fn discard(&self, path: PathBuf) {
        let removal = std::thread::spawn(move || {
            // What stays is removed with the folder around it; there is nobody to tell here.
            let _ = removal::remove(&path);
        });
        let removals = self.removals.lock();
        removals
            .unwrap_or_else(PoisonError::into_inner)
            .push(removal);
    }

    /// Waits until everything discarded so far is gone.
    pub fn settle(&self) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        for removal in removals.drain(..) {
            // It does not panic; if it did, what it left is removed with the folder around it.
            let _ = removal.join();
        }
    }

    /// Starts an object whose digest is known only when it is complete.
    pub fn writer(&self) -> io::Result<ObjectWriter<'_>> {
        let path = self.scratch_path();
        let file = fs_err::File::create(&path)?;
        Ok(ObjectWriter {
            store: self,
            path,
            file: HashingWriter::new(file),
            kept: false,
        })
    }

    /// Stores `bytes`.
    pub fn insert(&self, bytes: &[u8]) -> io::Result<Sha256> {
        let digest = Sha256::of(bytes);
        if self.contains(&digest) {
            return Ok(digest);
        }
        let mut writer = self.writer()?;
        writer.write_all(bytes)?;
        writer.commit()
    }

    /// Moves the file at `path`, whose content is known to have `digest`, into the store.
    pub fn adopt(&self, path: &Path, digest: &Sha256) -> io::Result<()> {
        let target = self.object_path(digest);
        let folder = target.parent().expect("an object lies in a folder");
        clear(folder, |found| found.is_dir())?;
        folder::make(folder)?;
        let file = fs_err::File::open(path)?;
        file.sync_all()?;
        clear(&target, |found| !found.is_dir())?;
        fs_err::rename(path, &target)?;
        // Not before: a build that is killed here, or another one that waits for this download, opens
        // the file under its old name to write.
        file.set_permissions(std::fs::Permissions::from_mode(0o444))?;
        self.note_inode(digest, object::inode(&file)?);
        Ok(())
    }
}

/// An object being written. Dropped without [`ObjectWriter::commit`], it leaves nothing behind.
pub struct ObjectWriter<'a> {
    store: &'a Store,
    path: PathBuf,
    file: HashingWriter<fs_err::File>,
    kept: bool,
}

impl ObjectWriter<'_> {
    /// Makes the object visible under its digest.
    pub fn commit(mut self) -> io::Result<Sha256> {
        let empty = HashingWriter::new(fs_err::File::open(&self.path)?);
        let (file, digest) = std::mem::replace(&mut self.file, empty).finish();
        drop(file);
        self.store.adopt(&self.path, &digest)?;
        self.kept = true;
        Ok(digest)
    }
}

impl Write for ObjectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for ObjectWriter<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing can be done about a failure here, and scratch is swept anyway.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing;
    use crate::tree::{Content, Slice};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn what_is_discarded_is_gone_when_the_store_is_closed() {
        let (folder, store) = store();
        let path = store.scratch_path();
        fs_err::create_dir_all(path.join("root/etc")).unwrap();
        fs_err::write(path.join("root/etc/hosts"), "x").unwrap();
        store.discard(path.clone());
        let others = store.scratch_path();
        fs_err::write(&others, "x").unwrap();
        store.settle();
        assert!(!path.exists() && others.exists());
        store.discard(others);
        drop(store);
        let left = listing::sorted(&folder.path().join("scratch")).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn an_object_is_found_under_its_digest_and_is_read_only() {
        let (_folder, store) = store();
        let digest = store.insert(b"hello").unwrap();
        assert_eq!(digest, Sha256::of(b"hello"));
        let mode = fs_err::metadata(store.object_path(&digest))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o444);
        let slice = Content::Stored(Slice {
            object: digest,
            offset: 1,
            len: 3,
        });
        assert_eq!(&*slice.read(&store).unwrap(), b"ell");
    }

    #[test]
    fn an_object_that_others_store_again_is_not_taken_for_a_damaged_one() {
        let (folder, store) = store();
        let bytes = vec![b'x'; 1 << 20];
        let digest = store.insert(&bytes).unwrap();
        let again = || {
            let other = Store::open(folder.path()).unwrap();
            let mut writer = other.writer().unwrap();
            writer.write_all(&bytes).unwrap();
            writer.commit().unwrap();
        };
        std::thread::scope(|scope| {
            let others = scope.spawn(|| (0..100).for_each(|_| again()));
            while !others.is_finished() {
                let reader = Store::open(folder.path()).unwrap();
                reader.prove([digest]).unwrap();
                assert!(reader.take_lost().is_empty());
            }
        });
    }

    #[test]
    fn an_abandoned_object_leaves_nothing() {
        let (_folder, store) = store();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        for folder in [&store.root().join("objects"), store.scratch()] {
            assert!(listing::sorted(folder).unwrap().is_empty());
        }
    }

    #[test]
    fn a_memo_without_its_object_is_forgotten() {
        let (_folder, store) = store();
        let key = Sha256::of(b"key");
        store
            .set_memo("unpack", &key, &Sha256::of(b"gone"))
            .unwrap();
        assert_eq!(store.memo("unpack", &key), None);
        let value = store.insert(b"here").unwrap();
        store.set_memo("unpack", &key, &value).unwrap();
        assert_eq!(store.memo("unpack", &key), Some(value));
        assert_eq!(store.memo("configure", &key), None);
    }
}
