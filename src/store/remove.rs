//! Removes files of a store, beside processes that use it; and checks objects, and removes the damaged ones.
//!
//! Each file is removed by one call to the kernel, and no file is of use only together with another one. So a
//! removal may be ended at any moment, and the next one goes on: a memo or a note without its object counts as
//! missing, and an object without a memo is only an object.

use super::files::{FoundMemo, StoreFiles};
use super::memo::parse_memo;
use super::object;
use super::uses::{Gate, Needs};
use crate::digest::Sha256;
use crate::removal;
use crate::unfinished;
use crate::units::Bytes;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// The number of objects that are removed before a process that waits for the lock is let in.
const BATCH: usize = 64;
/// The pause before processes are looked at again that do not know yet what they need.
const PAUSE: Duration = Duration::from_millis(100);

/// The files to remove.
#[derive(Clone, Debug, Default)]
pub struct Removes {
    /// Objects, in the order in which they are removed.
    pub objects: Vec<Sha256>,
    /// Names of downloads that were cut off. Those that are under way stay.
    pub partials: BTreeSet<String>,
    /// Names of records of builds.
    pub builds: Vec<String>,
    /// Memos. Those that lead to an object that is in the store stay.
    pub memos: Vec<FoundMemo>,
}

/// What a removal has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The number of objects that were removed.
    pub objects: u64,
    /// The room on the disk that they took, with the downloads that were removed.
    pub room: Bytes,
    /// The number of objects that stay because a running process needs them.
    pub needed: u64,
}

/// What was found at the path of an object.
#[derive(Debug)]
pub enum Checked {
    /// The content has the digest.
    Sound,
    /// Nothing is there any more.
    Gone,
    /// The content has another digest, or cannot be read.
    Damaged {
        /// The damage, in words.
        how: String,
        /// Whether the object was removed, so that the next build fetches or makes it anew.
        removed: io::Result<()>,
    },
}

impl StoreFiles {
    /// Removes `removes`, except objects that a running process needs: those that it has named, and those to which
    /// `follow` leads from them. While a process does not know yet what it needs, this calls `waits` with the names
    /// of such processes, and waits.
    ///
    /// # Errors
    ///
    /// The store cannot be written, or its filesystem has no locks.
    pub fn remove(
        &self,
        removes: &Removes,
        follow: &dyn Fn(BTreeSet<Sha256>) -> BTreeSet<Sha256>,
        waits: &mut dyn FnMut(&[String]),
    ) -> io::Result<Removed> {
        let gate = Gate::open(&self.root)?;
        // Folders of processes that were killed may be large. They are removed before anybody waits for the lock.
        self.sweep_scratch()?;
        let mut removed = Removed::default();
        for batch in removes.objects.chunks(BATCH) {
            self.exclusively(&gate, waits, |needs| {
                let needed = follow(needs.objects);
                for digest in batch {
                    match needed.contains(digest) {
                        true => removed.needed += 1,
                        false => self.remove_object(digest, &mut removed)?,
                    }
                }
                Ok(())
            })?;
        }
        let partial = self.root.join("partial");
        self.exclusively(&gate, waits, |_| {
            self.remove_partials(&partial, removes, &mut removed)?;
            for build in &removes.builds {
                remove_file(&self.root.join("builds").join(build))?;
            }
            for memo in &removes.memos {
                self.remove_memo(memo)?;
            }
            self.remove_notes()
        })?;
        Ok(removed)
    }

