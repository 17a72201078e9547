//! Writes a table, new or as it was read from a disk.

use super::mbr::PROTECTIVE;
use super::{Entry, Kind, Partition, Protective, Table, TableError, check};
use crate::disk::image::Region;
use crate::disk::{gpt, mbr};
use crate::units::Bytes;
use std::ops::Range;

/// The most entries of a GPT: they fill 1 MiB, and the reader takes no more.
const MAX_GPT: u32 = 8192;

impl Table {
    /// Length of one copy of a GPT with these partitions. One copy lies behind sector 0, the other at the end
    /// of the disk. An MBR has length 0.
    pub fn copy_len(&self) -> Bytes {
        match self.kind {
            Kind::Mbr { .. } => Bytes(0),
            Kind::Gpt { .. } => self.gpt_disk(Bytes(0)).copy_len(),
        }
    }

    /// A disk of `len` with the GPT of these partitions.
    fn gpt_disk(&self, len: Bytes) -> gpt::Disk {
        let highest = self.partitions.last().map_or(0, |it| it.number);
        gpt::Disk::new(len, self.sector.bytes(), highest)
    }

    /// The boot code and the table for a disk of `len`, as regions in ascending order.
    ///
    /// # Errors
    ///
    /// The partitions do not fit the disk, or an entry cannot be written.
    pub fn regions(&self, len: Bytes) -> Result<Vec<Region>, TableError> {
        let numbers = self.partitions.iter().map(|it| it.number);
        if let Some((_, number)) = numbers.clone().zip(numbers.skip(1)).find(|(a, b)| a >= b) {
            return wrong(number, "numbers have to ascend");
        }
        let code = (*self.boot_code != [0; 440]).then(|| Region::bytes(0, *self.boot_code));
        let mut regions: Vec<Region> = code.into_iter().collect();
        regions.extend(match &self.kind {
            Kind::Mbr { disk_id } => self.mbr(*disk_id, len)?,
            Kind::Gpt { disk_guid, mbr, .. } => self.gpt(disk_guid, mbr, len)?,
        });
        regions.sort_by_key(|region| region.start);
        Ok(regions)
    }

    fn mbr(&self, disk_id: u32, len: Bytes) -> Result<Vec<Region>, TableError> {
        check::partitions(&self.partitions, self.sector, self.sector.bytes()..len.0)?;
        let mut slots = [None; 4];
        let mut n_logical = 0;
        for partition in &self.partitions {
            let number = partition.number;
            match &partition.entry {
                Entry::Gpt(_) => return wrong(number, "its entry is a GPT's, the table an MBR"),
                Entry::Primary(entry) if (1..=4).contains(&number) => {
                    let slot = self.slot(partition, 0, *entry)?;
                    slots[number as usize - 1] = Some(slot);
                }
                Entry::Primary(_) => {
                    return wrong(number, "an MBR has room for primary partitions 1 to 4 only");
                }
                Entry::Logical { .. } => n_logical += 1,
            }
        }
        let mut regions = vec![mbr::region(disk_id, &slots)];
        let mut number = 5;
        for container in self.partitions.iter().filter(|it| it.is_extended()) {
            let members = self.members(container);
            for member in &members {
                if member.number != number {
                    let reason = "logical partitions are counted from 5, one extended partition after the other";
                    return wrong(member.number, reason);
                }
                number += 1;
            }
            regions.extend(self.chain(container, &members)?);
        }
        debug_assert_eq!(number, 5 + n_logical, "each lies in one extended partition");
        Ok(regions)
    }

    /// The logical partitions in `container`.
    fn members(&self, container: &Partition) -> Vec<&Partition> {
        let within = container.start..container.end();
        let all = self.partitions.iter().filter(|it| it.is_logical());
        all.filter(|it| within.contains(&it.start)).collect()
    }

