//! From the composed root tree to the sealed disk: filesystems, blobs, layout.

use super::blob::{self, Sources};
use super::foreign::ForeignError;
use crate::architecture::Architecture;
use crate::boot::contents::{ContentsError, path};
use crate::boot::extlinux::ExtlinuxError;
use crate::boot::grub::{CoreError, NotACommandLine};
use crate::boot::initramfs::InitramfsError;
use crate::boot::rpi::{FirmwareFault, RpiError};
use crate::define::board::{
    BaseRegion, Blob, BlobPlace, Filesystem, Partition, Size, Table as BoardTable,
};
use crate::disk::image::{Image, ImageError, Region, Source};
use crate::disk::{gpt, mbr};
use crate::fs::ext4::{self, Ext4Error};
use crate::fs::fat::{self, FatBits, FatError};
use crate::layout::{self, AssembleError, LayoutErrors};
use crate::plan::Plan;
use crate::seed::uuid_bytes;
use crate::tree::{Meta, Tree, TreeError, TreePath};
use crate::units::{Bytes, Lba, SECTOR_SIZE};
use std::collections::BTreeMap;
use std::io;

/// The MBR type of a Linux filesystem.
const LINUX: u8 = 0x83;

/// Blocks that only root may use, so that a full disk still lets an administrator log in.
const RESERVED_PERCENT: u8 = 1;

/// Why there is no disk.
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
    /// A fetched package does not hold the blob.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// A blob is part of a base image, and there is none.
    #[error(
        "blob `{blob}` of board `{board}` is taken from an image that is made for this board, and none was \
         given; give one with --base FILE --boot-loader-only, or with --base alone to start from all of it"
    )]
    NoBase {
        /// The board.
        board: String,
        /// The blob.
        blob: String,
    },
    /// The base image ends before the blob.
    #[error(
        "blob `{blob}` is taken from the base image up to {end}, but that has {len} bytes only"
    )]
    ShortBase {
        /// The blob.
        blob: String,
        /// Its end in the base image.
        end: Bytes,
        /// Length of the base image.
        len: u64,
    },
    /// The base image has no boot loader.
    #[error(
        "the base image has nothing but zeros at {}..{}, where blob `{blob}` is taken from; give one \
         that is made for this board", .region.start, .region.end
    )]
    EmptyBase {
        /// The blob.
        blob: String,
        /// Where it should be.
        region: BaseRegion,
    },
    /// No kernel was installed.
    #[error("no kernel is in /boot of the tree; package `{0}` should have brought one")]
    NoKernel(String),
    /// A file cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The Raspberry Pi's partition cannot be filled.
    #[error("cannot fill the boot partition")]
    Firmware(#[from] RpiError),
    /// Programs that the image's processor cannot run.
    #[error(
        "`{path}` is a program of another architecture than {architecture}, and so are {n_more} more \
         files; take it out of the overlay or the package that brought it, or report this"
    )]
    WrongMachine {
        /// The first of them.
        path: TreePath,
        /// How many others there are.
        n_more: usize,
        /// The architecture of the image.
        architecture: Architecture,
    },
    /// The Raspberry Pi would not start.
    #[error("the Raspberry Pi's firmware would not start this image; correct the board's [boot]")]
    FirmwareFault(#[from] FirmwareFault),
    /// The Raspberry Pi's firmware has no partition to read.
    #[error("a board of flow `rpi-firmware` needs a partition of type `fat32-lba` with a `mount`")]
    NoFirmwarePartition,
    /// A blob refers to a partition whose place is not fixed.
    #[error("blob `{0}` refers to a partition without a `start` of whole sectors; give it one")]
    UnplacedBlob(String),
    /// A patch lies outside of its blob.
    #[error("the patch at {at} of blob `{blob}` reaches behind its {len} bytes")]
    PatchOutside {
        /// The blob.
        blob: String,
        /// Offset of the patch.
        at: u64,
        /// Length of the blob.
        len: usize,
    },
    /// The image is longer than the smallest disk that the board is meant for.
    #[error(
        "the image has {len}, more than the board's `min-size` of {min_size}; install less, or raise it"
    )]
    LargerThanBoard {
        /// Length of the image.
        len: Bytes,
        /// What the board says.
        min_size: Bytes,
    },
    /// Only an ext4 can be as long as its content.
    #[error("partition `{0}` is no ext4 and has size `content`, expected a number of bytes")]
    NeedsLength(String),
    /// Content and margin do not fit 64 bits.
    #[error("partition `{0}` with its margin would be larger than any disk")]
    TooLarge(String),
    /// Regions overlap.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The root filesystem cannot be made.
    #[error("cannot make the ext4 of partition `{partition}`")]
    Ext4 {
        /// The partition.
        partition: String,
        /// Why.
        source: Ext4Error,
    },
    /// A FAT cannot be made.
    #[error("cannot make the FAT of partition `{partition}`")]
    Fat {
        /// The partition.
        partition: String,
        /// Why.
        source: FatError,
    },
    /// The board asks for what does not fit.
    #[error("the board's disk cannot be laid out")]
    Layout(#[from] LayoutErrors),
    /// The parts do not fit the layout.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}

/// Decides every byte of the disk that holds `root`, the finished tree.
pub(super) fn seal(plan: &Plan, from: Sources<'_>, mut root: Tree) -> Result<Image, DiskError> {
    let mut disk = Disk {
        plan,
        images: BTreeMap::new(),
        sizes: BTreeMap::new(),
        blobs: Vec::new(),
    };
    // The root filesystem comes last: what is mounted below it has been taken out by then.
    let (below, roots): (Vec<_>, Vec<_>) = plan
        .spec
        .board
        .partitions
        .iter()
        .partition(|partition| !is_root(partition));
    for partition in below.into_iter().chain(roots) {
        disk.add(partition, &mut root)?;
    }
    for blob in &plan.spec.board.blobs {
        disk.add_blob(blob, blob::bytes(plan, from, blob)?)?;
    }
    let layout = layout::solve(&disk.request())?;
    let min_size = plan.spec.board.disk.min_size;
    if layout.len > min_size {
        return Err(DiskError::LargerThanBoard {
            len: layout.len,
            min_size,
        });
    }
    let source =
        |(blob, bytes): (layout::BlobRequest, Vec<u8>)| (blob.id, Source::Bytes(bytes.into()));
    let blobs = disk.blobs.into_iter().map(source).collect();
    Ok(layout::assemble(&layout, disk.images, blobs)?)
}

fn is_root(partition: &Partition) -> bool {
    partition.mount.as_deref() == Some("/")
}

/// The contents of a disk, as they are sealed.
struct Disk<'a> {
    plan: &'a Plan,
    images: BTreeMap<String, Image>,
    sizes: BTreeMap<String, Bytes>,
    blobs: Vec<(layout::BlobRequest, Vec<u8>)>,
}

