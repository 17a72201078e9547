//! POSIX access control lists from the disk. `crate::fs::ext4::acl` draws both forms.

use super::bytes::le16;
use crate::fs::ext4::acl;

const HEADER: usize = 4;
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
/// What the kernel gives for the id of an entry that names nobody.
const NOBODY: [u8; 4] = [0xff; 4];

/// The value that the kernel's xattr calls give for `disk`; nothing if it is no list that the
/// kernel would have written.
pub(super) fn from_disk(disk: &[u8]) -> Option<Vec<u8>> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    let mut rest = disk.get(HEADER..)?;
    while !rest.is_empty() {
        let names_someone = matches!(le16(rest.get(..4)?, 0), USER | GROUP);
        let (entry, tail) = rest.split_at_checked(if names_someone { 8 } else { 4 })?;
        value.extend_from_slice(entry);
        if !names_someone {
            value.extend_from_slice(&NOBODY);
        }
        rest = tail;
    }
    (acl::to_disk(&value)? == disk).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] =
        b"\x01\0\0\0\x01\0\x06\0\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\x10\0\x04\0\x20\0\0\0";

    #[test]
    fn a_list_becomes_what_the_kernel_shows() {
        let value = from_disk(LIST).unwrap();
        let entry = |index: usize| &value[4 + 8 * index..][..8];
        assert_eq!(value[..4], [2, 0, 0, 0]);
        assert_eq!(entry(0), b"\x01\0\x06\0\xff\xff\xff\xff");
        assert_eq!(entry(1), b"\x02\0\x04\0\xe8\x03\0\0");
        assert_eq!(entry(4), b"\x20\0\0\0\xff\xff\xff\xff");
        assert_eq!(value.len(), 4 + 5 * 8);
    }

    #[test]
    fn what_the_kernel_would_not_write_is_refused() {
        for len in 0..LIST.len() {
            assert_eq!(from_disk(&LIST[..len]), None, "{len}");
        }
        for (at, byte) in [(0, 2), (4, 2), (6, 8), (28, 0x40)] {
            let mut list = LIST.to_vec();
            list[at.min(LIST.len() - 4)] = byte;
            assert_eq!(from_disk(&list), None, "{at}");
        }
    }
}
