//! The errors of making a disk.

use crate::architecture::Architecture;
use crate::boot::contents::ContentsError;
use crate::boot::extlinux::ExtlinuxError;
use crate::boot::grub::{CoreError, NotACommandLine};
use crate::boot::initramfs::InitramfsError;
use crate::boot::rpi::{FirmwareFault, RpiError};
use crate::define::board::BaseRegion;
use crate::disk::image::ImageError;
use crate::fs::ext4::Ext4Error;
use crate::fs::fat::FatError;
use crate::layout::{AssembleError, LayoutErrors};
use crate::pipeline::foreign::ForeignError;
use crate::tree::{TreeError, TreePath};
use crate::units::Bytes;
use std::io;

/// Why a disk could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A file that the board needs cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The initramfs cannot be made.
    #[error("cannot make the initramfs")]
    Initramfs(#[from] InitramfsError),
    /// GRUB's core image cannot be made.
    #[error("cannot make GRUB's core image")]
    Core(#[from] CoreError),
    /// GRUB cannot hold the command line.
    #[error(transparent)]
    CommandLine(#[from] NotACommandLine),
    /// U-Boot's menu cannot be written.
    #[error("cannot write the menu of U-Boot")]
    Menu(#[from] ExtlinuxError),
    /// The file of a blob cannot be read from its package.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// This blob is taken from a base image, and the plan has none. [`crate::session::Session`] refuses such a board.
    #[error(
        "blob `{0}` is taken from an image that is made for this board, and the plan has no image"
    )]
    NoBase(String),
    /// The base image ends before the blob.
    #[error(
        "blob `{blob}` is taken from the base image up to {end}, but that has {len} bytes only"
    )]
    ShortBase {
        /// The blob.
        blob: String,
        /// The blob's end in the base image.
        end: Bytes,
        /// The length of the base image.
        len: u64,
    },
    /// The base image has only zeros in the region of a boot loader.
    #[error(
        "the base image has nothing but zeros at {}..{}, where blob `{blob}` is taken from; give one \
         that is made for this board", .region.start, .region.end
    )]
    EmptyBase {
        /// The blob.
        blob: String,
        /// The region.
        region: BaseRegion,
    },
    /// No kernel was installed.
    #[error("no kernel is in /boot of the tree; package `{0}` should have brought one")]
    NoKernel(String),
    /// A file cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The files of the Raspberry Pi's boot partition cannot be made.
    #[error("cannot fill the boot partition")]
    Firmware(#[from] RpiError),
    /// The tree has programs that the image's processor cannot run.
    #[error(
        "`{path}` is a program of another architecture than {architecture}, and so are {n_more} more \
         files; take it out of the overlay or the package that brought it, or report this"
    )]
    WrongMachine {
        /// The first of these programs.
        path: TreePath,
        /// The number of the others.
        n_more: usize,
        /// The architecture of the image.
        architecture: Architecture,
    },
    /// The firmware of the Raspberry Pi would not start the image.
    #[error("the Raspberry Pi's firmware would not start this image; correct the board's [boot]")]
    FirmwareFault(#[from] FirmwareFault),
    /// The board has no partition that the Raspberry Pi's firmware could read.
    #[error("a board of flow `rpi-firmware` needs a partition of type `fat32-lba` with a `mount`")]
    NoFirmwarePartition,
    /// A blob refers to a partition without a fixed start.
    #[error("blob `{0}` refers to a partition without a `start` of whole sectors; give it one")]
    UnplacedBlob(String),
    /// A patch reaches beyond the end of its blob.
    #[error("the patch at {at} of blob `{blob}` reaches behind its {len} bytes")]
    PatchOutside {
        /// The blob.
        blob: String,
        /// The offset of the patch.
        at: u64,
        /// The length of the blob.
        len: usize,
    },
    /// The image is longer than the smallest disk that the board is meant for.
    #[error(
        "the image has {len}, more than the board's `min-size` of {min_size}; install less, or raise it"
    )]
    LargerThanBoard {
        /// The length of the image.
        len: Bytes,
        /// The limit in the definition of the board.
        min_size: Bytes,
    },
    /// A file names a partition that the image does not have.
    #[error(
        "`{file}` says `{reference}`, which no partition of the image is called, or not the root, which is \
         partition {root}; correct it in the base image, or in the overlay that brought it"
    )]
    Reference {
        /// The file.
        file: String,
        /// The name in the file.
        reference: String,
        /// The number of the root's partition.
        root: u32,
    },
    /// A partition other than an ext4 has the size `content`.
    #[error("partition `{0}` is no ext4 and has size `content`, expected a number of bytes")]
    NeedsLength(String),
    /// The length of content and margin does not fit 64 bits.
    #[error("partition `{0}` with its margin would be larger than any disk")]
    TooLarge(String),
    /// Regions overlap.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An ext4 cannot be made.
    #[error("cannot make the ext4 of partition `{partition}`")]
    Ext4 {
        /// The partition.
        partition: String,
        /// The error of the filesystem.
        source: Ext4Error,
    },
    /// A FAT cannot be made.
    #[error("cannot make the FAT of partition `{partition}`")]
    Fat {
        /// The partition.
        partition: String,
        /// The error of the filesystem.
        source: FatError,
    },
    /// The partitions and blobs do not fit the disk.
    #[error("the disk cannot be laid out")]
    Layout(#[from] LayoutErrors),
    /// The parts do not fit the layout.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
