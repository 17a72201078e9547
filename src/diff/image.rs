//! What differs between two images.

use super::bytes::{self, BytesChange};
use super::change::{Change, Field, changes, fields};
use super::files::{self, FileChange, Found, Root};
use super::settings;
use super::system::SystemDiff;
use crate::inspect::{Disk, Files, Image, InspectError, Report, System};
use crate::parallel;
use crate::tree::Tree;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// An image that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its name for messages.
    pub name: &'a str,
    /// The image.
    pub image: &'a Image,
}

/// What differs between two images.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImageDiff {
    /// The fields of the disk and its table.
    pub disk: Vec<Field>,
    /// The partitions, by number.
    pub partitions: Vec<Change>,
    /// The boot loaders, by name and place.
    pub boot_loaders: Vec<Change>,
    /// The systems, in the order of their root partitions.
    pub systems: Vec<SystemDiff>,
    /// The files, by path. The files of a system come with everything that its fstab mounts.
    pub files: Vec<FileChange>,
    /// The number of further files that differ, if there are more than memory should hold.
    pub more_files: u64,
    /// The bytes that belong to no file, where nothing else says that they differ.
    pub bytes: Vec<BytesChange>,
    /// The places of either image that could not be read, and why. The rest was compared.
    pub faults: Vec<String>,
}

/// One image, read.
struct Opened<'a> {
    name: &'a str,
    image: &'a Image,
    disk: Disk,
    report: Report,
}

/// The files of two images that are compared, and the numbers of the partitions that they are in.
struct Pair<'o> {
    prefix: String,
    before: Option<Cow<'o, Tree>>,
    after: Option<Cow<'o, Tree>>,
    numbers: BTreeSet<u32>,
}

impl ImageDiff {
    /// Compares two images.
    ///
    /// # Errors
    ///
    /// An image has no partition table and no filesystem, or an unsound table. A damaged filesystem is a fault in the
    /// result.
    pub fn of(before: Side<'_>, after: Side<'_>) -> Result<Self, InspectError> {
        if bytes::is_equal(before.image, after.image)? {
            return Ok(Self::default());
        }
        let sides = [before, after];
        let opened = parallel::map(&sides, sides.len(), |side| Opened::read(*side));
        let opened = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(match opened.as_slice() {
            [before, after] => Self::between(before, after),
            _ => Self::default(),
        })
    }

    fn between(before: &Opened<'_>, after: &Opened<'_>) -> Self {
        let (report, newer) = (&before.report, &after.report);
        let mut diff = Self {
            disk: disk(report, newer),
            partitions: changes(&report.partitions, &newer.partitions, |it| {
                it.entry.number.to_string()
            }),
            boot_loaders: changes(&report.boot_loaders, &newer.boot_loaders, |it| {
                format!("{} in {}", it.name, it.place)
            }),
            faults: before.faults().chain(after.faults()).collect(),
            ..Self::default()
        };
        diff.systems = systems(before, after, &mut diff.faults);
        let numbers = diff.partitions.iter().map(|it| it.name.parse());
        let mut changed: BTreeSet<u32> = numbers.filter_map(Result::ok).collect();
        for pair in pairs(before, after) {
            let found = pair.compare(before, after);
            if !found.files.is_empty() {
                changed.extend(&pair.numbers);
            }
            diff.files.extend(found.files);
            diff.more_files += found.n_more;
            diff.faults.extend(found.faults);
        }
        diff.compare_bytes((before.image, report), (after.image, newer), &changed);
        diff
    }

    /// Compares the bytes outside of files. Those of the partitions `changed` differ anyway.
    fn compare_bytes(
        &mut self,
        before: bytes::Disk<'_>,
        after: bytes::Disk<'_>,
        changed: &BTreeSet<u32>,
    ) {
        let with_table = self.disk.is_empty() && self.partitions.is_empty();
        self.bytes = bytes::gaps(before, after, with_table, &mut self.faults);
        let differing = bytes::partitions(before, after, changed, &mut self.faults);
        self.bytes.extend(differing);
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self {
            disk,
            partitions,
            boot_loaders,
            systems,
            files,
            more_files: _,
            bytes,
            faults: _,
        } = self;
        disk.is_empty()
            && partitions.is_empty()
            && boot_loaders.is_empty()
            && systems.is_empty()
            && files.is_empty()
            && bytes.is_empty()
    }
}

impl<'a> Opened<'a> {
    fn read(side: Side<'a>) -> Result<Self, InspectError> {
        let disk = Disk::read(side.image)?;
        let report = Report::of(side.image, &disk);
        Ok(Self {
            name: side.name,
            image: side.image,
            disk,
            report,
        })
    }

