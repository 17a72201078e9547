//! A span of an image: the unit that is compressed at once, and by which a compressed block is known.
//!
//! What an image is made of is named here once more, so that the rest of the compressing sinks does
//! not depend on the kinds of [`Source`].

use super::error::Fault;
use crate::digest::{Hasher, Sha256};
use crate::disk::image::{Region, Source};
use crate::tree::{LastOpen, Objects};
use crate::units::Bytes;
use std::io;
use std::os::unix::fs::FileExt;

/// The content of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    Object { object: Sha256, offset: u64 },
    Zeros,
}

/// A region, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) content: Content<'a>,
    pub(super) len: u64,
}

impl<'a> Part<'a> {
    /// The whole of `region`.
    pub(super) fn of(region: &'a Region) -> Self {
        let content = match &region.source {
            Source::Bytes(bytes) => Content::Bytes(bytes),
            Source::Object { object, offset } => Content::Object {
                object: *object,
                offset: *offset,
            },
            // A packed image has the bytes of the raw one, which are zeros in both cases.
            Source::Zeros | Source::Free => Content::Zeros,
        };
        let len = region.len;
        Self { content, len }
    }

    /// The first `len` bytes of the part, and the rest of it.
    pub(super) fn split(self, len: u64) -> (Self, Self) {
        let (first, rest) = match self.content {
            Content::Bytes(bytes) => {
                let (first, rest) = bytes.split_at(index(len));
                (Content::Bytes(first), Content::Bytes(rest))
            }
            Content::Object { object, offset } => {
                let offset = offset + len;
                (self.content, Content::Object { object, offset })
            }
            Content::Zeros => (Content::Zeros, Content::Zeros),
        };
        let part = |content, len| Self { content, len };
        (part(first, len), part(rest, self.len - len))
    }
}

/// Neighbouring parts of an image, which are compressed together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) len: u64,
}

impl<'a> Span<'a> {
    pub(super) fn push(&mut self, part: Part<'a>) {
        self.len += part.len;
        self.parts.push(part);
    }

    /// Whether the store has all of its content already. If not, some of its bytes are known to
    /// this build alone, and may hold a secret.
    pub(super) fn is_stored(&self) -> bool {
        let is_bytes = |part: &Part<'_>| matches!(part.content, Content::Bytes(_));
        !self.parts.iter().any(is_bytes)
    }

    /// The digest of what the span is made of. Spans of the same digest have the same bytes, and no
    /// object has to be read to find that out.
    pub(super) fn digest(&self) -> Sha256 {
        let mut hasher = Hasher::new();
        for part in &self.parts {
            match part.content {
                Content::Bytes(bytes) => {
                    hasher.field(b"bytes");
                    hasher.field(bytes);
                }
                Content::Object { object, offset } => {
                    hasher.field(b"object");
                    hasher.field(&object.0);
                    hasher.field(&offset.to_le_bytes());
                    hasher.field(&part.len.to_le_bytes());
                }
                Content::Zeros => {
                    hasher.field(b"zeros");
                    hasher.field(&part.len.to_le_bytes());
                }
            }
        }
        hasher.finish()
    }

    /// Reads its bytes.
    pub(super) fn read(&self, objects: &dyn Objects) -> Result<Vec<u8>, Fault> {
        let objects = LastOpen::new(objects);
        let mut bytes = vec![0; index(self.len)];
        let mut rest = bytes.as_mut_slice();
        for part in &self.parts {
            let (place, behind) = rest.split_at_mut(index(part.len));
            match part.content {
                Content::Bytes(bytes) => place.copy_from_slice(bytes),
                Content::Object { object, offset } => read(&objects, object, offset, place)?,
                Content::Zeros => {}
            }
            rest = behind;
        }
        Ok(bytes)
    }
}

fn read(objects: &dyn Objects, object: Sha256, offset: u64, place: &mut [u8]) -> Result<(), Fault> {
    let expected = Bytes(offset.saturating_add(place.len() as u64));
    let file = objects.open(&object);
    let file = file.map_err(|error| Fault::Object(object, error))?;
    file.file()
        .read_exact_at(place, offset)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::ShortObject(object, expected),
            _ => Fault::Object(object, error),
        })
}

fn index(len: u64) -> usize {
    usize::try_from(len).expect("a span fits into memory")
}
