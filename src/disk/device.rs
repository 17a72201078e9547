//! Devices that can be read at any offset: an image file, an object of the store, a part of either.

use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any offset, such as those of a disk.
pub trait Device: Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// The bytes cannot be read. The kind is `UnexpectedEof` if they end behind the device.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Whether there is nothing on it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Device for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file whose length does not change.
#[derive(Debug)]
pub struct FileDevice {
    file: fs_err::File,
    len: u64,
}

impl FileDevice {
    /// The whole of `file`.
    ///
    /// # Errors
    ///
    /// The file has no metadata.
    pub fn new(file: fs_err::File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

impl Device for FileDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.file().read_exact_at(into, offset)
    }
}

/// A part of a device, such as a partition.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    whole: &'a dyn Device,
    start: u64,
    len: u64,
}

impl<'a> Part<'a> {
    /// `len` bytes of `whole` from `start` on, or `None` if they end behind `whole`.
    pub fn new(whole: &'a dyn Device, start: u64, len: u64) -> Option<Self> {
        let end = start.checked_add(len)?;
        (end <= whole.len()).then_some(Self { whole, start, len })
    }
}

impl Device for Part<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.whole.read_at(self.start + offset, into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_ends() {
        let disk = b"0123456789".as_slice();
        let whole: &dyn Device = &disk;
        let part = Part::new(whole, 2, 4).unwrap();
        let mut two = [0; 2];
        part.read_at(2, &mut two).unwrap();
        assert_eq!(&two, b"45");
        for offset in [3, u64::MAX] {
            let error = part.read_at(offset, &mut two).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(Part::new(whole, 2, 9).is_none());
        assert!(Part::new(whole, 2, u64::MAX).is_none());
    }
}
