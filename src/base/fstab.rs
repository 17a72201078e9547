//! Reads the /etc/fstab of a base image as mount(8) does.

use crate::disk::table::{Entry, Partition, Table};

/// A line of fstab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The partition that is mounted.
    pub what: What,
    /// The mount point, an absolute path.
    pub at: String,
    /// The first field of the line.
    pub source: String,
    /// Whether the system starts without the partition: `nofail` or `noauto`.
    pub optional: bool,
}

/// The name of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The filesystem UUID.
    Uuid(String),
    /// The filesystem label.
    Label(String),
    /// The partition GUID, or the disk id and number in an MBR.
    Partuuid(String),
    /// The partition label of a GPT.
    Partlabel(String),
    /// The number of the partition on the disk from which the device starts.
    Number(u32),
}

impl What {
    /// Whether `partition` of `table` can have this name. Filesystem UUIDs and labels are not in the table, so any
    /// partition can have them.
    pub fn may_be(&self, table: &Table, partition: &Partition) -> bool {
        match self {
            Self::Partuuid(id) => table.partuuid(partition).eq_ignore_ascii_case(id),
            Self::Partlabel(label) => {
                matches!(&partition.entry, Entry::Gpt(entry) if entry.label == *label)
            }
            Self::Number(number) => partition.number == *number,
            Self::Uuid(_) | Self::Label(_) => true,
        }
    }

    /// Whether the filesystem with this UUID and this label has this name. Names of partitions were compared before.
    pub fn is_filesystem(&self, uuid: Option<&str>, label: Option<&str>) -> bool {
        match self {
            Self::Uuid(wanted) => uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(wanted)),
            Self::Label(wanted) => label.is_some_and(|label| label == wanted),
            Self::Partuuid(_) | Self::Partlabel(_) | Self::Number(_) => true,
        }
    }
}

/// The lines of `text` that mount a partition of a disk.
pub fn parse(text: &str) -> Vec<Line> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Line> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split_whitespace().map(unescaped);
    let (source, at) = (fields.next()?, fields.next()?);
    let what = what(&source)?;
    let options = fields.nth(1).unwrap_or_default();
    let mut options = options.split(',');
    let optional = options.any(|option| ["nofail", "noauto"].contains(&option));
    at.starts_with('/').then_some(Line {
        what,
        at,
        source,
        optional,
    })
}

/// The partition that the first field of a line, or `root=` of the kernel command line, names.
pub fn what(source: &str) -> Option<What> {
    let Some((tag, value)) = source.split_once('=') else {
        return number(source).map(What::Number);
    };
    let value = value.trim_matches('"').to_owned();
    Some(match tag {
        "UUID" => What::Uuid(value),
        "LABEL" => What::Label(value),
        "PARTUUID" => What::Partuuid(value),
        "PARTLABEL" => What::Partlabel(value),
        _ => return None,
    })
}

/// The number of a partition in the name of its device: `/dev/mmcblk0p1`, `/dev/sda2`.
fn number(source: &str) -> Option<u32> {
    let name = source.strip_prefix("/dev/")?;
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let text = &name[end.len()..];
    let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| name.starts_with(kind));
    let numbered_disk = is_one_of(&["mmcblk", "nvme", "loop"]);
    let plain_disk = is_one_of(&["sd", "vd", "xvd", "hd"]);
    let sound = match (numbered_disk, plain_disk) {
        (true, _) => end.ends_with('p'),
        (_, true) => digits == text,
        _ => false,
    };
    text.parse().ok().filter(|_| sound)
}

/// Replaces the octal escapes of spaces, tabs and backslashes (fstab(5)).
fn unescaped(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_known_by_every_name() {
        let text = "# comment\n\
            proc /proc proc defaults 0 0\n\
            PARTUUID=1234abcd-01 /boot/firmware vfat defaults 0 2\n\
            UUID=\"aB-c\" / ext4 defaults,noatime 0 1\n\
            LABEL=my\\040data /srv ext4 nofail\n\
            /dev/mmcblk0p1 /boot vfat\n\
            /dev/sda12 /a ext4\n\
            /dev/sda /b ext4\n\
            /dev/mmcblk0 /c ext4\n\
            /dev/mapper/x1 /d ext4\n\
            UUID=x none swap sw\n\
            PARTLABEL=esp /boot/efi vfat\n";
        let found = parse(text);
        let expected = [
            (What::Partuuid("1234abcd-01".into()), "/boot/firmware"),
            (What::Uuid("aB-c".into()), "/"),
            (What::Label("my data".into()), "/srv"),
            (What::Number(1), "/boot"),
            (What::Number(12), "/a"),
            (What::Partlabel("esp".into()), "/boot/efi"),
        ];
        let lines = found.iter();
        let mounts: Vec<_> = lines.map(|it| (it.what.clone(), it.at.as_str())).collect();
        assert_eq!(mounts, expected);
        let optional: Vec<_> = found.iter().filter(|line| line.optional).collect();
        assert_eq!(optional, [&found[2]]);
    }
}
