//! Says which objects each running process needs, so that a collection beside it removes none of them.
//!
//! A process writes the digest of each object into `scratch/<process>/uses` before it looks for the object. It
//! writes under a shared lock of the folder `objects`. A collection removes objects under the exclusive lock, after
//! it has read the files `uses` of all processes that run. So either the collection knows that a process needs the
//! object, or the process finds the object missing, and fetches or makes it anew.
//!
//! Before a process knows its inputs, it cannot say what it will need. A collection waits until it has written
//! [`SETTLED`], or has ended. A process of an older imgbuild has no file `uses`, and is waited for as well.

use crate::digest::Sha256;
use crate::unfinished;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// The name of the file, in the scratch folder of the process.
const FILE: &str = "uses";
/// The line that says that the process knows its inputs, and has written the digests of all of them.
pub(super) const SETTLED: &str = "settled";

/// The lock between the processes that use objects and those that remove them: that of the folder `objects`.
#[derive(Debug)]
pub(super) struct Gate(OwnedFd);

impl Gate {
    /// Opens the folder `objects` of the store at `root`.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(root.join("objects"), flags, Mode::empty())?;
        Ok(Self(folder))
    }

    /// Runs `work` while no object is removed. On a filesystem without locks it runs all the same, because
    /// [`Gate::exclusive`] refuses to work there.
    pub(super) fn shared<T>(&self, work: impl FnOnce() -> T) -> T {
        let locked = self.lock(FlockOperation::LockShared);
        let done = work();
        if locked.is_ok() {
            self.unlock();
        }
        done
    }

    /// Runs `work` while no process begins to use an object.
    ///
    /// # Errors
    ///
    /// The filesystem has no locks.
    pub(super) fn exclusive<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        self.lock(FlockOperation::LockExclusive).map_err(|error| {
            let words = format!(
                "its filesystem has no locks, by which running builds are known, so nothing is removed: {error}"
            );
            io::Error::new(error.kind(), words)
        })?;
        let done = work();
        self.unlock();
        Ok(done)
    }

    fn lock(&self, how: FlockOperation) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::fs::flock(&self.0, how)
        })?)
    }

    fn unlock(&self) {
        // A lock that is held can be given back. If not, the end of the process would do it.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// The objects that this process has said it uses.
#[derive(Debug)]
pub(super) struct Uses {
    gate: Gate,
    pub(super) told: BTreeSet<Sha256>,
    /// Absent once it could not be written. Without the file, a collection waits until this process has ended.
    file: Option<fs_err::File>,
}

impl Uses {
    /// Makes the file in `scratch`, the scratch folder of this process. The caller must hold `gate` shared since
    /// before it made that folder.
    pub(super) fn create(gate: Gate, scratch: &Path) -> io::Result<Self> {
        let file = fs_err::File::create(scratch.join(FILE))?;
        Ok(Self {
            gate,
            told: BTreeSet::new(),
            file: Some(file),
        })
    }

    /// Writes those of `digests` that were not written yet, and then `end`.
    pub(super) fn add(&mut self, digests: impl IntoIterator<Item = Sha256>, end: &str) {
        let mut text = String::new();
        for digest in digests {
            if self.told.insert(digest) {
                text += &format!("{digest}\n");
            }
        }
        text += end;
        let Some(file) = self.file.as_mut().filter(|_| !text.is_empty()) else {
            return;
        };
        let written = self.gate.shared(|| file.write_all(text.as_bytes()));
        if written.is_err() {
            let path = file.path().to_owned();
            self.file = None;
            // It exists, and removing a file takes no room.
            let _ = fs_err::remove_file(path);
        }
    }
}

/// What the running processes need of a store.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// The objects.
    pub(super) objects: BTreeSet<Sha256>,
    /// The names of the scratch folders of processes that do not know yet what they need.
    pub(super) undecided: Vec<String>,
}

impl Needs {
    /// Reads what the processes with folders in `scratch` need. The folders of processes that have ended are
    /// removed. The caller holds the gate exclusively.
    pub(super) fn read(scratch: &Path) -> io::Result<Self> {
        let mut needs = Self::default();
        for name in unfinished::living(scratch)? {
            let folder = scratch.join(&name);
            let text = match fs_err::read_to_string(folder.join(FILE)) {
                Ok(text) => text,
                // The process ends at this moment.
                Err(_) if fs_err::symlink_metadata(&folder).is_err() => continue,
                Err(_) => String::new(),
            };
            if !text.lines().any(|line| line == SETTLED) {
                needs.undecided.push(name.to_string_lossy().into_owned());
            }
            needs.objects.extend(digests(&text));
        }
        Ok(needs)
    }
}

fn digests(text: &str) -> impl Iterator<Item = Sha256> {
    text.lines().filter_map(|line| line.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn needs(store: &Store) -> Needs {
        let gate = Gate::open(store.root()).unwrap();
        let scratch = store.root().join("scratch");
        gate.exclusive(|| Needs::read(&scratch)).unwrap().unwrap()
    }

    #[test]
    fn a_process_says_what_it_needs_before_it_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (missing, given) = (Sha256::of(b"missing"), Sha256::of(b"given"));
        assert!(!store.contains(&missing));
        let made = store.insert(b"made").unwrap();
        assert_eq!(needs(&store).objects, BTreeSet::from([missing, made]));
        assert_eq!(needs(&store).undecided.len(), 1);
        store.rely_on([given]);
        let all = BTreeSet::from([missing, made, given]);
        assert_eq!(needs(&store).objects, all);
        assert!(needs(&store).undecided.is_empty());
        drop(store);
        let other = Store::open(folder.path()).unwrap();
        other.rely_on([]);
        assert!(needs(&other).objects.is_empty());
    }

    #[test]
    fn a_process_without_the_file_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.rely_on([]);
        fs_err::remove_file(store.scratch().join(FILE)).unwrap();
        assert_eq!(needs(&store).undecided.len(), 1);
    }
}
