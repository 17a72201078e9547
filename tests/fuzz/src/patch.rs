//! A real image with a few changes. This is the meaning of an input for a filesystem or a partition table:
//! some bytes choose the image, and the others say what to write to which of its structures.
//!
//! ```text
//! input   base:1 mode:1 [cut:2] patch*
//! mode    1 make the checksums of what was changed right · 2 cut so many sectors off the end
//!         4 judge also what costs more: a second time, and our own writer
//! patch   structure:2 offset:2 op:1 ...
//! op      0x00 + n-1 the n bytes that follow · 0x40 + n-1 n times the byte that follows
//!         0x80 + k   add the signed byte that follows to a number of 2^(k%4) bytes
//!         0xc0       copy the structure with the number in the two bytes that follow over this one
//! ```
//!
//! An input thus has tens of bytes, each of which matters, and a fuzzer neither has to find the few important
//! bytes of an image nor to guess checksums.

use imgbuild::disk::device::Device;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub const SECTOR: usize = 512;

/// The type of a part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Superblock,
    Descriptor,
    Inode,
    Extents,
    Indirect,
    Directory,
    Attributes,
    Inline,
    LogSuperblock,
    LogControl,
    LogData,
    Boot,
    Table,
    Entries,
}

/// A part of an image that may be changed.
pub struct Span {
    pub kind: Kind,
    pub at: usize,
    pub len: usize,
    /// The function that computes its checksum: an index of [`Base::seals`].
    pub seal: Option<usize>,
}