    /// The tables that describe `members`. Each table refers to the next one.
    fn chain(
        &self,
        container: &Partition,
        members: &[&Partition],
    ) -> Result<Vec<Region>, TableError> {
        let start = container.start;
        let mut links = Vec::new();
        for member in members {
            if let Entry::Logical { entry, link } = member.entry {
                links.push((link, Some((*member, entry))));
            }
        }
        // The chain begins at the start of the container, if necessary with a table that has only a link.
        if links.first().is_none_or(|(link, _)| *link != start) {
            let taken = |it: &&&Partition| it.start.0 < start.0 + self.sector.bytes();
            if let Some(member) = members.iter().find(taken) {
                return wrong(member.number, "it starts where its chain has to begin");
            }
            links.insert(0, (start, None));
        }
        let mut regions = Vec::new();
        for (index, (link, own)) in links.iter().enumerate() {
            let mut slots = [None; 4];
            if let Some((partition, entry)) = own {
                slots[0] = Some(self.slot(partition, link.0, *entry)?);
            }
            if let Some((next, Some((partition, _)))) = links.get(index + 1) {
                // A link covers the next table and its partition.
                let span = Partition {
                    start: *next,
                    len: Bytes(partition.end().0.saturating_sub(next.0)),
                    ..(*partition).clone()
                };
                let entry = mbr::Entry {
                    type_byte: 0x05,
                    active: false,
                };
                slots[1] = Some(self.slot(&span, start.0, entry)?);
            }
            regions.push(mbr::link_region(link.0, &slots));
        }
        Ok(regions)
    }

    fn gpt(
        &self,
        disk_guid: &[u8; 16],
        protective: &Protective,
        len: Bytes,
    ) -> Result<Vec<Region>, TableError> {
        let highest = self.partitions.last().map_or(0, |it| it.number);
        if highest > MAX_GPT {
            return wrong(highest, "a GPT of more than 8192 entries is not supported");
        }
        let disk = self.gpt_disk(len);
        if disk.usable().is_empty() {
            return Err(TableError::too_short(len.0));
        }
        check::partitions(&self.partitions, self.sector, disk.usable())?;
        let mut placed = Vec::new();
        for partition in &self.partitions {
            let number = partition.number;
            let Entry::Gpt(entry) = &partition.entry else {
                return wrong(number, "its entry is an MBR's, the table a GPT");
            };
            if number == 0 {
                return wrong(number, "partitions are counted from 1");
            }
            if entry.type_guid == [0; 16] {
                return wrong(
                    number,
                    "its type GUID is all zeros, which marks an unused entry",
                );
            }
            let units = entry.label.encode_utf16().count();
            if units > gpt::MAX_LABEL || entry.label.contains('\0') {
                return wrong(number, "its label has more than 36 UTF-16 units, or a NUL");
            }
            placed.push((number, self.sectors(partition), entry));
        }
        let mut regions = vec![self.protective(protective, len)?];
        regions.extend(disk.copies(disk_guid, &placed));
        Ok(regions)
    }

    fn protective(&self, protective: &Protective, len: Bytes) -> Result<Region, TableError> {
        let mut slots = [None; 4];
        if protective.hybrid.is_empty() {
            let n_sectors = len.0 / self.sector.bytes();
            slots[0] = Some(mbr::Slot::protective(n_sectors, protective.active));
        }
        for hybrid in &protective.hybrid {
            let number = u32::from(hybrid.slot);
            let index = usize::from(hybrid.slot).wrapping_sub(1);
            let Some(slot @ None) = slots.get_mut(index) else {
                return wrong(number, "a hybrid MBR has 4 slots, each for one entry");
            };
            let span = Partition {
                number,
                start: hybrid.start,
                len: hybrid.len,
                entry: Entry::Primary(hybrid.entry),
            };
            *slot = Some(self.slot(&span, 0, hybrid.entry)?);
        }
        let covers = |it: &super::Hybrid| it.entry.type_byte == PROTECTIVE;
        match protective.hybrid.len() {
            0 => {}
            1 => return wrong(1, "a hybrid MBR needs at least two entries"),
            _ if protective.hybrid.iter().any(covers) => {}
            _ => return wrong(1, "a hybrid MBR needs an entry of type 0xee"),
        }
        Ok(mbr::region(protective.disk_id, &slots))
    }

    /// The entry of `partition` in a table whose addresses count from byte `from`.
    fn slot(
        &self,
        partition: &Partition,
        from: u64,
        entry: mbr::Entry,
    ) -> Result<mbr::Slot, TableError> {
        let from = from / self.sector.bytes();
        match mbr::Slot::new(self.sectors(partition), from, entry) {
            Some(slot) => Ok(slot),
            None => wrong(
                partition.number,
                "it begins or ends too far from its table: an MBR has 32 bits for sectors",
            ),
        }
    }

    fn sectors(&self, partition: &Partition) -> Range<u64> {
        let size = self.sector.bytes();
        let start = partition.start.0 / size;
        start..start + partition.len.0 / size
    }
}

fn wrong<T>(number: u32, reason: &'static str) -> Result<T, TableError> {
    Err(TableError::Unusable(format!(
        "partition {number} cannot be written: {reason}"
    )))
}
