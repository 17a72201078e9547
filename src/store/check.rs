//! Whether an object is what it should be: by its inode, or by its content.

use super::lost::{Damaged, Lost};
use super::memo::read_note;
use super::{Store, object};
use crate::digest::Sha256;
use crate::removal;
use crate::tree::Objects;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often an object is read whose file somebody touches meanwhile.
const N_READS: usize = 8;

/// What this process knows of an object.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its inode when it was opened last.
    inode: String,
    /// Whether its content was hashed by this process, and not only its inode known.
    proven: bool,
}

impl Store {
    /// Whether object `digest` is here. One that is not what it should be is removed.
    pub fn contains(&self, digest: &Sha256) -> bool {
        match object::open(&self.objects, digest) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            opened => opened
                .and_then(|file| self.known_file(digest, &file))
                .or_else(|error| self.refuse(digest, error))
                .is_ok(),
        }
    }

    /// The length of object `digest`.
    pub fn len_of(&self, digest: &Sha256) -> io::Result<u64> {
        Ok(self.open(digest)?.metadata()?.len())
    }

    /// All of object `digest`, which is hashed on the way.
    pub fn read(&self, digest: &Sha256) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.open(digest)?;
        let inode = object::inode(&file)?;
        if let Err(error) = file.file().read_to_end(&mut bytes) {
            return self.refuse(digest, error);
        }
        if Sha256::of(&bytes) != *digest {
            return self.drop_object(
                digest,
                "its content has changed since it was stored".to_owned(),
            );
        }
        self.set_known(digest, inode, true);
        Ok(bytes)
    }

    /// Hashes those of `digests` that this process has neither made nor hashed yet. All that are not what
    /// they should be are removed; the error is of one of them.
    pub fn prove(&self, digests: impl IntoIterator<Item = Sha256>) -> io::Result<()> {
        let known = self.known().clone();
        let is_proven = |digest: &Sha256| known.get(digest).is_some_and(|known| known.proven);
        let digests = digests.into_iter().filter(|digest| !is_proven(digest));
        let digests: Vec<Sha256> = digests.collect::<BTreeSet<_>>().into_iter().collect();
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || {
            while let Some(digest) = digests.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.prove_one(digest) {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..n_cores.min(digests.len()) {
                scope.spawn(work);
            }
            work();
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)
    }

    /// [`Store::prove`] for everything that was opened so far.
    pub fn prove_used(&self) -> io::Result<()> {
        let used: Vec<Sha256> = self.known().keys().copied().collect();
        self.prove(used)
    }

    /// What was removed or found missing since this was asked last.
    pub fn take_lost(&self) -> Vec<Lost> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether `file` is object `digest`, by its inode or by its content.
    fn known_file(&self, digest: &Sha256, file: &fs_err::File) -> io::Result<()> {
        let inode = object::inode(file)?;
        let here = self.known().get(digest).map(|known| known.inode == inode);
        if here == Some(true) {
            return Ok(());
        }
        if let Some(owner) = object::foreign_owner(file)? {
            let words = format!("it belongs to user {owner}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        let noted = read_note(&self.inode_path(digest));
        if here.is_none() && noted.as_ref() == Some(&inode) {
            self.set_known(digest, inode, false);
            return Ok(());
        }
        self.hash_file(digest, file)
    }

    /// Whether `file` is object `digest`, by its content.
    ///
    /// Another build that stores the same object gives the file its last mode, or puts its own in the place
    /// of it, while this one reads: then it is read once more.
    fn hash_file(&self, digest: &Sha256, file: &fs_err::File) -> io::Result<()> {
        for _ in 0..N_READS {
            let inode = object::inode(file)?;
            if object::hash(file)? != *digest {
                let words = "its content has changed since it was stored";
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
            if object::inode(file)? == inode {
                self.note_inode(digest, inode);
                return Ok(());
            }
        }
        let words = "somebody writes to it all the time";
        Err(io::Error::new(io::ErrorKind::InvalidData, words))
    }

    fn prove_one(&self, digest: &Sha256) -> io::Result<()> {
        let file = self.open(digest)?;
        if self.known().get(digest).is_some_and(|known| known.proven) {
            return Ok(());
        }
        let proven = self.hash_file(digest, &file);
        proven.or_else(|error| self.refuse(digest, error))
    }

    /// The end of whoever wanted object `digest` and met `error`.
    fn refuse<T>(&self, digest: &Sha256, error: io::Error) -> io::Result<T> {
        match object::why_useless(&error) {
            Some(how) => self.drop_object(digest, how),
            None if error.kind() == io::ErrorKind::NotFound => {
                Err(self.lose(digest, "it is missing".to_owned()))
            }
            None => Err(error),
        }
    }

    /// Removes what lies in the place of object `digest`.
    fn drop_object<T>(&self, digest: &Sha256, mut how: String) -> io::Result<T> {
        self.known().remove(digest);
        // What cannot be removed is refused by the next one, too.
        let _ = fs_err::remove_file(self.inode_path(digest));
        let path = self.object_path(digest);
        let folder = path.parent().expect("an object lies in a folder");
        let removed = match fs_err::symlink_metadata(folder) {
            Ok(found) if !found.is_dir() => removal::remove(folder),
            _ => removal::remove(&path),
        };
        if let Err(error) = removed {
            how += &format!(", and it cannot be removed: {error}");
        }
        Err(self.lose(digest, how))
    }

    fn lose(&self, digest: &Sha256, how: String) -> io::Error {
        let lost = Lost {
            digest: *digest,
            how,
        };
        let mut all = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(lost.clone());
        io::Error::new(io::ErrorKind::InvalidData, Damaged(lost))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Sha256, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_known(&self, digest: &Sha256, inode: String, proven: bool) {
        self.known().insert(*digest, Known { inode, proven });
    }

    /// Notes the inode of object `digest`, whose content was just found right.
    pub(super) fn note_inode(&self, digest: &Sha256, inode: String) {
        // Without the note, the next process hashes the object again.
        let _ = self.write_note(&self.inode_path(digest), &inode);
        self.set_known(digest, inode, true);
    }

    fn inode_path(&self, digest: &Sha256) -> PathBuf {
        self.root.join("inodes").join(digest.to_string())
    }
}

impl Objects for Store {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        let opened = object::open(&self.objects, digest);
        let known = opened.and_then(|file| self.known_file(digest, &file).map(|()| file));
        known.or_else(|error| self.refuse(digest, error))
    }
}
