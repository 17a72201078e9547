//! The fields of inodes and superblocks by the names that stat(1), debugfs and people use.

use crate::fs::spot::Form;
use std::ops::Range;

/// A field: its name, the ranges of its bytes, the low ones first, and how its value is shown. A field without a form
/// is too long to be shown.
pub(crate) type NamedField = (&'static str, &'static [Range<usize>], Option<Form>);

const OCTAL: Option<Form> = Some(Form::Octal);
const DECIMAL: Option<Form> = Some(Form::Decimal);
const HEXADECIMAL: Option<Form> = Some(Form::Hexadecimal);
const TIME: Option<Form> = Some(Form::Time);

/// The fields of an inode up to its extended attributes.
pub(crate) const INODE: [NamedField; 19] = [
    ("mode", &[0x00..0x02], OCTAL),
    ("uid", &[0x02..0x04, 0x78..0x7a], DECIMAL),
    ("size", &[0x04..0x08, 0x6c..0x70], DECIMAL),
    ("access time", &[0x08..0x0c, 0x8c..0x90], TIME),
    ("change time", &[0x0c..0x10, 0x84..0x88], TIME),
    ("modification time", &[0x10..0x14, 0x88..0x8c], TIME),
    ("deletion time", &[0x14..0x18], DECIMAL),
    ("gid", &[0x18..0x1a, 0x7a..0x7c], DECIMAL),
    ("links", &[0x1a..0x1c], DECIMAL),
    ("count of blocks", &[0x1c..0x20, 0x74..0x76], DECIMAL),
    ("flags", &[0x20..0x24], HEXADECIMAL),
    ("version", &[0x24..0x28, 0x98..0x9c], DECIMAL),
    ("list of blocks, target or device", &[0x28..0x64], None),
    ("generation", &[0x64..0x68], DECIMAL),
    ("block of attributes", &[0x68..0x6c, 0x76..0x78], DECIMAL),
    ("checksum", &[0x7c..0x7e, 0x82..0x84], HEXADECIMAL),
    ("length of its later fields", &[0x80..0x82], DECIMAL),
    ("creation time", &[0x90..0x94, 0x94..0x98], TIME),
    ("project", &[0x9c..0xa0], DECIMAL),
];

/// The fields of a superblock that something changes, or that people look at.
pub(crate) const SUPERBLOCK: [NamedField; 26] = [
    ("number of inodes", &[0x00..0x04], DECIMAL),
    ("number of blocks", &[0x04..0x08, 0x150..0x154], DECIMAL),
    (
        "number of reserved blocks",
        &[0x08..0x0c, 0x154..0x158],
        DECIMAL,
    ),
    (
        "number of free blocks",
        &[0x0c..0x10, 0x158..0x15c],
        DECIMAL,
    ),
    ("number of free inodes", &[0x10..0x14], DECIMAL),
    ("time of the last mount", &[0x2c..0x30], DECIMAL),
    (
        "time of the last write",
        &[0x30..0x34, 0x274..0x275],
        DECIMAL,
    ),
    ("number of mounts", &[0x34..0x36], DECIMAL),
    ("most mounts", &[0x36..0x38], DECIMAL),
    ("magic number", &[0x38..0x3a], HEXADECIMAL),
    ("state", &[0x3a..0x3c], HEXADECIMAL),
    ("behaviour at errors", &[0x3c..0x3e], DECIMAL),
    (
        "time of the last check",
        &[0x40..0x44, 0x277..0x278],
        DECIMAL,
    ),
    ("features", &[0x5c..0x60, 0x60..0x64], HEXADECIMAL),
    ("features of a read-only mount", &[0x64..0x68], HEXADECIMAL),
    ("UUID", &[0x68..0x78], None),
    ("label", &[0x78..0x88], None),
    ("last mount point", &[0x88..0xc8], None),
    ("hash seed", &[0xec..0xfc], None),
    ("mount options", &[0x100..0x104], HEXADECIMAL),
    ("time of creation", &[0x108..0x10c, 0x276..0x277], DECIMAL),
    ("copy of the journal's inode", &[0x10c..0x150], None),
    ("flags", &[0x160..0x164], HEXADECIMAL),
    ("kilobytes written", &[0x178..0x180], DECIMAL),
    ("number of errors", &[0x194..0x198], DECIMAL),
    ("checksum", &[0x3fc..0x400], HEXADECIMAL),
];

/// The field of `fields` that has the byte `at`, with the range of it in which that byte lies.
pub(crate) fn find(
    fields: &'static [NamedField],
    at: usize,
) -> Option<(&'static NamedField, Range<usize>)> {
    fields.iter().find_map(|field| {
        let range = field.1.iter().find(|range| range.contains(&at))?;
        Some((field, range.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_belongs_to_two_fields() {
        for fields in [INODE.as_slice(), SUPERBLOCK.as_slice()] {
            let mut ranges: Vec<_> = fields.iter().flat_map(|field| field.1).collect();
            ranges.sort_by_key(|range| range.start);
            let ascend = |pair: &[&Range<usize>]| pair[0].end <= pair[1].start;
            assert!(ranges.windows(2).all(ascend));
        }
    }
}
