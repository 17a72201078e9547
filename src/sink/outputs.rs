//! The outputs of a build, which are written together.

use super::block_map::BlockMap;
use super::blocks::{Blocks, Keep, Made};
use super::computing::{Computed, Digest, Wanted};
use super::error::{Fault, SinkError};
use super::format::{Format, Level};
use super::output::{Output, fill_raw, needed};
use super::pass::{Failed, Pass, Passed};
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage, Work};
use crate::store::Store;
use crate::tree::Objects;
use crate::unfinished::Unfinished;
use crate::units::Bytes;
use std::io;
use std::path::PathBuf;

/// Unfinished outputs of one image. If they are dropped before they are complete, they leave nothing
/// behind.
#[derive(Debug)]
pub struct Outputs {
    outputs: Vec<Output>,
    level: Level,
}

impl From<Output> for Outputs {
    fn from(output: Output) -> Self {
        Self::new(vec![output], Level::Usual)
    }
}

/// The result of writing an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The length of the raw image in bytes.
    pub len: u64,
    /// The digest of the raw image, if it was computed. A build computes it whatever it writes.
    pub sha256: Option<Sha256>,
    /// The block map of the raw image, if an output has one beside it.
    pub block_map: Option<BlockMap>,
    /// The files, in the order of the outputs. Block maps are not among them.
    pub files: Vec<WrittenFile>,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Its length and digest. They are known, unless the image is raw and its digest was not wanted.
    pub content: Option<(u64, Sha256)>,
}

impl Outputs {
    /// `outputs`, of which the compressed ones are compressed at `level`.
    pub fn new(outputs: Vec<Output>, level: Level) -> Self {
        Self { outputs, level }
    }

    /// Writes `image` into all unfinished files, and computes its digest. `keep` says which compressed
    /// parts of it `store` may keep.
    ///
    /// # Errors
    ///
    /// A file or the store cannot be written, or an object of the store cannot be read.
    pub fn fill(
        self,
        image: &Image,
        store: &Store,
        keep: Keep,
        reporter: &dyn Reporter,
    ) -> Result<Filled, SinkError> {
        reporter.started(Stage::Write, Work::Bytes(Some(image.len())));
        let blocks = Blocks::new(store, self.level, keep);
        let wanted = Wanted {
            digest: Digest::Sha256,
            block_map: self.have_block_map(),
        };
        let passed = fill(&self.outputs, image, blocks, wanted, reporter);
        self.filled(image, passed)
    }

    /// Writes `image` into all unfinished files, which are raw. Unlike [`Outputs::fill`], it needs no
    /// store.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or an object cannot be read.
    pub(super) fn fill_raw(
        self,
        image: &Image,
        objects: &dyn Objects,
        digest: Digest,
        reporter: &dyn Reporter,
    ) -> Result<Filled, SinkError> {
        reporter.started(Stage::Write, Work::Bytes(Some(image.len())));
        let advance = |amount| advance(reporter, amount);
        let wanted = Wanted {
            digest,
            block_map: self.have_block_map(),
        };
        let computed = raw(&self.outputs, image, objects, wanted, &advance);
        let passed = computed.map(|computed| Passed::raw(computed, self.outputs.len()));
        self.filled(image, passed)
    }

    /// Whether one of the outputs has a block map.
    fn have_block_map(&self) -> bool {
        self.outputs.iter().any(Output::has_block_map)
    }

    fn filled(self, image: &Image, passed: Result<Passed, Failed>) -> Result<Filled, SinkError> {
        let needed = self.needed(image);
        let passed = passed.and_then(|passed| self.with_block_maps(passed));
        let passed = match passed {
            Ok(passed) => passed,
            Err((index, fault)) => return Err(self.explain(index, fault, needed)),
        };
        let Computed { sha256, block_map } = passed.computed;
        let len = image.len();
        let file = |(output, content): (&Output, Option<(u64, Sha256)>)| {
            let is_raw = output.format() == Format::Raw;
            let raw = sha256.filter(|_| is_raw).map(|sha256| (len, sha256));
            WrittenFile {
                path: output.path().to_owned(),
                format: output.format(),
                content: content.or(raw),
            }
        };
        let files = self.outputs.iter().zip(passed.files).map(file).collect();
        Ok(Filled {
            outputs: self,
            needed,
            made: passed.made,
            is_proven: passed.is_proven,
            written: Written {
                len,
                sha256,
                block_map,
                files,
            },
        })
    }

    /// Writes the block maps after a pass.
    fn with_block_maps(&self, passed: Passed) -> Result<Passed, Failed> {
        let Some(map) = &passed.computed.block_map else {
            return Ok(passed);
        };
        let text = map.to_xml();
        for (index, output) in self.outputs.iter().enumerate() {
            let written = output.write_block_map(&text);
            written.map_err(|fault| (index, fault))?;
        }
        Ok(passed)
    }

