//! Unpacks packages into a tree, and enters them into the dpkg database of the tree.
//!
//! The result is that of `dpkg --unpack` for the same packages in the same order, with base-files
//! first because all others rely on its symlinks (`/bin -> usr/bin`): files, owners, modes and
//! times from data.tar, conffiles as `*.dpkg-new`, and every package in the state `unpacked`.
//! Maintainer scripts are not run here; `configure` runs them.

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
use crate::dpkg::deb::{self, DebError, OpenDeb};
use crate::epoch::Epoch;
use crate::event::{Event, Reporter, Stage, Work};
use crate::lock::LockedPackage;
use crate::store::Store;
use crate::tree::{Meta, Tree};
use installer::Installer;
use owners::{GROUPS, Owners, USERS};

/// The package whose symlinks all other packages rely on.
const FRAME: &str = "base-files";
/// The package that defines Debian's users and groups.
const NAMES: &str = "base-passwd";

/// Unpacks `packages` in their order into a fresh tree for `architecture`. The store has their
/// .debs.
///
/// # Errors
///
/// A package is damaged, is not the locked one, or has a file that dpkg would refuse; or the store
/// cannot be used.
pub fn unpack(
    packages: &[LockedPackage],
    store: &Store,
    architecture: Architecture,
    epoch: Epoch,
    reporter: &dyn Reporter,
) -> Result<Tree, UnpackError> {
    let fresh = Tree::new(Meta::root(0o755, epoch.into()));
    unpack_onto(fresh, packages, store, architecture, epoch, reporter)
}

/// Unpacks `packages` into `tree`, which has none of them yet. The diversions and overrides of the
/// tree hold. Its configured packages that have an interest in the new files are noted as
/// triggered; named triggers are activated when the new packages are configured.
///
/// # Errors
///
/// As for [`unpack`], or the database of the tree is damaged.
pub fn unpack_onto(
    tree: Tree,
    packages: &[LockedPackage],
    store: &Store,
    architecture: Architecture,
    epoch: Epoch,
    reporter: &dyn Reporter,
) -> Result<Tree, UnpackError> {
    let sizes = packages.iter().map(|package| package.size);
    reporter.report(Event::Started {
        stage: Stage::Unpack,
        work: Work::Bytes(Some(sizes.fold(0, u64::saturating_add))),
    });
    let debs = open(packages, store, reporter)?;
    let database = Database::read(&tree, store)?;
    let owners = owners(&tree, packages, &debs, store)?;
    let configured = database.configured();
    let mut installer = Installer::new(tree, database, owners, store);
    let mut ordered: Vec<_> = packages.iter().zip(&debs).collect();
    ordered.sort_by_key(|(package, _)| package.name != FRAME);
    for (package, deb) in ordered {
        installer.install(package, deb, architecture)?;
    }
    let Installer {
        mut tree,
        mut database,
        ..
    } = installer;
    let names = packages.iter().map(|package| package.name.as_str());
    database.activate_files_of(names, &configured);
    let written = database.write(&mut tree, epoch);
    written.map_err(UnpackError::Database)?;
    automatic::write(&mut tree, packages, architecture, epoch, store)?;
    reporter.report(Event::Finished {
        stage: Stage::Unpack,
        memoized: false,
    });
    Ok(tree)
}

fn open(
    packages: &[LockedPackage],
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Vec<OpenDeb>, UnpackError> {
    let debs: Vec<Sha256> = packages.iter().map(|package| package.sha256).collect();
    let opened = |index: usize| {
        reporter.report(Event::Advanced {
            stage: Stage::Unpack,
            amount: packages[index].size,
        });
    };
    let results = deb::open_all(store, &debs, &opened);
    let named = results.into_iter().zip(packages);
    named
        .map(|(result, package)| {
            result.map_err(|error| match error {
                DebError::DataTar(source) => UnpackError::Tar(package.name.clone(), source),
                error => UnpackError::Deb(package.name.clone(), error),
            })
        })
        .collect()
}

/// The owners that the tree names or, in a fresh tree, those that base-passwd is about to name.
fn owners(
    tree: &Tree,
    packages: &[LockedPackage],
    debs: &[OpenDeb],
    store: &Store,
) -> Result<Owners, UnpackError> {
    let mut owners = Owners::read(tree, store).map_err(UnpackError::Owners)?;
    let mut named = packages.iter().zip(debs);
    let names = named.find(|(package, _)| package.name == NAMES);
    let Some((_, deb)) = names.filter(|_| owners.is_empty()) else {
        return Ok(owners);
    };
    for entry in package::entries(NAMES, &deb.data, store)? {
        let is = |file: &str| entry.name.strip_prefix(b".") == Some(file.as_bytes());
        let names = match () {
            () if is(USERS[1]) => &mut owners.users,
            () if is(GROUPS[1]) => &mut owners.groups,
            () => continue,
        };
        let bytes = installer::content(&entry, &deb.data).read(store);
        *names = owners::ids(&bytes.map_err(UnpackError::Owners)?);
    }
    Ok(owners)
}
