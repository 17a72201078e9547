//! Reads the headers of a tar archive in the formats that dpkg knows: ustar and GNU long names.
//!
//! A pax header is refused, as dpkg refuses it ("unsupported PAX tar header type"); deb(5) lists
//! the formats. Only headers are read. The content of a file is not copied: its entry has the
//! offset in the archive. An archive ends at a block of zeros or at the end of the file.

use super::entry::Entry;
use super::error::{MAX_ENTRIES, MAX_LONG_NAME, TarError};
use super::header::{BLOCK, Header, until_nul};
use crate::disk::device::Device;

/// The entries of the archive that `file` holds, in their order. The first mistake ends the
/// iteration.
pub fn entries(file: &dyn Device) -> Entries<'_> {
    Entries {
        file,
        at: 0,
        n_entries: 0,
        ended: false,
    }
}

/// Iterates over the entries of an archive; see [`entries`].
pub struct Entries<'a> {
    file: &'a dyn Device,
    /// The offset of the next header.
    at: u64,
    n_entries: u64,
    ended: bool,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, TarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.entry().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl Entries<'_> {
    fn entry(&mut self) -> Result<Option<Entry>, TarError> {
        let (mut long_name, mut long_link) = (None, None);
        while let Some(header) = self.header()? {
            match header.kind() {
                b'L' => long_name = Some(self.long_name(&header)?),
                b'K' => long_link = Some(self.long_name(&header)?),
                _ => {
                    let mut entry = header.entry(long_name, long_link)?;
                    entry.offset = self.skip(entry.size)?;
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let offset = self.at;
        if offset == self.file.len() {
            return Ok(None);
        }
        let end = self.behind(offset, BLOCK)?;
        let mut bytes = [0; Header::LEN];
        let read = self.file.read_at(offset, &mut bytes);
        read.map_err(TarError::Read)?;
        let Some(header) = Header::read(bytes, offset)? else {
            return Ok(None);
        };
        self.n_entries += 1;
        if self.n_entries > MAX_ENTRIES {
            return Err(TarError::TooManyEntries);
        }
        self.at = end;
        Ok(Some(header))
    }

    /// The end of `len` bytes at `start`, which must be within the archive.
    fn behind(&self, start: u64, len: u64) -> Result<u64, TarError> {
        let (offset, whole) = (self.at, self.file.len());
        let end = start.checked_add(len).filter(|end| *end <= whole);
        end.ok_or(TarError::Truncated { offset, len: whole })
    }

    /// Skips content of `size` bytes, and gives its offset. The padding of the last entry may be
    /// missing.
    fn skip(&mut self, size: u64) -> Result<u64, TarError> {
        let start = self.at;
        let end = self.behind(start, size)?;
        self.at = end.next_multiple_of(BLOCK).min(self.file.len());
        Ok(start)
    }

    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let len = header.size()?;
        if len > MAX_LONG_NAME {
            let offset = header.offset;
            return Err(TarError::LongName { offset, len });
        }
        let start = self.skip(len)?;
        let mut name = vec![0; usize::try_from(len).expect("the limit is small")];
        let read = self.file.read_at(start, &mut name);
        read.map_err(TarError::Read)?;
        Ok(until_nul(&name).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EntryKind;
    use super::*;
    use crate::epoch::Timestamp;

    fn block(name: &str, kind: u8, size: usize, link: &str) -> Vec<u8> {
        let mut header = vec![0; Header::LEN];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, b"0104755");
        put(108, b"0000001");
        put(116, b"0000052");
        put(124, format!("{size:011o}").as_bytes());
        put(136, b"00000000012");
        put(148, b"        ");
        put(156, &[kind]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000root");
        put(297, b"shadow");
        put(329, b"0000004\x000000100");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    }

    fn padded(text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        bytes.resize(text.len().next_multiple_of(Header::LEN), 0);
        bytes
    }

    fn read(archive: &[u8]) -> Result<Vec<Entry>, TarError> {
        entries(&archive).collect()
    }

    fn entry(name: &[u8], kind: EntryKind, offset: u64, size: u64) -> Entry {
        Entry {
            name: name.to_vec(),
            kind,
            mode: 0o4755,
            uid: 1,
            gid: 42,
            user: b"root".to_vec(),
            group: b"shadow".to_vec(),
            mtime: Timestamp {
                seconds: 10,
                nanoseconds: 0,
            },
            offset,
            size,
        }
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let archive = [
            block("./d/", b'5', 0, ""),
            block("old/", b'0', 0, ""),
            block("f", 0, 3, ""),
            padded(b"abc"),
            block("s", b'2', 0, "f"),
            block("h", b'1', 3, "f"),
            block("c", b'3', 0, ""),
            block("b", b'4', 0, ""),
            block("p", b'6', 0, ""),
            vec![0; 1024],
            b"behind the end".to_vec(),
        ];
        let expected = [
            entry(b"./d", EntryKind::Directory, 512, 0),
            entry(b"old", EntryKind::Directory, 1024, 0),
            entry(b"f", EntryKind::File, 1536, 3),
            entry(b"s", EntryKind::Symlink(b"f".to_vec()), 2560, 0),
            entry(b"h", EntryKind::HardLink(b"f".to_vec()), 3072, 0),
            entry(
                b"c",
                EntryKind::CharDevice {
                    major: 4,
                    minor: 64,
                },
                3584,
                0,
            ),
            entry(
                b"b",
                EntryKind::BlockDevice {
                    major: 4,
                    minor: 64,
                },
                4096,
                0,
            ),
            entry(b"p", EntryKind::Fifo, 4608, 0),
        ];
        assert_eq!(read(&archive.concat()).unwrap(), expected);
    }

    #[test]
    fn long_names_replace_the_header() {
        let long = [b'n'; 300];
        let archive = [
            block("././@LongLink", b'K', 301, ""),
            padded(&long),
            block("././@LongLink", b'L', 301, ""),
            padded(&long),
            block("n", b'2', 0, "n"),
            block("y", b'0', 0, ""),
        ];
        let linked = entry(&long, EntryKind::Symlink(long.to_vec()), 2560, 0);
        let short = entry(b"y", EntryKind::File, 3072, 0);
        assert_eq!(read(&archive.concat()).unwrap(), [linked, short]);
    }

    #[test]
    fn hostile_archives_are_refused() {
        let file = block("f", b'0', 4000, "");
        assert!(matches!(read(&file), Err(TarError::Truncated { .. })));
        assert!(matches!(
            read(&file[..100]),
            Err(TarError::Truncated { .. })
        ));
        let long = block("f", b'L', 0o7777777, "");
        assert!(matches!(
            read(&long),
            Err(TarError::LongName { len: 0o7777777, .. })
        ));
        for unsupported in *b"SxgX" {
            let refused = read(&block("f", unsupported, 0, ""));
            assert!(matches!(refused, Err(TarError::Type { found, .. }) if found == unsupported));
        }
        let mut damaged = block("f", b'0', 0, "");
        damaged[0] = b'g';
        assert!(matches!(
            read(&damaged),
            Err(TarError::Checksum { offset: 0 })
        ));
    }
}
