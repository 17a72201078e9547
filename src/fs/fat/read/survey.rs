//! What each byte of a filesystem belongs to: a table, an entry of a directory and its field, or a part of a file.

use super::directory;
use super::{Filesystem, ReadError};
use crate::digest::Sha256;
use crate::fs::fat::FatBits;
use crate::fs::fat::format::{ATTR_LONG_NAME, ENTRY_SIZE, FIRST_CLUSTER};
use crate::fs::spot::{Field, Form, Spot};
use crate::tree::{Kind, Piece, Slice, TreePath};
use std::ops::Range;
use std::rc::Rc;

/// The fields of an entry of a directory: name, ranges of bytes, and form.
type NamedField = (&'static str, &'static [Range<u64>], Option<Form>);
const FIELDS: [NamedField; 8] = [
    ("short name", &[0..11], None),
    ("attributes", &[11..12], Some(Form::Hexadecimal)),
    ("case of the name", &[12..13], Some(Form::Hexadecimal)),
    ("creation time", &[13..18], Some(Form::Hexadecimal)),
    ("access date", &[18..20], Some(Form::Hexadecimal)),
    ("first cluster", &[26..28, 20..22], Some(Form::Decimal)),
    ("modification time", &[22..26], Some(Form::Hexadecimal)),
    ("size", &[28..32], Some(Form::Decimal)),
];

/// A filesystem whose files were all found, so that the owner of each byte is known.
pub struct Survey<'a> {
    filesystem: &'a Filesystem<'a>,
    /// Ascending, without overlap.
    spans: Vec<Span>,
}

/// Bytes that belong to a file or a directory.
struct Span {
    /// The bytes of the filesystem.
    range: Range<u64>,
    /// The offset of the first of them in the file or the directory.
    at: u64,
    path: TreePath,
    /// The bytes of the whole directory; `None` for a file.
    directory: Option<Rc<[u8]>>,
}

impl<'a> Filesystem<'a> {
    /// Finds the owner of each byte.
    ///
    /// # Errors
    /// Fails if the filesystem is not sound, or beyond the limits of this reader.
    pub fn survey(&'a self) -> Result<Survey<'a>, ReadError> {
        // No object is read. Slices of it have the offsets of the device.
        let place = Slice {
            object: Sha256::of(b""),
            offset: 0,
            len: self.device.len(),
        };
        let mut directories: Vec<(TreePath, Vec<(u64, u64)>)> = Vec::new();
        let tree = self.walk(&place, &mut |path, spans| {
            directories.push((path.clone(), spans.to_vec()));
        })?;
        let mut spans = Vec::new();
        for (path, found) in directories {
            let bytes: Rc<[u8]> = self.entries(&path, &found)?.into();
            let mut at = 0;
            for (start, len) in found {
                spans.push(Span {
                    range: start..start + len,
                    at,
                    path: path.clone(),
                    directory: Some(bytes.clone()),
                });
                at += len;
            }
        }
        for (path, id) in tree.walk() {
            let Kind::File(content) = &tree.node(id).kind else {
                continue;
            };
            let mut at = 0;
            for piece in content.pieces() {
                if let Piece::Stored(slice) = &piece {
                    spans.push(Span {
                        range: slice.offset..slice.offset + slice.len,
                        at,
                        path: path.clone(),
                        directory: None,
                    });
                }
                at += piece.len();
            }
        }
        spans.sort_by_key(|span| span.range.start);
        Ok(Survey {
            filesystem: self,
            spans,
        })
    }
}

impl Survey<'_> {
    /// What the byte at `offset` of the filesystem is.
    pub fn spot(&self, offset: u64) -> Spot {
        let geometry = &self.filesystem.boot.shape.geometry;
        if offset >= geometry.end() {
            let behind = geometry.end()..u64::MAX;
            return Spot::of_filesystem("space behind the filesystem", behind, 0);
        }
        if offset < geometry.table_start(0) {
            return self.reserved(offset);
        }
        for copy in 0..geometry.n_tables {
            let table = geometry.table_start(copy)..geometry.table_start(copy + 1);
            if table.contains(&offset) {
                return self.table(copy, offset, &table);
            }
        }
        let next = (self.spans).partition_point(|span| span.range.end <= offset);
        match self.spans.get(next) {
            Some(span) if span.range.contains(&offset) => span.spot(offset),
            found => {
                let before = next
                    .checked_sub(1)
                    .and_then(|before| self.spans.get(before));
                let start = before.map_or(geometry.root_start(), |before| before.range.end);
                let end = found.map_or(geometry.end(), |found| found.range.start);
                Spot::of_filesystem("space that no file has", start..end, 0)
            }
        }
    }

