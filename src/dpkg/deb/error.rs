//! Why a .deb, or a tar archive in it, cannot be read.

use std::io;

/// A path longer than this cannot be opened on Linux (PATH_MAX is 4096), so none is stored.
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

/// Bytes that are no tar archive, or one with more than packages may have.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The archive cannot be read.
    #[error("cannot read the tar archive")]
    Read(#[source] io::Error),
    /// The archive ends within an entry.
    #[error("the tar archive ends at byte {len}, within the entry at byte {offset}")]
    Truncated {
        /// Where the entry starts.
        offset: u64,
        /// Length of the archive.
        len: u64,
    },
    /// A header whose checksum does not fit.
    #[error("the tar header at byte {offset} has a wrong checksum: the archive is damaged")]
    Checksum {
        /// Where the header starts.
        offset: u64,
    },
    /// A field of a header that should hold a number and does not.
    #[error("the field `{field}` of the tar header at byte {offset} is no number in range")]
    Number {
        /// Which field.
        field: &'static str,
        /// Where the header starts.
        offset: u64,
    },
    /// A type of entry that no package may have.
    #[error("tar member `{}` has type `{}`, which is not supported", .name.escape_ascii(), .found.escape_ascii())]
    Type {
        /// The entry.
        name: Vec<u8>,
        /// The byte in the header.
        found: u8,
    },
    /// Longer than any path can be.
    #[error(
        "the tar entry at byte {offset} has a name of {len} bytes, expected up to {MAX_LONG_NAME}"
    )]
    LongName {
        /// Where the entry starts.
        offset: u64,
        /// Length of the name.
        len: u64,
    },
    /// More entries than any package has.
    #[error("the tar archive has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
}
