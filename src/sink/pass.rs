//! Writes an image to outputs that are not raw, in one pass over its spans. Several threads read and
//! compress spans; one writes them in their order. Others compute the digest and the block map of what passes by.

use super::blocks::{Blocks, Known, Made};
use super::codec::Codec;
use super::computing::{Computed, Computing, Digest, Wanted};
use super::cut::Cut;
use super::error::Fault;
use super::format::Format;
use super::writing::{Ready, Writing};
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::parallel;
use std::io;
use std::sync::Arc;

/// The most memory that compressing threads take together.
const MEMORY: u64 = 200 << 20;
/// The number of finished spans that may wait for an earlier one, beside one for each thread.
const N_WAITING: usize = 4;

/// A fault, and the number of the output that it concerns.
pub(super) type Failed = (usize, Fault);

/// The request of a pass.
pub(super) struct Pass<'a> {
    pub(super) image: &'a Image,
    /// The files of the outputs with their formats. Those of the raw format are left alone.
    pub(super) files: Vec<(Format, &'a fs_err::File)>,
    /// What is computed of the image meanwhile.
    pub(super) wanted: Wanted,
}

/// The result of a pass.
pub(super) struct Passed {
    /// What was compressed.
    pub(super) made: Made,
    /// What was wanted of the image.
    pub(super) computed: Computed,
    /// Whether every byte of the image that was read is in its digest as well.
    pub(super) is_proven: bool,
    /// Length and digest of each file that the pass has written.
    pub(super) files: Vec<Option<(u64, Sha256)>>,
}

impl Passed {
    /// The result for `n_outputs` outputs that are all raw, of which one was hashed.
    pub(super) fn raw(computed: Computed, n_outputs: usize) -> Self {
        Self {
            made: Made::default(),
            is_proven: computed.sha256.is_some() && n_outputs == 1,
            computed,
            files: vec![None; n_outputs],
        }
    }
}

impl Pass<'_> {
    /// Writes the image. `advance` is called with the number of its bytes that are finished.
    pub(super) fn run(self, blocks: Blocks<'_>, advance: &dyn Fn(u64)) -> Result<Passed, Failed> {
        let cut = Cut::of(self.image.len());
        let spans: Vec<Known<'_>> = cut.spans(self.image).into_iter().map(Known::of).collect();
        let (noted, wanted) = self.noted(&blocks, &spans);
        let mut writing = self.begin()?;
        let codecs = codecs(&writing);
        let computes = wanted != Wanted::NOTHING;
        let reads_all = computes || writing.iter().any(|(_, it)| it.codec().is_none());
        let ready = |known: &Known<'_>| {
            ready(&blocks, known, &codecs, reads_all).map_err(|fault| (0, fault))
        };
        let n_threads = n_threads(&codecs, cut.longest());
        let n_waiting = n_threads + N_WAITING;
        let mut has_read = false;
        let mut computing = Computing::new(self.image, wanted, &|_| {});
        computing.beside(|follow| {
            parallel::in_order(&spans, n_threads, n_waiting, ready, |known, ready| {
                has_read |= ready.is_read;
                ready.raw.iter().for_each(&mut *follow);
                for (index, output) in &mut writing {
                    output.span(&ready).map_err(of_output(*index))?;
                }
                advance(known.span.len);
                Ok(())
            })
        })?;
        let mut files = vec![None; self.files.len()];
        for (index, output) in writing {
            files[index] = Some(output.end().map_err(of_output(index))?);
        }
        let mut computed = computing.finish();
        let is_proven = computed.sha256.is_some() || !has_read;
        computed.sha256 = computed.sha256.or(noted);
        let mut made = blocks.finish(&spans);
        made.image = computed.sha256;
        Ok(Passed {
            made,
            computed,
            is_proven,
            files,
        })
    }

    /// The digest of the image if it is wanted and was noted before, and what has to be computed. If the image has to
    /// be read for a block map, it is hashed as well: the digest then says that what was read is right.
    fn noted(&self, blocks: &Blocks<'_>, spans: &[Known<'_>]) -> (Option<Sha256>, Wanted) {
        let Wanted { digest, block_map } = self.wanted;
        if digest == Digest::Skip || block_map {
            return (None, self.wanted);
        }
        match blocks.noted_digest(spans) {
            Some(noted) => (Some(noted), Wanted::NOTHING),
            None => (None, self.wanted),
        }
    }

    /// Begins the outputs that are not raw.
    fn begin(&self) -> Result<Vec<(usize, Writing<'_>)>, Failed> {
        let files = self.files.iter().enumerate();
        let begun = files.filter_map(|(index, (format, file))| {
            let begun = Writing::begin(*format, file, self.image.len())?;
            Some(begun.map(|it| (index, it)).map_err(of_output(index)))
        });
        begun.collect()
    }
}

/// The span in all forms that the outputs need.
fn ready(
    blocks: &Blocks<'_>,
    known: &Known<'_>,
    codecs: &[Codec],
    reads_all: bool,
) -> Result<Ready, Fault> {
    let mut raw = match reads_all {
        true => Some(known.span.read(blocks.store)?),
        false => None,
    };
    let compressed = codecs.iter().map(|codec| {
        let compressed = blocks.compressed(*codec, known, &mut raw)?;
        Ok((*codec, compressed))
    });
    let compressed = compressed.collect::<Result<_, Fault>>()?;
    let is_read = raw.is_some();
    let raw = raw.filter(|_| reads_all).map(Arc::new);
    Ok(Ready {
        raw,
        is_read,
        compressed,
    })
}

fn codecs(writing: &[(usize, Writing<'_>)]) -> Vec<Codec> {
    let codecs = writing.iter().filter_map(|(_, output)| output.codec());
    let mut codecs: Vec<Codec> = codecs.collect();
    codecs.sort_unstable();
    codecs.dedup();
    codecs
}

/// The number of threads for spans of up to `longest` bytes. It decides no byte of an output.
fn n_threads(codecs: &[Codec], longest: u64) -> usize {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = codecs.iter().map(|codec| codec.memory(longest)).max();
    let n_fitting = MEMORY / memory.unwrap_or(longest).max(1);
    usize::try_from(n_fitting).map_or(n_cores, |n| n.clamp(1, n_cores))
}

fn of_output(index: usize) -> impl Fn(io::Error) -> Failed {
    move |error| (index, Fault::Output(error))
}
