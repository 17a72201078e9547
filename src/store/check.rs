//! Checks whether an object still has the content that was stored, by its inode or by hashing it.

use super::lost::{Damaged, Lost};
use super::memo::read_note;
use super::object::Known;
use super::{Store, object};
use crate::digest::Sha256;
use crate::parallel;
use crate::removal;
use crate::tree::Objects;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

/// The number of times that an object is hashed again because its file was changed meanwhile.
const N_READS: usize = 8;

impl Store {
    /// Whether object `digest` is in the store. A damaged object is removed and counts as missing.
    pub fn contains(&self, digest: &Sha256) -> bool {
        self.need(digest);
        match object::open(&self.objects, digest) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            opened => opened
                .and_then(|file| self.known_file(digest, &file))
                .or_else(|error| self.refuse(digest, error))
                .is_ok(),
        }
    }

    /// The length of object `digest`.
    ///
    /// # Errors
    ///
    /// The object is missing, or damaged and therefore removed.
    pub fn len_of(&self, digest: &Sha256) -> io::Result<u64> {
        Ok(self.open(digest)?.metadata()?.len())
    }

    /// The text of object `digest`, in which what is not UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// The object cannot be read, or it is not what it should be.
    pub fn read_text(&self, digest: &Sha256) -> io::Result<String> {
        let text = String::from_utf8(self.read(digest)?);
        Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Reads the whole content of object `digest`, and hashes it on the way.
    ///
    /// # Errors
    ///
    /// The object is missing, or damaged and therefore removed.
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

    /// Hashes those of `digests` that this process has neither written nor hashed yet. Every
    /// damaged object is removed.
    ///
    /// # Errors
    ///
    /// One or more of the objects are missing or damaged; the error names one of them.
    pub fn prove(&self, digests: impl IntoIterator<Item = Sha256>) -> io::Result<()> {
        let known = self.known().clone();
        let is_proven = |digest: &Sha256| known.get(digest).is_some_and(|known| known.proven);
        let digests = digests.into_iter().filter(|digest| !is_proven(digest));
        let digests: Vec<Sha256> = digests.collect::<BTreeSet<_>>().into_iter().collect();
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        let results = parallel::map(&digests, n_cores, |digest| self.prove_one(digest));
        results.into_iter().collect()
    }

    /// Hashes `digests`, whether or not this process has written or hashed them before. If this comes after their
    /// bytes were copied, the right bytes were copied: a disk that loses a bit between the writing of an object and
    /// the copy is found, too.
    ///
    /// # Errors
    ///
    /// One or more of the objects are missing or damaged; the error names one of them.
    pub fn prove_again(&self, digests: &BTreeSet<Sha256>) -> io::Result<()> {
        for (_, known) in self
            .known()
            .iter_mut()
            .filter(|(digest, _)| digests.contains(digest))
        {
            known.proven = false;
        }
        self.prove(digests.iter().copied())
    }

    /// Proves, as [`Store::prove`] does, every object that was opened so far.
    ///
    /// # Errors
    ///
    /// One or more of the objects are missing or damaged; the error names one of them.
    pub fn prove_used(&self) -> io::Result<()> {
        let used: Vec<Sha256> = self.known().keys().copied().collect();
        self.prove(used)
    }

    /// The objects that were removed or found missing since the last call.
    pub fn take_lost(&self) -> Vec<Lost> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks that `file` is object `digest`, by its inode or else by its content.
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

    /// Checks that `file` is object `digest`, by its content.
    ///
    /// Another build that stores the same object at this moment changes the mode of the file or
    /// replaces the file. The inode shows that, and the file is hashed once more.
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

    /// Turns `error`, which was met while object `digest` was opened or read, into the error of the
    /// caller. A damaged object is removed.
    fn refuse<T>(&self, digest: &Sha256, error: io::Error) -> io::Result<T> {
        match object::why_useless(&error) {
            Some(how) => self.drop_object(digest, how),
            None if error.kind() == io::ErrorKind::NotFound => {
                Err(self.lose(digest, "it is missing".to_owned()))
            }
            None => Err(error),
        }
    }

    /// Removes the file, or whatever else is there, at the path of object `digest`.
    fn drop_object<T>(&self, digest: &Sha256, mut how: String) -> io::Result<T> {
        self.known().remove(digest);
        // A note that cannot be removed does no harm: it does not match the next file's inode.
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

    /// Notes the inode of object `digest`, whose content was just verified.
    pub(super) fn note_inode(&self, digest: &Sha256, inode: String) {
        // If the note cannot be written, the next process hashes the object again.
        let _ = self.write_note(&self.inode_path(digest), &inode);
        self.set_known(digest, inode, true);
    }

    fn inode_path(&self, digest: &Sha256) -> PathBuf {
        self.root.join("inodes").join(digest.to_string())
    }
}

impl Objects for Store {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        self.need(digest);
        let opened = object::open(&self.objects, digest);
        let known = opened.and_then(|file| self.known_file(digest, &file).map(|()| file));
        known.or_else(|error| self.refuse(digest, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes the content of object `digest` as a failing disk does: its inode shows nothing.
    fn rot(store: &Store, digest: &Sha256) {
        let path = store.object_path(digest);
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, "rotten").unwrap();
        let inode = object::inode(&fs_err::File::open(&path).unwrap()).unwrap();
        store.note_inode(digest, inode);
    }

    #[test]
    fn a_bit_that_is_lost_after_this_process_wrote_the_object_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let [one, other] = [b"one", b"two"].map(|bytes| store.insert(bytes).unwrap());
        rot(&store, &one);
        store.prove([one, other]).unwrap();
        let all = BTreeSet::from([one, other]);
        assert!(store.prove_again(&all).is_err());
        let lost: Vec<Sha256> = store.take_lost().iter().map(|lost| lost.digest).collect();
        assert_eq!(lost, [one]);
        assert!(store.contains(&other) && !store.contains(&one));
    }
}
