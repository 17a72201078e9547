//! Opens a base image: its partition table, its root filesystem, and the filesystems of the disk that it mounts.
//!
//! The root filesystem is found by its files, the others by its fstab. The disk is not changed, and the content
//! of files stays in slices of the stored disk.

mod error;
mod volume;

pub use error::OpenError;
pub use volume::{Format, Volume};

use super::fstab;
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice, Part};
use crate::disk::probe::{self, Contents};
use crate::disk::table::{OnDisk, Partition, Table};
use crate::dpkg::{control, status};
use crate::epoch::Epoch;
use crate::fs::ext4::Params;
use crate::fs::ext4::read as ext4;
use crate::fs::fat;
use crate::tree::{Objects, Slice, Tree, TreePath};
use std::io;
use std::ops::Range;

/// An open base image.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The disk, an object of the store.
    pub disk: Sha256,
    /// Its length in bytes.
    pub len: u64,
    /// Its partitions.
    pub table: Table,
    /// The mounted filesystems, the root first.
    pub volumes: Vec<Volume>,
    /// The root, with the other filesystems mounted.
    pub tree: Tree,
}

/// The paths of os-release, which a root filesystem has.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// The programs that a base image needs for packages to be installed.
const PROGRAMS: [&str; 2] = ["/usr/bin/dpkg", "/usr/bin/apt-get"];

impl Opened {
    /// Opens the object `disk`, and checks that it has dpkg and apt and is for `architecture`.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or packages for `architecture` cannot be installed on it.
    pub fn read(
        objects: &dyn Objects,
        disk: Sha256,
        architecture: Architecture,
    ) -> Result<Self, OpenError> {
        let opened = Self::parse(objects, disk)?;
        opened.check(objects, architecture)?;
        Ok(opened)
    }

    /// Opens the object `disk` without these checks.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or has no root filesystem that can be written.
    pub fn parse(objects: &dyn Objects, disk: Sha256) -> Result<Self, OpenError> {
        let device = FileDevice::new(objects.open(&disk)?)?;
        let table = match OnDisk::read(&device)? {
            OnDisk::Partitions(table) => table,
            OnDisk::Bare(what) => return Err(OpenError::Bare { what }),
        };
        let reader = Reader {
            device: &device,
            disk,
            table: &table,
        };
        let root = reader.root()?;
        let mut tree = root.tree.clone();
        let mut volumes = vec![root];
        for volume in reader.mounted(&tree, objects)? {
            let mount = |source| OpenError::Mount {
                number: volume.number,
                source,
            };
            tree.mount(&volume.mount, &volume.tree).map_err(mount)?;
            volumes.push(volume);
        }
        Ok(Self {
            disk,
            len: device.len(),
            table,
            volumes,
            tree,
        })
    }

    /// The Debian architecture of its package dpkg.
    ///
    /// # Errors
    ///
    /// dpkg's status file cannot be read, or does not have dpkg.
    pub fn architecture(&self, objects: &dyn Objects) -> Result<String, OpenError> {
        let status = text(&self.tree, objects, status::PATH)?.unwrap_or_default();
        let stanzas = control::parse(&status).filter_map(Result::ok);
        let mut dpkg = stanzas.filter(|stanza| stanza.get("Package") == Some("dpkg"));
        let found = dpkg.find_map(|stanza| stanza.get("Architecture").map(str::to_owned));
        found.ok_or(OpenError::NoApt("dpkg"))
    }

