//! The order in which the data of files lies on the disk.
//!
//! ```text
//! tree            /bin/a   /bin/b   /etc/a   /etc/host   /lib/b     a, b: packages; host: generated
//! in its object   a 1      b 0      a 0                  b 1
//! on the disk     /etc/a   /bin/a   /bin/b   /lib/b      /etc/host
//! ```
//!
//! Files of one object follow each other in the order that they have in the object, so that a
//! package is one long run of both. Objects follow each other as the tree needs them first; files
//! of no object come last. So only the tree decides: two trees that share packages share these
//! runs, wherever they lie.

use super::inventory::{Body, Item};
use crate::digest::Sha256;
use crate::tree::{Content, Piece};
use std::collections::BTreeMap;

/// The indices of all regular files among `items`, in the order of their data.
pub(super) fn of_files(items: &[Item<'_>]) -> Vec<usize> {
    let mut objects: BTreeMap<Sha256, usize> = BTreeMap::new();
    let mut files = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Body::File(content) = &item.body else {
            continue;
        };
        let place = first_slice(content).map(|(object, offset)| {
            let first_use = *objects.entry(object).or_insert(index);
            (first_use, offset)
        });
        files.push((place.is_none(), place, index));
    }
    files.sort_unstable();
    files.into_iter().map(|(_, _, index)| index).collect()
}

/// The object that holds the first stored bytes of `content`, and their offset in it.
fn first_slice(content: &Content) -> Option<(Sha256, u64)> {
    content.pieces().find_map(|piece| match piece {
        Piece::Stored(slice) => Some((slice.object, slice.offset)),
        Piece::Bytes(_) | Piece::Hole(_) => None,
    })
}
