//! What a store holds, and what uses it.

use super::CacheError;
use super::kind::{self, Kind};
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::lock::Lock;
use crate::store::{FoundBuild, FoundFile, FoundMemo, FoundObject, StoreFiles};
use crate::tree;
use crate::units::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// The longest result of a stage that is read to learn which objects it names.
const MAX_RESULT: u64 = 256 << 20;

/// Everything that a store holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The store.
    pub files: StoreFiles,
    /// The objects, by their digests.
    pub objects: BTreeMap<Sha256, Object>,
    /// The memos.
    pub memos: Vec<FoundMemo>,
    /// The records of builds, the newest build first.
    pub builds: Vec<FoundBuild>,
    /// The downloads that were cut off or are under way.
    pub partials: Vec<(String, FoundFile)>,
}

/// An object, and what uses it.
#[derive(Clone, Debug)]
pub struct Object {
    /// The object.
    pub found: FoundObject,
    /// The time at which a build used it last, or at which it was stored if no build has.
    pub last_used: Epoch,
    /// The indices in [`Contents::builds`] of the builds that use it.
    pub builds: Vec<usize>,
}

impl Contents {
    /// Reads what the store at `root` holds; `None` if there is no such folder.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn read(root: &Path) -> Result<Option<Self>, CacheError> {
        let read = || match StoreFiles::open(root)? {
            Some(files) => Self::of(files).map(Some),
            None => Ok(None),
        };
        read().map_err(|source| CacheError::Store {
            path: root.to_owned(),
            source,
        })
    }

    fn of(files: StoreFiles) -> io::Result<Self> {
        let mut builds = files.builds()?;
        builds.sort_by(|a, b| (b.file.written, &a.label).cmp(&(a.file.written, &b.label)));
        let objects = files.objects()?.into_iter().map(|found| {
            let object = Object {
                last_used: found.file.written,
                builds: Vec::new(),
                found,
            };
            (object.found.digest, object)
        });
        let mut objects: BTreeMap<Sha256, Object> = objects.collect();
        for (index, build) in builds.iter().enumerate() {
            for digest in &build.objects {
                if let Some(object) = objects.get_mut(digest) {
                    object.builds.push(index);
                    object.last_used = object.last_used.max(build.file.written);
                }
            }
        }
        Ok(Self {
            objects,
            memos: files.memos()?,
            builds,
            partials: files.partials()?,
            files,
        })
    }

    /// The room on the disk that the files of the store take.
    pub fn room(&self) -> Bytes {
        let objects = self.objects.values().map(|object| object.found.file.room);
        let partials = self.partials.iter().map(|(_, file)| file.room);
        let rooms = objects.chain(partials).map(|room| room.0);
        Bytes(rooms.sum::<u64>() + self.room_of_notes().0)
    }

    /// The room of memos and of records of builds.
    pub fn room_of_notes(&self) -> Bytes {
        let memos = self.memos.iter().map(|memo| memo.file.room.0);
        let builds = self.builds.iter().map(|build| build.file.room.0);
        Bytes(memos.chain(builds).sum())
    }

    /// The room that build `index` uses, and the part of it that no other build uses.
    pub fn room_of_build(&self, index: usize) -> (Bytes, Bytes) {
        let (mut all, mut alone) = (0, 0);
        let used = |object: &&Object| object.builds.contains(&index);
        for object in self.objects.values().filter(used) {
            let room = object.found.file.room.0;
            all += room;
            alone += if object.builds.len() == 1 { room } else { 0 };
        }
        (Bytes(all), Bytes(alone))
    }

    /// The pairs of objects of which the second one is made of the first one alone: a package and its files, the file
    /// of a base image and its disk.
    pub(super) fn made_of(&self) -> BTreeMap<Sha256, Sha256> {
        let memos = self.memos.iter();
        let pairs = memos.filter_map(|memo| {
            kind::stage(&memo.stage).key?;
            memo.content
        });
        pairs.collect()
    }

    /// The stages that made each object.
    pub fn stages(&self) -> BTreeMap<Sha256, BTreeSet<&str>> {
        let mut stages: BTreeMap<Sha256, BTreeSet<&str>> = BTreeMap::new();
        for memo in &self.memos {
            if let (Some(_), Some((_, value))) = (kind::stage(&memo.stage).value, memo.content) {
                stages.entry(value).or_default().insert(&memo.stage);
            }
        }
        stages
    }

    /// The kind of each object. The results of stages are read for this.
    pub fn kinds(&self) -> BTreeMap<Sha256, Kind> {
        let mut kinds: BTreeMap<Sha256, Kind> = BTreeMap::new();
        let mut name = |digest: Sha256, kind: Option<Kind>| {
            if let (Some(kind), true) = (kind, self.objects.contains_key(&digest)) {
                let known = kinds.entry(digest).or_insert(kind);
                *known = kind.min(*known);
            }
        };
        let mut results = BTreeSet::new();
        for memo in &self.memos {
            let stage = kind::stage(&memo.stage);
            let Some((key, value)) = memo.content else {
                continue;
            };
            name(key, stage.key);
            name(value, stage.value);
            if stage.value == Some(Kind::Result) {
                results.insert(value);
            }
        }
        for digest in results {
            for (digest, kind) in self.named_by(&digest) {
                name(digest, Some(kind));
            }
        }
        let others = self
            .objects
            .keys()
            .filter(|digest| !kinds.contains_key(digest));
        let others: Vec<Sha256> = others.copied().collect();
        kinds.extend(others.into_iter().map(|digest| (digest, Kind::Other)));
        kinds
    }

    /// The objects that the result `digest` names, if it is a lock or a tree.
    fn named_by(&self, digest: &Sha256) -> Vec<(Sha256, Kind)> {
        let text = self.files.read(digest, MAX_RESULT);
        let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Vec::new();
        };
        if let Ok(lock) = Lock::parse(&text) {
            let images = lock.base.iter().chain(&lock.loader);
            let images: BTreeSet<Sha256> = images.map(|image| image.sha256).collect();
            let kind = |digest| match images.contains(&digest) {
                true => Kind::BaseFile,
                false => Kind::Package,
            };
            return lock.files().map(|digest| (digest, kind(digest))).collect();
        }
        let tree = tree::parse_dump(&text).ok();
        let objects = tree.map(|tree| tree.objects()).unwrap_or_default();
        objects
            .into_iter()
            .map(|digest| (digest, Kind::Result))
            .collect()
    }
}
