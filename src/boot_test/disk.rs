//! The disk of the machine: a qcow2 overlay over the image.
//!
//! The image itself is a raw disk, in which the kernel and the architecture are looked up. qemu-img makes a raw disk of
//! an image in qcow2, in the folder of the machine (`convert`).

use crate::base::source::MAX_DISK;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The size of the machine's disk in bytes, unless the image is longer.
const SIZE: u64 = 8 << 30;

/// The first bytes of a disk in qcow2.
const MAGIC: &[u8] = b"QFI\xfb";
/// The number of bytes of the header that are read.
const HEADER: u64 = 80;
/// The field `backing_file_offset` of the header, which is 0 without a backing file.
const BACKING_FILE: Range<usize> = 8..16;
/// The field `size` of the header, which is the length of the disk.
const LEN: Range<usize> = 24..32;
/// The last byte of the field `version`.
const VERSION: usize = 7;
/// The last byte of the field `incompatible_features`, which begins at byte 72 of the header of version 3.
const FEATURES: usize = 79;
/// The feature of a disk whose content is in another file.
const DATA_FILE: u8 = 1 << 2;

/// The reason why a machine gets no disk.
#[derive(Debug, thiserror::Error)]
pub enum MachineDiskError {
    /// The file of the image cannot be read.
    #[error("the image cannot be read")]
    Read(#[source] io::Error),
    /// The image is in qcow2, and a part of its content is in another file.
    #[error(
        "the image is a qcow2 disk that needs {0}: expected one file with the whole disk; \
         `qemu-img convert -O qcow2 IMAGE WHOLE.qcow2` makes one"
    )]
    NeedsFile(&'static str),
    /// The image is in qcow2, and its disk is longer than that of any image.
    #[error("the image is a qcow2 disk of {0} bytes: expected at most {MAX_DISK}")]
    TooLong(u64),
    /// No raw copy of an image in qcow2 can be made.
    #[error("`qemu-img` cannot make a raw disk of the image, which is in qcow2: {0}")]
    Convert(String),
    /// The raw copy takes much more room than the file in qcow2.
    #[error(
        "the image is a qcow2 disk whose content takes more than {0} bytes, which no image in a file of its size does; \
         if it really is one, `qemu-img convert -O raw IMAGE WHOLE.img` makes a disk that is tested as it is"
    )]
    Swells(u64),
    /// The folder of the machine has no room for a raw copy.
    #[error(
        "there is no room for a raw disk of the image, which is in qcow2; `--store DIR` names a folder with more"
    )]
    NoRoom,
    /// The raw copy is not made in time.
    #[error("`qemu-img` has not made a raw disk of the image within {0} seconds")]
    Late(u64),
    /// The overlay cannot be made.
    #[error("`qemu-img` cannot make the machine's disk: {0}")]
    Overlay(String),
    /// qemu-img cannot be started.
    #[error("cannot start `qemu-img`")]
    Start(#[source] io::Error),
}

/// The format of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The disk as it is.
    Raw,
    /// A disk of QEMU.
    Qcow2,
}

impl Format {
    /// The format of the file `image`, by its first bytes.
    ///
    /// # Errors
    /// The file cannot be read, its disk is too long, or it needs another file. The maker of the image decides the name
    /// of that file, and QEMU opens whatever it names, also over the network.
    pub(super) fn of(image: &Path) -> Result<Self, MachineDiskError> {
        let header = header(image).map_err(MachineDiskError::Read)?;
        if !header.starts_with(MAGIC) {
            return Ok(Self::Raw);
        }
        let backing = header.get(BACKING_FILE).unwrap_or_default();
        if backing.iter().any(|byte| *byte != 0) {
            return Err(MachineDiskError::NeedsFile("a backing file"));
        }
        let byte = |at: usize| header.get(at).copied().unwrap_or_default();
        if byte(VERSION) >= 3 && byte(FEATURES) & DATA_FILE != 0 {
            return Err(MachineDiskError::NeedsFile("a data file"));
        }
        // qemu-img names a header that ends before this field.
        let len = header.get(LEN).and_then(|bytes| bytes.try_into().ok());
        let len = len.map_or(0, u64::from_be_bytes);
        if len > MAX_DISK {
            return Err(MachineDiskError::TooLong(len));
        }
        Ok(Self::Qcow2)
    }
}

/// The first bytes of the file `image`.
fn header(image: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    let file = fs_err::File::open(image)?;
    file.take(HEADER).read_to_end(&mut header)?;
    Ok(header)
}

/// Makes the disk of the machine in `folder`: a qcow2 overlay over the raw disk `image`. It has [`SIZE`] bytes, or those
/// of a longer image, whose end would be missing otherwise.
pub(super) fn overlay(
    qemu_img: &Path,
    image: &Path,
    folder: &Path,
) -> Result<PathBuf, MachineDiskError> {
    let overlay = folder.join("disk");
    let len = fs_err::metadata(image)
        .map_err(MachineDiskError::Read)?
        .len();
    let mut command = Command::new(qemu_img);
    command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
    command.arg(absolute(image)?);
    command.arg(&overlay).arg(SIZE.max(len).to_string());
    run(&mut command)?;
    Ok(overlay)
}

/// The path of `image` from the root, because that of a backing file is relative to the overlay.
pub(super) fn absolute(image: &Path) -> Result<PathBuf, MachineDiskError> {
    fs_err::canonicalize(image).map_err(MachineDiskError::Read)
}

/// Runs qemu-img, which makes the overlay.
fn run(command: &mut Command) -> Result<(), MachineDiskError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(MachineDiskError::Start)?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr);
            Err(MachineDiskError::Overlay(words.trim().to_owned()))
        }
    }
}
