//! Makes a store smaller: chooses what may go, and removes it beside running builds.

use super::CacheError;
use super::contents::{Contents, Object};
use super::kind;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::lock::Lock;
use crate::store::{FoundBuild, FoundMemo, Removed, Removes};
use crate::units::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What may go. If only locks are given, everything may go that they do not keep.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The room that the files of the store may take. What was not used for the longest time goes first.
    pub max_size: Option<Bytes>,
    /// What was used before this time goes.
    pub used_since: Option<Epoch>,
    /// The locks whose builds shall stay possible without the network.
    pub keep: Vec<Lock>,
}

/// What a collection has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// What was removed.
    pub removed: Removed,
    /// The number of objects that stay because of a lock.
    pub kept: u64,
    /// The room that the files of the store took before.
    pub before: Bytes,
    /// The room that they take now.
    pub after: Bytes,
}

/// Removes what `limits` let go of `contents`, except what a running process needs. While a process does not know yet
/// what it needs, this calls `waits` with the names of the scratch folders of such processes, and waits.
///
/// # Errors
///
/// The store cannot be written, or its filesystem has no locks.
pub fn collect(
    contents: &Contents,
    limits: &Limits,
    waits: &mut dyn FnMut(&[String]),
) -> Result<Collected, CacheError> {
    let made_of = contents.made_of();
    let kept = kept(contents, limits, &made_of);
    let removes = Choice {
        contents,
        limits,
        kept: &kept,
    }
    .removes();
    let follow = |needed| follow(needed, &made_of);
    let in_store = |source| CacheError::Store {
        path: contents.files.root().to_owned(),
        source,
    };
    let removed = contents.files.remove(&removes, &follow, waits);
    let removed = removed.map_err(in_store)?;
    let after = Contents::read(contents.files.root())?;
    Ok(Collected {
        removed,
        kept: kept
            .iter()
            .filter(|it| contents.objects.contains_key(it))
            .count() as u64,
        before: contents.room(),
        after: after.map_or(Bytes(0), |after| after.room()),
    })
}

/// `needed`, and the objects that are made of them alone.
fn follow(mut needed: BTreeSet<Sha256>, made_of: &BTreeMap<Sha256, Sha256>) -> BTreeSet<Sha256> {
    let made = needed.iter().filter_map(|digest| made_of.get(digest));
    let made: Vec<Sha256> = made.copied().collect();
    needed.extend(made);
    needed
}

/// The objects that stay in any case: those that the locks name, those that builds by these locks have used, and the
/// memory of how new an archive was.
fn kept(
    contents: &Contents,
    limits: &Limits,
    made_of: &BTreeMap<Sha256, Sha256>,
) -> BTreeSet<Sha256> {
    let locks = lock_digests(limits);
    let named = limits.keep.iter().flat_map(Lock::files);
    let builds = contents.builds.iter();
    let builds = builds.filter(|build| locks.contains(&build.lock));
    let used = builds.flat_map(|build| build.objects.iter().copied());
    let newest = contents.memos.iter().filter_map(|memo| {
        let is_newest = kind::name(&memo.stage) == kind::NEWEST;
        memo.content.filter(|_| is_newest).map(|(_, value)| value)
    });
    follow(named.chain(used).chain(newest).collect(), made_of)
}

fn lock_digests(limits: &Limits) -> BTreeSet<Sha256> {
    let texts = limits.keep.iter().map(Lock::to_text);
    texts.map(|text| Sha256::of(text.as_bytes())).collect()
}

/// The choice of what goes.
struct Choice<'a> {
    contents: &'a Contents,
    limits: &'a Limits,
    kept: &'a BTreeSet<Sha256>,
}

impl Choice<'_> {
    fn removes(&self) -> Removes {
        let objects = self.contents.objects.values();
        let mut objects: Vec<&Object> = objects
            .filter(|object| !self.kept.contains(&object.found.digest))
            .collect();
        objects.sort_by_key(|object| (object.last_used, std::cmp::Reverse(object.found.len)));
        let mut excess = self.excess();
        let mut goes = |time: Epoch, room: Bytes| {
            let goes = self.is_old(time) || excess > 0;
            if goes {
                excess = excess.saturating_sub(room.0);
            }
            goes
        };
        // Downloads that were cut off go first, because nothing can use them yet.
        let partials = self.contents.partials.iter();
        let partials = partials.filter(|(_, file)| goes(file.written, file.room));
        let partials: BTreeSet<String> = partials.map(|(name, _)| name.clone()).collect();
        objects.retain(|object| goes(object.last_used, object.found.file.room));
        let objects: Vec<Sha256> = objects.iter().map(|object| object.found.digest).collect();
        let gone: BTreeSet<Sha256> = objects.iter().copied().collect();
        let builds = self
            .contents
            .builds
            .iter()
            .filter(|build| self.is_over(build, &gone));
        Removes {
            builds: builds.map(|build| build.name.clone()).collect(),
            objects,
            partials,
            memos: self.memos(),
        }
    }

    /// The room that has to be made for the limit of size.
    fn excess(&self) -> u64 {
        let most = self.limits.max_size.map_or(u64::MAX, |most| most.0);
        self.contents.room().0.saturating_sub(most)
    }

    /// Whether what was used at `time` for the last time goes.
    fn is_old(&self, time: Epoch) -> bool {
        match (self.limits.used_since, self.limits.max_size) {
            (Some(since), _) => time < since,
            (None, Some(_)) => false,
            (None, None) => !self.limits.keep.is_empty(),
        }
    }

    /// Whether the record of `build` goes: none of its objects stays, or it is old.
    fn is_over(&self, build: &FoundBuild, gone: &BTreeSet<Sha256>) -> bool {
        let stays =
            |digest: &Sha256| self.contents.objects.contains_key(digest) && !gone.contains(digest);
        let is_root = lock_digests(self.limits).contains(&build.lock);
        !build.objects.iter().any(stays) || (self.is_old(build.file.written) && !is_root)
    }

    /// The memos that go unless they lead to an object that stays. One whose result is no object goes by its age.
    fn memos(&self) -> Vec<FoundMemo> {
        let memos = self.contents.memos.iter().filter(|memo| {
            let leads_to_object = kind::stage(&memo.stage).value.is_some();
            memo.content.is_none() || leads_to_object || self.is_old(memo.file.written)
        });
        memos.cloned().collect()
    }
}
