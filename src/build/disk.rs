//! From the composed root tree to the sealed disk: boot flow, filesystems, layout.

use crate::boot::contents::{Contents, ContentsError, builtin_symlink, path, put};
use crate::boot::fstab::{self, Mount};
use crate::boot::growth;
use crate::boot::grub::{self, GrubError, GrubSettings};
use crate::boot::initramfs::{self, InitramfsError};
use crate::boot::rpi::{self, RpiError, RpiSettings};
use crate::define::board::{
    BootFlow, Filesystem, Partition, PartitionType, RootBy, Size, Table as BoardTable,
};
use crate::digest::Sha256;
use crate::disk::image::{Image, ImageError, Region, Source};
use crate::disk::{gpt, mbr};
use crate::fs::ext4::{self, Ext4Error};
use crate::fs::fat::{self, FatBits, FatError};
use crate::layout::{self, AssembleError, LayoutErrors};
use crate::plan::Plan;
use crate::seed::uuid_text;
use crate::store::Store;
use crate::tree::{
    Content, Kind, Meta, Name, Node, Objects, Origin, Slice, Tree, TreeError, TreePath,
};
use crate::units::{Bytes, Lba};
use std::collections::BTreeMap;
use std::io;

/// Changes whenever the same archive compresses to other bytes.
const INITRAMFS: &str = "initramfs-1";