    /// The room that the outputs take on the disk, if it is known.
    fn needed(&self, image: &Image) -> Option<Bytes> {
        match self.outputs.as_slice() {
            [output] => match output.format() {
                Format::Raw | Format::Qcow2 => Some(needed(image)),
                Format::Xz | Format::Zstd => None,
            },
            _ => None,
        }
    }

    /// The error for the `fault` of one output. All unfinished files are removed.
    fn explain(mut self, index: usize, fault: Fault, needed: Option<Bytes>) -> SinkError {
        let output = self.outputs.swap_remove(index);
        drop(self);
        output.explain(fault, needed)
    }
}

/// Outputs that are complete but do not have their final names yet. If they are dropped, they leave
/// nothing behind.
#[derive(Debug)]
pub struct Filled {
    outputs: Outputs,
    /// The room that the outputs take on the disk, if it is known.
    needed: Option<Bytes>,
    made: Made,
    is_proven: bool,
    /// The length, digest and block map of the image, and its files.
    pub written: Written,
}

impl Filled {
    /// Whether a part of the image was compressed anew.
    pub fn has_new_blocks(&self) -> bool {
        self.made.has_blocks()
    }

    /// Whether the digest of the image says of every byte in the outputs that it is right. It does not if parts of
    /// the image were read once more, beside the reading that gave the digest.
    pub fn is_proven_by_digest(&self) -> bool {
        self.is_proven
    }

    /// Notes in `store` what was compressed, so that it need not be compressed again. Everything that
    /// the image was made of must have been verified.
    ///
    /// # Errors
    ///
    /// The store cannot be written to.
    pub fn note(&self, store: &Store) -> io::Result<()> {
        self.made.note(store)
    }

    /// Gives the files their final names.
    ///
    /// # Errors
    ///
    /// A file cannot be synced or renamed.
    pub fn finish(mut self, reporter: &dyn Reporter) -> Result<Written, SinkError> {
        let (mut indices, mut files) = (Vec::new(), Vec::new());
        for (index, output) in self.outputs.outputs.iter_mut().enumerate() {
            for file in output.files() {
                indices.push(index);
                files.push(file);
            }
        }
        if let Err((number, error)) = Unfinished::finish_together(&mut files) {
            let fault = Fault::Output(error);
            return Err(self.outputs.explain(indices[number], fault, self.needed));
        }
        reporter.finished(Stage::Write, false);
        Ok(self.written)
    }
}

/// Fills the raw outputs and, meanwhile, the others. What is `wanted` is computed of a raw output if there is one.
fn fill(
    outputs: &[Output],
    image: &Image,
    blocks: Blocks<'_>,
    wanted: Wanted,
    reporter: &dyn Reporter,
) -> Result<Passed, Failed> {
    let objects = blocks.store;
    let raw_outputs = outputs.iter().filter(|it| it.format() == Format::Raw);
    let n_raw = raw_outputs.count();
    let has_others = n_raw < outputs.len();
    let pass = |wanted| Pass {
        image,
        files: outputs.iter().map(|it| (it.format(), it.file())).collect(),
        wanted,
    };
    // Progress counts each byte of the image once, so only the slower part reports it.
    let slower = |amount| advance(reporter, amount);
    let fill_raw = |report: &(dyn Fn(u64) + Sync)| raw(outputs, image, objects, wanted, report);
    if n_raw == 0 {
        return pass(wanted).run(blocks, &slower);
    }
    if !has_others {
        let computed = fill_raw(&slower)?;
        return Ok(Passed::raw(computed, n_raw));
    }
    std::thread::scope(|scope| {
        let raw = scope.spawn(|| fill_raw(&|_| {}));
        let passed = pass(Wanted::NOTHING).run(blocks, &slower);
        let raw = raw.join();
        let computed = raw.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let mut passed = passed?;
        passed.is_proven &= n_raw == 1;
        passed.made.image = computed.sha256;
        passed.computed = computed;
        Ok(passed)
    })
}

/// Fills the raw outputs. What is `wanted` is computed of the first one.
fn raw(
    outputs: &[Output],
    image: &Image,
    objects: &dyn Objects,
    mut wanted: Wanted,
    mut advance: &(dyn Fn(u64) + Sync),
) -> Result<Computed, Failed> {
    let mut first = None;
    for (index, output) in outputs.iter().enumerate() {
        if output.format() == Format::Raw {
            let filled = fill_raw(output.file(), image, objects, wanted, advance);
            let computed = filled.map_err(|fault| (index, fault))?;
            first.get_or_insert(computed);
            wanted = Wanted::NOTHING;
            advance = &|_| {};
        }
    }
    Ok(first.unwrap_or_default())
}

fn advance(reporter: &dyn Reporter, amount: u64) {
    reporter.report(Event::Advanced {
        stage: Stage::Write,
        amount,
    });
}
