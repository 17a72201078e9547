//! Compressed spans. The store keeps them by the digest of the span, the codec, the level and the
//! version of the codec, so that a span is compressed once, whatever images it is in.
//!
//! An object of the store is one compressed span: a whole xz stream, or a zstd frame. It is hashed
//! whenever it is read. That a span has this object is noted only after everything that the image
//! was made of was verified ([`Made::note`]).

use super::codec::Codec;
use super::error::Fault;
use super::format::Level;
use super::span::Span;
use crate::digest::{Hasher, Sha256};
use crate::store::Store;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The stage of the memo from the spans of an image to the digest of the image.
const IMAGE_STAGE: &str = "image-of-spans-1";

/// The spans that the store may keep in compressed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Every span.
    Everything,
    /// The spans whose content the store has anyway. The image holds secrets, which must not get into
    /// the store.
    Objects,
}

/// A span with its digest.
pub(super) struct Known<'a> {
    pub(super) span: Span<'a>,
    pub(super) digest: Sha256,
}

impl<'a> Known<'a> {
    pub(super) fn of(span: Span<'a>) -> Self {
        let digest = span.digest();
        Self { span, digest }
    }
}

/// The compressed spans of a store.
pub(super) struct Blocks<'a> {
    pub(super) store: &'a Store,
    level: Level,
    keep: Keep,
    /// The objects that were made of spans since.
    made: Mutex<BTreeMap<(Codec, Sha256), Sha256>>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(store: &'a Store, level: Level, keep: Keep) -> Self {
        let made = Mutex::default();
        Self {
            store,
            level,
            keep,
            made,
        }
    }

    /// The compressed form of the span of `known`. If it has to be made, the bytes of the span are
    /// read into `raw`, unless they are there already.
    pub(super) fn compressed(
        &self,
        codec: Codec,
        known: &Known<'_>,
        raw: &mut Option<Vec<u8>>,
    ) -> Result<Vec<u8>, Fault> {
        let is_kept = self.keep == Keep::Everything || known.span.is_stored();
        let kept = is_kept.then(|| self.find(codec, known)).flatten();
        if let Some(compressed) = kept {
            return Ok(compressed);
        }
        if raw.is_none() {
            *raw = Some(known.span.read(self.store)?);
        }
        let bytes = raw.as_deref().unwrap_or_default();
        let compressed = codec.compress(self.level, bytes).map_err(Fault::Compress)?;
        if is_kept {
            let object = self.store.insert(&compressed).map_err(Fault::Store)?;
            self.made().insert((codec, known.digest), object);
        }
        Ok(compressed)
    }

    /// The compressed form of a span that the store has. A damaged one is removed, and counts as
    /// missing. So does an object that is sound and has another form: the memo leads to a wrong one.
    fn find(&self, codec: Codec, known: &Known<'_>) -> Option<Vec<u8>> {
        let made = self.made().get(&(codec, known.digest)).copied();
        let memo = || self.store.memo(codec.stage(self.level), &known.digest);
        let compressed = self.store.read(&made.or_else(memo)?).ok()?;
        (codec.content_len(&compressed) == Some(known.span.len)).then_some(compressed)
    }

    /// The digest of the image of these spans, if it was noted before.
    pub(super) fn noted_digest(&self, spans: &[Known<'_>]) -> Option<Sha256> {
        match self.keep {
            Keep::Everything => self.store.noted(IMAGE_STAGE, &joined(spans)),
            // The digest of such an image would let somebody try one secret after the other.
            Keep::Objects => None,
        }
    }

    /// All that was made of the image of `spans`.
    pub(super) fn finish(self, spans: &[Known<'_>]) -> Made {
        let blocks = self.made.into_inner();
        Made {
            level: self.level,
            blocks: blocks.unwrap_or_else(PoisonError::into_inner),
            spans: (self.keep == Keep::Everything).then(|| joined(spans)),
            image: None,
        }
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<(Codec, Sha256), Sha256>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest over those of `spans`.
fn joined(spans: &[Known<'_>]) -> Sha256 {
    let mut hasher = Hasher::new();
    for known in spans {
        hasher.field(&known.digest.0);
    }
    hasher.finish()
}

/// What was made of an image and is not noted in the store yet.
#[derive(Debug, Default)]
pub(super) struct Made {
    level: Level,
    blocks: BTreeMap<(Codec, Sha256), Sha256>,
    /// The digest of all spans of the image, if the digest of the image may be noted.
    spans: Option<Sha256>,
    /// The digest of the image.
    pub(super) image: Option<Sha256>,
}

impl Made {
    /// Whether a span was compressed.
    pub(super) fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Notes all of it. The objects that the image was made of must have been verified.
    pub(super) fn note(&self, store: &Store) -> io::Result<()> {
        for ((codec, span), object) in &self.blocks {
            store.set_memo(codec.stage(self.level), span, object)?;
        }
        match (&self.spans, &self.image) {
            (Some(spans), Some(image)) => store.set_memo(IMAGE_STAGE, spans, image),
            _ => Ok(()),
        }
    }
}
