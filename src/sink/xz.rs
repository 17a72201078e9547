//! The container of an xz stream: header, blocks, index and footer, after the .xz file format 1.2.1.
//!
//! ```text
//! header | block | block | … | index: number and lengths of the blocks | footer: length of the index
//! ```
//!
//! Blocks are compressed elsewhere, each as a stream of one block. Here, the block is taken out of
//! such a stream, and many of them become one stream. Nothing is compressed or decompressed.

use crate::disk::gpt::crc32;

/// The bytes with which a stream begins.
const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// The bytes with which a stream ends.
const END: [u8; 2] = *b"YZ";
/// Each block ends with a CRC-64 of its content.
const FLAGS: [u8; 2] = [0, 4];
/// The length of header and footer.
const FRAME: usize = 12;

/// The header of a stream.
pub(super) fn header() -> Vec<u8> {
    [&MAGIC, &FLAGS[..], &crc32(&[&FLAGS]).to_le_bytes()].concat()
}

/// A block, and what the index says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// The block with its padding, so that its length is a multiple of 4.
    pub(super) bytes: &'a [u8],
    /// The length of the block without its padding.
    unpadded: u64,
    /// The length of its content.
    pub(super) len: u64,
}

impl<'a> Block<'a> {
    /// The block of `stream`, which has only this one; `None` if it has another form.
    pub(super) fn of(stream: &'a [u8]) -> Option<Self> {
        let inner = stream.strip_prefix(header().as_slice())?;
        let (inner, end) = inner.split_at_checked(inner.len().checked_sub(FRAME)?)?;
        let backward = u32::from_le_bytes(end[4..8].try_into().ok()?);
        if end != footer(backward) {
            return None;
        }
        let index_len = (usize::try_from(backward).ok()?.checked_add(1)?).checked_mul(4)?;
        let (bytes, index) = inner.split_at_checked(inner.len().checked_sub(index_len)?)?;
        let mut record = index.strip_prefix(&[0, 1])?;
        let unpadded = take_number(&mut record)?;
        let len = take_number(&mut record)?;
        let block = Self {
            bytes,
            unpadded,
            len,
        };
        let mut again = Index::default();
        again.add(&block);
        let is_sound = unpadded.checked_next_multiple_of(4)? == bytes.len() as u64;
        (is_sound && again.bytes() == index).then_some(block)
    }
}

/// The index of a stream, which grows with each block.
#[derive(Debug, Default)]
pub(super) struct Index {
    n_blocks: u64,
    records: Vec<u8>,
}

impl Index {
    /// Adds the next block of the stream.
    pub(super) fn add(&mut self, block: &Block<'_>) {
        self.n_blocks += 1;
        put_number(&mut self.records, block.unpadded);
        put_number(&mut self.records, block.len);
    }

    /// The end of the stream: index and footer.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.bytes();
        let backward = u32::try_from(end.len() / 4 - 1).expect("an index is shorter than 16 GiB");
        end.extend(footer(backward));
        end
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0];
        put_number(&mut bytes, self.n_blocks);
        bytes.extend(&self.records);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(crc32(&[&bytes]).to_le_bytes());
        bytes
    }
}

/// The footer of a stream whose index has `backward` + 1 words of 4 bytes.
fn footer(backward: u32) -> [u8; FRAME] {
    let backward = backward.to_le_bytes();
    let mut footer = [0; FRAME];
    footer[..4].copy_from_slice(&crc32(&[&backward, &FLAGS]).to_le_bytes());
    footer[4..8].copy_from_slice(&backward);
    footer[8..10].copy_from_slice(&FLAGS);
    footer[10..].copy_from_slice(&END);
    footer
}

/// Appends a number of variable length: 7 bits a byte, the lowest first, and the highest bit of a
/// byte says that another one follows.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Takes such a number from the beginning of `bytes`. A number has at most 9 bytes.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 35, (1 << 63) - 1] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            let mut rest = bytes.as_slice();
            assert_eq!(take_number(&mut rest), Some(number));
            assert!(rest.is_empty());
        }
        assert_eq!(take_number(&mut [0x80; 12].as_slice()), None);
        assert_eq!(take_number(&mut [0x80].as_slice()), None);
    }

    #[test]
    fn a_stream_that_is_cut_or_changed_has_no_block() {
        let mut index = Index::default();
        let block = Block {
            bytes: &[1; 8],
            unpadded: 7,
            len: 300,
        };
        index.add(&block);
        let stream = [&header(), block.bytes, &index.end()].concat();
        assert_eq!(Block::of(&stream), Some(block));
        for at in 0..stream.len() {
            assert_eq!(Block::of(&stream[..at]), None, "{at}");
            let mut changed = stream.clone();
            changed[at] ^= 1;
            let is_content = (12..20).contains(&at);
            assert_eq!(Block::of(&changed).is_some(), is_content, "{at}");
        }
    }
}
