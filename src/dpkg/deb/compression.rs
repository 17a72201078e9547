//! The compressions that dpkg-deb writes today: none, gzip, xz and zstd.

use std::io::{self, Read};

/// The most memory for the decoder of an xz stream, in bytes; `xz -9` needs 65 MiB.
const MAX_DECODER_MEMORY: u64 = 512 << 20;
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// From this compressed length on, the blocks of one xz stream are decoded on several threads. A
/// shorter member has one or two blocks (dpkg-deb makes them 24 MiB), and other packages keep the
/// CPUs busy.
const PARALLEL_FROM: u64 = 16 << 20;
/// The most memory for such threads together, in bytes; liblzma starts fewer if a block needs more.
const PARALLEL_MEMORY: u64 = 128 << 20;

/// How a member of a .deb is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// The compression of a member with this text after `control.tar` or `data.tar`.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "" => Self::None,
            ".gz" => Self::Gzip,
            ".xz" => Self::Xz,
            ".zst" => Self::Zstd,
            _ => return None,
        })
    }

    /// Decodes `input`, which is `len` bytes long, on up to `n_threads` threads.
    pub(crate) fn decode<'a>(
        self,
        input: impl Read + 'a,
        len: u64,
        n_threads: u32,
    ) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::None => Box::new(input),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
            Self::Xz => {
                let n_threads = if len < PARALLEL_FROM { 1 } else { n_threads };
                Box::new(liblzma::read::XzDecoder::new_stream(input, xz(n_threads)?))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(input)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

fn xz(n_threads: u32) -> io::Result<liblzma::stream::Stream> {
    use liblzma::stream::{CONCATENATED, MtStreamBuilder, Stream};
    if n_threads == 1 {
        return Ok(Stream::new_stream_decoder(
            MAX_DECODER_MEMORY,
            CONCATENATED,
        )?);
    }
    let mut builder = MtStreamBuilder::new();
    builder
        .threads(n_threads)
        .memlimit_threading(PARALLEL_MEMORY)
        .memlimit_stop(MAX_DECODER_MEMORY);
    Ok(builder.decoder()?)
}
