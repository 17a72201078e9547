//! Opens many .debs at once: control members in memory, `data.tar` decompressed into the store.
//!
//! Decompression is the expensive part of unpacking (an image's packages are hundreds of MB of
//! xz), so it runs on all cores, the largest packages first, and never twice for the same .deb.

use super::ar::{self, Member};
use super::{ControlFiles, DebError, ReadAt, control};
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::Objects;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The stage of the memo that leads from a .deb to its decompressed data.tar.
const STAGE: &str = "data-tar";
/// data.tar may hold this much; Debian's largest packages are game data of about 4 GiB.
const MAX_DATA: u64 = 16 << 30;
/// More threads than this only take more memory: a dictionary of 8 MiB each.
const MAX_THREADS: usize = 8;
const BUFFER: usize = 128 << 10;

/// A .deb that was opened.
#[derive(Clone, Debug)]
pub struct OpenDeb {
    /// The files of control.tar.
    pub control: ControlFiles,
    /// The decompressed data.tar.
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
    let queue = largest_first(store, debs);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<_>>> = debs.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some(index) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = open(store, &debs[*index], n_threads);
            *results[*index].lock().expect("no thread panicked") = Some(result);
            opened(*index);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..n_threads.min(debs.len()) {
            scope.spawn(work);
        }
        work();
    });
    let done = |slot: Mutex<Option<_>>| slot.into_inner().expect("no thread panicked");
    results
        .into_iter()
        .map(|slot| done(slot).expect("every .deb was opened"))
        .collect()
}

/// The largest file started last would keep one core busy while all others wait.
fn largest_first(store: &Store, debs: &[Sha256]) -> Vec<usize> {
    let len =
        |index: &usize| fs_err::metadata(store.object_path(&debs[*index])).map_or(0, |m| m.len());
    let mut queue: Vec<usize> = (0..debs.len()).collect();
    queue.sort_by_key(|index| std::cmp::Reverse(len(index)));
    queue
}

/// The control members of the object `deb` alone.
pub fn control_of(store: &Store, deb: &Sha256) -> Result<ControlFiles, DebError> {
    let file = store.open(deb).map_err(DebError::Read)?;
    let len = file.metadata().map_err(DebError::Read)?.len();
    let shell = ar::shell(&file, len)?;
    control::read(decoder(&file, shell.control, "control.tar", 1)?)
}

fn open(store: &Store, deb: &Sha256, n_threads: usize) -> Result<OpenDeb, DebError> {
    store.prove([*deb]).map_err(DebError::Store)?;
    let file = store.open(deb).map_err(DebError::Read)?;
    let len = file.metadata().map_err(DebError::Read)?.len();
    let shell = ar::shell(&file, len)?;
    let control = control::read(decoder(&file, shell.control, "control.tar", 1)?)?;
    let known = store.memo(STAGE, deb);
    let data = match known.filter(|data| store.prove([*data]).is_ok()) {
        Some(data) => data,
        None => {
            let data = decoder(&file, shell.data, "data.tar", n_threads)?;
            let object = copy(data, store)?;
            store
                .set_memo(STAGE, deb, &object)
                .map_err(DebError::Store)?;
            object
        }
    };
    Ok(OpenDeb { control, data })
}

fn decoder<'a>(
    file: &'a fs_err::File,
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

/// Copies the decompressed archive into the store.
fn copy(mut data: Box<dyn Read + '_>, store: &Store) -> Result<Sha256, DebError> {
    let member = "data.tar";
    let mut object = store.writer().map_err(DebError::Store)?;
    let mut buffer = vec![0; BUFFER];
    let mut left = MAX_DATA;
    loop {
        let len = match data.read(&mut buffer) {
            Ok(0) => return object.commit().map_err(DebError::Store),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(DebError::Decompress { member, source }),
        };
        let read = u64::try_from(len).expect("a length fits 64 bits");
        let too_large = DebError::TooLarge {
            member,
            max: MAX_DATA,
        };
        left = left.checked_sub(read).ok_or(too_large)?;
        object.write_all(&buffer[..len]).map_err(DebError::Store)?;
    }
}

/// The stored bytes of one member, without moving the file's position.
struct MemberReader<'a> {
    file: &'a fs_err::File,
    at: u64,
    left: u64,
}

impl Read for MemberReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.file.read_exact_at(&mut buffer[..len], self.at)?;
        let read = u64::try_from(len).expect("a length fits 64 bits");
        self.at += read;
        self.left -= read;
        Ok(len)
    }
}
