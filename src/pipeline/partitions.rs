//! Makes the partitions and blobs of a new disk by the board's definition, with the files of the finished tree.

use super::blob::{self, Sources};
use super::context::BuildContext;
use super::disk::{Disk, DiskError};
use super::root::Root;
use crate::boot::contents::path;
use crate::define::board::{Blob, BlobPlace, Filesystem, Partition, Size, Table as BoardTable};
use crate::disk::device::Device;
use crate::disk::image::{Image, Region, Source};
use crate::disk::{gpt, mbr, table};
use crate::fs::ext4;
use crate::fs::fat::{self, FatBits};
use crate::layout;
use crate::plan::Plan;
use crate::seed::uuid_bytes;
use crate::tree::{Meta, Origin, Tree, TreeError};
use crate::units::{Bytes, Lba, SECTOR_SIZE};
use std::collections::BTreeMap;

/// The MBR type of a Linux filesystem.
const LINUX: u8 = 0x83;

/// The share of the blocks that only root may use, so that an administrator can log in when the disk is full.
const RESERVED_PERCENT: u8 = 1;

/// The new disk that holds `root`.
pub(super) fn disk(plan: &Plan, context: &BuildContext<'_>, root: Root) -> Result<Disk, DiskError> {
    let board = &plan.spec.board;
    let loader = context.base.loader();
    let from = Sources {
        store: context.store,
        file_packages: &root.file_packages,
        loader: loader.map(|loader| &loader.disk as &dyn Device),
    };
    let mut tree = root.tree;
    let mut parts = Parts {
        plan,
        images: BTreeMap::new(),
        sizes: BTreeMap::new(),
        blobs: Vec::new(),
    };
    // The root filesystem comes last, when the files of all filesystems that are mounted below it have been taken out.
    let below = (board.partitions.iter()).filter(|partition| !is_root(partition));
    for partition in below.chain([board.root()]) {
        parts.add(partition, &mut tree)?;
    }
    for blob in &board.blobs {
        parts.add_blob(blob, blob::bytes(plan, from, blob)?)?;
    }
    let request = parts.request();
    let numbered = (1..).zip(&board.partitions);
    let content = |(number, partition): (u32, &Partition)| {
        Some((number, parts.images.remove(&partition.name)?))
    };
    let contents = numbered.filter_map(content).collect();
    let source =
        |(blob, bytes): (layout::BlobRequest, Vec<u8>)| (blob.id, Source::Bytes(bytes.into()));
    Ok(Disk {
        request,
        contents,
        blobs: parts.blobs.into_iter().map(source).collect(),
    })
}

fn is_root(partition: &Partition) -> bool {
    partition.mount.as_deref() == Some("/")
}

/// The partitions and blobs that are sealed so far.
struct Parts<'a> {
    plan: &'a Plan,
    /// The contents of partitions, by name.
    images: BTreeMap<String, Image>,
    /// The lengths of partitions, by name.
    sizes: BTreeMap<String, Bytes>,
    blobs: Vec<(layout::BlobRequest, Vec<u8>)>,
}

impl Parts<'_> {
    /// Seals the filesystem of `partition`, which gets the files that `root` has at its mount point.
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

    /// Takes the files at the mount point of `partition` out of `root`, in which an empty directory stays.
    fn take(&self, partition: &Partition, root: &mut Tree) -> Result<Tree, DiskError> {
        let meta = Meta::root(0o755, self.plan.epoch().into());
        let Some(mount) = partition.mount.as_deref().map(path) else {
            return Ok(Tree::new(meta));
        };
        let id = root.at(&mount).ok_or_else(|| TreeError::Missing {
            path: mount.clone(),
        })?;
        let tree = root.subtree(id);
        if !is_root(partition) {
            root.remove(&mount)?;
            root.make_directories(&mount, meta, &Origin::Builtin)?;
        }
        Ok(tree)
    }

    /// Adds the bytes of `blob` at its place: an offset of the disk, or a partition.
    fn add_blob(&mut self, blob: &Blob, bytes: Vec<u8>) -> Result<(), DiskError> {
        match &blob.place {
            BlobPlace::Offset(_) if blob.around_table => self.add_around_table(blob, bytes),
            BlobPlace::Offset(offset) => self.push_blob(&blob.name, *offset, bytes, blob.max_size),
            BlobPlace::Partition(name) => {
                let image = Image::new(bytes.len() as u64, vec![Region::bytes(0, bytes)])?;
                self.images.insert(name.clone(), image);
            }
        }
        Ok(())
    }

    /// Adds a blob that begins in sector 0 as two blobs, before and after the disk id, the partition entries and the
    /// signature, which it must not overwrite.
    fn add_around_table(&mut self, blob: &Blob, mut bytes: Vec<u8>) {
        let behind = |n: u64, bytes: &mut Vec<u8>| {
            let n = usize::try_from(n).expect("a sector fits memory");
            bytes.split_off(n.min(bytes.len()))
        };
        let rest = behind(SECTOR_SIZE, &mut bytes);
        let _table = behind(mbr::TABLE_START, &mut bytes);
        self.push_blob(&blob.name, Bytes(0), bytes, None);
        if !rest.is_empty() {
            let room = (blob.max_size).map(|room| Bytes(room.0.saturating_sub(SECTOR_SIZE)));
            let name = format!("{} behind the table", blob.name);
            self.push_blob(&name, Bytes(SECTOR_SIZE), rest, room);
        }
    }

    fn push_blob(&mut self, name: &str, offset: Bytes, bytes: Vec<u8>, max_len: Option<Bytes>) {
        let request = layout::BlobRequest {
            id: name.to_owned(),
            offset,
            len: Bytes(bytes.len() as u64),
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
        fat::seal(tree, &params).map_err(|source| DiskError::Fat {
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
                let too_large = || DiskError::TooLarge(partition.name.clone());
                aligned.ok_or_else(too_large)?.0
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
        let blobs = self.blobs.iter().map(|(request, _)| request.clone());
        layout::Request {
            start: layout::Start::New(match board.disk.table {
                BoardTable::Gpt => table::Kind::gpt(plan.disk_guid()),
                BoardTable::Mbr => table::Kind::Mbr {
                    disk_id: plan.disk_id(),
                },
            }),
            alignment: board.disk.alignment,
            grown: BTreeMap::new(),
            partitions: board.partitions.iter().map(request).collect(),
            blobs: blobs.collect(),
        }
    }

    fn entry(&self, partition: &Partition) -> table::Entry {
        let board = &self.plan.spec.board;
        match board.disk.table {
            BoardTable::Gpt => table::Entry::Gpt(gpt::Entry {
                type_guid: uuid_bytes(partition.kind.gpt(board.architecture)),
                guid: self.plan.partition_guid(&partition.name),
                label: partition.name.clone(),
                attributes: 0,
            }),
            BoardTable::Mbr => table::Entry::Primary(mbr::Entry {
                type_byte: partition.kind.mbr().unwrap_or(LINUX),
                active: partition.bootable,
            }),
        }
    }
}