    /// The text of dpkg's status file.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn status(&self, objects: &dyn Objects) -> io::Result<String> {
        status::text(&self.tree, objects)
    }

    /// The partition of `volume`.
    pub fn partition(&self, volume: &Volume) -> &Partition {
        let mut partitions = self.table.partitions.iter();
        let found = partitions.find(|partition| partition.number == volume.number);
        found.expect("volumes are made of the table's partitions")
    }

    /// The volume of the root filesystem.
    pub fn root(&self) -> &Volume {
        self.volumes.first().expect("the root is the first")
    }

    /// Whether it is Debian itself and not a derivative.
    ///
    /// # Errors
    ///
    /// os-release cannot be read.
    pub fn is_debian(&self, objects: &dyn Objects) -> Result<bool, OpenError> {
        for path in OS_RELEASE {
            if let Some(text) = text(&self.tree, objects, path)? {
                let id = text.lines().find_map(|line| line.strip_prefix("ID="));
                return Ok(id.is_some_and(|id| id.trim_matches('"') == "debian"));
            }
        }
        Ok(false)
    }

    /// The mount point of the FAT partition, which any computer can read, or `/boot` if there is none.
    pub fn boot_mount(&self) -> String {
        let fat = |volume: &&Volume| matches!(volume.format, Format::Fat(_));
        let mount = self.volumes.iter().find(fat).map(|volume| &volume.mount);
        mount.map_or_else(|| "/boot".to_owned(), ToString::to_string)
    }

    fn check(&self, objects: &dyn Objects, expected: Architecture) -> Result<(), OpenError> {
        let is_missing = |path: &&str| !exists(&self.tree, path);
        if let Some(missing) = PROGRAMS.into_iter().find(is_missing) {
            return Err(OpenError::NoApt(missing));
        }
        match self.architecture(objects)? {
            found if found == expected.debian() => Ok(()),
            found => Err(OpenError::Architecture { expected, found }),
        }
    }
}

/// A disk whose table was read.
struct Reader<'a> {
    device: &'a dyn Device,
    disk: Sha256,
    table: &'a Table,
}

