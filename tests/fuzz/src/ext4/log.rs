//! The places of the structures in the log of a sound image.

use super::super::patch::{Base, Kind, Patched};
use super::checksum::{self, LogTag};

const MAGIC: u32 = 0xc03b_3998;
const SAME_UUID: u32 = 2;
const LAST_TAG: u32 = 8;

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Adds spans and seals for the log in `blocks`: its superblock, the blocks of its transactions, and one
/// free block behind these, which an input may fill.
pub fn map(base: &mut Base, block: usize, blocks: &[usize]) {
    let start = blocks[0] * block;
    let incompat = be32(&base.bytes, start + 0x28);
    let (wide, checked) = (incompat & 0x10 != 0, incompat & 0x18 != 0);
    let tag_len = match (wide, checked, incompat & 2 != 0) {
        (true, _, _) => 16,
        (_, checked, large) => 8 + 2 * usize::from(checked) + 4 * usize::from(large),
    };
    let seed = checksum::raw(!0, &base.bytes[start + 0x30..start + 0x40]);
    type Sum = dyn Fn(&mut Patched<'_>) + Send + Sync;
    let add = |base: &mut Base, sum: Box<Sum>| checked.then(|| base.seal(sum)).flatten();
    let mut rest = blocks[1..].iter().map(|number| number * block);
    while let Some(at) = rest.next() {
        let is_control = be32(&base.bytes, at) == MAGIC;
        let kind = if is_control {
            be32(&base.bytes, at + 4)
        } else {
            0
        };
        let seal = match kind {
            1 => {
                for (field, data) in tags(&base.bytes[at..at + block], tag_len, wide)
                    .into_iter()
                    .zip(&mut rest)
                {
                    let tag = LogTag {
                        descriptor: at,
                        field: at + field,
                        wide,
                    };
                    let seal = add(
                        base,
                        Box::new(move |image| tag.data(image, data, block, seed)),
                    );
                    base.sealed(Kind::LogData, data, block, seal);
                }
                add(
                    base,
                    Box::new(move |image| checksum::log_tail(image, at, block, seed)),
                )
            }
            2 => add(
                base,
                Box::new(move |image| checksum::log_commit(image, at, block, seed)),
            ),
            5 => add(
                base,
                Box::new(move |image| checksum::log_tail(image, at, block, seed)),
            ),
            _ => None,
        };
        base.sealed(Kind::LogControl, at, block, seal);
        if !is_control {
            break;
        }
    }
    let seal = add(
        base,
        Box::new(move |image| checksum::log_superblock(image, start)),
    );
    base.sealed(Kind::LogSuperblock, start, 1024, seal);
}

/// The places in the descriptor at which the tags of its data blocks have the checksum.
fn tags(descriptor: &[u8], tag_len: usize, wide: bool) -> Vec<usize> {
    let mut fields = Vec::new();
    let mut at = 12;
    loop {
        let flags = match wide {
            true => be32(descriptor, at + 4),
            false => be32(descriptor, at + 4) & 0xffff,
        };
        fields.push(if wide { at + 12 } else { at + 4 });
        at += tag_len + if flags & SAME_UUID == 0 { 16 } else { 0 };
        if flags & LAST_TAG != 0 {
            return fields;
        }
    }
}
