//! Compresses a span. Only this module of the sinks uses liblzma and zstd.
//!
//! The bytes depend on the span, the codec, the level and the version of the library, but neither on
//! the machine nor on the number of threads: each span is compressed by one thread.

use super::format::Level;
use super::xz;
use liblzma::stream::{Check, Filters, LzmaOptions, MtStreamBuilder, PRESET_EXTREME};
use std::io::{self, Write};
use zstd::zstd_safe::{self, CParameter};

/// A format of compressed spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Codec {
    /// An xz stream of one block.
    Xz,
    /// A zstd frame that names the length of its content.
    Zstd,
}

impl Codec {
    /// The stage of the memo from spans to their compressed form. It changes whenever the same span
    /// would get other bytes, which a new version of the library may cause.
    pub(super) fn stage(self, level: Level) -> &'static str {
        match (self, level) {
            (Self::Xz, Level::Usual) => "xz-6-1",
            (Self::Xz, Level::Highest) => "xz-9e-1",
            (Self::Zstd, Level::Usual) => "zstd-12-1",
            (Self::Zstd, Level::Highest) => "zstd-19-1",
        }
    }

    /// Compresses `span`.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(super) fn compress(self, level: Level, span: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Xz => compress_xz(level, span),
            Self::Zstd => compress_zstd(level, span),
        }
    }

    /// The length of the span in `compressed`; `None` if that has another form than [`Codec::compress`] gives it.
    pub(super) fn content_len(self, compressed: &[u8]) -> Option<u64> {
        match self {
            Self::Xz => xz::Block::of(compressed).map(|block| block.len),
            Self::Zstd => zstd_safe::get_frame_content_size(compressed).ok()?,
        }
    }

    /// The most memory that compressing a span of `len` bytes takes, with the span and the result.
    pub(super) fn memory(self, len: u64) -> u64 {
        match self {
            // The dictionary takes 11.5 times its length, and liblzma copies the span and its result.
            Self::Xz => len.saturating_mul(16),
            Self::Zstd => len.saturating_mul(16),
        }
    }
}

/// Makes a stream of one block, whose header has both lengths, so that xz can decompress the blocks of
/// a stream in parallel. Only liblzma's encoder for several threads writes these lengths.
fn compress_xz(level: Level, span: &[u8]) -> io::Result<Vec<u8>> {
    let preset = match level {
        Level::Usual => 6,
        Level::Highest => 9 | PRESET_EXTREME,
    };
    let mut options = LzmaOptions::new_preset(preset)?;
    options.dict_size(dictionary(span.len()));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let mut builder = MtStreamBuilder::new();
    builder.threads(1).filters(filters).check(Check::Crc64);
    builder.block_size(span.len() as u64);
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), builder.encoder()?);
    encoder.write_all(span)?;
    encoder.finish()
}

/// The size of the dictionary for a span of `len` bytes. A larger one has no use, and would take more
/// memory from those who compress and decompress.
fn dictionary(len: usize) -> u32 {
    let len = u32::try_from(len).expect("a span is shorter than 4 GiB");
    len.checked_next_power_of_two()
        .unwrap_or(1 << 31)
        .clamp(4096, 64 << 20)
}

fn compress_zstd(level: Level, span: &[u8]) -> io::Result<Vec<u8>> {
    let level = match level {
        Level::Usual => 12,
        Level::Highest => 19,
    };
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
    compressor.compress(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    /// Text and noise, as packages have them.
    fn span() -> Vec<u8> {
        let mut state = 1_u32;
        let mut bytes = Vec::new();
        while bytes.len() < 200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.extend(format!("/usr/share/doc/{}/copyright\n", state >> 24).bytes());
            bytes.extend(state.to_le_bytes());
        }
        bytes
    }

    /// A library that gives other bytes needs other names of the stages, or the store would have
    /// blocks of both.
    #[test]
    fn each_codec_gives_the_bytes_of_its_version() {
        for (codec, level, expected) in [
            (Codec::Xz, Level::Usual, "dbe6664358d03f5b"),
            (Codec::Xz, Level::Highest, "990817280ac4373f"),
            (Codec::Zstd, Level::Usual, "58a75f20154e0e5c"),
            (Codec::Zstd, Level::Highest, "b76770f2160dea79"),
        ] {
            let compressed = codec.compress(level, &span()).unwrap();
            let stage = codec.stage(level);
            let digest = Sha256::of(&compressed).to_string();
            assert_eq!(&digest[..16], expected, "`{stage}` needs another number");
            assert_eq!(codec.content_len(&compressed), Some(span().len() as u64));
            assert_eq!(codec.content_len(b"another object"), None);
        }
    }
}
