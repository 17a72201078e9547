//! A disk in memory for crates that want one: as long as asked, it holds only what was written.

use crate::disk::image::Region;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

const SECTOR: usize = 512;

/// A device of `len` bytes, all zero at first.
pub(super) struct Scratch {
    len: u64,
    position: u64,
    /// What was written, by sector number.
    sectors: BTreeMap<u64, [u8; SECTOR]>,
}

impl Scratch {
    pub(super) fn new(len: u64) -> Self {
        Self {
            len,
            position: 0,
            sectors: BTreeMap::new(),
        }
    }

    /// The written sectors, neighbours joined.
    pub(super) fn into_regions(self) -> Vec<Region> {
        let mut spans: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut expected = None;
        for (number, sector) in self.sectors {
            match spans.last_mut() {
                Some((_, bytes)) if expected == Some(number) => bytes.extend_from_slice(&sector),
                _ => spans.push((number, sector.to_vec())),
            }
            expected = number.checked_add(1);
        }
        let region = |(number, bytes)| Region::bytes(number * SECTOR as u64, bytes);
        spans.into_iter().map(region).collect()
    }

    /// The sector at the position, the offset in it, and how many of `wanted` bytes lie in it and
    /// on the device.
    fn span(&self, wanted: usize) -> (u64, usize, usize) {
        let sector = SECTOR as u64;
        let within = usize::try_from(self.position % sector).expect("below 512");
        let left = usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let n = wanted.min(SECTOR - within).min(left);
        (self.position / sector, within, n)
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} of {} bytes)", self.position, self.len)
    }
}

impl Read for Scratch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within, n) = self.span(buffer.len());
        match self.sectors.get(&number) {
            Some(sector) => buffer[..n].copy_from_slice(&sector[within..within + n]),
            None => buffer[..n].fill(0),
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (number, within, n) = self.span(bytes.len());
        if n > 0 {
            let sector = self.sectors.entry(number).or_insert([0; SECTOR]);
            sector[within..within + n].copy_from_slice(&bytes[..n]);
        }
        self.position += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Scratch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_written_sectors_become_regions_and_neighbours_are_joined() {
        let mut disk = Scratch::new(1 << 40);
        disk.seek(SeekFrom::Start(510)).unwrap();
        disk.write_all(b"abcd").unwrap();
        disk.seek(SeekFrom::End(-512)).unwrap();
        disk.write_all(&[7; 512]).unwrap();
        assert!(disk.write_all(b"x").is_err(), "behind the end");
        disk.seek(SeekFrom::Start(509)).unwrap();
        let mut read = [9; 6];
        disk.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"\0abcd\0");
        let spans: Vec<_> = disk
            .into_regions()
            .iter()
            .map(|r| (r.start, r.len))
            .collect();
        assert_eq!(spans, [(0, 1024), ((1 << 40) - 512, 512)]);
    }
}
