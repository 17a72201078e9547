//! Chooses the programs of a foreign target that are replaced by builds for the host.
//!
//! Emulation is ten to thirty times slower, and scripts spend their time in a few programs. Only
//! programs that are run are replaced, never a file that a script copies, gives to another owner or
//! makes setuid; a check after the run proves that no program of the host got into the tree. dpkg,
//! dpkg-query and ldconfig stay those of the target, because the architecture is compiled into
//! them.

use super::error::ConfigureError;
use super::package::{self, Package};
use super::request::ConfigureRequest;
use crate::architecture::Architecture;
use crate::sandbox::emulation::host_runs;
use crate::sandbox::error::SandboxError;
use crate::sandbox::job::Emulation;
use crate::tree::{Copier, Kind, Node, Objects, Origin, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The package of qemu-user, which runs the programs that are not replaced.
pub const EMULATOR: &str = "qemu-user";

/// The package of the programs that dpkg consists of.
pub const DPKG: &str = "dpkg";

/// The packages whose programs are only run by scripts, and nftables, which talks to the kernel
/// over a socket that qemu-user does not support. If an image has one of them, its build for the
/// host's architecture is needed among the tools ([`ConfigureRequest::tools`]), and so is that of
/// [`DPKG`].
pub const PACKAGES: &[&str] = &[
    "bash",
    "bsdutils",
    "bzip2",
    "coreutils",
    "cpio",
    "dash",
    "dbus-bin",
    "debianutils",
    "diffutils",
    "findutils",
    "gettext-base",
    "grep",
    "gzip",
    "hostname",
    "kmod",
    "mawk",
    "nftables",
    "openssl",
    "passwd",
    "perl-base",
    "procps",
    "python3.11-minimal",
    "python3.13-minimal",
    "sed",
    "systemd",
    "tar",
    "udev",
    "util-linux",
    "xz-utils",
    "zstd",
];

/// The programs of dpkg that have no architecture compiled in.
const OF_DPKG: &[&str] = &[
    "/usr/bin/dpkg-deb",
    "/usr/bin/dpkg-divert",
    "/usr/bin/dpkg-split",
    "/usr/bin/dpkg-statoverride",
    "/usr/bin/dpkg-trigger",
    "/usr/bin/update-alternatives",
];

/// The packages whose programs work only with files of other packages of the same upstream version.
const SAME_VERSION: &[&str] = &[
    "dpkg",
    "perl-base",
    "python3.11-minimal",
    "python3.13-minimal",
];

/// The way in which the programs of `request` run; `None` if the host runs them natively.
pub(super) fn plan(request: &ConfigureRequest<'_>) -> Result<Option<Emulation>, ConfigureError> {
    let target = request.architecture;
    let host = Architecture::host();
    if host == Some(target) {
        return Ok(None);
    }
    let missing = |reason| {
        ConfigureError::from(SandboxError::Emulation {
            architecture: target,
            reason,
            source: io::ErrorKind::NotFound.into(),
        })
    };
    let mut plan = Emulation {
        target,
        interpreter: None,
        overlaid: Vec::new(),
        folders: Vec::new(),
        files: Vec::new(),
    };
    let (Some(tools), Some(host)) = (request.tools, host) else {
        let reason = match host {
            Some(_) => "qemu-user is not among the tools, and this host has no handler of its own",
            None => "the architecture of this host is unknown, and it has no handler of its own",
        };
        return match host_runs(target) {
            true => Ok(Some(plan)),
            false => Err(missing(reason)),
        };
    };
    plan.interpreter = interpreter(tools, target);
    if plan.interpreter.is_none() && !host_runs(target) {
        return Err(missing("the tools hold no qemu-user"));
    }
    plan.overlaid = overlaid(request, tools)?;
    plan.folders.push(format!("/usr/lib/{}", host.triplet()));
    match host {
        Architecture::Amd64 => plan.folders.push("/lib64".to_owned()),
        Architecture::Arm64 => plan.files.push("/lib/ld-linux-aarch64.so.1".to_owned()),
        Architecture::Armhf => plan.files.push("/lib/ld-linux-armhf.so.3".to_owned()),
    }
    Ok(Some(plan))
}

/// The path of qemu below the root of the tools.
fn interpreter(tools: &Tree, target: Architecture) -> Option<String> {
    let names = ["", "-static"].map(|end| format!("usr/bin/qemu-{}{end}", target.qemu()));
    let found = names.into_iter().find_map(|name| {
        let path = TreePath::parse(name.as_bytes()).ok()?;
        tools.real_path(&path)
    });
    found.map(|path| path.to_string()[1..].to_owned())
}

/// The programs that both trees have and that may be replaced.
fn overlaid(request: &ConfigureRequest<'_>, tools: &Tree) -> Result<Vec<String>, ConfigureError> {
    let (target, store) = (request.tree, request.store);
    // A program of a package that dpkg unpacks is not replaced, because dpkg must be able to write
    // it.
    let replaced = |package: &str| (request.archives.iter()).any(|it| it.name == package);
    let versions = |tree| -> Result<BTreeMap<String, String>, ConfigureError> {
        let packages = package::read(tree, store)?.into_iter();
        Ok(packages.map(|it| (it.name, it.version)).collect())
    };
    let (theirs, ours) = (versions(target)?, versions(tools)?);
    let fits = |package: &str| {
        let same = || upstream(theirs.get(package)) == upstream(ours.get(package));
        !SAME_VERSION.contains(&package) || same()
    };
    let mut chosen = Vec::new();
    for (path, id) in tools.walk() {
        let Origin::Package(package) = &tools.node(id).origin else {
            continue;
        };
        let text = path.to_string();
        let listed = match &**package {
            "dpkg" => OF_DPKG.contains(&text.as_str()),
            package => PACKAGES.contains(&package),
        };
        let there = target.at(&path).map(|id| target.node(id));
        let both = is_program(tools.node(id)) && there.is_some_and(is_program);
        let may_be = listed && !replaced(package) && both && fits(package);
        if may_be && machine(tools.node(id), store)?.is_some() {
            chosen.push(text);
        }
    }
    Ok(chosen)
}

/// A version without its Debian revision, which may differ between architectures.
fn upstream(version: Option<&String>) -> Option<&str> {
    let version = version?;
    let parts = version.rsplit_once('-');
    Some(parts.map_or(version, |(upstream, _)| upstream))
}

/// Whether the node is an executable file without setuid or setgid.
fn is_program(node: &Node) -> bool {
    let mode = node.meta.mode;
    matches!(node.kind, Kind::File(_)) && mode & 0o111 != 0 && mode & 0o6000 == 0
}

/// The part of `tools` that the sandbox shows to a target that holds `packages`.
pub(super) fn needed(tools: &Tree, plan: &Emulation, packages: &[Package]) -> Tree {
    let packages: BTreeSet<&str> = packages.iter().map(|package| &*package.name).collect();
    let wanted: Vec<TreePath> = [&plan.overlaid, &plan.folders, &plan.files]
        .into_iter()
        .flatten()
        .chain(&plan.interpreter)
        .filter_map(|path| tools.real_path(&TreePath::parse(path.as_bytes()).ok()?))
        .collect();
    let exact: BTreeSet<&TreePath> = wanted.iter().collect();
    let is_wanted = |path: &TreePath| {
        exact.contains(path) || path.ancestors().any(|above| exact.contains(&above))
    };
    let root = tools.node(tools.root()).meta;
    let mut needed = Tree::new(root);
    let mut copier = Copier::new(tools);
    for (path, id) in tools.walk() {
        let node = tools.node(id);
        // These are the symlinks of a merged /usr, such as /lib.
        let frame = matches!(node.kind, Kind::Symlink(_)) && path.components().len() == 1;
        if !frame && !is_wanted(&path) || is_stray_module(&path, node, &packages) {
            continue;
        }
        let Some((parent, _)) = path.split_last() else {
            continue;
        };
        let done = needed
            .make_directories(&parent, root, &Origin::Builtin)
            .and_then(|_| copier.copy(id, &mut needed, &path));
        debug_assert!(done.is_ok(), "parents come before their entries");
    }
    needed
}

/// Whether the node is a module of an interpreter that the target lacks. A script would find only
/// this half of the module, because the other half is in folders without an architecture.
fn is_stray_module(path: &TreePath, node: &Node, packages: &BTreeSet<&str>) -> bool {
    let below_triplet = path.components().nth(3);
    let module = below_triplet.is_some_and(|name| {
        let name = name.as_bytes();
        matches!(name, b"perl" | b"perl5") || name.starts_with(b"python")
    });
    let known = match &node.origin {
        Origin::Package(package) => packages.contains(&**package),
        _ => false,
    };
    module && path.components().len() > 4 && !known
}

/// Refuses a tree in which a script left a program of the host. Programs of a third architecture
/// are firmware for other processors, which scripts may copy.
pub(super) fn check(
    tree: &Tree,
    objects: &dyn Objects,
    architecture: Architecture,
) -> Result<(), ConfigureError> {
    let Some(host) = Architecture::host().filter(|host| *host != architecture) else {
        return Ok(());
    };
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if node.origin != Origin::Script {
            continue;
        }
        if machine(node, objects)? == Some(host.elf_machine()) {
            return Err(ConfigureError::WrongMachine { path, architecture });
        }
    }
    Ok(())
}

/// The machine of an ELF file: `e_machine`, the two bytes at 18 (System V ABI).
fn machine(node: &Node, objects: &dyn Objects) -> io::Result<Option<u16>> {
    let start = match &node.kind {
        Kind::File(content) if content.len() >= 20 => content.head(20).read(objects)?,
        _ => return Ok(None),
    };
    let elf = start.starts_with(b"\x7fELF");
    Ok(elf.then(|| u16::from_le_bytes([start[18], start[19]])))
}
