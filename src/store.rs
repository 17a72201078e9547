//! The store: content-addressed objects and the memo of finished stages.
//!
//! ```text
//! objects/ab/cdef…   an object, read-only, named by its SHA-256
//! inodes/<digest>    what the inode of the object was when its content was known to be right
//! memo/<stage>/<key> the digest of the object that <stage> made for <key>, as text
//! partial/<digest>   a download that was cut off, to be resumed
//! scratch/<process>  unfinished objects and sandboxes; swept when their owner has ended
//! builds/<digest>    the objects that one build has used, with its board, profile and lock
//! ```
//!
//! An object appears whole or not at all: it is written in `scratch`, synced, renamed and made
//! read-only. Two builds at once write the same object twice and rename it to the same name.
//!
//! **Being in the store is no proof of being right.** Every object that goes into an image is known
//! to have the content that was stored:
//!
//! - An object must be a regular file that belongs to the user or to root. A file of another type
//!   or owner is not opened, a symlink is not followed, and a pipe is not waited for.
//! - An object that is read as a whole is hashed while it is read ([`Store::read`]).
//! - An object that is read in parts is opened if its inode is the one that was noted when its
//!   content was last verified. If the inode differs or was never noted, the object is hashed
//!   first.
//! - A failing disk changes bits without changing the inode. So the objects that a stage reads are
//!   hashed before the result of the stage is remembered ([`Store::prove`]); and a build compares
//!   the digest of its image with that of the image that it made of the same inputs before, or
//!   hashes every object after it was copied into the image ([`Store::prove_again`]), and every
//!   other one that it used ([`Store::prove_used`]).
//! - A memo names its stage and key, so that no other memo can be put in its place.
//!
//! **Nothing is removed that a running process needs.** Each process says which objects it needs before it looks for
//! them (`uses`), and a collection (`remove`) reads that.
//!
//! A damaged object is removed and counts as missing: the stage that needs it fetches or makes it
//! anew. [`Store::take_lost`] lists the objects that were lost in this way, so that a command that
//! failed because of one knows that another attempt is worthwhile.

mod build;
mod check;
mod files;
mod folder;
mod lost;
mod memo;
mod need;
pub(crate) mod object;
mod remove;
mod uses;

pub use files::{FoundBuild, FoundFile, FoundMemo, FoundObject, StoreFiles};
pub use lost::Lost;
pub use remove::{Checked, Removed, Removes};

use crate::digest::{HashingWriter, Sha256};
use crate::removal;
use crate::unfinished::{self, ScratchFolder};
use crate::units::Bytes;
use folder::clear;
use object::Known;
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use uses::{Gate, Uses};

/// A directory that holds everything a build fetches and everything it need not do twice.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// The opened folder `objects`.
    objects: OwnedFd,
    scratch: ScratchFolder,
    /// The number of the next name in the scratch folder.
    next_scratch: AtomicU64,
    /// The threads that remove discarded paths.
    removals: Mutex<Vec<JoinHandle<()>>>,
    /// The objects that this process has used, with their states as it knows them.
    known: Mutex<BTreeMap<Sha256, Known>>,
    /// The objects that were missing or damaged.
    lost: Mutex<Vec<Lost>>,
    /// The objects that this process has said it uses.
    uses: Mutex<Uses>,
    /// The smallest free space that [`Store::free`] has found so far.
    least_free: AtomicU64,
}

/// The folders of a store.
const PARTS: [&str; 6] = ["objects", "inodes", "memo", "partial", "scratch", "builds"];

