//! A base image, read: its partition table, its root filesystem, and what that mounts from the disk.
//!
//! The root is found by what is in it, everything else by the root's own fstab. Nothing is written;
//! files stay slices of the stored disk.

mod error;

pub use error::OpenError;

use super::fstab::{self, What};
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice, Part};
use crate::disk::probe::{self, Contents};
use crate::disk::table::{Entry, OnDisk, Partition, Table};
use crate::dpkg::{control, status};
use crate::epoch::Epoch;
use crate::fs::ext4::read as ext4;
use crate::fs::ext4::{Difference, Params};
use crate::fs::fat;
use crate::seed::uuid_text;
use crate::tree::{Content, Kind, NodeId, Objects, Slice, Tree, TreePath};
use std::io;

/// A base image that was read.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The disk, an object of the store.
    pub disk: Sha256,
    /// Its length in bytes.
    pub len: u64,
    /// Its partitions.
    pub table: Table,
    /// Those that are mounted, the root first.
    pub volumes: Vec<Volume>,
    /// The root, with everything else where it is mounted.
    pub tree: Tree,
}

/// A filesystem that the root mounts.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The number of its partition.
    pub number: u32,
    /// Where it is mounted.
    pub mount: TreePath,
    /// What repacking keeps.
    pub format: Format,
    /// What is in it.
    pub tree: Tree,
}

/// A filesystem that can be repacked.
#[derive(Clone, Debug)]
pub enum Format {
    /// ext4 or an older one.
    Ext4 {
        /// What makes another one like it.
        params: Box<Params>,
        /// In what the other one will differ.
        differences: Vec<Difference>,
    },
    /// FAT.
    Fat(Box<fat::Volume>),
}

/// Paths that make a filesystem the root of a Debian.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// Programs without which nothing can be installed.
const PROGRAMS: [&str; 2] = ["/usr/bin/dpkg", "/usr/bin/apt-get"];

impl Opened {
    /// Reads the object `disk`, a base for machines of `architecture` on which something can be built.
    pub fn read(
        objects: &dyn Objects,
        disk: Sha256,
        architecture: Architecture,
    ) -> Result<Self, OpenError> {
        let opened = Self::parse(objects, disk)?;
        opened.check(objects, architecture)?;
        Ok(opened)
    }

    /// Reads the object `disk`, whatever it is for.
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

    /// Debian's name of the processors that it is for, by its dpkg.
    pub fn architecture(&self, objects: &dyn Objects) -> Result<String, OpenError> {
        let status = self.status(objects)?;
        let stanzas = control::parse(&status).filter_map(Result::ok);
        let mut dpkg = stanzas.filter(|stanza| stanza.get("Package") == Some("dpkg"));
        let found = dpkg.find_map(|stanza| stanza.get("Architecture").map(str::to_owned));
        found.ok_or(OpenError::NoApt("dpkg"))
    }

    /// The text of dpkg's status file.
    pub fn status(&self, objects: &dyn Objects) -> io::Result<String> {
        status::text(&self.tree, objects)
    }

    /// The partition of `volume`.
    pub fn partition(&self, volume: &Volume) -> &Partition {
        let mut partitions = self.table.partitions.iter();
        let found = partitions.find(|partition| partition.number == volume.number);
        found.expect("volumes are made of the table's partitions")
    }

    /// The root's own volume.
    pub fn root(&self) -> &Volume {
        self.volumes.first().expect("the root is the first")
    }

    /// Whether it is a Debian, and not one of those that are made of it for other machines.
    pub fn is_debian(&self, objects: &dyn Objects) -> io::Result<bool> {
        for path in OS_RELEASE {
            if let Some(text) = text(&self.tree, objects, path)? {
                let id = text.lines().find_map(|line| line.strip_prefix("ID="));
                return Ok(id.is_some_and(|id| id.trim_matches('"') == "debian"));
            }
        }
        Ok(false)
    }

    /// Where the partition is mounted that any computer can read.
    pub fn boot_mount(&self) -> String {
        let fat = |volume: &&Volume| matches!(volume.format, Format::Fat(_));
        let mount = self.volumes.iter().find(fat).map(|volume| &volume.mount);
        mount.map_or_else(|| "/boot".to_owned(), ToString::to_string)
    }