/// GRUB's first sector, among the blobs.
const BOOT_CODE: &str = "boot-code";

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
    /// GRUB cannot be laid out.
    #[error("cannot lay out GRUB")]
    Grub(#[from] GrubError),
    /// No kernel was installed.
    #[error("no kernel is in /boot of the tree; package `{0}` should have brought one")]
    NoKernel(String),
    /// A file cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The Raspberry Pi's partition cannot be filled.
    #[error("cannot fill the boot partition")]
    Firmware(#[from] RpiError),
    /// GRUB has no place for its core image.
    #[error("a board of flow `grub-hybrid` needs a partition of type `bios-boot` with a `start`")]
    NoBiosBoot,
    /// A FAT is to be as long as its content.
    #[error("partition `{0}` is FAT and has size `content`, expected a number of bytes")]
    SizeOfFat(String),
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

/// Decides every byte of the disk that holds `root`, the composed tree.
pub(super) fn seal(
    plan: &Plan,
    store: &Store,
    mut root: Tree,
    donors: &Tree,
) -> Result<Image, DiskError> {
    let kernel = newest_kernel(plan, store, &root)?;
    let initramfs = add_initramfs(plan, store, &mut root, &kernel)?;
    let boot = match plan.spec.board.boot.flow {
        BootFlow::GrubHybrid => grub(plan, store, donors)?,
        BootFlow::RpiFirmware => firmware(plan, store, &root, kernel, &initramfs)?,
    };
    let fstab = Node::new(
        Kind::File(Content::inline(fstab::text(&mounts(plan)).as_bytes())),
        Meta::root(0o644, plan.epoch().into()),
        Origin::Builtin,
    );
    let changes = boot
        .root_changes
        .into_iter()
        .chain(growth::files(plan.epoch()));
    for (path, node) in changes.chain([(path("/etc/fstab"), fstab)]) {
        put(&mut root, &path, node)?;
    }
    let mut disk = Disk {
        plan,
        images: boot.images,
        sizes: BTreeMap::new(),
    };
    for partition in &plan.spec.board.partitions {
        disk.add(partition, &mut root, boot.fat.as_ref())?;
    }
    let layout = layout::solve(&disk.request(&boot.blobs))?;
    let source = |(id, bytes): (String, Vec<u8>)| (id, Source::Bytes(bytes.into()));
    let sources = boot.blobs.into_iter().map(source).collect();
    Ok(layout::assemble(&layout, disk.images, sources)?)
}

/// What a boot flow puts on the disk.
struct Boot {
    /// Content of the FAT partition.
    fat: Option<Tree>,
    /// Files of the root filesystem.
    root_changes: Vec<(TreePath, Node)>,
    /// Contents of partitions without a filesystem, by name.
    images: BTreeMap<String, Image>,
    /// Raw bytes by the name of the board's blob.
    blobs: BTreeMap<String, Vec<u8>>,
}

fn newest_kernel(plan: &Plan, objects: &dyn Objects, root: &Tree) -> Result<Name, DiskError> {
    let kernels = initramfs::kernels(Contents {
        tree: root,
        objects,
    });
    let newest = kernels.into_iter().next_back();
    newest.ok_or_else(|| DiskError::NoKernel(plan.spec.board.packages.kernel.clone()))
}

/// Puts the initramfs of `kernel` where Debian's own tools will put its successors.
fn add_initramfs(
    plan: &Plan,
    store: &Store,
    root: &mut Tree,
    kernel: &Name,
) -> Result<Content, DiskError> {
    let contents = Contents {
        tree: root,
        objects: store,
    };
    let archive = initramfs::archive(contents, kernel, plan.epoch())?;
    let key = Sha256::of(&archive);
    let object = match store.memo(INITRAMFS, &key) {
        Some(object) => object,
        None => {
            let object = store.insert(&initramfs::compress(&archive)?)?;
            store.set_memo(INITRAMFS, &key, &object)?;
            object
        }
    };
    let len = fs_err::metadata(store.object_path(&object))?.len();
    let content = Content::Stored(Slice {
        object,
        offset: 0,
        len,
    });
    let name = format!("initrd.img-{kernel}");
    let meta = Meta::root(0o644, plan.epoch().into());
    let file = Node::new(Kind::File(content.clone()), meta, Origin::Builtin);
    put(root, &path(&format!("/boot/{name}")), file)?;
    let link = builtin_symlink(&format!("boot/{name}"), plan.epoch().into());
    put(root, &path("/initrd.img"), link)?;
    Ok(content)
}

/// The kernel's command line as the board wants it, with its consoles and its root.
fn command_line(plan: &Plan) -> String {
    let boot = &plan.spec.board.boot;
    let consoles = boot
        .consoles
        .iter()
        .map(|console| format!("console={console}"));
    let words = consoles.chain([format!("root={}", root_by(plan))]);
    words
        .chain(boot.command_line.iter().cloned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// How the kernel finds the root filesystem.
fn root_by(plan: &Plan) -> String {
    let root = plan.spec.board.root();
    match (plan.spec.board.boot.root, plan.spec.board.disk.table) {
        (RootBy::Uuid, _) => format!("UUID={}", plan.filesystem_uuid_text(&root.name)),
        (RootBy::Partuuid, BoardTable::Gpt) => {
            format!("PARTUUID={}", uuid_text(&plan.partition_guid(&root.name)))
        }
        (RootBy::Partuuid, BoardTable::Mbr) => {
            let partitions = &plan.spec.board.partitions;
            let index = partitions
                .iter()
                .position(|partition| partition.name == root.name);
            let number = index.expect("the root is one of the partitions") + 1;
            format!("PARTUUID={:08x}-{number:02x}", plan.disk_id())
        }
    }
}

fn grub(plan: &Plan, store: &Store, donors: &Tree) -> Result<Boot, DiskError> {
    let board = &plan.spec.board;
    let bios = board
        .partitions
        .iter()
        .find(|partition| partition.kind == PartitionType::BiosBoot);
    let bios = bios.ok_or(DiskError::NoBiosBoot)?;
    let core = bios
        .start
        .and_then(Bytes::sectors)
        .ok_or(DiskError::NoBiosBoot)?;
    let settings = GrubSettings {
        root_uuid: plan.filesystem_uuid_text(&board.root().name),
        core,
        command_line: command_line(plan),
        serial: board
            .boot
            .consoles
            .iter()
            .any(|console| console.starts_with("ttyS")),
    };
    let inputs = Contents {
        tree: donors,
        objects: store,
    };
    let grub = grub::prepare(inputs, &settings, plan.epoch())?;
    let len = u64::try_from(grub.core.len()).expect("a length fits 64 bits");
    let core = Image::new(len, vec![Region::bytes(0, grub.core)])?;
    Ok(Boot {
        fat: Some(grub.esp),
        root_changes: grub.root_changes,
        images: BTreeMap::from([(bios.name.clone(), core)]),
        blobs: BTreeMap::from([(BOOT_CODE.to_owned(), grub.boot_code.to_vec())]),
    })
}

fn firmware(
    plan: &Plan,
    store: &Store,
    root: &Tree,
    kernel: Name,
    initramfs: &Content,
) -> Result<Boot, DiskError> {
    let board = &plan.spec.board;
    let settings = RpiSettings {
        architecture: board.architecture,
        kernel,
        root: root_by(plan),
        consoles: board.boot.consoles.clone(),
        // A Pi 4 does not start with a pool of this size given (raspi-firmware's own hook).
        cma: None,
        command_line: board.boot.command_line.join(" "),
        config: board.boot.config_txt.join("\n"),
        firmware_files: board.boot.firmware_files.clone(),
    };
    let contents = Contents {
        tree: root,
        objects: store,
    };
    let rpi = rpi::prepare(contents, &settings, initramfs, plan.epoch())?;
    Ok(Boot {
        fat: Some(rpi.firmware),
        root_changes: rpi.root_changes,
        images: BTreeMap::new(),
        blobs: BTreeMap::new(),
    })
}

/// The lines of fstab, the root first.
fn mounts(plan: &Plan) -> Vec<Mount> {
    let mount = |partition: &Partition| {
        let (source, filesystem) = match partition.filesystem {
            Filesystem::Ext4 => (plan.filesystem_uuid_text(&partition.name), "ext4"),
            Filesystem::Fat32 => (fstab::fat_uuid(plan.fat_volume_id(&partition.name)), "vfat"),
            Filesystem::None => return None,
        };
        let at = partition.mount.clone()?;
        Some(Mount {
            source: format!("UUID={source}"),
            at,
            filesystem,
            options: partition.options.clone(),
        })
    };
    let mut mounts: Vec<Mount> = plan
        .spec
        .board
        .partitions
        .iter()
        .filter_map(mount)
        .collect();
    mounts.sort_by(|one, other| one.at.cmp(&other.at));
    mounts
}

/// The filesystems of a disk, as they are sealed.
struct Disk<'a> {
    plan: &'a Plan,
    images: BTreeMap<String, Image>,
    sizes: BTreeMap<String, Bytes>,
}

impl Disk<'_> {
    /// Seals the filesystem of `partition`. What is mounted below `/` is taken out of `root`, so
    /// the root partition must come last; a boot partition holds `fat`.
    fn add(
        &mut self,
        partition: &Partition,
        root: &mut Tree,
        fat: Option<&Tree>,
    ) -> Result<(), DiskError> {
        let sealed = match (partition.filesystem, partition.size) {
            (Filesystem::None, Size::Fixed(len)) => (None, len),
            (Filesystem::None, Size::Content) => (None, Bytes(0)),
            (Filesystem::Fat32, Size::Fixed(len)) => {
                let at = partition.mount.as_deref().map(path);
                if let Some(at) = at.filter(|at| root.at(at).is_some()) {
                    root.remove(&at)?;
                }
                self.add_mountpoint(partition, root)?;
                let empty = Tree::new(Meta::root(0o755, self.plan.epoch().into()));
                (Some(self.fat(partition, fat.unwrap_or(&empty), len)?), len)
            }
            (Filesystem::Fat32, Size::Content) => {
                return Err(DiskError::SizeOfFat(partition.name.clone()));
            }
            (Filesystem::Ext4, size) => {
                let image = self.ext4(partition, root, size)?;
                let len = Bytes(image.len());
                (Some(image), len)
            }
        };
        self.sizes.insert(partition.name.clone(), sealed.1);
        if let Some(image) = sealed.0 {
            self.images.insert(partition.name.clone(), image);
        }
        Ok(())
    }

    fn add_mountpoint(&self, partition: &Partition, root: &mut Tree) -> Result<(), DiskError> {
        if let Some(mount) = &partition.mount {
            let meta = Meta::root(0o755, self.plan.epoch().into());
            root.make_directories(&path(mount), meta, &Origin::Builtin)?;
        }
        Ok(())
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
        params.label.clone_from(&partition.label);
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

    fn request(&self, blobs: &BTreeMap<String, Vec<u8>>) -> layout::Request {
        let (plan, board) = (self.plan, &self.plan.spec.board);
        let request = |partition: &Partition| layout::PartitionRequest {
            name: partition.name.clone(),
            entry: self.entry(partition),
            start: partition.start,
            size: self.sizes[&partition.name],
        };
        let blob = |(id, bytes): (&String, &Vec<u8>)| layout::BlobRequest {
            id: id.clone(),
            offset: Bytes(0),
            len: Bytes(u64::try_from(bytes.len()).expect("a length fits 64 bits")),
            max_len: None,
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
            blobs: blobs.iter().map(blob).collect(),
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

/// The bytes, in text order, of a constant GUID.
fn uuid_bytes(text: &str) -> [u8; 16] {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        *byte = u8::from_str_radix(pair, 16).expect("only hexadecimal digits were kept");
    }
    bytes
}