    /// A byte before the allocation tables.
    fn reserved(&self, offset: u64) -> Spot {
        let shape = &self.filesystem.boot.shape;
        let sector = offset / shape.geometry.sector;
        let start = sector * shape.geometry.sector;
        let is = |number: u16| sector > 0 && sector == u64::from(number);
        let part = match sector {
            0 => "boot sector",
            _ if is(shape.fsinfo) => "count of free clusters (FSInfo)",
            _ if is(shape.backup) => "copy of the boot sector",
            _ => "reserved sectors",
        };
        Spot::of_filesystem(part, start..start + shape.geometry.sector, 0)
    }

    /// A byte of copy `copy` of the allocation table.
    fn table(&self, copy: u64, offset: u64, table: &Range<u64>) -> Spot {
        let geometry = &self.filesystem.boot.shape.geometry;
        let name = match copy {
            0 => "allocation table",
            _ => "copy of the allocation table",
        };
        let width = match geometry.bits {
            // Two entries share a byte, so they are not told apart.
            FatBits::Fat12 => return Spot::of_filesystem(name, table.clone(), 0),
            FatBits::Fat16 => 2,
            FatBits::Fat32 => 4,
        };
        let number = (offset - table.start) / width;
        let start = table.start + number * width;
        let range = start..start + width;
        let cluster = u32::try_from(number).ok().filter(|it| *it >= FIRST_CLUSTER);
        let place = cluster.map(|cluster| geometry.cluster_start(cluster));
        let owner = place.and_then(|place| {
            let next = (self.spans).partition_point(|span| span.range.end <= place);
            self.spans
                .get(next)
                .filter(|span| span.range.contains(&place))
        });
        Spot::of_filesystem(format!("{name}, entry {number}"), range.clone(), 0)
            .of(owner.map(|span| &span.path))
            .with(Field {
                ranges: vec![range],
                form: Form::Hexadecimal,
            })
    }
}

impl Span {
    /// The byte at `offset`, which lies in this span.
    fn spot(&self, offset: u64) -> Spot {
        match &self.directory {
            None => {
                Spot::of_filesystem("content", self.range.clone(), self.at).of(Some(&self.path))
            }
            Some(bytes) => self.entry(bytes, offset),
        }
    }

    /// A byte of an entry of the directory with these `bytes`.
    fn entry(&self, bytes: &[u8], offset: u64) -> Spot {
        let slot_len = ENTRY_SIZE as u64;
        let at = self.at + (offset - self.range.start);
        let index = usize::try_from(at / slot_len).expect("a directory is in memory");
        let slot = offset - at % slot_len;
        let slots = bytes.as_chunks::<ENTRY_SIZE>().0;
        let is_long = |slot: &[u8; ENTRY_SIZE]| slot[11] == ATTR_LONG_NAME;
        let is_end = slots.iter().take(index + 1).any(|slot| slot[0] == 0);
        // A long name stands before the entry that it belongs to.
        let short = (index..slots.len()).find(|index| !is_long(&slots[*index]));
        let listed = short.map(|short| directory::list(slots[..=short].as_flattened(), true));
        let last = listed.and_then(|listing| listing.entries.into_iter().next_back());
        let path = match last.map(|entry| entry.name) {
            Some(Ok(name)) if !is_end => self.path.join(&name),
            _ => {
                let range = slot..slot + slot_len;
                let part = if is_end {
                    "an unused entry"
                } else {
                    "an entry"
                };
                return Spot::of_filesystem(part, range, 0).of(Some(&self.path));
            }
        };
        if is_long(&slots[index]) {
            let range = slot..slot + slot_len;
            return Spot::of_filesystem("long name", range, 0).of(Some(&path));
        }
        let place = |range: &Range<u64>| slot + range.start..slot + range.end;
        let within = at % slot_len;
        let found = FIELDS.iter().find_map(|field| {
            let range = field.1.iter().find(|range| range.contains(&within))?;
            Some((field, range))
        });
        let ((part, ranges, form), range) = found.expect("the fields cover an entry");
        let spot = Spot::of_filesystem(*part, place(range), 0).of(Some(&path));
        match form {
            Some(form) => spot.with(Field {
                ranges: ranges.iter().map(place).collect(),
                form: *form,
            }),
            None => spot,
        }
    }
}
