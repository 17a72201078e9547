//! The requirements of each boot flow.

use super::{Boot, BootFlow, Disk, Filesystem, Partition, PartitionType, Table};
use crate::define::read::Section;
use crate::diag::Diagnostic;

/// The boot flows by their names.
pub(super) const FLOWS: [(&str, BootFlow); 3] = [
    ("rpi-firmware", BootFlow::RpiFirmware),
    ("grub-hybrid", BootFlow::GrubHybrid),
    ("extlinux", BootFlow::Extlinux),
];

/// The keys of `[boot]` that only one flow reads.
const KEYS: [(&str, BootFlow); 3] = [
    ("firmware-files", BootFlow::RpiFirmware),
    ("config-txt", BootFlow::RpiFirmware),
    ("device-tree", BootFlow::Extlinux),
];

/// Refuses keys that only another flow reads.
pub(super) fn keys(section: &Section<'_>, boot: &Boot) {
    for (key, flow) in KEYS {
        if boot.flow != flow && section.has(key) {
            let title = format!("`{key}` means nothing to this flow");
            let expected = format!("expected it with `flow = \"{}\"` only", word(flow));
            section.report(Diagnostic::new("board::flow", title).label(section.span(), expected));
        }
    }
}

/// Checks that the disk has what the flow needs to start.
pub(super) fn disk(section: &Section<'_>, boot: &Boot, disk: &Disk, partitions: &[&Partition]) {
    if let Some(missing) = missing(boot.flow, disk, partitions) {
        let title = format!("`{}` finds nothing to start", word(boot.flow));
        section.report(
            Diagnostic::new("board::flow", title)
                .label(section.span(), format!("it needs {missing}")),
        );
    }
}

fn missing(flow: BootFlow, disk: &Disk, partitions: &[&Partition]) -> Option<&'static str> {
    let has = |wanted: &dyn Fn(&Partition) -> bool| partitions.iter().any(|it| wanted(it));
    let mounted_fat = |kind: PartitionType| {
        has(&|it| it.kind == kind && it.filesystem == Filesystem::Fat32 && it.mount.is_some())
    };
    let root = |it: &Partition| it.mount.as_deref() == Some("/");
    let checks: Vec<(bool, &str)> = match flow {
        BootFlow::RpiFirmware => vec![(
            mounted_fat(PartitionType::Fat32Lba),
            "a `fat32` partition of type `fat32-lba` with a `mount`",
        )],
        BootFlow::GrubHybrid => vec![
            (disk.table == Table::Gpt, "`table = \"gpt\"`"),
            (
                has(&|it| it.kind == PartitionType::BiosBoot),
                "a partition of type `bios-boot`",
            ),
            (
                mounted_fat(PartitionType::Esp),
                "a `fat32` partition of type `esp` with a `mount`",
            ),
        ],
        BootFlow::Extlinux => vec![
            (
                has(&|it| root(it) && it.filesystem == Filesystem::Ext4),
                "an `ext4` partition mounted at `/`",
            ),
            (
                !has(&|it| it.mount.as_deref() == Some("/boot")),
                "`/boot` on the partition that is mounted at `/`",
            ),
            (
                disk.table == Table::Gpt || has(&|it| root(it) && it.bootable),
                "`bootable = true` on the partition that is mounted at `/`: U-Boot looks there",
            ),
        ],
    };
    let missing = checks.into_iter().find(|(met, _)| !met);
    missing.map(|(_, what)| what)
}

fn word(flow: BootFlow) -> &'static str {
    let known = FLOWS.into_iter().find(|(_, other)| *other == flow);
    known.expect("every flow has its word").0
}