/// Computes one checksum.
pub type Seal = Box<dyn Fn(&mut Patched<'_>) + Send + Sync>;

/// A sound image, and the places of its structures.
pub struct Base {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub spans: Vec<Span>,
    /// Inner checksums come before those that cover them.
    pub seals: Vec<Seal>,
}

impl Base {
    /// An image of `bases/`, without spans.
    pub fn unpack(name: &'static str, packed: &[u8]) -> Self {
        let bytes = zstd::decode_all(packed).expect("bases/make packed it");
        Self {
            name,
            bytes,
            spans: Vec::new(),
            seals: Vec::new(),
        }
    }

    /// Adds a span without a checksum.
    pub fn span(&mut self, kind: Kind, at: usize, len: usize) {
        self.sealed(kind, at, len, None);
    }

    /// Adds a span whose checksum `seal` computes.
    pub fn sealed(&mut self, kind: Kind, at: usize, len: usize, seal: Option<usize>) {
        assert!(
            at + len <= self.bytes.len() && len > 0,
            "{}: {kind:?} at {at}",
            self.name
        );
        self.spans.push(Span {
            kind,
            at,
            len,
            seal,
        });
    }

    /// Adds a function that computes a checksum.
    pub fn seal(
        &mut self,
        seal: impl Fn(&mut Patched<'_>) + Send + Sync + 'static,
    ) -> Option<usize> {
        self.seals.push(Box::new(seal));
        Some(self.seals.len() - 1)
    }
}

impl Base {
    /// Panics unless every computed checksum equals that of the base, which shows that the base is sound and
    /// so are the seals.
    pub fn check(&self) {
        let mut patched = Patched::unchanged(self);
        for (index, seal) in self.seals.iter().enumerate() {
            seal(&mut patched);
            let same = patched.to_bytes() == self.bytes;
            assert!(same, "{}: seal {index} changed a sound checksum", self.name);
        }
    }
}

/// A base with changes.
pub struct Patched<'a> {
    base: &'a Base,
    len: usize,
    pub thorough: bool,
    sectors: BTreeMap<usize, [u8; SECTOR]>,
}

impl<'a> Patched<'a> {
    fn unchanged(base: &'a Base) -> Self {
        Self {
            base,
            len: base.bytes.len(),
            thorough: false,
            sectors: BTreeMap::new(),
        }
    }

    /// The result of `input` for one of `bases`, in which only structures of `kinds` are changed.
    pub fn new(bases: &'a [Base], kinds: &[Kind], input: &[u8]) -> Option<Self> {
        let mut input = Input(input);
        let base = &bases[usize::from(input.byte()?) % bases.len()];
        let mode = input.byte()?;
        let mut patched = Self::unchanged(base);
        patched.thorough = mode & 4 == 4;
        if mode & 2 == 2 {
            patched.len -= usize::from(input.short()?) * SECTOR % patched.len;
        }
        let spans: Vec<&Span> = base
            .spans
            .iter()
            .filter(|span| kinds.contains(&span.kind))
            .collect();
        let mut touched = BTreeSet::new();
        while let Some(span) = patched.patch(&spans, &mut input) {
            touched.extend(span.seal);
        }
        if mode & 1 == 1 {
            touched
                .into_iter()
                .for_each(|seal| base.seals[seal](&mut patched));
        }
        Some(patched)
    }

    /// Applies the next patch of `input`.
    fn patch<'s>(&mut self, spans: &[&'s Span], input: &mut Input<'_>) -> Option<&'s Span> {
        let n_spans = spans.len();
        let span = spans[usize::from(input.short()?).checked_rem(n_spans)?];
        let offset = usize::from(input.short()?) % span.len;
        let (at, left) = (span.at + offset, span.len - offset);
        let op = input.byte()?;
        let times = usize::from(op & 0x3f) + 1;
        match op >> 6 {
            0 => {
                let bytes = input.bytes(times);
                self.write(at, &bytes[..bytes.len().min(left)]);
            }
            1 => self.write(at, &vec![input.byte()?; times.min(left)]),
            2 => {
                let width = (1 << (op % 4)).min(left);
                let mut number = [0; 8];
                number[..width].copy_from_slice(&self.read(at, width));
                let step = i64::from(input.byte()?.cast_signed()).cast_unsigned();
                let number = u64::from_le_bytes(number).wrapping_add(step).to_le_bytes();
                self.write(at, &number[..width]);
            }
            _ => {
                let other = spans[usize::from(input.short()?) % n_spans];
                let bytes = self.read(other.at, other.len.min(span.len));
                self.write(span.at, &bytes);
            }
        }
        Some(span)
    }

    /// `len` bytes at `at` as they are now.
    pub fn read(&self, at: usize, len: usize) -> Vec<u8> {
        let mut bytes = self.base.bytes[at..at + len].to_vec();
        self.overlay(at, &mut bytes);
        bytes
    }

    /// Replaces the bytes at `at`.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            let (sector, offset) = ((at + index) / SECTOR, (at + index) % SECTOR);
            let of_base = || {
                let bytes = &self.base.bytes[sector * SECTOR..][..SECTOR];
                bytes.try_into().expect("a sector")
            };
            self.sectors.entry(sector).or_insert_with(of_base)[offset] = *byte;
        }
    }

    /// Copies the changed sectors over `into`, which was read at `at` of the base.
    fn overlay(&self, at: usize, into: &mut [u8]) {
        let (first, end) = (at / SECTOR, at + into.len());
        for (sector, bytes) in self.sectors.range(first..end.div_ceil(SECTOR)) {
            let start = sector * SECTOR;
            let (from, to) = (start.max(at), (start + SECTOR).min(end));
            if from < to {
                into[from - at..to - at].copy_from_slice(&bytes[from - start..to - start]);
            }
        }
    }

    /// The whole image as it is now.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.read(0, self.len)
    }
}

impl Device for Patched<'_> {
    fn len(&self) -> u64 {
        self.len as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let bytes = &self.base.bytes[..self.len];
        bytes.read_at(offset, into)?;
        self.overlay(usize::try_from(offset).expect("it lies in memory"), into);
        Ok(())
    }
}

/// The bytes of an input that are left.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn short(&mut self) -> Option<u16> {
        let (short, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_le_bytes(*short))
    }

    /// The next `len` bytes, or fewer at the end.
    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