    /// The faults of the report, with the name of the image.
    fn faults(&self) -> impl Iterator<Item = String> {
        let faults = self.report.faults.iter();
        faults.map(|fault| format!("{}: {fault}", self.name))
    }

    /// The system with its place in the report.
    fn system(&self, index: usize) -> Option<&System> {
        self.report.systems.get(index)
    }

    /// The files of a system with everything that it mounts.
    fn tree(&self, system: &System) -> Option<Tree> {
        self.disk.system_tree(self.image, system.partition)
    }

    /// The numbers of the partitions that are part of a system.
    fn of_systems(&self) -> BTreeSet<u32> {
        let systems = self.report.systems.iter();
        systems
            .flat_map(|it| it.mounts.values().copied().chain([it.partition]))
            .collect()
    }
}

impl Pair<'_> {
    fn compare(&self, before: &Opened<'_>, after: &Opened<'_>) -> Found {
        let before = self
            .before
            .as_ref()
            .map(|tree| Root::new(tree, before.image));
        let after = self.after.as_ref().map(|tree| Root::new(tree, after.image));
        files::compare(&self.prefix, before.as_ref(), after.as_ref())
    }
}

/// The files of the systems, in the order of the systems, and those of the other partitions with the same number.
fn pairs<'o>(before: &'o Opened<'_>, after: &'o Opened<'_>) -> impl Iterator<Item = Pair<'o>> {
    let n_systems = before.report.systems.len().max(after.report.systems.len());
    let of_systems = (0..n_systems).map(move |index| {
        let (one, other) = (before.system(index), after.system(index));
        let shown = other.or(one).map_or(0, |it| it.partition);
        let numbers = [one, other].into_iter().flatten();
        let numbers = numbers.flat_map(|it| it.mounts.values().copied().chain([it.partition]));
        Pair {
            prefix: if n_systems > 1 {
                format!("{shown}:")
            } else {
                String::new()
            },
            before: one.and_then(|system| before.tree(system)).map(Cow::Owned),
            after: other.and_then(|system| after.tree(system)).map(Cow::Owned),
            numbers: numbers.collect(),
        }
    });
    let others = |opened: &'o Opened<'_>| -> BTreeMap<u32, &'o Tree> {
        let of_systems = opened.of_systems();
        let volumes = opened.disk.volumes.iter();
        let volumes = volumes.filter(|it| !of_systems.contains(&it.entry.number));
        volumes
            .filter_map(|it| Some((it.entry.number, it.tree.as_ref()?)))
            .collect()
    };
    let (one, other) = (others(before), others(after));
    let numbers: BTreeSet<u32> = one.keys().chain(other.keys()).copied().collect();
    let of_partitions = numbers.into_iter().map(move |number| Pair {
        prefix: format!("{number}:"),
        before: one.get(&number).copied().map(Cow::Borrowed),
        after: other.get(&number).copied().map(Cow::Borrowed),
        numbers: [number].into(),
    });
    of_systems.chain(of_partitions)
}

/// The fields of the disk and its table. The packing of the file does not count.
fn disk(before: &Report, after: &Report) -> Vec<Field> {
    let size = Field::of("size", before.disk_size, after.disk_size);
    let table = fields(before.table.as_ref(), after.table.as_ref()).into_iter();
    let table = table.map(|field| Field {
        name: format!("table.{}", field.name),
        ..field
    });
    size.into_iter().chain(table).collect()
}

/// The systems that differ, each with the one at the same place in the other image.
fn systems(before: &Opened<'_>, after: &Opened<'_>, faults: &mut Vec<String>) -> Vec<SystemDiff> {
    let n_systems = before.report.systems.len().max(after.report.systems.len());
    let none = System::default();
    let mut found = Vec::new();
    for index in 0..n_systems {
        let (one, other) = (before.system(index), after.system(index));
        let trees = [
            one.and_then(|system| before.tree(system)),
            other.and_then(|system| after.tree(system)),
        ];
        let files = [
            trees[0].as_ref().map(|tree| Files::new(tree, before.image)),
            trees[1].as_ref().map(|tree| Files::new(tree, after.image)),
        ];
        let settings = settings::compare(files[0].as_ref(), files[1].as_ref());
        for (opened, files) in [before, after].into_iter().zip(files) {
            let unread = files.map(Files::faults).unwrap_or_default();
            faults.extend(unread.iter().map(|it| format!("{}: {it}", opened.name)));
        }
        let diff = SystemDiff {
            before: one.map(|it| it.partition),
            after: other.map(|it| it.partition),
            settings,
            ..SystemDiff::of(one.unwrap_or(&none), other.unwrap_or(&none))
        };
        if one.is_none() || other.is_none() || !diff.is_empty() {
            found.push(diff);
        }
    }
    found
}
