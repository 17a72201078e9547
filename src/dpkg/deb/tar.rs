//! Reads the headers of a tar archive in the formats that dpkg knows: ustar and GNU long names.
//!
//! A pax header is refused, as dpkg refuses it ("unsupported PAX tar header type"); deb(5) lists
//! the formats. Only headers are read; an `Archive` says where the content of a file lies. An
//! archive ends at a block of zeros or at the end of the file.

use super::entry::Entry;
use super::error::{MAX_ENTRIES, MAX_LONG_NAME, TarError};
use super::header::{BLOCK, Header, until_nul};
use crate::disk::device::Device;

/// The entries of the archive that `file` holds, in their order. The first mistake ends the
/// iteration.
pub fn entries(file: &dyn Device) -> impl Iterator<Item = Result<Entry, TarError>> {
    Entries::of(Whole { file, at: 0 })
}

/// What the entries of an archive are read from.
pub(super) trait Archive {
    /// Why it cannot be read.
    type Error: From<TarError>;

    /// The offset of the next header.
    fn at(&self) -> u64;

    /// Reads the next block into `block`; `false` if the archive ends here.
    fn block(&mut self, block: &mut [u8; Header::LEN]) -> Result<bool, Self::Error>;

    /// Reads the long name of `len` bytes that follows, and passes over its padding.
    fn long_name(&mut self, len: usize) -> Result<Vec<u8>, Self::Error>;

    /// Passes over the content of a file of `size` bytes, and gives the offset of the content. The
    /// padding of the last file may be missing.
    fn content(&mut self, size: u64) -> Result<u64, Self::Error>;
}

/// An archive in which each content follows its header.
pub(super) struct Whole<'a> {
    pub(super) file: &'a dyn Device,
    pub(super) at: u64,
}

impl Whole<'_> {
    /// The end of `len` bytes, which must be within the archive.
    fn behind(&self, len: u64) -> Result<u64, TarError> {
        let (offset, whole) = (self.at, self.file.len());
        let end = offset.checked_add(len).filter(|end| *end <= whole);
        end.ok_or(TarError::Truncated { offset, len: whole })
    }
}

impl Archive for Whole<'_> {
    type Error = TarError;

    fn at(&self) -> u64 {
        self.at
    }

    fn block(&mut self, block: &mut [u8; Header::LEN]) -> Result<bool, TarError> {
        if self.at == self.file.len() {
            return Ok(false);
        }
        let end = self.behind(BLOCK)?;
        let read = self.file.read_at(self.at, block);
        read.map_err(TarError::Read)?;
        self.at = end;
        Ok(true)
    }

    fn long_name(&mut self, len: usize) -> Result<Vec<u8>, TarError> {
        let start = self.content(len as u64)?;
        let mut name = vec![0; len];
        let read = self.file.read_at(start, &mut name);
        read.map_err(TarError::Read)?;
        Ok(name)
    }

    fn content(&mut self, size: u64) -> Result<u64, TarError> {
        let start = self.at;
        let end = self.behind(size)?;
        self.at = end.next_multiple_of(BLOCK).min(self.file.len());
        Ok(start)
    }
}

/// Iterates over the entries of an archive.
pub(super) struct Entries<A> {
    archive: A,
    n_entries: u64,
    ended: bool,
}

impl<A: Archive> Entries<A> {
    /// The entries of `archive`.
    pub(super) fn of(archive: A) -> Self {
        Self {
            archive,
            n_entries: 0,
            ended: false,
        }
    }

    /// The archive, as far as it was read.
    pub(super) fn into_archive(self) -> A {
        self.archive
    }

    fn entry(&mut self) -> Result<Option<Entry>, A::Error> {
        let (mut long_name, mut long_link) = (None, None);
        while let Some(header) = self.header()? {
            match header.kind() {
                b'L' => long_name = Some(self.long_name(&header)?),
                b'K' => long_link = Some(self.long_name(&header)?),
                _ => {
                    let mut entry = header.entry(long_name, long_link)?;
                    entry.offset = self.archive.content(entry.size)?;
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, A::Error> {
        let offset = self.archive.at();
        let mut bytes = [0; Header::LEN];
        if !self.archive.block(&mut bytes)? {
            return Ok(None);
        }
        let Some(header) = Header::read(bytes, offset)? else {
            return Ok(None);
        };
        self.n_entries += 1;
        if self.n_entries > MAX_ENTRIES {
            return Err(TarError::TooManyEntries.into());
        }
        Ok(Some(header))
    }

    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, A::Error> {
        let len = header.size()?;
        let fitting = usize::try_from(len).ok().filter(|_| len <= MAX_LONG_NAME);
        let offset = header.offset;
        let fitting = fitting.ok_or(TarError::LongName { offset, len })?;
        let name = self.archive.long_name(fitting)?;
        Ok(until_nul(&name).to_vec())
    }
}

impl<A: Archive> Iterator for Entries<A> {
    type Item = Result<Entry, A::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.entry().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
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
