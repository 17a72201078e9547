//! The files of a package as one object of the store.
//!
//! ```text
//! contents, each with zeros up to a multiple of 4096 bytes │ headers of data.tar │ length of the contents (8 bytes)
//! ```
//!
//! data.tar is split while it is decompressed. The contents lie in the order of the archive, which
//! is that of the paths if dpkg-deb made it, without the headers that tar has between them. So a
//! filesystem that has the files in this order has a whole package as one slice of the object.

use super::entry::Entry;
use super::error::{DebError, TarError};
use super::header::{BLOCK, Header};
use super::tar::{Archive, Entries, Whole};
use crate::digest::Sha256;
use crate::disk::device::{Device, Part};
use crate::store::{ObjectWriter, Store};
use crate::tree::ALIGNMENT;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};

/// The greatest length of a decompressed data.tar; Debian's largest are game data of about 4 GiB.
const MAX_DATA: u64 = 16 << 30;
const BUFFER: usize = 128 << 10;
const MEMBER: &str = "data.tar";
/// Bytes of the length at the end.
const LENGTH: usize = 8;

/// Stores the files of the archive that `data` gives, and gives the digest of the object.
pub(super) fn store(data: impl Read, store: &Store) -> Result<Sha256, DebError> {
    let object = store.writer().map_err(DebError::Store)?;
    let mut entries = Entries::of(Splitter {
        archive: Input {
            reader: BufReader::with_capacity(BUFFER, data),
            at: 0,
        },
        headers: BufWriter::new(nameless(store).map_err(DebError::Store)?),
        object: BufWriter::with_capacity(BUFFER, object),
        len: 0,
    });
    entries.by_ref().try_for_each(|entry| entry.map(drop))?;
    entries.into_archive().finish()
}

/// The entries of the package that `object` holds. Their offsets are those of their contents in the
/// object.
///
/// # Errors
///
/// The object cannot be read, or is not one of a package.
pub fn entries(object: &dyn Device) -> Result<Vec<Entry>, TarError> {
    let whole = object.len();
    let truncated = || TarError::Truncated {
        offset: 0,
        len: whole,
    };
    let behind = whole.checked_sub(LENGTH as u64).ok_or_else(truncated)?;
    let mut len = [0; LENGTH];
    object.read_at(behind, &mut len).map_err(TarError::Read)?;
    let end = u64::from_le_bytes(len);
    let n_headers = behind.checked_sub(end).ok_or_else(truncated)?;
    let headers = Part::new(object, end, n_headers).ok_or_else(truncated)?;
    let apart = Apart {
        headers: Whole {
            file: &headers,
            at: 0,
        },
        next: 0,
        end,
    };
    Entries::of(apart).collect()
}

/// A new file that nobody else can open and that leaves nothing behind.
fn nameless(store: &Store) -> io::Result<fs_err::File> {
    let path = store.scratch_path();
    let mut options = fs_err::OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs_err::remove_file(&path)?;
    Ok(file)
}

/// The headers of an archive, whose contents lie elsewhere.
struct Apart<'a> {
    headers: Whole<'a>,
    /// The offset of the next content.
    next: u64,
    /// The end of all contents.
    end: u64,
}

impl Archive for Apart<'_> {
    type Error = TarError;

    fn at(&self) -> u64 {
        self.headers.at()
    }

    fn block(&mut self, block: &mut [u8; Header::LEN]) -> Result<bool, TarError> {
        self.headers.block(block)
    }

    fn long_name(&mut self, len: usize) -> Result<Vec<u8>, TarError> {
        self.headers.long_name(len)
    }

    fn content(&mut self, size: u64) -> Result<u64, TarError> {
        let start = self.next;
        let padded = size.checked_next_multiple_of(ALIGNMENT);
        let end = padded.and_then(|padded| start.checked_add(padded));
        let end = end.filter(|end| *end <= self.end);
        self.next = end.ok_or(TarError::Truncated {
            offset: self.at(),
            len: self.end,
        })?;
        Ok(start)
    }
}

