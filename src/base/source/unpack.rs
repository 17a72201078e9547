//! Unpacks the file of a base image into the store.

use super::{MAX_DISK, Source, SourceError, addresses, failed};
use crate::base::input::Input;
use crate::base::packing::{self, Packing, PackingError, Unpacked};
use crate::base::sparse::{self, Beyond, Bounds, Scratched};
use crate::digest::Sha256;
use crate::event::{Event, Reporter, Stage, Work};
use crate::fetch::Download;
use crate::lock::LockedBase;
use crate::store::Store;

/// The most that a disk of more than [`SMALL_DISK`] may be longer than its packed file. The disks of Armbian
/// and Raspberry Pi OS are 4 to 12 times as long, a decompression bomb thousands of times.
const MAX_RATIO: u64 = 256;
/// The length up to which any ratio is accepted: hashing such a disk takes a second or two.
const SMALL_DISK: u64 = 1 << 30;
/// The bytes that stay free on the filesystem of the store.
pub(crate) const RESERVE: u64 = 64 << 20;

/// Unpacks the disk in `input` into the scratch space of `store`, and reports the beginning of this and its advance.
///
/// # Errors
///
/// The input has an unknown format, cannot be read or unpacked, or its disk is too long for the store or for any
/// image.
pub(crate) fn unpack(
    store: &Store,
    input: Input,
    reporter: &dyn Reporter,
) -> Result<Unpacked<Scratched>, PackingError> {
    reporter.report(Event::Started {
        stage: Stage::Open,
        work: Work::Bytes(None),
    });
    let packed = input.len();
    let room = store.free().0.saturating_sub(RESERVE);
    let bounds = |packing| Bounds {
        len: match packing {
            Packing::Raw => MAX_DISK,
            _ => most(packed),
        },
        room,
    };
    let mut advance = |amount| {
        let stage = Stage::Open;
        reporter.report(Event::Advanced { stage, amount });
    };
    let (n_threads, scratch) = (packing::n_threads(), store.scratch_path());
    packing::unpack(input, n_threads, scratch, |packing, disk| {
        sparse::copy(store, disk, bounds(packing), &mut advance)
    })
}

/// The most bytes that the disk in a packed file of `packed` bytes may have.
pub(crate) fn most(packed: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).clamp(SMALL_DISK, MAX_DISK)
}

impl Source<'_> {
    /// Unpacks the disk in `input`, which must be the file `locked`, into the store. The same bytes are
    /// unpacked and hashed, and the disk is kept only if the digest is that of the lock.
    pub(super) fn unpack(&self, locked: &LockedBase, input: Input) -> Result<Sha256, SourceError> {
        let name = &locked.name;
        let unpacked = unpack(self.store, input, self.reporter);
        let unpacked = unpacked.map_err(|source| refused(name, source))?;
        let found = unpacked.file.unwrap_or(unpacked.disk.digest);
        if found != locked.sha256 {
            // The input may be a damaged object of the store, which this check finds.
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

    /// Fetches the file `locked` into the store from `urls` or, if these fail, from the addresses in the lock.
    pub(super) fn fetch(&self, locked: &LockedBase, urls: &[String]) -> Result<(), SourceError> {
        if self.store.contains(&locked.sha256) {
            return Ok(());
        }
        let mut urls = addresses(urls)?;
        for url in addresses(&locked.urls)? {
            let address = url.to_string();
            if !urls.iter().any(|known| known.to_string() == address) {
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
        fetched.map_err(|source| failed(&locked.name, source))?;
        self.reporter.report(Event::Finished {
            stage: Stage::Fetch,
            memoized: false,
        });
        Ok(())
    }
}

/// The error of unpacking. A limit of size is found inside the I/O error that carries it.
fn refused(name: &str, source: PackingError) -> SourceError {
    let name = name.to_owned();
    match beyond(&source) {
        Some(source) => SourceError::Beyond { name, source },
        None => SourceError::Packing { name, source },
    }
}

/// The limit of size that `error` is about, if it is about one.
pub(crate) fn beyond(error: &PackingError) -> Option<Beyond> {
    match error {
        PackingError::Read(error) => error.get_ref().and_then(|it| it.downcast_ref().copied()),
        _ => None,
    }
}
