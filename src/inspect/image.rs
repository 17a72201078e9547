//! Opens the file of an image. A disk that is not packed is read where it lies; a packed one is unpacked into the
//! scratch space of the store, in which nothing is left.

use super::error::InspectError;
use crate::base::input::Input;
use crate::base::packing::{HEAD, Packing, PackingError};
use crate::base::source::MAX_DISK;
use crate::base::source::unpack::{beyond, unpack};
use crate::digest::{Hasher, Sha256};
use crate::disk::device::{Device, FileDevice};
use crate::event::{Event, Reporter, Stage};
use crate::store::Store;
use crate::tree::{Objects, Slice};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The disk of an image, and the file that it is in.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    /// The length of the file in bytes.
    pub file_len: u64,
    /// The format of the file.
    pub packing: Packing,
    disk: fs_err::File,
    device: FileDevice,
}

impl Image {
    /// Opens the file at `path` if it is a disk that is not packed. A packed one gives `None`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is neither a disk nor packed.
    pub fn plain(path: &Path) -> Result<Option<Self>, InspectError> {
        let mut input = open(path)?;
        let file_len = input.len();
        let mut head = Vec::new();
        let read = Read::by_ref(&mut input).take(HEAD).read_to_end(&mut head);
        let packing = read.map_err(PackingError::from);
        let packing = packing.and_then(|_| match Packing::of(&head) {
            // A filesystem without a partition table can be inspected, though nothing can be built on it.
            Err(PackingError::Bare { .. }) => Ok(Packing::Raw),
            packing => packing,
        });
        match packing.map_err(|source| refused(path, source))? {
            Packing::Raw => {}
            _ => return Ok(None),
        }
        let disk = input.into_file();
        Self::new(path, file_len, Packing::Raw, disk).map(Some)
    }

    /// Opens the file at `path`, which is packed, and unpacks it into the scratch space of `store`.
    ///
    /// # Errors
    ///
    /// The file cannot be read or unpacked, or the store has no room.
    pub fn unpacked(
        path: &Path,
        store: &Store,
        reporter: &dyn Reporter,
    ) -> Result<Self, InspectError> {
        let mut input = open(path)?;
        let mut head = [0; 16];
        let n = input.read(&mut head).map_err(PackingError::from);
        let packing = n.and_then(|n| Packing::of(&head[..n]));
        let packing = packing.map_err(|source| refused(path, source))?;
        let input = open(path)?;
        let file_len = input.len();
        let unpacked = unpack(store, input, reporter);
        let unpacked = unpacked.map_err(|source| refused(path, source))?;
        let disk = unpacked.disk.open().map_err(InspectError::Store)?;
        reporter.report(Event::Finished {
            stage: Stage::Open,
            memoized: false,
        });
        Self::new(path, file_len, packing, disk)
    }

    fn new(
        path: &Path,
        file_len: u64,
        packing: Packing,
        disk: fs_err::File,
    ) -> Result<Self, InspectError> {
        let device = disk.try_clone().and_then(FileDevice::new);
        let device = device.map_err(|source| refused(path, source.into()))?;
        Ok(Self {
            path: path.to_owned(),
            file_len,
            packing,
            disk,
            device,
        })
    }

    /// The file of the image.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk.
    pub fn device(&self) -> &dyn Device {
        &self.device
    }

    /// The digest of the disk.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn sha256(&self) -> Result<Sha256, InspectError> {
        const STEP: u64 = 1 << 18;
        let (mut hasher, mut buffer, len) = (Hasher::new(), Vec::new(), self.device.len());
        let mut offset = 0;
        while offset < len {
            let step = STEP.min(len - offset);
            buffer.resize(step as usize, 0);
            let read = self.device.read_at(offset, &mut buffer);
            read.map_err(|source| refused(&self.path, source.into()))?;
            hasher.update(&buffer);
            offset += step;
        }
        Ok(hasher.finish())
    }

    /// The first byte from `offset` on that is not in a hole of the file; the length of the disk if there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn data_from(&self, offset: u64) -> io::Result<u64> {
        match rustix::fs::seek(self.disk.file(), SeekFrom::Data(offset)) {
            Ok(data) => Ok(data.max(offset)),
            Err(Errno::NXIO) => Ok(self.device.len().max(offset)),
            // A filesystem need not know its holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(offset),
            Err(error) => Err(error.into()),
        }
    }

    /// `len` bytes of the disk from `offset` on. The image has one object, the disk, and its digest is not known.
    pub(super) fn slice(&self, offset: u64, len: u64) -> Slice {
        let object = Sha256([0; 32]);
        Slice {
            object,
            offset,
            len,
        }
    }
}

impl Objects for Image {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        self.disk.try_clone()
    }
}

fn open(path: &Path) -> Result<Input, InspectError> {
    Input::open(path, MAX_DISK).map_err(|source| InspectError::File {
        path: path.to_owned(),
        source,
    })
}

fn refused(path: &Path, source: PackingError) -> InspectError {
    let path = path.to_owned();
    match beyond(&source) {
        Some(source) => InspectError::Beyond { path, source },
        None => InspectError::Packing { path, source },
    }
}
