//! The outer shell of a .deb: an `ar` archive with three members that matter (deb(5)).
//!
//! ```text
//! "!<arch>\n"
//! debian-binary   "2.0\n"
//! control.tar.*   the control members
//! data.tar.*      the files
//! ```
//!
//! A member's header is 60 bytes of ASCII: name 16, mtime 12, uid 6, gid 6, mode 8, size 10 and the
//! two bytes `` `\n ``; content is padded to an even length. Members whose names start with `_`
//! may come before the last two. They are skipped, as dpkg does.

use super::DebError;
use super::compression::Compression;
use crate::disk::device::Device;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: u64 = 60;
/// dpkg writes 3 members and accepts a few more; no real .deb has this many.
const MAX_MEMBERS: usize = 16;

/// One compressed tar within the .deb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// First byte of the content.
    pub(super) offset: u64,
    /// Length of the content as it is stored.
    pub(super) len: u64,
    /// How the content is compressed.
    pub(super) compression: Compression,
}

/// The places of control.tar and data.tar in the .deb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shell {
    pub(super) control: Member,
    pub(super) data: Member,
}

/// Finds the two archives in `file`.
pub(super) fn shell(file: &dyn Device) -> Result<Shell, DebError> {
    let len = file.len();
    let mut magic = [0; MAGIC.len()];
    if len < 8 || file.read_at(0, &mut magic).is_err() || magic != *MAGIC {
        return Err(DebError::NotADeb);
    }
    let mut at = 8;
    let mut control = None;
    for n_member in 0..MAX_MEMBERS {
        let (name, size) = header(file, at, len)?;
        let offset = at + HEADER;
        if n_member == 0 {
            version(file, &name, offset, size)?;
        } else if name.starts_with('_') {
        } else if let Some(extension) = name.strip_prefix("control.tar") {
            if control.is_some() {
                return Err(DebError::Member { found: name });
            }
            control = Some(member(offset, size, extension, &name)?);
        } else {
            let (Some(control), Some(extension)) = (control, name.strip_prefix("data.tar")) else {
                return Err(DebError::Member { found: name });
            };
            let data = member(offset, size, extension, &name)?;
            return Ok(Shell { control, data });
        }
        at = offset + size + size % 2;
    }
    Err(DebError::Truncated { len })
}

/// Name and size of the member whose header is at `at`; the content ends within `len`.
fn header(file: &dyn Device, at: u64, len: u64) -> Result<(String, u64), DebError> {
    let mut header = [0; HEADER as usize];
    let behind = at.checked_add(HEADER).filter(|end| *end <= len);
    let start = behind.ok_or(DebError::Truncated { len })?;
    file.read_at(at, &mut header).map_err(DebError::Read)?;
    let damaged = DebError::MemberHeader { offset: at };
    let text = std::str::from_utf8(&header).map_err(|_| DebError::MemberHeader { offset: at })?;
    if !text.is_ascii() || !text.ends_with("`\n") {
        return Err(damaged);
    }
    let name = text[..16].trim_end_matches([' ', '/']).to_owned();
    let size: u64 = text[48..58].trim_end().parse().map_err(|_| damaged)?;
    match start.checked_add(size) {
        Some(end) if end <= len => Ok((name, size)),
        _ => Err(DebError::Truncated { len }),
    }
}

/// Checks the member that names the format: `2.` and a minor version that does not matter.
fn version(file: &dyn Device, name: &str, offset: u64, size: u64) -> Result<(), DebError> {
    if name != "debian-binary" {
        return Err(DebError::Member {
            found: name.to_owned(),
        });
    }
    let mut text = [0; 2];
    if size < 4 || file.read_at(offset, &mut text).is_err() || text != *b"2." {
        return Err(DebError::Format {
            found: String::from_utf8_lossy(&text).into_owned(),
        });
    }
    Ok(())
}

fn member(offset: u64, len: u64, extension: &str, name: &str) -> Result<Member, DebError> {
    let compression =
        Compression::of_extension(extension).ok_or_else(|| DebError::Compression {
            member: name.to_owned(),
        })?;
    Ok(Member {
        offset,
        len,
        compression,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ar(members: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, content) in members {
            let size = content.len();
            bytes
                .extend(format!("{name:<16}0           0     0     100644  {size:<10}`\n").bytes());
            bytes.extend(content.bytes());
            bytes.extend(std::iter::repeat_n(b'\n', size % 2));
        }
        bytes
    }

    fn read(members: &[(&str, &str)]) -> Result<Shell, DebError> {
        shell(&ar(members).as_slice())
    }

    #[test]
    fn both_archives_are_found_behind_odd_members() {
        let found = read(&[
            ("debian-binary", "2.0\n"),
            ("_gpgorigin", "odd"),
            ("control.tar.gz/", "c"),
            ("data.tar", "dd"),
        ]);
        let control = Member {
            offset: 8 + 64 + 64 + 60,
            len: 1,
            compression: Compression::Gzip,
        };
        let data = Member {
            offset: 8 + 64 + 64 + 62 + 60,
            len: 2,
            compression: Compression::None,
        };
        assert_eq!(found.unwrap(), Shell { control, data });
    }

    #[test]
    fn what_is_no_deb_is_refused() {
        let version = ("debian-binary", "2.0\n");
        let control = ("control.tar.xz", "");
        let refused = |members: &[(&str, &str)]| read(members).unwrap_err().to_string();
        let data = refused(&[version, ("data.tar.xz", "")]);
        assert!(data.contains("`data.tar.xz`"), "{data}");
        assert!(refused(&[("debian-binary", "3.0\n")]).contains("`3.`"));
        assert!(refused(&[version, ("control.tar.rar", "")]).contains("`control.tar.rar`"));
        assert!(refused(&[version, control, control]).contains("`control.tar.xz`"));
        assert!(
            refused(&[version, control]).contains("132 bytes"),
            "{}",
            refused(&[version, control])
        );
        assert!(matches!(shell(&&b"!<arch>"[..]), Err(DebError::NotADeb)));
    }

    #[test]
    fn a_member_that_claims_to_pass_the_end_is_refused() {
        let mut bytes = ar(&[("debian-binary", "2.0\n"), ("control.tar", "x")]);
        bytes[8 + 64 + 48..8 + 64 + 58].copy_from_slice(b"9999999999");
        let refused = shell(&bytes.as_slice());
        assert!(matches!(refused, Err(DebError::Truncated { .. })));
    }
}
