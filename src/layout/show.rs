//! A layout as text: a map of the disk, for people, snapshots and diffs.

use super::Layout;
use super::claim::Claim;
use crate::disk::table::{Entry, Kind};
use crate::seed::uuid_text;
use crate::units::{Bytes, SECTOR_SIZE};
use std::fmt;

impl fmt::Display for Layout {
    /// Writes a line for the table, then one for each span in ascending order: first byte, length, content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.table.kind {
            Kind::Gpt { disk_guid, .. } => writeln!(f, "gpt {}", uuid_text(disk_guid))?,
            Kind::Mbr { disk_id } => writeln!(f, "mbr {disk_id:08x}")?,
        }
        let mut lines: Vec<(Bytes, Bytes, String)> = Claim::of_tables(&self.table)
            .into_iter()
            .chain(self.blobs.iter().map(Claim::of_blob))
            .map(|it| (it.start, Bytes(it.end.0 - it.start.0), it.by.to_string()))
            .collect();
        for partition in &self.table.partitions {
            let number = partition.number;
            let name = self.names.get(&number).map(|name| format!(" `{name}`"));
            let (name, entry) = (name.unwrap_or_default(), described(&partition.entry));
            let what = format!("partition {number}{name} {entry}");
            lines.push((partition.start, partition.len, what));
        }
        if matches!(self.table.kind, Kind::Gpt { .. }) {
            let len = self.table.copy_len();
            let start = Bytes(self.len.0 - len.0);
            lines.push((start, len, "the second copy of the GPT".into()));
        }
        lines.sort();
        for (start, len, what) in lines {
            writeln!(f, "{:>12} {:>9}  {what}", at(start), len.to_string())?;
        }
        writeln!(f, "{:>12} {:>9}  end", at(self.len), "")
    }
}

/// An address as sector, with the byte in it if the address is not the start of the sector.
fn at(start: Bytes) -> String {
    match start.sectors() {
        Some(lba) => format!("{lba}s"),
        None => format!("{}s+{}", start.0 / SECTOR_SIZE, start.0 % SECTOR_SIZE),
    }
}

fn described(entry: &Entry) -> String {
    match entry {
        Entry::Primary(entry) | Entry::Logical { entry, .. } => {
            let active = if entry.active { " active" } else { "" };
            format!("type {:02x}{active}", entry.type_byte)
        }
        Entry::Gpt(entry) => {
            let attributes = match entry.attributes {
                0 => String::new(),
                bits => format!(" attributes {bits:x}"),
            };
            format!(
                "type {} guid {} label `{}`{attributes}",
                uuid_text(&entry.type_guid),
                uuid_text(&entry.guid),
                entry.label,
            )
        }
    }
}