    /// Runs `work` while no process begins to use an object, once every process knows what it needs.
    fn exclusively(
        &self,
        gate: &Gate,
        waits: &mut dyn FnMut(&[String]),
        mut work: impl FnMut(Needs) -> io::Result<()>,
    ) -> io::Result<()> {
        let scratch = self.root.join("scratch");
        loop {
            let undecided = gate.exclusive(|| {
                let mut needs = match Needs::read(&scratch) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Needs::default(),
                    needs => needs?,
                };
                let undecided = std::mem::take(&mut needs.undecided);
                if undecided.is_empty() {
                    work(needs)?;
                }
                Ok::<_, io::Error>(undecided)
            })??;
            if undecided.is_empty() {
                return Ok(());
            }
            waits(&undecided);
            std::thread::sleep(PAUSE);
        }
    }

    fn sweep_scratch(&self) -> io::Result<()> {
        match unfinished::living(&self.root.join("scratch")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn remove_object(&self, digest: &Sha256, removed: &mut Removed) -> io::Result<()> {
        let path = self.object_path(digest);
        let room = room(&path);
        let note = self.note_path(digest);
        let room_of_note = self::room(&note);
        if remove_file(&path)? {
            removed.objects += 1;
            removed.room.0 += room;
        }
        if remove_file(&note)? {
            removed.room.0 += room_of_note;
        }
        Ok(())
    }

    /// Removes the downloads `removes.partials` that no process works on.
    fn remove_partials(
        &self,
        folder: &Path,
        removes: &Removes,
        removed: &mut Removed,
    ) -> io::Result<()> {
        if removes.partials.is_empty() {
            return Ok(());
        }
        let wanted = |name: &str| removes.partials.contains(name);
        let rooms = removes
            .partials
            .iter()
            .map(|name| (name, room(&folder.join(name))));
        let rooms: Vec<(&String, u64)> = rooms.collect();
        unfinished::sweep(folder, |name| name.to_str().is_some_and(wanted))?;
        for (name, room) in rooms {
            if fs_err::symlink_metadata(folder.join(name)).is_err() {
                removed.room.0 += room;
            }
        }
        Ok(())
    }

    fn remove_memo(&self, memo: &FoundMemo) -> io::Result<()> {
        let path = self.root.join("memo").join(&memo.stage).join(&memo.name);
        // A build may have written it anew since it was listed.
        let key = memo.name.parse::<Sha256>().ok();
        let value = key.and_then(|key| parse_memo(&path, &memo.stage, &key));
        let object = value.map(|value| self.object_path(&value));
        match object.is_some_and(|object| fs_err::symlink_metadata(object).is_ok()) {
            true => Ok(()),
            false => remove_file(&path).map(|_| ()),
        }
    }

    /// Removes the notes of objects that are not there any more.
    fn remove_notes(&self) -> io::Result<()> {
        for name in self.names("inodes")? {
            let digest = name.parse::<Sha256>().ok();
            let path = digest.map(|digest| self.object_path(&digest));
            if path.is_none_or(|path| fs_err::symlink_metadata(path).is_err()) {
                remove_file(&self.root.join("inodes").join(&name))?;
            }
        }
        Ok(())
    }

    /// Reads object `digest`, and removes it if it is damaged. A build that uses it at this moment finds it missing,
    /// and fetches or makes it anew.
    ///
    /// # Errors
    ///
    /// The object cannot be opened, for a reason that lies in the machine.
    pub fn check(&self, digest: &Sha256) -> io::Result<Checked> {
        let (how, ino) = match self.open_object(digest) {
            Ok(file) => match object::hash(&file) {
                Ok(found) if found == *digest => return Ok(Checked::Sound),
                Ok(found) => (format!("its content has the digest {found}"), inode(&file)),
                Err(error) => (error.to_string(), inode(&file)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Checked::Gone),
            Err(error) => match object::why_useless(&error) {
                Some(how) => (how, None),
                None => return Err(error),
            },
        };
        let path = self.object_path(digest);
        // A build may have put a sound object there meanwhile.
        let there = fs_err::symlink_metadata(&path)
            .map(|found| found.ino())
            .ok();
        if there.is_none() || (ino.is_some() && ino != there) {
            return Ok(Checked::Gone);
        }
        let removed = removal::remove(&path);
        if removed.is_ok() {
            // A note that stays matches no other file.
            let _ = fs_err::remove_file(self.note_path(digest));
        }
        Ok(Checked::Damaged { how, removed })
    }
}

fn inode(file: &fs_err::File) -> Option<u64> {
    file.metadata().ok().map(|found| found.ino())
}

fn room(path: &Path) -> u64 {
    fs_err::symlink_metadata(path).map_or(0, |found| found.blocks() * 512)
}

/// Removes the file `path`, or whatever is there, and says whether anything was there.
fn remove_file(path: &Path) -> io::Result<bool> {
    match removal::remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