impl Reader<'_> {
    fn parts(&self) -> impl Iterator<Item = (&Partition, Part<'_>)> {
        let partitions = self.table.partitions.iter();
        let content = partitions.filter(|partition| !partition.is_extended());
        content.filter_map(|partition| {
            let part = Part::new(self.device, partition.start.0, partition.len.0)?;
            Some((partition, part))
        })
    }

    /// The root filesystem.
    fn root(&self) -> Result<Volume, OpenError> {
        let mut found = Vec::new();
        let mut foreign = None;
        let mut broken = None;
        let mut root: Option<Volume> = None;
        for (partition, part) in self.parts() {
            let number = partition.number;
            let contents = probe::probe(&part)?;
            let name = contents.map_or("nothing known".to_owned(), |it| it.to_string());
            found.push(format!("{number} is {name}"));
            match contents {
                Some(Contents::Ext2 | Contents::Ext3 | Contents::Ext4) => {}
                Some(what) if may_be_root(what) => {
                    foreign = foreign.or(Some((number, what)));
                    continue;
                }
                _ => continue,
            }
            let volume = match self.ext4(partition, &part, TreePath::root()) {
                Ok(volume) => volume,
                Err(error) => {
                    broken = broken.or(Some(error));
                    continue;
                }
            };
            if !is_root(&volume.tree) {
                continue;
            }
            if let Some(first) = root.replace(volume) {
                let (first, second) = (first.number, number);
                return Err(OpenError::TwoRoots { first, second });
            }
        }
        match (root, broken, foreign) {
            (Some(root), ..) => Ok(root),
            (None, Some(broken), _) => Err(broken),
            (None, None, Some((number, what))) => Err(OpenError::Foreign { number, what }),
            (None, None, None) => Err(OpenError::NoRoot { found }),
        }
    }

    /// The other filesystems of this disk that the fstab of the root mounts, parents first.
    fn mounted(&self, root: &Tree, objects: &dyn Objects) -> Result<Vec<Volume>, OpenError> {
        let text = text(root, objects, "/etc/fstab")?.unwrap_or_default();
        let mut volumes: Vec<Volume> = Vec::new();
        for line in fstab::parse(&text) {
            let Ok(mount) = TreePath::parse(line.at.as_bytes()) else {
                continue;
            };
            // mount(8) follows symlinks.
            let mount = root.real_path(&mount).unwrap_or(mount);
            // Of two lines for one mount point, systemd-fstab-generator(8) takes the first.
            let again = volumes.iter().any(|volume| volume.mount == mount);
            if again || mount == TreePath::root() {
                continue;
            }
            for (partition, part) in self.parts() {
                let taken = volumes.iter().any(|it| it.number == partition.number);
                if taken || !line.what.may_be(self.table, partition) {
                    continue;
                }
                let volume = match probe::probe(&part)? {
                    Some(Contents::Fat) => self.fat(partition, &part, mount.clone())?,
                    Some(Contents::Ext2 | Contents::Ext3 | Contents::Ext4) => {
                        self.ext4(partition, &part, mount.clone())?
                    }
                    _ => continue,
                };
                if volume.is(&line.what) {
                    volumes.push(volume);
                    break;
                }
            }
        }
        volumes.sort_by(|one, other| one.mount.cmp(&other.mount));
        Ok(volumes)
    }

    fn place(&self, partition: &Partition) -> Slice {
        Slice {
            object: self.disk,
            offset: partition.start.0,
            len: partition.len.0,
        }
    }

    fn ext4(
        &self,
        partition: &Partition,
        part: &Part<'_>,
        mount: TreePath,
    ) -> Result<Volume, OpenError> {
        let number = partition.number;
        let failed = |source| OpenError::Ext4 { number, source };
        let filesystem = ext4::Filesystem::open(part).map_err(failed)?;
        let tree = filesystem.tree(&self.place(partition)).map_err(failed)?;
        // The time of a new filesystem is set when it is made.
        let like = Params::like(&filesystem, partition.len.0, Epoch(0));
        let (params, differences) = like.map_err(failed)?;
        let free = filesystem.free().map_err(failed)?;
        Ok(Volume {
            number,
            mount,
            format: Format::Ext4 {
                params: Box::new(params),
                differences,
            },
            tree,
            free: on_disk(partition, free),
        })
    }

    fn fat(
        &self,
        partition: &Partition,
        part: &Part<'_>,
        mount: TreePath,
    ) -> Result<Volume, OpenError> {
        let number = partition.number;
        let failed = |source| OpenError::Fat { number, source };
        let filesystem = fat::read::Filesystem::open(part).map_err(failed)?;
        let tree = filesystem.tree(&self.place(partition)).map_err(failed)?;
        let volume = Box::new(filesystem.volume().map_err(failed)?);
        let free = filesystem.free().map_err(failed)?;
        Ok(Volume {
            number,
            mount,
            format: Format::Fat(volume),
            tree,
            free: on_disk(partition, free),
        })
    }
}

/// `spans` of `partition`, in which they lie, as spans of the disk.
fn on_disk(partition: &Partition, spans: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let start = partition.start.0;
    let spans = spans.into_iter();
    spans
        .map(|span| start + span.start..start + span.end)
        .collect()
}

/// Whether a root filesystem can have this format, which imgbuild cannot write.
fn may_be_root(what: Contents) -> bool {
    matches!(
        what,
        Contents::Btrfs
            | Contents::F2fs
            | Contents::Xfs
            | Contents::Bcachefs
            | Contents::SquashFs
            | Contents::Erofs
            | Contents::Luks1
            | Contents::Luks2
            | Contents::Lvm2
    )
}

fn is_root(tree: &Tree) -> bool {
    OS_RELEASE.iter().any(|path| exists(tree, path)) && exists(tree, status::PATH)
}

fn exists(tree: &Tree, path: &str) -> bool {
    tree.resolve(&TreePath::constant(path)).is_some()
}

/// The text of the file at `path`, if it exists.
fn text(
    tree: &Tree,
    objects: &dyn Objects,
    path: &'static str,
) -> Result<Option<String>, OpenError> {
    let content = tree.file(&TreePath::constant(path));
    let text = content.map(|content| content.text(objects)).transpose();
    text.map_err(|source| OpenError::File { path, source })
}
