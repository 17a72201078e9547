//! The free blocks of a filesystem according to dumpe2fs.

use super::image::Objects;
use super::{Image, seal_with_margin, trees};
use crate::command::stdout;
use crate::ext4::image::{Written, all_features, params};
use imgbuild::disk::device::FileDevice;
use imgbuild::disk::image::Source;
use imgbuild::fs::ext4::Params;
use imgbuild::fs::ext4::read::Filesystem;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// Free blocks in groups whose bitmap was written, and in those whose bitmap the kernel makes.
#[derive(Debug, Default)]
pub(super) struct Free {
    pub(super) written: BTreeSet<u64>,
    pub(super) unwritten: BTreeSet<u64>,
}

/// The free blocks that dumpe2fs lists, group by group.
pub(super) fn dumped(image: &Path) -> Free {
    let text = stdout(Command::new("dumpe2fs").arg(image));
    // Ends of ranges are the first blocks of clusters.
    let size = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|size| size.trim().parse::<u64>().unwrap())
    };
    let block = size("Block size:").unwrap();
    let more = size("Cluster size:").map_or(0, |cluster| cluster / block - 1);
    let mut free = Free::default();
    let mut is_written = true;
    for line in text.lines() {
        if line.starts_with("Group ") {
            is_written = !line.contains("BLOCK_UNINIT");
        }
        let Some(list) = line.trim().strip_prefix("Free blocks: ") else {
            continue;
        };
        // The superblock has a line with the number of free blocks, which is not indented.
        if !line.starts_with(' ') {
            continue;
        }
        let set = match is_written {
            true => &mut free.written,
            false => &mut free.unwritten,
        };
        for range in list.split(", ").filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let last = last.parse::<u64>().unwrap() + more;
            set.extend(first.parse::<u64>().unwrap()..=last);
        }
    }
    free
}

/// The free blocks that this program's reader finds.
pub(super) fn read(image: &Path) -> BTreeSet<u64> {
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let filesystem = Filesystem::open(&device).unwrap();
    let size = u64::from(filesystem.superblock().block_size);
    blocks(filesystem.free().unwrap(), size)
}

fn blocks(spans: impl IntoIterator<Item = Range<u64>>, size: u64) -> BTreeSet<u64> {
    let spans = spans.into_iter();
    spans
        .flat_map(|span| span.start / size..span.end / size)
        .collect()
}

/// The free blocks of `image`, which the writer has made.
fn free(image: &Image) -> BTreeSet<u64> {
    let free = image.regions().iter();
    let free = free.filter(|region| region.source == Source::Free);
    blocks(free.map(|region| region.start..region.end()), 4096)
}

/// Checks that writer, reader and dumpe2fs agree about what is free.
fn assert_agreed(image: &Image, objects: &Objects) {
    let written = Written::new(image, objects);
    let Free {
        written: known,
        unwritten,
    } = dumped(&written.path);
    assert!(
        read(&written.path) == known,
        "the reader finds other blocks"
    );
    let all: BTreeSet<u64> = known.union(&unwritten).copied().collect();
    let free = free(image);
    let wrong: Vec<_> = free.symmetric_difference(&all).take(5).collect();
    assert!(wrong.is_empty(), "blocks {wrong:?} are free for one only");
}

#[test]
fn exactly_the_blocks_that_dumpe2fs_lists_are_free() {
    let (special, objects) = trees::special();
    let empty = imgbuild::tree::Tree::new(super::meta(0o755));
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        for margin in [0, 4096, 300 << 20, 3 << 30] {
            assert_agreed(&seal_with_margin(&special, &params, margin), &objects);
            assert_agreed(&seal_with_margin(&empty, &params, margin), &objects);
        }
    }
}
