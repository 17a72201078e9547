//! The errors of reading a .deb, or a tar archive in it.

use std::io;

/// The longest long name. It is above PATH_MAX (4096), the longest path that Linux opens.
pub(super) const MAX_LONG_NAME: u64 = 1 << 16;
/// The largest packages of Debian hold about 100,000 files.
pub(super) const MAX_ENTRIES: u64 = 2_000_000;

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
    /// The header of an ar member is malformed.
    #[error("the ar header at byte {offset} of the .deb is damaged")]
    MemberHeader {
        /// Its offset.
        offset: u64,
    },
    /// A member is in the place of another one.
    #[error(
        "the .deb has a member `{found}` out of place, expected debian-binary, control.tar, data.tar"
    )]
    Member {
        /// Its name.
        found: String,
    },
    /// The version of the format is unknown.
    #[error("the .deb has a format that starts with `{found}`, expected 2.0")]
    Format {
        /// The start of debian-binary.
        found: String,
    },
    /// The compression of a member is unknown.
    #[error("the .deb's member `{member}` is compressed as nothing known: expected gz, xz or zst")]
    Compression {
        /// The member.
        member: String,
    },
    /// A member is too large when decompressed.
    #[error("the .deb's {member} is larger than {max} bytes when decompressed")]
    TooLarge {
        /// control.tar or data.tar.
        member: &'static str,
        /// The limit.
        max: u64,
    },
    /// A member cannot be decompressed.
    #[error("cannot decompress the .deb's {member}")]
    Decompress {
        /// control.tar or data.tar.
        member: &'static str,
        /// The error of the decoder.
        #[source]
        source: io::Error,
    },
    /// A member of control.tar is not a file.
    #[error("the .deb's control.tar holds `{name}`, expected plain files only")]
    ControlMember {
        /// Its name.
        name: String,
    },
    /// control.tar is not a tar archive.
    #[error("cannot read the .deb's control.tar")]
    ControlTar(#[source] TarError),
    /// data.tar is not a tar archive.
    #[error("cannot read the .deb's data.tar")]
    DataTar(#[from] TarError),
    /// The unpacked files cannot be stored.
    #[error("cannot store the files of the .deb")]
    Store(#[source] io::Error),
}

/// Why a tar archive cannot be read, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The archive cannot be read.
    #[error("cannot read the tar archive")]
    Read(#[source] io::Error),
    /// The archive ends within an entry.
    #[error("the tar archive ends at byte {len}, within the entry at byte {offset}")]
    Truncated {
        /// The offset of the entry.
        offset: u64,
        /// Length of the archive.
        len: u64,
    },
    /// The checksum of a header is wrong.
    #[error("the tar header at byte {offset} has a wrong checksum: the archive is damaged")]
    Checksum {
        /// The offset of the header.
        offset: u64,
    },
    /// A field of a header is not a number, or is out of range.
    #[error("the field `{field}` of the tar header at byte {offset} is no number in range")]
    Number {
        /// The field.
        field: &'static str,
        /// The offset of the header.
        offset: u64,
    },
    /// The type of an entry is not supported.
    #[error("tar member `{}` has type `{}`, which is not supported", .name.escape_ascii(), .found.escape_ascii())]
    Type {
        /// The entry.
        name: Vec<u8>,
        /// The byte in the header.
        found: u8,
    },
    /// A name is longer than any path can be.
    #[error(
        "the tar entry at byte {offset} has a name of {len} bytes, expected up to {MAX_LONG_NAME}"
    )]
    LongName {
        /// The offset of the entry.
        offset: u64,
        /// Length of the name.
        len: u64,
    },
    /// There are more entries than in any package.
    #[error("the tar archive has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
}