impl Store {
    /// Opens the store at `root`, makes it if it is missing, and removes the unfinished files of
    /// processes that were killed.
    ///
    /// # Errors
    ///
    /// A folder of the store cannot be made or read, or another user can write to it.
    pub fn open(root: &Path) -> io::Result<Self> {
        folder::make(root)?;
        let root = fs_err::canonicalize(root)?;
        folder::check(&root)?;
        for part in PARTS {
            let part = root.join(part);
            if fs_err::symlink_metadata(&part).is_err() {
                folder::make(&part)?;
            }
            folder::check(&part)?;
        }
        let objects = object::open_folder(rustix::fs::CWD, &root.join("objects"))?;
        let gate = Gate::open(&root)?;
        let claim = || {
            let scratch = ScratchFolder::create(&root.join("scratch"))?;
            let uses = Uses::create(Gate::open(&root)?, scratch.path())?;
            Ok::<_, io::Error>((scratch, uses))
        };
        let (scratch, uses) = gate.shared(claim)?;
        Ok(Self {
            root,
            objects,
            scratch,
            next_scratch: AtomicU64::new(0),
            removals: Mutex::default(),
            known: Mutex::default(),
            lost: Mutex::default(),
            uses: Mutex::new(uses),
            least_free: AtomicU64::new(u64::MAX),
        })
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The space on the store's disk that an ordinary user can still fill.
    pub fn free(&self) -> Bytes {
        let free = unfinished::free(&self.root);
        self.least_free.fetch_min(free.0, Ordering::Relaxed);
        free
    }

    /// The smallest free space that [`Store::free`] has found. A command that failed because the
    /// disk was full may have freed its space again before the failure is explained.
    pub fn least_free(&self) -> Bytes {
        self.free();
        Bytes(self.least_free.load(Ordering::Relaxed))
    }

    /// The path of object `digest`, whether or not the object is there.
    pub fn object_path(&self, digest: &Sha256) -> PathBuf {
        let name = digest.to_string();
        self.root.join("objects").join(&name[..2]).join(&name[2..])
    }

    /// The path of the interrupted download of `digest`, from which it is resumed.
    pub fn partial_path(&self, digest: &Sha256) -> PathBuf {
        self.root.join("partial").join(digest.to_string())
    }

    /// The folder of all unfinished files of this process. Code that ends the process without
    /// unwinding, as on Ctrl-C, must remove it.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A new path in the scratch folder, at which nothing exists yet.
    pub fn scratch_path(&self) -> PathBuf {
        let number = self.next_scratch.fetch_add(1, Ordering::Relaxed);
        self.scratch.path().join(number.to_string())
    }

    /// Removes `path`, which lies in the scratch folder, in the background: a root filesystem has
    /// many files, and some disks take long to remove each. The store waits for the end of the
    /// removal when it is dropped.
    pub fn discard(&self, path: PathBuf) {
        let removal = std::thread::spawn(move || {
            // A file that could not be removed is removed with the scratch folder. No caller is
            // left to report to.
            let _ = removal::remove(&path);
        });
        let removals = self.removals.lock();
        removals
            .unwrap_or_else(PoisonError::into_inner)
            .push(removal);
    }

    /// Waits until every path that was discarded so far is removed.
    pub fn settle(&self) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        for removal in removals.drain(..) {
            // The thread does not panic. If it did, its files would be removed with the scratch
            // folder.
            let _ = removal.join();
        }
    }

    /// Starts an object whose digest is known only when it is complete.
    ///
    /// # Errors
    ///
    /// The file cannot be made in the scratch folder.
    pub fn writer(&self) -> io::Result<ObjectWriter<'_>> {
        let path = self.scratch_path();
        let file = fs_err::File::create(&path)?;
        Ok(ObjectWriter {
            store: self,
            path,
            file: HashingWriter::new(file),
            committed: false,
        })
    }

    /// Stores `bytes` as an object and gives its digest.
    ///
    /// # Errors
    ///
    /// The object cannot be written.
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
    ///
    /// # Errors
    ///
    /// The file cannot be synced, or not be moved to its place.
    pub fn adopt(&self, path: &Path, digest: &Sha256) -> io::Result<()> {
        self.need(digest);
        let target = self.object_path(digest);
        let folder = target.parent().expect("an object lies in a folder");
        clear(folder, |found| found.is_dir())?;
        folder::make(folder)?;
        let file = fs_err::File::open(path)?;
        file.sync_all()?;
        clear(&target, |found| !found.is_dir())?;
        fs_err::rename(path, &target)?;
        // The mode is changed last. Until the file has its new name, another build that waits for
        // this download, or resumes it after this one was killed, opens it under its old name for
        // writing.
        file.set_permissions(std::fs::Permissions::from_mode(0o444))?;
        self.note_inode(digest, object::inode(&file)?);
        Ok(())
    }
}

/// An object that is being written. If it is dropped before [`ObjectWriter::commit`], it leaves
/// nothing behind.
pub struct ObjectWriter<'a> {
    store: &'a Store,
    path: PathBuf,
    file: HashingWriter<fs_err::File>,
    committed: bool,
}

impl ObjectWriter<'_> {
    /// Makes the object visible under its digest, which it gives.
    ///
    /// # Errors
    ///
    /// The file cannot be synced, or not be moved to its place.
    pub fn commit(mut self) -> io::Result<Sha256> {
        let empty = HashingWriter::new(fs_err::File::open(&self.path)?);
        let (file, digest) = std::mem::replace(&mut self.file, empty).finish();
        drop(file);
        self.store.adopt(&self.path, &digest)?;
        self.committed = true;
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
        if !self.committed {
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
        let left = |folder: &Path| listing::sorted(folder).unwrap();
        assert!(left(&store.root().join("objects")).is_empty());
        assert_eq!(left(store.scratch()), ["uses"]);
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
