//! A .deb file: its control members in memory, its files as a tar archive in the store.
//!
//! Packages are unpacked once: the decompressed `data.tar` is an object of the store, found again
//! by the digest of the .deb, and a file of the tree is a slice of that object.

mod ar;
mod compression;
mod control;
mod data;
mod entry;
mod header;
pub mod tar;

pub use control::{ControlFiles, ControlMember};
pub use data::{OpenDeb, control_of, open_all};
pub use entry::{Entry, EntryKind};
pub use tar::TarError;

use std::io;
use std::os::unix::fs::FileExt;

/// Bytes at any offset.
pub trait ReadAt {
    /// Fills `buffer` from `offset`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for fs_err::File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file().read_exact_at(buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(buffer.len()));
        let slice = start.zip(end).and_then(|(start, end)| self.get(start..end));
        buffer.copy_from_slice(slice.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Why a .deb cannot be read. Its digest was verified, so it is as the archive published it.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// The file cannot be read.
    #[error("cannot read the .deb")]
    Read(#[source] io::Error),
    /// It does not start as a .deb does.
    #[error("this is no .deb: it does not start with `!<arch>`")]
    NotADeb,
    /// It ends too early.
    #[error("the .deb ends at {len} bytes, before its control.tar and data.tar are complete")]
    Truncated {
        /// Its length.
        len: u64,
    },
    /// A header of an ar member cannot be understood.
    #[error("the ar header at byte {offset} of the .deb is damaged")]
    MemberHeader {
        /// Where it is.
        offset: u64,
    },
    /// A member where another one must be.
    #[error(
        "the .deb has a member `{found}` out of place, expected debian-binary, control.tar, data.tar"
    )]
    Member {
        /// Its name.
        found: String,
    },
    /// A format of another time.
    #[error("the .deb has a format that starts with `{found}`, expected 2.0")]
    Format {
        /// The start of debian-binary.
        found: String,
    },
    /// A compression that cannot be undone here.
    #[error("the .deb's member `{member}` is compressed as nothing known: expected gz, xz or zst")]
    Compression {
        /// The member.
        member: String,
    },
    /// A member that decodes to more than allowed.
    #[error("the .deb's {member} is larger than {max} bytes when decompressed")]
    TooLarge {
        /// control.tar or data.tar.
        member: &'static str,
        /// The limit.
        max: u64,
    },
    /// A member that cannot be decompressed.
    #[error("cannot decompress the .deb's {member}")]
    Decompress {
        /// control.tar or data.tar.
        member: &'static str,
        /// What the decoder says.
        #[source]
        source: io::Error,
    },
    /// A member of control.tar that is no file.
    #[error("the .deb's control.tar holds `{name}`, expected plain files only")]
    ControlMember {
        /// Its name.
        name: String,
    },
    /// control.tar is no tar archive.
    #[error("cannot read the .deb's control.tar")]
    ControlTar(#[source] TarError),
    /// The store cannot take what was unpacked.
    #[error("cannot store the files of the .deb")]
    Store(#[source] io::Error),
}
