//! POSIX access control lists, which have one form in the kernel's interface and another on disk.
//!
//! ```text
//! xattr value   version 2, then (tag u16, permissions u16, id u32) for every entry
//! on disk       version 1, then the same, but an id only where the tag names a user or group
//! ```

use super::field::Le16;

const XATTR_VERSION: u32 = 2;
const DISK_VERSION: u32 = 1;

/// The id that the kernel gives for an entry without one.
const NOBODY: [u8; 4] = [0xff; 4];

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// Returns the on-disk form of the xattr value `value`, or `None` if the kernel would not take that
/// list: it has owner, users, owning group, groups, mask (if it has users or groups) and others.
pub(crate) fn to_disk(value: &[u8]) -> Option<Vec<u8>> {
    let (version, entries) = value.split_at_checked(4)?;
    if version != XATTR_VERSION.to_le_bytes() || !entries.len().is_multiple_of(8) {
        return None;
    }
    let mut disk = DISK_VERSION.to_le_bytes().to_vec();
    let mut tags = Vec::new();
    for entry in entries.chunks_exact(8) {
        let (tag, permissions) = (Le16(0).get(entry), Le16(2).get(entry));
        if permissions > 7 {
            return None;
        }
        let named = matches!(tag, USER | GROUP);
        disk.extend_from_slice(&entry[..if named { 8 } else { 4 }]);
        tags.push(tag);
    }
    is_complete(&tags).then_some(disk)
}

fn is_complete(tags: &[u16]) -> bool {
    let ordered = tags
        .windows(2)
        .all(|pair| pair[0] < pair[1] || (pair[0] == pair[1] && matches!(pair[0], USER | GROUP)));
    let known = [USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER];
    let required = [USER_OBJ, GROUP_OBJ, OTHER];
    let names_someone = tags.contains(&USER) || tags.contains(&GROUP);
    ordered
        && tags.iter().all(|tag| known.contains(tag))
        && required.iter().all(|tag| tags.contains(tag))
        && (!names_someone || tags.contains(&MASK))
}

/// Returns the value that the kernel's xattr calls give for `disk`, or `None` if the kernel would
/// not have written that list.
pub(crate) fn from_disk(disk: &[u8]) -> Option<Vec<u8>> {
    let mut value = XATTR_VERSION.to_le_bytes().to_vec();
    let mut rest = disk.get(4..)?;
    while !rest.is_empty() {
        let names_someone = matches!(Le16(0).get(rest.get(..4)?), USER | GROUP);
        let (entry, tail) = rest.split_at_checked(if names_someone { 8 } else { 4 })?;
        value.extend_from_slice(entry);
        if !names_someone {
            value.extend_from_slice(&NOBODY);
        }
        rest = tail;
    }
    (to_disk(&value)? == disk).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut value = XATTR_VERSION.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            value.extend(tag.to_le_bytes());
            value.extend(permissions.to_le_bytes());
            value.extend(id.to_le_bytes());
        }
        value
    }

    #[test]
    fn only_named_users_and_groups_keep_an_id() {
        let list = value(&[
            (USER_OBJ, 6, !0),
            (USER, 4, 1000),
            (GROUP_OBJ, 4, !0),
            (MASK, 4, !0),
            (OTHER, 0, !0),
        ]);
        assert_eq!(to_disk(&list).unwrap(), LIST);
    }

    #[test]
    fn lists_that_the_kernel_would_refuse_are_refused() {
        let minimal = [(USER_OBJ, 6, !0), (GROUP_OBJ, 4, !0), (OTHER, 0, !0)];
        assert!(to_disk(&value(&minimal)).is_some());
        let mut wrong = vec![vec![], value(&[]), value(&minimal)[1..].to_vec()];
        wrong.push(
            [1, 0, 0, 0]
                .iter()
                .chain(&value(&minimal)[4..])
                .copied()
                .collect(),
        );
        for extra in [
            (USER, 4, 1000),
            (MASK, 8, !0),
            (0x40, 0, !0),
            (OTHER, 0, !0),
        ] {
            let mut entries = minimal.to_vec();
            entries.push(extra);
            entries.sort_by_key(|(tag, ..)| *tag);
            wrong.push(value(&entries));
        }
        let mut reversed = minimal.to_vec();
        reversed.reverse();
        wrong.push(value(&reversed));
        for list in wrong {
            assert_eq!(to_disk(&list), None, "{list:?}");
        }
    }

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
