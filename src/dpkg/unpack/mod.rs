//! Packages, unpacked into a tree together with the dpkg database that says so.
//!
//! The result is what `dpkg --unpack` makes of the same packages in the same order, with
//! base-files first because its symlinks (`/bin -> usr/bin`) are the frame of all others: files,
//! owners, modes and times from data.tar, conffiles as `*.dpkg-new`, and every package in the state
//! `unpacked`. Maintainer scripts are not run; configuration does that.

mod automatic;
mod error;
mod installer;
mod owners;
mod package;
mod place;

pub use automatic::write as mark_automatic;
pub use error::UnpackError;

use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::dpkg::database::Database;
use crate::dpkg::deb::{self, OpenDeb, tar};
use crate::epoch::Epoch;
use crate::event::{Event, Reporter, Stage, Work};
use crate::lock::LockedPackage;
use crate::store::Store;
use crate::tree::{Meta, Objects, Tree};
use installer::Installer;
use owners::{GROUPS, Owners, USERS};
use std::io;

/// A package to be unpacked: what the lock says, and the .deb in the store.
#[derive(Clone, Debug)]
pub struct Unpackable {
    /// Name, version and architecture that the .deb must have.
    pub locked: LockedPackage,
    /// The verified .deb.
    pub deb: Sha256,
}

/// The package whose symlinks frame the tree.
const FRAME: &str = "base-files";
/// The package that names the owners.
const NAMES: &str = "base-passwd";

/// Unpacks `packages` in their order into a fresh tree for `architecture`.
pub fn unpack(
    packages: &[Unpackable],
    store: &Store,
    architecture: Architecture,
    epoch: Epoch,
    reporter: &dyn Reporter,
) -> Result<Tree, UnpackError> {
    let fresh = Tree::new(Meta::root(0o755, epoch.into()));
    unpack_onto(fresh, packages, store, architecture, epoch, reporter)
}

/// Unpacks `packages`, none of which `tree` has yet, beside those that it has; its diversions and
/// overrides hold. Its configured packages that have an interest in the new files are noted to be
/// triggered; names are triggered when the new packages are configured.
pub fn unpack_onto(
    tree: Tree,
    packages: &[Unpackable],
    store: &Store,
    architecture: Architecture,
    epoch: Epoch,
    reporter: &dyn Reporter,
) -> Result<Tree, UnpackError> {
    let sizes = packages.iter().map(|package| package.locked.size);
    let total = sizes.fold(0, u64::saturating_add);
    reporter.report(Event::Started {
        stage: Stage::Unpack,
        work: Work::Bytes(Some(total)),
    });
    let debs = open(packages, store, reporter)?;
    let database = Database::read(&tree, store)?;
    let owners = owners(&tree, packages, &debs, store)?;
    let configured = database.configured();
    let mut installer = Installer::new(tree, database, owners, store);
    for index in order(packages) {
        installer.install(&packages[index].locked, &debs[index], architecture)?;
    }
    let (mut tree, mut database) = installer.finish();
    database.activate_files_of(
        packages.iter().map(|it| it.locked.name.as_str()),
        &configured,
    );
    let written = database.write(&mut tree, epoch);
    written.map_err(|source| UnpackError::Database { source })?;
    let locked: Vec<LockedPackage> = (packages.iter())
        .map(|package| package.locked.clone())
        .collect();
    automatic::write(&mut tree, &locked, architecture, epoch, store)?;
    reporter.report(Event::Finished {
        stage: Stage::Unpack,
        memoized: false,
    });
    Ok(tree)
}

fn open(
    packages: &[Unpackable],
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Vec<OpenDeb>, UnpackError> {
    let debs: Vec<Sha256> = packages.iter().map(|package| package.deb).collect();
    let opened = |index: usize| {
        let amount = packages[index].locked.size;
        reporter.report(Event::Advanced {
            stage: Stage::Unpack,
            amount,
        });
    };
    let results = deb::open_all(store, &debs, &opened)
        .into_iter()
        .zip(packages);
    results
        .map(|(result, Unpackable { locked, .. })| {
            result.map_err(|source| UnpackError::Deb {
                package: locked.name.clone(),
                source,
            })
        })
        .collect()
}

/// Indices of `packages`: the frame first, the others as they are.
fn order(packages: &[Unpackable]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|index| packages[*index].locked.name != FRAME);
    order
}

/// The owners that the tree names or, in a fresh tree, those that base-passwd is about to name.
fn owners(
    tree: &Tree,
    packages: &[Unpackable],
    debs: &[OpenDeb],
    store: &Store,
) -> Result<Owners, UnpackError> {
    let failed = |source: io::Error| UnpackError::Owners { source };
    let mut owners = Owners::read(tree, store).map_err(failed)?;
    let names = packages
        .iter()
        .zip(debs)
        .find(|(package, _)| package.locked.name == NAMES);
    let Some((_, deb)) = names.filter(|_| owners.is_empty()) else {
        return Ok(owners);
    };
    let archive = store.open(&deb.data).map_err(failed)?;
    let len = archive.metadata().map_err(failed)?.len();
    for entry in tar::entries(&archive, len) {
        let tar = |source| UnpackError::Tar {
            package: NAMES.to_owned(),
            source,
        };
        let entry = entry.map_err(tar)?;
        let is = |file: &str| entry.name.strip_prefix(b".") == Some(file.as_bytes());
        let names = match () {
            () if is(USERS[1]) => &mut owners.users,
            () if is(GROUPS[1]) => &mut owners.groups,
            () => continue,
        };
        *names = owners::ids(
            &installer::content(&entry, &deb.data)
                .read(store)
                .map_err(failed)?,
        );
    }
    Ok(owners)
}
