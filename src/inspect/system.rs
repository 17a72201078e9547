//! An operating system in an image: everything that its root filesystem, with the others mounted in it, says about it.

use super::accounts::{Account, accounts};
use super::files::Files;
use super::image::Image;
use super::kernels::{Kernel, kernels};
use super::packages::{Package, packages};
use super::secrets::{Secret, secrets};
use super::services::{Service, services};
use super::units::{Unit, units};
use super::volume::{Disk, Volume};
use crate::base::fstab;
use crate::inventory::{OS_RELEASE, assignments};
use crate::tree::{Kind, Tree, TreePath};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct System {
    /// The number of the partition with its root filesystem.
    pub partition: u32,
    /// The partitions that its fstab mounts, by mount point.
    pub mounts: BTreeMap<String, u32>,
    /// The lines of its os-release, by key.
    pub os_release: BTreeMap<String, String>,
    /// The Debian architecture of its dpkg.
    pub architecture: Option<String>,
    /// Its host name.
    pub hostname: Option<String>,
    /// Whether it has a machine id, which all devices with this image would share.
    pub has_machine_id: bool,
    /// Its kernels.
    pub kernels: Vec<Kernel>,
    /// Its packages, in the order of dpkg's list.
    pub packages: Vec<Package>,
    /// Its units that have a link, by name.
    pub units: Vec<Unit>,
    /// Its accounts, in the order of `/etc/passwd`.
    pub accounts: Vec<Account>,
    /// Its services that listen on the network.
    pub services: Vec<Service>,
    /// Its programs that run as another user or group, by path.
    pub privileged: Vec<Privileged>,
    /// Its secrets, by path.
    pub secrets: Vec<Secret>,
    /// Its files that could not be read, and the faults in them.
    pub faults: Vec<String>,
}

/// A file with the setuid bit, the setgid bit or capabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Privileged {
    /// The file.
    pub path: String,
    /// Its mode in octal digits.
    pub mode: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Whether it has capabilities.
    pub capabilities: bool,
}

/// The number of lines of an fstab that are read.
const MAX_MOUNTS: usize = 256;
const SETUID_OR_SETGID: u16 = 0o6000;

/// The files of `volume`, if they are those of a root filesystem.
pub(super) fn root_tree(volume: &Volume) -> Option<&Tree> {
    let has = |tree: &Tree, path| tree.resolve(&TreePath::constant(path)).is_some();
    let tree = volume.tree.as_ref();
    tree.filter(|tree| OS_RELEASE.into_iter().any(|path| has(tree, path)))
}

/// The files of a system.
pub(super) struct Mounted {
    /// The root filesystem with the others.
    pub(super) tree: Tree,
    /// The partitions of the others, by mount point.
    pub(super) mounts: BTreeMap<String, u32>,
    /// The reason why its fstab cannot be read.
    faults: Vec<String>,
}

impl Mounted {
    /// Mounts what the fstab of `root`, a partition of `disk`, names, in `tree`, which has the files of `root`.
    pub(super) fn new(image: &Image, disk: &Disk, root: &Volume, mut tree: Tree) -> Self {
        let files = Files::new(&tree, image);
        let lines = fstab::parse(&files.text("/etc/fstab").unwrap_or_default());
        let faults = files.faults();
        let mut volumes: BTreeMap<TreePath, &Volume> = BTreeMap::new();
        let mut mounted = BTreeSet::new();
        for line in lines.into_iter().take(MAX_MOUNTS) {
            let Ok(at) = TreePath::parse(line.at.as_bytes()) else {
                continue;
            };
            // mount(8) follows symlinks.
            let at = tree.real_path(&at).unwrap_or(at);
            if at == TreePath::root() || volumes.contains_key(&at) {
                continue;
            }
            let others = disk.volumes.iter();
            let mut others = others.filter(|it| it.entry.number != root.entry.number);
            let other = others.find(|volume| volume.is(disk, &line.what));
            // A partition is shown once, where it is mounted first.
            if let Some(volume) = other.filter(|it| mounted.insert(it.entry.number)) {
                volumes.insert(at, volume);
            }
        }
        let mut mounts = BTreeMap::new();
        // Parents come before what is mounted in them.
        for (at, volume) in volumes {
            let other = volume.tree.as_ref();
            if other.is_some_and(|other| tree.mount(&at, other).is_ok()) {
                mounts.insert(at.to_string(), volume.entry.number);
            }
        }
        Self {
            tree,
            mounts,
            faults,
        }
    }
}

impl Disk {
    /// The files of the system with its root in partition `number`, with everything that its fstab mounts.
    pub fn system_tree(&self, image: &Image, number: u32) -> Option<Tree> {
        let root = self.volume(number)?;
        let tree = root.tree.clone()?;
        Some(Mounted::new(image, self, root, tree).tree)
    }
}

impl System {
    /// Describes the system with its root in `root`, a partition of `disk` with the files `tree`.
    pub(super) fn read(image: &Image, disk: &Disk, root: &Volume, tree: &Tree) -> Self {
        let mounted = Mounted::new(image, disk, root, tree.clone());
        let Mounted {
            tree,
            mounts,
            mut faults,
        } = mounted;
        let files = Files::new(&tree, image);
        let packages = packages(&files);
        let units = units(&files);
        let hashed = accounts(&files);
        let dpkg = packages.iter().find(|package| package.name == "dpkg");
        let machine_id = files.text("/etc/machine-id").unwrap_or_default();
        let machine_id = machine_id.trim();
        let hostname = files.text("/etc/hostname");
        let system = Self {
            partition: root.entry.number,
            mounts,
            os_release: os_release(&files),
            architecture: dpkg.map(|dpkg| dpkg.architecture.clone()),
            hostname: hostname
                .map(|it| it.trim().to_owned())
                .filter(|it| !it.is_empty()),
            has_machine_id: !machine_id.is_empty() && machine_id != "uninitialized",
            kernels: kernels(&files),
            services: services(&files, &units),
            privileged: privileged(&tree),
            secrets: secrets(&files, &hashed),
            packages,
            units,
            accounts: hashed.into_iter().map(|it| it.account).collect(),
            faults: Vec::new(),
        };
        faults.extend(files.faults());
        Self { faults, ..system }
    }
}

/// The assignments of os-release(5).
fn os_release(files: &Files<'_>) -> BTreeMap<String, String> {
    let text = OS_RELEASE.iter().find_map(|path| files.text(path));
    assignments(&text.unwrap_or_default())
}

/// The files of `tree` that run with other rights than those of the caller.
fn privileged(tree: &Tree) -> Vec<Privileged> {
    let mut found = Vec::new();
    tree.visit(|path, id| {
        let node = tree.node(id);
        let capabilities = node.xattrs.contains_key(b"security.capability".as_slice());
        let is_file = matches!(node.kind, Kind::File(_));
        if is_file && (node.meta.mode & SETUID_OR_SETGID != 0 || capabilities) {
            found.push(Privileged {
                path: path.to_string(),
                mode: format!("{:04o}", node.meta.mode),
                uid: node.meta.uid,
                gid: node.meta.gid,
                capabilities,
            });
        }
    });
    found
}
