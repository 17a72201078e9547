//! Opens many .debs at once: control members in memory, files decompressed into the store.
//!
//! Decompression is the slowest part of unpacking (the packages of an image are hundreds of MB of
//! xz), so it runs on all cores, with the largest packages first, and only once for a .deb.

use super::ar::{self, Member};
use super::{ControlFiles, DebError, control, unpacked};
use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice};
use crate::parallel;
use crate::store::Store;
use crate::tree::Objects;
use std::io::{self, Read};

/// The stage of the memo that leads from a .deb to the object of its files. It must change with the
/// form of that object.
const STAGE: &str = "data-tar-2";
/// The most threads. More would only take more memory: a dictionary of 8 MiB each.
const MAX_THREADS: usize = 8;

/// A .deb that was opened.
#[derive(Clone, Debug)]
pub struct OpenDeb {
    /// The files of control.tar.
    pub control: ControlFiles,
    /// The object of its files, which [`entries`](super::entries) lists.
    pub data: Sha256,
}

/// Opens the objects `debs`; the results are in their order. `opened` is called as each is done,
/// from several threads.
pub fn open_all(
    store: &Store,
    debs: &[Sha256],
    opened: &(dyn Fn(usize) + Sync),
) -> Vec<Result<OpenDeb, DebError>> {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_threads = n_cores.min(MAX_THREADS);
    // If the largest file were started last, it would keep one core busy while all others wait.
    let path = |index: &usize| store.object_path(&debs[*index]);
    let len = |index: &usize| fs_err::metadata(path(index)).map_or(0, |found| found.len());
    let mut queue: Vec<usize> = (0..debs.len()).collect();
    queue.sort_by_key(|index| std::cmp::Reverse(len(index)));
    let mut results = parallel::map(&queue, n_threads, |index| {
        let result = open(store, &debs[*index], n_threads);
        opened(*index);
        (*index, result)
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Reads only the control members of the object `deb`.
///
/// # Errors
///
/// The object cannot be read, or is not a .deb.
pub fn control_of(store: &Store, deb: &Sha256) -> Result<ControlFiles, DebError> {
    let file = store.open(deb).and_then(FileDevice::new);
    let file = file.map_err(DebError::Read)?;
    let shell = ar::shell(&file)?;
    control::read(decoder(&file, shell.control, "control.tar", 1)?)
}

fn open(store: &Store, deb: &Sha256, n_threads: usize) -> Result<OpenDeb, DebError> {
    store.prove([*deb]).map_err(DebError::Store)?;
    let file = store.open(deb).and_then(FileDevice::new);
    let file = file.map_err(DebError::Read)?;
    let shell = ar::shell(&file)?;
    let control = control::read(decoder(&file, shell.control, "control.tar", 1)?)?;
    let known = store.memo(STAGE, deb);
    let data = match known.filter(|data| store.prove([*data]).is_ok()) {
        Some(data) => data,
        None => {
            let data = decoder(&file, shell.data, "data.tar", n_threads)?;
            let object = unpacked::store(data, store)?;
            store
                .set_memo(STAGE, deb, &object)
                .map_err(DebError::Store)?;
            object
        }
    };
    Ok(OpenDeb { control, data })
}

fn decoder<'a>(
    file: &'a FileDevice,
    at: Member,
    member: &'static str,
    n_threads: usize,
) -> Result<Box<dyn Read + 'a>, DebError> {
    let n_threads = u32::try_from(n_threads).expect("few threads");
    let stored = MemberReader {
        file,
        at: at.offset,
        left: at.len,
    };
    at.compression
        .decode(stored, at.len, n_threads)
        .map_err(|source| DebError::Decompress { member, source })
}

/// Reads the stored bytes of one member.
struct MemberReader<'a> {
    file: &'a FileDevice,
    at: u64,
    left: u64,
}

impl Read for MemberReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.file.read_at(self.at, &mut buffer[..len])?;
        let read = u64::try_from(len).expect("a length fits 64 bits");
        self.at += read;
        self.left -= read;
        Ok(len)
    }
}
