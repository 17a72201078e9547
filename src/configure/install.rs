//! Installs archives by the tree's own dpkg: over older versions if there are any, with conffiles,
//! diversions, overrides, vanished files and triggers as dpkg handles them.

use super::error::ConfigureError;
use super::order::{self, Phase};
use super::package::{self, Package};
use super::request::{Archive, ConfigureRequest};
use super::steps;
use crate::dpkg::control;
use crate::dpkg::deb;
use crate::dpkg::status::State;
use crate::sandbox::job::Step;
use crate::tree::{Content, Kind, Meta, Node, Origin, Slice, Tree, TreePath};

/// The folder that holds the .debs while dpkg reads them.
const FOLDER: &str = "/.imgbuild-archives";

/// The steps in which dpkg unpacks and configures the archives of `request`, before
/// `dpkg --configure -a`.
pub(super) fn steps(request: &ConfigureRequest<'_>) -> Result<Vec<Step>, ConfigureError> {
    let archives = request.archives.iter();
    let packages: Result<Vec<Package>, _> =
        archives.map(|archive| package(request, archive)).collect();
    // dpkg runs the preinst itself when it unpacks a package.
    let step = |phase: &Phase<'_>| match phase {
        Phase::Prepare(packages) => unpack(packages),
        Phase::Configure(packages) => steps::configure_of(packages),
    };
    Ok(order::phases(&packages?).iter().map(step).collect())
}

/// The tree of `request` with the archives added.
pub(super) fn tree(request: &ConfigureRequest<'_>) -> Result<Tree, ConfigureError> {
    let mut tree = request.tree.clone();
    if request.archives.is_empty() {
        return Ok(tree);
    }
    let meta = |mode| Meta::root(mode, request.epoch.into());
    tree.make_directories(&TreePath::constant(FOLDER), meta(0o755), &Origin::Builtin)?;
    for archive in request.archives {
        let len = request.store.len_of(&archive.deb)?;
        let content = Content::Stored(Slice {
            object: archive.deb,
            offset: 0,
            len,
        });
        let node = Node::new(Kind::File(content), meta(0o644), Origin::Builtin);
        tree.insert(&TreePath::constant(&path(&archive.name)), node)?;
    }
    Ok(tree)
}

/// Removes the archives of `request` from the resulting tree.
pub(super) fn clear(request: &ConfigureRequest<'_>, tree: &mut Tree) -> Result<(), ConfigureError> {
    if !request.archives.is_empty() {
        tree.remove(&TreePath::constant(FOLDER))?;
    }
    Ok(())
}

/// The step in which dpkg unpacks the archives of `packages`.
fn unpack(packages: &[&Package]) -> Step {
    let paths: Vec<String> = packages.iter().map(|it| path(&it.name)).collect();
    let mut command = vec![
        "dpkg",
        "--log=/dev/null",
        // The chosen versions fit together when all are installed, but not at every moment on the
        // way.
        "--force-depends",
        "--auto-deconfigure",
        "--force-confdef",
        "--force-confold",
        "--force-unsafe-io",
        "--unpack",
    ];
    command.extend(paths.iter().map(String::as_str));
    let mut step = Step::new("dpkg --unpack", &command);
    step.reports = true;
    step
}

/// The path of a package's archive. The name of a package is checked, so it cannot lead out of the
/// folder.
fn path(package: &str) -> String {
    format!("{FOLDER}/{package}.deb")
}

/// The package in `archive`, as the database would show it if it were unpacked.
fn package(request: &ConfigureRequest<'_>, archive: &Archive) -> Result<Package, ConfigureError> {
    let failed = |error| ConfigureError::Archive {
        package: archive.name.clone(),
        source: Box::new(error),
    };
    let files = deb::control_of(request.store, &archive.deb).map_err(failed)?;
    let text = files
        .get("control")
        .map(|file| String::from_utf8_lossy(&file.bytes));
    let text = text.unwrap_or_default();
    let stanza = control::parse(&text).next().transpose()?;
    // Once it is unpacked, this is what dpkg finds.
    let found = stanza.and_then(|stanza| package::described(&stanza, State::Unpacked));
    let found = found.filter(|package| package.name == archive.name);
    let mut package = found.ok_or_else(|| ConfigureError::OtherArchive {
        package: archive.name.clone(),
    })?;
    package.has_preinst = files.contains_key("preinst");
    // On an existing system, some version of an essential package is configured and stays usable
    // while a newer one is unpacked (Debian policy 3.8). So it needs no phase of its own.
    package.essential = false;
    Ok(package)
}
