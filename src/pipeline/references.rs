//! Checks that the command line and the fstab of a base image name partitions that the image has. With a wrong name
//! the device does not start.

use super::disk::DiskError;
use crate::base::Opened;
use crate::base::fstab::{self, Line, What};
use crate::base::open::Volume;
use crate::boot::contents::{Contents, path};
use crate::disk::table::{Entry, Partition};
use crate::store::Store;
use crate::tree::Tree;

const FSTAB: &str = "/etc/fstab";
/// The command line of a Raspberry Pi, on its boot partition.
const COMMAND_LINE: &str = "cmdline.txt";

/// Checks every name of a partition in `root`, the composed tree of `base`.
pub(super) fn check(base: &Opened, root: &Tree, store: &Store) -> Result<(), DiskError> {
    let contents = Contents::new(root, store);
    let wrong = |file: &str, reference: &str| DiskError::Reference {
        file: file.to_owned(),
        reference: reference.to_owned(),
        root: base.root().number,
    };
    for volume in &base.volumes {
        let mount = volume.mount.to_string();
        let file = format!("{}/{COMMAND_LINE}", mount.trim_end_matches('/'));
        let Ok(text) = contents.text(&path(&file)) else {
            continue;
        };
        let mut words = text.split_whitespace();
        let word = words.find_map(|word| word.strip_prefix("root="));
        let what = word.and_then(|word| Some((word, fstab::what(word)?)));
        if let Some((word, what)) = what
            && !is(base, base.root(), &what)
        {
            return Err(wrong(&file, &format!("root={word}")));
        }
    }
    let text = contents.text(&path(FSTAB)).unwrap_or_default();
    let lines = fstab::parse(&text).into_iter();
    for line in lines.filter(|line| !line.optional) {
        if !holds(base, &line) {
            return Err(wrong(FSTAB, &format!("{} at {}", line.source, line.at)));
        }
    }
    Ok(())
}

/// Whether the partition that `line` mounts exists, if it must be on this disk.
fn holds(base: &Opened, line: &Line) -> bool {
    if line.at == "/" {
        return is(base, base.root(), &line.what);
    }
    let mut partitions = base.table.partitions.iter();
    match &line.what {
        // Only a partition table has such names.
        What::Partuuid(_) | What::Partlabel(_) => {
            partitions.any(|partition| named(base, partition, &line.what))
        }
        // Filesystems that imgbuild does not read, and other disks, may have such a name.
        What::Uuid(_) | What::Label(_) | What::Number(_) => true,
    }
}

/// Whether `what` is a name of `volume`.
fn is(base: &Opened, volume: &Volume, what: &What) -> bool {
    match what {
        What::Uuid(_) | What::Label(_) => volume.is(what),
        What::Partuuid(_) | What::Partlabel(_) | What::Number(_) => {
            named(base, base.partition(volume), what)
        }
    }
}

/// Whether `what` is the name of `partition` in the partition table.
fn named(base: &Opened, partition: &Partition, what: &What) -> bool {
    match what {
        What::Partuuid(id) => base.table.partuuid(partition).eq_ignore_ascii_case(id),
        What::Partlabel(label) => {
            matches!(&partition.entry, Entry::Gpt(entry) if entry.label == *label)
        }
        What::Number(number) => partition.number == *number,
        What::Uuid(_) | What::Label(_) => false,
    }
}