impl Disk<'_> {
    /// Seals the filesystem of `partition`, whose content is what `root` has below its mount.
    fn add(&mut self, partition: &Partition, root: &mut Tree) -> Result<(), DiskError> {
        let len = match (partition.filesystem, partition.size) {
            (Filesystem::None, Size::Fixed(len)) => len,
            (Filesystem::Fat32, Size::Fixed(len)) => {
                let tree = self.take(partition, root)?;
                let image = self.fat(partition, &tree, len)?;
                self.images.insert(partition.name.clone(), image);
                len
            }
            (Filesystem::Ext4, size) => {
                let tree = self.take(partition, root)?;
                let image = self.ext4(partition, &tree, size)?;
                let len = Bytes(image.len());
                self.images.insert(partition.name.clone(), image);
                len
            }
            (Filesystem::None | Filesystem::Fat32, Size::Content) => {
                return Err(DiskError::NeedsLength(partition.name.clone()));
            }
        };
        self.sizes.insert(partition.name.clone(), len);
        Ok(())
    }

    /// What is below the mount of `partition`; an empty directory stays in `root`.
    fn take(&self, partition: &Partition, root: &mut Tree) -> Result<Tree, DiskError> {
        let meta = Meta::root(0o755, self.plan.epoch().into());
        let Some(mount) = partition.mount.as_deref().map(path) else {
            return Ok(Tree::new(meta));
        };
        let missing = || TreeError::Missing {
            path: mount.clone(),
        };
        let id = root.at(&mount).ok_or_else(missing)?;
        let tree = root.subtree(id);
        if !is_root(partition) {
            root.remove(&mount)?;
            root.make_directories(&mount, meta, &crate::tree::Origin::Builtin)?;
        }
        Ok(tree)
    }

    /// Notes the bytes of `blob` for its place: an offset of the disk, or a partition.
    fn add_blob(&mut self, blob: &Blob, bytes: Vec<u8>) -> Result<(), DiskError> {
        match &blob.place {
            BlobPlace::Offset(_) if blob.around_table => self.add_around_table(blob, bytes),
            BlobPlace::Offset(offset) => self.push_blob(&blob.name, *offset, bytes, blob.max_size),
            BlobPlace::Partition(name) => {
                let len = u64::try_from(bytes.len()).expect("a length fits 64 bits");
                let image = Image::new(len, vec![Region::bytes(0, bytes)])?;
                self.images.insert(name.clone(), image);
            }
        }
        Ok(())
    }

    /// A blob that starts in sector 0 leaves disk id, partition entries and signature alone: what
    /// lies up to them and what lies behind them become two.
    fn add_around_table(&mut self, blob: &Blob, mut bytes: Vec<u8>) {
        let behind = |n: u64, bytes: &mut Vec<u8>| {
            let n = usize::try_from(n).expect("a sector fits memory");
            bytes.split_off(n.min(bytes.len()))
        };
        let rest = behind(SECTOR_SIZE, &mut bytes);
        let _table = behind(mbr::TABLE_START, &mut bytes);
        self.push_blob(&blob.name, Bytes(0), bytes, None);
        if !rest.is_empty() {
            let room = blob.max_size;
            let room = room.map(|room| Bytes(room.0.saturating_sub(SECTOR_SIZE)));
            let name = format!("{} behind the table", blob.name);
            self.push_blob(&name, Bytes(SECTOR_SIZE), rest, room);
        }
    }

    fn push_blob(&mut self, name: &str, offset: Bytes, bytes: Vec<u8>, max_len: Option<Bytes>) {
        let request = layout::BlobRequest {
            id: name.to_owned(),
            offset,
            len: Bytes(u64::try_from(bytes.len()).expect("a length fits 64 bits")),
            max_len,
        };
        self.blobs.push((request, bytes));
    }

    fn fat(&self, partition: &Partition, tree: &Tree, len: Bytes) -> Result<Image, DiskError> {
        let params = fat::Params {
            len,
            bits: Some(FatBits::Fat32),
            volume_id: self.plan.fat_volume_id(&partition.name),
            label: partition.label.clone(),
            epoch: self.plan.epoch(),
            start: partition.start.and_then(Bytes::sectors).unwrap_or(Lba(0)),
        };
        let sealed = fat::seal(tree, &params);
        sealed.map_err(|source| DiskError::Fat {
            partition: partition.name.clone(),
            source,
        })
    }

    fn ext4(&self, partition: &Partition, tree: &Tree, size: Size) -> Result<Image, DiskError> {
        let plan = self.plan;
        let failed = |source| DiskError::Ext4 {
            partition: partition.name.clone(),
            source,
        };
        let uuid = plan.filesystem_uuid(&partition.name);
        let mut params = ext4::Params::new(0, uuid, plan.hash_seed(&partition.name), plan.epoch());
        params.label = partition.label.clone().into_bytes();
        params.reserved_percent = RESERVED_PERCENT;
        params.len = match size {
            Size::Fixed(len) => len.0,
            Size::Content => {
                let content = Bytes(ext4::measure(tree, &params).map_err(failed)?);
                let wanted = content.0.checked_add(plan.spec.root_margin.0).map(Bytes);
                let aligned = wanted.and_then(|len| len.align_up(plan.spec.board.disk.alignment));
                aligned
                    .ok_or_else(|| DiskError::TooLarge(partition.name.clone()))?
                    .0
            }
        };
        ext4::seal(tree, &params).map_err(failed)
    }

    fn request(&self) -> layout::Request {
        let (plan, board) = (self.plan, &self.plan.spec.board);
        let request = |partition: &Partition| layout::PartitionRequest {
            name: partition.name.clone(),
            entry: self.entry(partition),
            start: partition.start,
            size: self.sizes[&partition.name],
        };
        layout::Request {
            table: match board.disk.table {
                BoardTable::Gpt => layout::Table::Gpt {
                    disk_guid: plan.disk_guid(),
                },
                BoardTable::Mbr => layout::Table::Mbr {
                    disk_id: plan.disk_id(),
                },
            },
            alignment: board.disk.alignment,
            partitions: board.partitions.iter().map(request).collect(),
            blobs: self
                .blobs
                .iter()
                .map(|(request, _)| request.clone())
                .collect(),
            min_len: None,
        }
    }

    fn entry(&self, partition: &Partition) -> layout::Entry {
        let board = &self.plan.spec.board;
        match board.disk.table {
            BoardTable::Gpt => layout::Entry::Gpt(gpt::Entry {
                type_guid: uuid_bytes(partition.kind.gpt(board.architecture)),
                guid: self.plan.partition_guid(&partition.name),
                label: partition.name.clone(),
                attributes: 0,
            }),
            BoardTable::Mbr => layout::Entry::Mbr(mbr::Entry {
                type_byte: partition.kind.mbr().unwrap_or(LINUX),
                active: partition.bootable,
            }),
        }
    }
}
