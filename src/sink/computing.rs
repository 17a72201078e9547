//! Computes the digest and the block map of an image while its bytes pass by, so that both cost one reading of them.

use super::block_map::{BlockMap, BlockMapper};
use crate::digest::{Hasher, Sha256};
use crate::disk::image::Image;
use std::sync::{Arc, mpsc};

/// The number of bytes that are hashed between two reports.
const REPORT: u64 = 4 << 20;
/// The number of pieces that may wait for a computation.
const N_WAITING: usize = 1;

/// Whether the digest of the image is computed. That uses one more processor meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// The image is hashed.
    Sha256,
    /// The image is not hashed.
    Skip,
}

/// The results that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) digest: Digest,
    pub(super) block_map: bool,
}

impl Wanted {
    /// Nothing is computed.
    pub(super) const NOTHING: Self = Self {
        digest: Digest::Skip,
        block_map: false,
    };
}

/// The results.
#[derive(Clone, Debug, Default)]
pub(super) struct Computed {
    pub(super) sha256: Option<Sha256>,
    pub(super) block_map: Option<BlockMap>,
}

/// A computation over all bytes of an image, which come in order.
pub(super) trait Follower: Send {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);
}

/// The computations of one image.
pub(super) struct Computing<'a> {
    whole: Option<Whole<'a>>,
    mapper: Option<BlockMapper>,
}

impl<'a> Computing<'a> {
    /// Begins what is `wanted` of `image`. `advance` is called with the number of bytes that were hashed.
    pub(super) fn new(image: &Image, wanted: Wanted, advance: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            whole: (wanted.digest == Digest::Sha256).then(|| Whole::new(advance)),
            mapper: wanted.block_map.then(|| BlockMapper::new(image)),
        }
    }

    /// The computations, each of which has to take every byte.
    pub(super) fn followers(&mut self) -> Vec<&mut dyn Follower> {
        let whole = self.whole.iter_mut().map(|it| it as &mut dyn Follower);
        let mapper = self.mapper.iter_mut().map(|it| it as &mut dyn Follower);
        whole.chain(mapper).collect()
    }

    /// Runs `write`, which passes on the bytes of the image. Each computation takes them in a thread of its own.
    pub(super) fn beside<E>(
        &mut self,
        write: impl FnOnce(&mut dyn FnMut(&Arc<Vec<u8>>)) -> Result<(), E>,
    ) -> Result<(), E> {
        let followers = self.followers();
        std::thread::scope(|scope| {
            let started = followers.into_iter().map(|follower| {
                let (sender, receiver) = mpsc::sync_channel::<Arc<Vec<u8>>>(N_WAITING);
                scope.spawn(move || receiver.iter().for_each(|bytes| follower.take(&bytes)));
                sender
            });
            let senders: Vec<_> = started.collect();
            write(&mut |bytes| {
                for sender in &senders {
                    // A thread stops early only on a panic, which the scope passes on.
                    let _ = sender.send(Arc::clone(bytes));
                }
            })
        })
    }

    /// The results, after every byte of the image has passed by.
    pub(super) fn finish(self) -> Computed {
        Computed {
            sha256: self.whole.map(Whole::finish),
            block_map: self.mapper.map(BlockMapper::finish),
        }
    }
}

/// The digest of an image. It reports the number of bytes that were hashed, which are the ones that are finished.
struct Whole<'a> {
    hasher: Hasher,
    advance: &'a (dyn Fn(u64) + Sync),
    unreported: u64,
}

impl<'a> Whole<'a> {
    fn new(advance: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            hasher: Hasher::new(),
            advance,
            unreported: 0,
        }
    }

    fn finish(self) -> Sha256 {
        if self.unreported > 0 {
            (self.advance)(self.unreported);
        }
        self.hasher.finish()
    }
}

impl Follower for Whole<'_> {
    fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.unreported += bytes.len() as u64;
        if self.unreported >= REPORT {
            (self.advance)(self.unreported);
            self.unreported = 0;
        }
    }
}

impl Follower for BlockMapper {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}
