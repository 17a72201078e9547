//! Checksums of ext4 and jbd2 over changed structures, which a fuzzer would never guess.
//!
//! This follows the kernel's documentation of the formats (`Documentation/filesystems/ext4`) and shares no
//! code with the library, so that no mistake there is repeated here.

use super::super::patch::Patched;

/// A field that counts as zeros when a checksum is computed.
type Hole = (usize, usize);

/// The kernel's `crc32c`, which unlike the usual one inverts neither at the start nor at the end.
pub fn raw(crc: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!crc, bytes)
}

fn without(mut bytes: Vec<u8>, holes: &[Hole]) -> Vec<u8> {
    for (at, len) in holes {
        bytes[*at..*at + *len].fill(0);
    }
    bytes
}

/// The superblock at byte 1024.
pub fn superblock(image: &mut Patched<'_>) {
    let sum = raw(!0, &image.read(1024, 1020));
    image.write(1024 + 1020, &sum.to_le_bytes());
}

/// A group descriptor of `len` bytes, where the seed is that of `metadata_csum`.
pub fn descriptor(image: &mut Patched<'_>, at: usize, len: usize, group: u32, seed: u32) {
    let bytes = without(image.read(at, len), &[(0x1e, 2)]);
    let sum = raw(raw(seed, &group.to_le_bytes()), &bytes);
    image.write(at + 0x1e, &sum.to_le_bytes()[..2]);
}

/// A group descriptor of `gdt_csum`, where its own field is left out of the sum.
pub fn descriptor_16(image: &mut Patched<'_>, at: usize, group: u32, uuid: [u8; 16]) {
    let bytes = image.read(at, 32);
    let parts = [&uuid[..], &group.to_le_bytes(), &bytes[..0x1e]].concat();
    let sum = parts.iter().fold(!0_u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| match sum & 1 {
            1 => (sum >> 1) ^ 0xa001,
            _ => sum >> 1,
        })
    });
    image.write(at + 0x1e, &sum.to_le_bytes());
}

/// An inode as large as its slot.
#[derive(Clone, Copy)]
pub struct Owner {
    pub at: usize,
    pub len: usize,
    pub number: u32,
    /// Seed of the filesystem.
    pub seed: u32,
}

impl Owner {
    /// The seed of everything that belongs to it.
    fn own_seed(self, image: &Patched<'_>) -> u32 {
        raw(
            raw(self.seed, &self.number.to_le_bytes()),
            &image.read(self.at + 0x64, 4),
        )
    }

    /// Its own checksum.
    pub fn inode(self, image: &mut Patched<'_>) {
        let bytes = image.read(self.at, self.len);
        let wide = self.len > 128 && u16::from_le_bytes([bytes[0x80], bytes[0x81]]) >= 4;
        let holes: &[Hole] = if wide {
            &[(0x7c, 2), (0x82, 2)]
        } else {
            &[(0x7c, 2)]
        };
        let sum = raw(self.own_seed(image), &without(bytes, holes)).to_le_bytes();
        image.write(self.at + 0x7c, &sum[..2]);
        if wide {
            image.write(self.at + 0x82, &sum[2..]);
        }
    }

    /// A block of its extent tree.
    pub fn extents(self, image: &mut Patched<'_>, at: usize, block: usize) {
        let bytes = image.read(at, block);
        let end = 12 + 12 * usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
        if end + 4 <= block {
            let sum = raw(self.own_seed(image), &bytes[..end]);
            image.write(at + end, &sum.to_le_bytes());
        }
    }

    /// A block of entries.
    pub fn leaf(self, image: &mut Patched<'_>, at: usize, block: usize) {
        let sum = raw(self.own_seed(image), &image.read(at, block - 12));
        image.write(at + block - 4, &sum.to_le_bytes());
    }

    /// A node of a hash tree whose counts stand at `counts`.
    pub fn node(self, image: &mut Patched<'_>, at: usize, block: usize, counts: usize) {
        let bytes = image.read(at, block);
        let number = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let (limit, count) = (number(counts), number(counts + 2));
        let tail = counts + limit * 8;
        if count <= limit && tail + 8 <= block {
            let sum = raw(self.own_seed(image), &bytes[..counts + count * 8]);
            let sum = raw(raw(sum, &bytes[tail..tail + 4]), &[0; 4]);
            image.write(at + tail + 4, &sum.to_le_bytes());
        }
    }
}

/// A block of extended attributes.
pub fn attributes(image: &mut Patched<'_>, at: usize, block: usize, seed: u32) {
    let number = (at / block) as u64;
    let bytes = without(image.read(at, block), &[(0x10, 4)]);
    let sum = raw(raw(seed, &number.to_le_bytes()), &bytes);
    image.write(at + 0x10, &sum.to_le_bytes());
}

/// The superblock of a log.
pub fn log_superblock(image: &mut Patched<'_>, at: usize) {
    let sum = raw(!0, &without(image.read(at, 1024), &[(0xfc, 4)]));
    image.write(at + 0xfc, &sum.to_be_bytes());
}

/// A descriptor or revoke block of a log, whose checksum are its last four bytes.
pub fn log_tail(image: &mut Patched<'_>, at: usize, block: usize, seed: u32) {
    let sum = raw(seed, &without(image.read(at, block), &[(block - 4, 4)]));
    image.write(at + block - 4, &sum.to_be_bytes());
}

/// A commit block of a log.
pub fn log_commit(image: &mut Patched<'_>, at: usize, block: usize, seed: u32) {
    let sum = raw(seed, &without(image.read(at, block), &[(16, 4)]));
    image.write(at + 16, &sum.to_be_bytes());
}

/// The checksum of a data block of a log; `field` is the place of 2 or 4 bytes in which its tag has it.
#[derive(Clone, Copy)]
pub struct LogTag {
    pub descriptor: usize,
    pub field: usize,
    pub wide: bool,
}

impl LogTag {
    pub fn data(self, image: &mut Patched<'_>, at: usize, block: usize, seed: u32) {
        let sequence = image.read(self.descriptor + 8, 4);
        let sum = raw(raw(seed, &sequence), &image.read(at, block));
        match self.wide {
            true => image.write(self.field, &sum.to_be_bytes()),
            false => image.write(self.field, &sum.to_be_bytes()[2..]),
        }
    }
}