/// An archive whose headers and contents go to different files while it is read.
struct Splitter<'a, R> {
    archive: Input<R>,
    headers: BufWriter<fs_err::File>,
    object: BufWriter<ObjectWriter<'a>>,
    /// The length of the contents so far.
    len: u64,
}

impl<R: Read> Splitter<'_, R> {
    /// Completes the object, and gives its digest.
    fn finish(mut self) -> Result<Sha256, DebError> {
        // A decoder checks the whole when it reaches the end, which lies behind that of the archive.
        self.archive.copy(u64::MAX, &mut io::sink())?;
        let finish = || -> io::Result<Sha256> {
            let headers = self.headers.into_inner();
            let mut headers = headers.map_err(io::IntoInnerError::into_error)?;
            headers.rewind()?;
            io::copy(&mut headers, &mut self.object)?;
            self.object.write_all(&self.len.to_le_bytes())?;
            let object = self.object.into_inner();
            object.map_err(io::IntoInnerError::into_error)?.commit()
        };
        finish().map_err(DebError::Store)
    }
}

impl<R: Read> Archive for Splitter<'_, R> {
    type Error = DebError;

    fn at(&self) -> u64 {
        self.archive.at
    }

    fn block(&mut self, block: &mut [u8; Header::LEN]) -> Result<bool, DebError> {
        let offset = self.archive.at;
        match self.archive.copy(BLOCK, &mut block.as_mut_slice())? {
            0 => return Ok(false),
            BLOCK => {}
            _ => return Err(self.archive.truncated(offset)),
        }
        self.headers.write_all(block).map_err(DebError::Store)?;
        Ok(true)
    }

    fn long_name(&mut self, len: usize) -> Result<Vec<u8>, DebError> {
        let mut name = Vec::with_capacity(len);
        self.archive.copy_all(len as u64, &mut name)?;
        let padded = len.next_multiple_of(Header::LEN);
        let header = [name.as_slice(), &[0; Header::LEN][..padded - len]].concat();
        self.headers.write_all(&header).map_err(DebError::Store)?;
        Ok(name)
    }

    fn content(&mut self, size: u64) -> Result<u64, DebError> {
        let start = self.len;
        self.archive.copy_all(size, &mut self.object)?;
        let padded = size.next_multiple_of(ALIGNMENT);
        let mut zeros = io::repeat(0).take(padded - size);
        io::copy(&mut zeros, &mut self.object).map_err(DebError::Store)?;
        self.len += padded;
        Ok(start)
    }
}

/// A decompressed archive.
struct Input<R> {
    reader: BufReader<R>,
    /// How much of it was read.
    at: u64,
}

