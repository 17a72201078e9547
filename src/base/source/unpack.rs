//! From the file of a base image to its disk in the store.

use super::{MAX_DISK, Source, SourceError, addresses};
use crate::base::input::Input;
use crate::base::packing::{self, Packing, PackingError};
use crate::base::sparse::{self, Beyond, Bounds};
use crate::digest::Sha256;
use crate::event::{Event, Stage, Work};
use crate::fetch::Download;
use crate::lock::LockedBase;
use crate::tree::Objects;

/// How many times as long as its file a packed disk is at most, if it is longer than [`SMALL_DISK`]:
/// Armbian's and Raspberry Pi OS's have 4 to 12 times the length, and a bomb of zeros thousands.
const MAX_RATIO: u64 = 256;
/// A disk that may be as empty as it likes: hashing it takes a second or two.
const SMALL_DISK: u64 = 1 << 30;
/// Is left free on the disk of the store.
const RESERVE: u64 = 64 << 20;

impl Source<'_> {
    /// The disk in `input`, which must be the file `locked`: what is unpacked is what is hashed, and it
    /// is kept only if its digest is the right one.
    pub(super) fn unpack(&self, locked: &LockedBase, input: Input) -> Result<Sha256, SourceError> {
        let name = &locked.name;
        self.reporter.report(Event::Started {
            stage: Stage::Open,
            work: Work::Bytes(None),
        });
        let packed = input.len();
        let room = self.store.free().0.saturating_sub(RESERVE);
        let bounds = |packing| Bounds {
            len: match packing {
                Packing::Raw => MAX_DISK,
                _ => packed.saturating_mul(MAX_RATIO).clamp(SMALL_DISK, MAX_DISK),
            },
            room,
        };
        let mut advance = |amount| {
            let stage = Stage::Open;
            self.reporter.report(Event::Advanced { stage, amount });
        };
        let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(16));
        let n_threads = u32::try_from(n_threads).expect("at most sixteen");
        let scratch = self.store.scratch_path();
        let unpacked = packing::unpack(input, n_threads, scratch, |packing, disk| {
            sparse::take(self.store, disk, bounds(packing), &mut advance)
        });
        let unpacked = unpacked.map_err(|source| refused(name, source))?;
        let found = unpacked.file.unwrap_or(unpacked.disk.digest);
        if found != locked.sha256 {
            // It may be an object that is not what it should be.
            self.store.prove_used()?;
            return Err(SourceError::Digest {
                name: name.clone(),
                expected: locked.sha256,
                found,
            });
        }
        let disk = unpacked.disk.keep(self.store)?;
        self.reporter.report(Event::Finished {
            stage: Stage::Open,
            memoized: false,
        });
        Ok(disk)
    }

    /// The file `locked`, which is brought into the store from `urls` or, failing these, from where the
    /// lock says.
    pub(super) fn fetched(
        &self,
        locked: &LockedBase,
        urls: &[String],
    ) -> Result<Input, SourceError> {
        self.fetch(locked, urls)?;
        Ok(Input::new(self.store.open(&locked.sha256)?)?)
    }

    fn fetch(&self, locked: &LockedBase, urls: &[String]) -> Result<(), SourceError> {
        if self.store.contains(&locked.sha256) {
            return Ok(());
        }
        let mut urls = addresses(urls)?;
        for url in addresses(&locked.urls)? {
            if !urls
                .iter()
                .any(|known| known.to_string() == url.to_string())
            {
                urls.push(url);
            }
        }
        let download = Download {
            name: locked.name.clone(),
            urls,
            size: locked.size,
            sha256: locked.sha256,
        };
        self.reporter.report(Event::Started {
            stage: Stage::Fetch,
            work: Work::Bytes(Some(locked.size)),
        });
        let fetched = self.client.download(self.store, &download, self.reporter);
        fetched.map_err(|source| SourceError::Fetch {
            name: locked.name.clone(),
            source,
        })?;
        self.reporter.report(Event::Finished {
            stage: Stage::Fetch,
            memoized: false,
        });
        Ok(())
    }
}

/// What unpacking failed of, with what is wrong about its size taken out of its wrapping.
fn refused(name: &str, source: PackingError) -> SourceError {
    let name = name.to_owned();
    let beyond = match &source {
        PackingError::Read(error) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Beyond>())
            .copied(),
        _ => None,
    };
    match beyond {
        Some(source) => SourceError::Beyond { name, source },
        None => SourceError::Packing { name, source },
    }
}