    fn check(&self, objects: &dyn Objects, expected: Architecture) -> Result<(), OpenError> {
        let path = |text: &str| TreePath::parse(text.as_bytes()).expect("a plain path");
        if let Some(missing) = PROGRAMS
            .into_iter()
            .find(|program| self.tree.resolve(&path(program)).is_none())
        {
            return Err(OpenError::NoApt(missing));
        }
        let found = self.architecture(objects)?;
        match found == expected.debian() {
            true => Ok(()),
            false => Err(OpenError::Architecture { expected, found }),
        }
    }
}

/// A disk whose table is known.
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

    /// The filesystem that holds a Debian.
    fn root(&self) -> Result<Volume, OpenError> {
        let mut found = Vec::new();
        let mut foreign = None;
        let mut broken = None;
        let mut root: Option<Volume> = None;
        for (partition, part) in self.parts() {
            let number = partition.number;
            let contents = probe::probe(&part)?;
            found.push(match contents {
                Some(contents) => format!("{number} is {contents}"),
                None => format!("{number} is nothing known"),
            });
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
                let first = first.number;
                let second = number;
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

    /// What the root's fstab mounts from this disk, beside the root, parents first.
    fn mounted(&self, root: &Tree, objects: &dyn Objects) -> Result<Vec<Volume>, OpenError> {
        let text = text(root, objects, "/etc/fstab")?.unwrap_or_default();
        let mut volumes: Vec<Volume> = Vec::new();
        for line in fstab::parse(&text) {
            let Ok(mount) = TreePath::parse(line.at.as_bytes()) else {
                continue;
            };
            // mount(8) follows symlinks.
            let mount = root.real_path(&mount).unwrap_or(mount);
            // Of two lines for one place, systemd-fstab-generator(8) takes the first.
            let again = volumes.iter().any(|volume| volume.mount == mount);
            if again || mount == TreePath::root() {
                continue;
            }
            for (partition, part) in self.parts() {
                let taken = volumes.iter().any(|it| it.number == partition.number);
                if taken || !self.may_be(partition, &line.what) {
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

    /// Whether the table says that `partition` is `what`, or says nothing about it.
    fn may_be(&self, partition: &Partition, what: &What) -> bool {
        match what {
            What::Partuuid(id) => self.table.partuuid(partition).eq_ignore_ascii_case(id),
            What::Partlabel(label) => {
                matches!(&partition.entry, Entry::Gpt(entry) if entry.label == *label)
            }
            What::Number(number) => partition.number == *number,
            What::Uuid(_) | What::Label(_) => true,
        }
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
        // When it is made anew is said by whoever does that.
        let like = Params::like(&filesystem, partition.len.0, Epoch(0));
        let (params, differences) = like.map_err(failed)?;
        Ok(Volume {
            number,
            mount,
            format: Format::Ext4 {
                params: Box::new(params),
                differences,
            },
            tree,
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
        Ok(Volume {
            number,
            mount,
            format: Format::Fat(volume),
            tree,
        })
    }
}

impl Volume {
    /// Whether the filesystem says that it is `what`; names of its partition were looked at before.
    pub fn is(&self, what: &What) -> bool {
        let (uuid, label) = match &self.format {
            Format::Ext4 { params, .. } => (
                Some(uuid_text(&params.uuid)),
                Some(String::from_utf8_lossy(&params.label).into_owned()),
            ),
            Format::Fat(volume) => (volume.uuid(), volume.label_text()),
        };
        match what {
            What::Uuid(wanted) => uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(wanted)),
            What::Label(wanted) => label.is_some_and(|label| label == *wanted),
            What::Partuuid(_) | What::Partlabel(_) | What::Number(_) => true,
        }
    }
}

/// What a root filesystem may lie on, and cannot be built on.
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
    let has = |text: &str| {
        let path = TreePath::parse(text.as_bytes()).expect("a plain path");
        tree.resolve(&path).is_some()
    };
    OS_RELEASE.into_iter().any(has) && has(status::PATH)
}

/// The text of the file at `path`, if it is there.
fn text(tree: &Tree, objects: &dyn Objects, path: &str) -> io::Result<Option<String>> {
    let path = TreePath::parse(path.as_bytes()).expect("a plain path");
    let content = |id: NodeId| -> Option<&Content> {
        match &tree.node(id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    };
    let Some(content) = tree.resolve(&path).and_then(content) else {
        return Ok(None);
    };
    let bytes = content.read(objects)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