impl<R: Read> Input<R> {
    /// Copies the next `len` bytes to `to`, or what is left if that is less, and gives their number.
    fn copy(&mut self, len: u64, to: &mut impl Write) -> Result<u64, DebError> {
        let mut left = len;
        while left > 0 {
            let bytes = match self.reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let member = MEMBER;
                    return Err(DebError::Decompress { member, source });
                }
            };
            let n = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            to.write_all(&bytes[..n]).map_err(DebError::Store)?;
            self.reader.consume(n);
            self.at += n as u64;
            left -= n as u64;
            if self.at > MAX_DATA {
                let (member, max) = (MEMBER, MAX_DATA);
                return Err(DebError::TooLarge { member, max });
            }
        }
        Ok(len - left)
    }

    /// Copies the next `len` bytes, which must be there, to `to`, and passes over their padding,
    /// which may be missing at the end of the archive.
    fn copy_all(&mut self, len: u64, to: &mut impl Write) -> Result<(), DebError> {
        let offset = self.at;
        if self.copy(len, to)? < len {
            return Err(self.truncated(offset));
        }
        let padding = len.next_multiple_of(BLOCK) - len;
        self.copy(padding, &mut io::sink()).map(drop)
    }

    /// The error of an archive that ends within what begins at `offset`.
    fn truncated(&self, offset: u64) -> DebError {
        let len = self.at;
        TarError::Truncated { offset, len }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpkg::deb::EntryKind;
    use crate::dpkg::deb::tar;
    use crate::tree::Objects;
    use ::tar::{Builder, EntryType, Header as Made};
    use proptest::prelude::*;

    /// An archive of another program with these files, a long name and a symlink.
    fn archive(contents: &[Vec<u8>]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        let mut add = |name: &str, kind: EntryType, bytes: &[u8]| {
            let mut header = Made::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append_data(&mut header, name, bytes).unwrap();
        };
        add("d", EntryType::Directory, b"");
        for (number, bytes) in contents.iter().enumerate() {
            let name = format!("d/{number}{}", "n".repeat(number * 40));
            add(&name, EntryType::Regular, bytes);
        }
        let mut header = Made::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, "l", "d/0").unwrap();
        archive.into_inner().unwrap()
    }

    fn stored(archive: &[u8], store: &Store) -> Vec<u8> {
        let digest = super::store(archive, store).unwrap();
        let mut bytes = Vec::new();
        store
            .open(&digest)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    fn empty_store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// The object has the entries of the archive, each content on a block of its own that is
        /// filled with zeros, one behind the other.
        #[test]
        fn nothing_of_an_archive_is_lost(
            contents in prop::collection::vec(prop::collection::vec(1_u8.., 0..9000), 0..8)
        ) {
            let (_folder, store) = empty_store();
            let archive = archive(&contents);
            let object = stored(&archive, &store);
            let found = entries(&object.as_slice()).unwrap();
            let archive = archive.as_slice();
            let plain: Result<Vec<Entry>, _> = tar::entries(&archive).collect();
            let plain = plain.unwrap();
            prop_assert_eq!(found.len(), plain.len());
            let mut next = 0;
            for (entry, plain) in found.iter().zip(plain) {
                let same = Entry { offset: entry.offset, ..plain.clone() };
                prop_assert_eq!(entry, &same);
                if entry.kind != EntryKind::File {
                    continue;
                }
                prop_assert_eq!(entry.offset, next);
                next += entry.size.next_multiple_of(4096);
                let at = |from: u64, to: u64, bytes: &[u8]| bytes[from as usize..to as usize].to_vec();
                let content = at(plain.offset, plain.offset + plain.size, archive);
                prop_assert_eq!(at(entry.offset, entry.offset + entry.size, &object), content);
                let padding = at(entry.offset + entry.size, next, &object);
                prop_assert!(padding.iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn an_archive_without_its_last_padding_is_taken_and_a_shorter_one_is_not() {
        let (_folder, store) = empty_store();
        let mut archive = archive(&[vec![7; 5000]]);
        // The symlink, and two blocks that mark the end.
        archive.truncate(archive.len() - 3 * 512);
        let whole = stored(&archive, &store);
        let padding = 5000_usize.next_multiple_of(512) - 5000;
        archive.truncate(archive.len() - padding);
        assert_eq!(stored(&archive, &store), whole);
        for len in [archive.len() - 1, 512 + 100] {
            let error = super::store(&archive[..len], &store).unwrap_err();
            let found = len as u64;
            assert!(
                matches!(error, DebError::DataTar(TarError::Truncated { len, .. }) if len == found),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_reader_that_fails_leaves_nothing_in_the_store() {
        let (folder, store) = empty_store();
        let archive = archive(&[vec![7; 5000]]);
        let broken = io::Cursor::new(&archive[..3000]).chain(Broken);
        let error = super::store(broken, &store).unwrap_err();
        assert!(matches!(error, DebError::Decompress { member: MEMBER, .. }));
        for part in ["objects", "inodes"] {
            let left = crate::listing::sorted(&folder.path().join(part)).unwrap();
            assert!(left.is_empty(), "{left:?}");
        }
        // The file of the store's open processes is there, and nothing of the archive.
        let scratch = crate::listing::sorted(store.scratch()).unwrap();
        assert_eq!(scratch, ["uses"]);
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }

    #[test]
    fn an_object_that_is_no_package_is_refused() {
        for object in [&b""[..], b"1234567", &[0xff; 8], &[9, 0, 0, 0, 0, 0, 0, 0]] {
            let refused = entries(&object);
            assert!(matches!(refused, Err(TarError::Truncated { .. })));
        }
    }
}
