//! Writes the regions of an image to a file. Small regions are gathered in a buffer, large ones are
//! copied by the kernel, and zeros are left out.

use super::error::Fault;
use super::hash::Span;
use crate::digest::Sha256;
use crate::disk::image::{Image, Region, Source};
use crate::tree::Objects;
use crate::units::Bytes;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The number of bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;
/// The shortest slice that the kernel copies. It shares the blocks instead if the filesystem can.
const COPY_BY_KERNEL: u64 = 256 << 10;
/// The most bytes that one call lets the kernel copy, so that progress is seen.
const KERNEL_CHUNK: u64 = 16 << 20;
/// The shortest run of zeros that becomes a hole; a shorter one is cheaper to write.
const MIN_HOLE: u64 = 32 << 10;
/// The most objects that stay open. An ordinary process may have 1,024 open files.
const MAX_OPEN: usize = 256;

/// Whether the region is left out of the file.
pub(super) fn is_hole(region: &Region) -> bool {
    region.source.is_zeros_in_a_file() && region.len >= MIN_HOLE
}

/// A file that is filled from its start to its end.
pub(super) struct Writer<'a> {
    file: &'a fs_err::File,
    objects: &'a dyn Objects,
    /// Called with every span that is finished.
    done: &'a mut dyn FnMut(Span),
    open: BTreeMap<Sha256, Arc<fs_err::File>>,
    /// Gathered bytes: the first `filled` ones belong at the offset `written` of the file.
    buffer: Vec<u8>,
    filled: usize,
    /// The offset up to which the file is written.
    written: u64,
    /// Whether the kernel copies between these filesystems: false once it has refused.
    kernel_copies: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        file: &'a fs_err::File,
        objects: &'a dyn Objects,
        done: &'a mut dyn FnMut(Span),
    ) -> Self {
        Self {
            file,
            objects,
            done,
            open: BTreeMap::new(),
            buffer: vec![0; BUFFER],
            filled: 0,
            written: 0,
            kernel_copies: true,
        }
    }

    /// Writes the whole of `image`. The file must have its length already.
    pub(super) fn image(mut self, image: &Image) -> Result<(), Fault> {
        for region in image.regions() {
            match &region.source {
                // The file is new, so what is free reads as zeros like what must be zero.
                Source::Zeros | Source::Free if is_hole(region) => self.hole(region.len)?,
                Source::Zeros | Source::Free => self.zeros(region.len)?,
                Source::Bytes(bytes) => self.bytes(bytes)?,
                Source::Object { object, offset } => self.object(object, *offset, region.len)?,
            }
        }
        self.flush()
    }

    fn hole(&mut self, len: u64) -> Result<(), Fault> {
        self.flush()?;
        self.finished(len, true);
        Ok(())
    }

    fn zeros(&mut self, len: u64) -> Result<(), Fault> {
        let len = usize::try_from(len).expect("shorter than a hole");
        self.room(len)?.fill(0);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() < BUFFER {
            self.room(bytes.len())?.copy_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        bytes.chunks(BUFFER).try_for_each(|chunk| self.put(chunk))
    }

    fn object(&mut self, object: &Sha256, offset: u64, len: u64) -> Result<(), Fault> {
        let mut at = offset;
        let end = offset.saturating_add(len);
        if len >= COPY_BY_KERNEL && self.kernel_copies {
            self.flush()?;
            at = self.copy(object, offset, end)?;
        }
        while at < end {
            let n = usize::try_from(end - at).map_or(BUFFER, |left| left.min(BUFFER));
            self.read(object, at, n)?;
            at += n as u64;
        }
        Ok(())
    }

    /// Lets the kernel copy up to `end`, and gives the offset that it reached before it refused.
    fn copy(&mut self, object: &Sha256, offset: u64, end: u64) -> Result<u64, Fault> {
        let mut at = offset;
        while at < end {
            let chunk = usize::try_from((end - at).min(KERNEL_CHUNK)).expect("16 MiB");
            let (mut from, mut to) = (at, self.written);
            let source = self.opened(object)?;
            let copied = rustix::fs::copy_file_range(
                &*source,
                Some(&mut from),
                self.file,
                Some(&mut to),
                chunk,
            );
            match copied {
                Ok(0) => return Err(Fault::ShortObject(*object, Bytes(end))),
                Ok(n) => {
                    at += n as u64;
                    self.finished(n as u64, false);
                }
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
                    self.kernel_copies = false;
                    return Ok(at);
                }
                Err(error) => return Err(Fault::Output(error.into())),
            }
        }
        Ok(at)
    }

    /// Reads `n` bytes of `object`, at most a buffer's length, into the buffer.
    fn read(&mut self, object: &Sha256, offset: u64, n: usize) -> Result<(), Fault> {
        let source = self.opened(object)?;
        let read = source.file().read_exact_at(self.room(n)?, offset);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Fault::ShortObject(*object, Bytes(offset.saturating_add(n as u64)))
            }
            _ => Fault::Object(*object, error),
        })
    }

    /// The next `n` bytes of the buffer, which the caller fills.
    fn room(&mut self, n: usize) -> Result<&mut [u8], Fault> {
        if n > BUFFER - self.filled {
            self.flush()?;
        }
        let start = self.filled;
        self.filled += n;
        Ok(&mut self.buffer[start..start + n])
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.put(&buffer[..self.filled]);
        self.buffer = buffer;
        self.filled = 0;
        written
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file
            .file()
            .write_all_at(bytes, self.written)
            .map_err(Fault::Output)?;
        self.finished(bytes.len() as u64, false);
        Ok(())
    }

    fn finished(&mut self, len: u64, is_hole: bool) {
        if len > 0 {
            let start = self.written;
            self.written += len;
            (self.done)(Span {
                start,
                len,
                is_hole,
            });
        }
    }

    /// Opens the object, or gives the file that is open already. A bounded number of objects stays
    /// open.
    fn opened(&mut self, object: &Sha256) -> Result<Arc<fs_err::File>, Fault> {
        if let Some(file) = self.open.get(object) {
            return Ok(file.clone());
        }
        if self.open.len() >= MAX_OPEN {
            self.open.clear();
        }
        let opened = self.objects.open(object);
        let file = Arc::new(opened.map_err(|error| Fault::Object(*object, error))?);
        self.open.insert(*object, file.clone());
        Ok(file)
    }
}
