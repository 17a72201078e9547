//! Checks rules between the keys of a board: unique names, one root, types that the partition table can hold.

use super::draft::Draft;
use super::{Disk, Partition, Size, Table};
use crate::define::read::Section;
use crate::diag::Diagnostic;
use crate::units::Bytes;

/// The number of entries of an MBR; imgbuild makes no extended partitions.
const MBR_ENTRIES: usize = 4;

/// Checks that no two tables of one kind have the same name.
pub(super) fn names<T>(drafts: &[Draft<'_, T>]) {
    for (index, draft) in drafts.iter().enumerate() {
        let Some(name) = &draft.name else { continue };
        let earlier = drafts[..index]
            .iter()
            .filter_map(|draft| draft.name.as_ref());
        let Some(first) = earlier.into_iter().find(|first| first.value == name.value) else {
            continue;
        };
        let title = format!("two things are called `{}`", name.value);
        draft.section.report(
            Diagnostic::new("board::duplicate-name", title)
                .label(&name.span, "")
                .label(&first.span, "the first one"),
        );
    }
}

/// Checks that exactly one partition is mounted at `/`.
pub(super) fn root(top: &Section<'_>, partitions: &[Draft<'_, Partition>]) {
    if partitions.iter().any(|draft| draft.value.is_none()) {
        return;
    }
    let is_root = |draft: &&Draft<'_, Partition>| {
        let value = draft.value.as_ref();
        value.is_some_and(|partition| partition.mount.as_deref() == Some("/"))
    };
    match partitions.iter().filter(is_root).collect::<Vec<_>>()[..] {
        [_] => {}
        [] => top.report(
            Diagnostic::new("board::root", "no partition is mounted at `/`").label(
                top.span(),
                "expected one `[[partition]]` with `mount = \"/\"`",
            ),
        ),
        [first, second, ..] => top.report(
            Diagnostic::new("board::root", "two partitions are mounted at `/`")
                .label(second.section.span(), "")
                .label(first.section.span(), "the first one"),
        ),
    }
}

/// Checks that the partition table has the type of a partition, and that start and size are whole units.
pub(super) fn table(draft: &Draft<'_, Partition>, disk: &Disk) {
    let Some(partition) = &draft.value else {
        return;
    };
    let place = draft.section.span();
    if disk.table == Table::Mbr && partition.kind.mbr().is_none() {
        draft.section.report(
            Diagnostic::new(
                "board::table",
                format!("an MBR has no type for `{}`", partition.name),
            )
            .label(place, "this type stands in a GPT only"),
        );
    }
    if disk.table == Table::Gpt && partition.bootable {
        draft.section.report(
            Diagnostic::new("board::table", "a GPT marks no partition `bootable`")
                .label(place, "")
                .help("remove `bootable`"),
        );
    }
    let misaligned = |bytes: Bytes| !bytes.0.is_multiple_of(disk.alignment.0.max(1));
    if let Some(start) = partition.start
        && misaligned(start)
    {
        let title = format!("`{}` starts at {start}", partition.name);
        let expected = format!("expected a multiple of {}", disk.alignment);
        draft
            .section
            .report(Diagnostic::new("board::alignment", title).label(place, expected));
    }
    if let Size::Fixed(size) = partition.size
        && (size.0 == 0 || size.sectors().is_none())
    {
        let title = format!("`{}` is {size} long", partition.name);
        draft.section.report(
            Diagnostic::new("board::size", title)
                .label(place, "expected whole sectors of 512 bytes"),
        );
    }
}

/// Checks that the partition table has an entry for every partition.
pub(super) fn count(partitions: &[Draft<'_, Partition>], disk: &Disk) {
    if disk.table == Table::Mbr
        && let Some(fifth) = partitions.get(MBR_ENTRIES)
    {
        fifth.section.report(
            Diagnostic::new("board::table", "an MBR holds four partitions")
                .label(fifth.section.span(), "this is the fifth")
                .help("use `table = \"gpt\"`"),
        );
    }
}
