//! An output that is not raw, while it is written: an xz stream, zstd frames, or a qcow2 disk.

use super::codec::Codec;
use super::format::Format;
use super::qcow2::Qcow2;
use super::xz;
use crate::digest::{Hasher, Sha256};
use std::io::{self, Seek, Write};
use std::sync::Arc;

/// A span in all forms that outputs need.
pub(super) struct Ready {
    /// The bytes of the span, if an output, the digest or the block map of the image needs them.
    pub(super) raw: Option<Arc<Vec<u8>>>,
    /// Whether the bytes of the span were read, for whatever purpose.
    pub(super) is_read: bool,
    /// Its compressed forms.
    pub(super) compressed: Vec<(Codec, Vec<u8>)>,
}

/// The output, with the state of its format.
pub(super) struct Writing<'a> {
    form: Form<'a>,
    file: Appended<'a>,
}

enum Form<'a> {
    Xz(xz::Index),
    Zstd,
    Qcow2(Qcow2<'a>),
}

impl<'a> Writing<'a> {
    /// Begins an output in `file`, for an image of `len` bytes; `None` if `format` is the raw one.
    pub(super) fn begin(
        format: Format,
        file: &'a fs_err::File,
        len: u64,
    ) -> Option<io::Result<Self>> {
        let form = match format {
            Format::Raw => return None,
            Format::Xz => Form::Xz(xz::Index::default()),
            Format::Zstd => Form::Zstd,
            Format::Qcow2 => Form::Qcow2(Qcow2::new(file, len)),
        };
        let file = Appended {
            file,
            len: 0,
            hasher: Hasher::new(),
        };
        let mut writing = Self { form, file };
        let begun = match writing.form {
            Form::Xz(_) => writing.file.put(&xz::header()),
            Form::Zstd | Form::Qcow2(_) => Ok(()),
        };
        Some(begun.map(|()| writing))
    }

    /// The form in which the output takes spans; `None` if it takes their bytes.
    pub(super) fn codec(&self) -> Option<Codec> {
        match self.form {
            Form::Xz(_) => Some(Codec::Xz),
            Form::Zstd => Some(Codec::Zstd),
            Form::Qcow2(_) => None,
        }
    }

    /// Writes the next span.
    pub(super) fn span(&mut self, ready: &Ready) -> io::Result<()> {
        let compressed = |codec| {
            let found = ready.compressed.iter().find(|(its, _)| *its == codec);
            found.map_or(&[][..], |(_, bytes)| bytes)
        };
        match &mut self.form {
            Form::Xz(index) => {
                let stream = compressed(Codec::Xz);
                let block = xz::Block::of(stream);
                let block =
                    block.ok_or_else(|| io::Error::other("liblzma made another form of stream"))?;
                index.add(&block);
                self.file.put(block.bytes)
            }
            Form::Zstd => self.file.put(compressed(Codec::Zstd)),
            Form::Qcow2(disk) => disk.put(ready.raw.as_ref().map_or(&[], |raw| raw.as_slice())),
        }
    }

    /// Writes what stands behind the last span, and gives length and digest of the file.
    pub(super) fn end(mut self) -> io::Result<(u64, Sha256)> {
        match self.form {
            Form::Xz(index) => self.file.put(&index.end())?,
            Form::Zstd => {}
            Form::Qcow2(disk) => {
                disk.end()?;
                // The header was written last, so the file has to be read again.
                let mut file = self.file.file;
                file.rewind()?;
                let (digest, len) = Sha256::of_reader(file)?;
                return Ok((len, digest));
            }
        }
        Ok((self.file.len, self.file.hasher.finish()))
    }
}

/// A file that is written from its beginning to its end, and hashed meanwhile.
struct Appended<'a> {
    file: &'a fs_err::File,
    len: u64,
    hasher: Hasher,
}

impl Appended<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }
}
