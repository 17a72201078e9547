//! The files that a board's boot flow needs in the root filesystem and on the boot partition.

use super::disk::DiskError;
use crate::boot::contents::{Contents, builtin_file, path, put};
use crate::boot::extlinux::{self, ExtlinuxSettings};
use crate::boot::fstab::{self, Mount};
use crate::boot::growth;
use crate::boot::grub::{self, GrubSettings};
use crate::boot::initramfs;
use crate::boot::libraries;
use crate::boot::rpi::{self, RpiSettings};
use crate::define::board::{
    BootFlow, Filesystem, Partition, PartitionType, RootBy, Table as BoardTable,
};
use crate::digest::Hasher;
use crate::plan::Plan;
use crate::seed::uuid_text;
use crate::store::Store;
use crate::tree::{self, Content, LastOpen, Meta, Name, Node, Origin, Slice, Tree, TreePath};

/// The stage of the memo from the tree of an initramfs to its packed form.
const INITRAMFS: &str = "initramfs";

/// Writes the files into `root` that the board needs to start: files of packages that are not installed in the
/// image, the initramfs, the configuration of the boot flow, fstab, and the unit that grows the root partition.
pub(super) fn write(
    plan: &Plan,
    store: &Store,
    file_packages: &Tree,
    root: &mut Tree,
) -> Result<(), DiskError> {
    clear_mounts(plan, root)?;
    for file in &plan.spec.board.files {
        let bytes = Contents::new(file_packages, store).bytes(&path(&file.source.path))?;
        put_file(plan, root, &file.path, &bytes)?;
    }
    let kernel = newest_kernel(plan, store, root)?;
    let initramfs = initramfs(plan, store, root, &kernel)?;
    let changes = initramfs::root_changes(&kernel, &initramfs, plan.epoch());
    put_all(root, changes)?;
    match plan.spec.board.boot.flow {
        BootFlow::GrubHybrid => write_grub(plan, root)?,
        BootFlow::Extlinux => write_extlinux(plan, store, root)?,
        BootFlow::RpiFirmware => write_firmware(plan, store, root, kernel, &initramfs)?,
    }
    let fstab = fstab::text(&mounts(plan));
    put_file(plan, root, "/etc/fstab", fstab.as_bytes())?;
    put_all(root, growth::files(plan.epoch()))?;
    refuse_foreign_programs(plan, store, root)
}

/// Puts a file with `bytes` at `at` of `root`.
fn put_file(plan: &Plan, root: &mut Tree, at: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let file = builtin_file(bytes, 0o644, plan.epoch().into());
    put_all(root, [(path(at), file)])
}

fn put_all(
    root: &mut Tree,
    nodes: impl IntoIterator<Item = (TreePath, Node)>,
) -> Result<(), DiskError> {
    for (path, node) in nodes {
        put(root, &path, node)?;
    }
    Ok(())
}

/// Refuses programs of another architecture. They may come from an overlay, or from the building machine, whose
/// programs run while packages are configured.
fn refuse_foreign_programs(plan: &Plan, store: &Store, root: &Tree) -> Result<(), DiskError> {
    let architecture = plan.spec.board.architecture;
    let objects = LastOpen::new(store);
    let contents = Contents::new(root, &objects);
    let mut wrong = libraries::wrong_machine(contents, architecture)?.into_iter();
    match wrong.next() {
        None => Ok(()),
        Some(path) => Err(DiskError::WrongMachine {
            path,
            n_more: wrong.len(),
            architecture,
        }),
    }
}

/// Empties the folders on which other partitions are mounted: scripts of packages, which saw plain folders there,
/// may have filled them.
fn clear_mounts(plan: &Plan, root: &mut Tree) -> Result<(), DiskError> {
    let partitions = plan.spec.board.partitions.iter();
    let mounts = partitions.filter_map(|partition| partition.mount.as_deref());
    for mount in mounts.filter(|mount| *mount != "/").map(path) {
        if root.at(&mount).is_some() {
            root.remove(&mount)?;
        }
        let meta = Meta::root(0o755, plan.epoch().into());
        root.make_directories(&mount, meta, &Origin::Builtin)?;
    }
    Ok(())
}

fn newest_kernel(plan: &Plan, store: &Store, root: &Tree) -> Result<Name, DiskError> {
    let newest = initramfs::kernels(Contents::new(root, store)).pop();
    newest.ok_or_else(|| DiskError::NoKernel(plan.spec.board.packages.kernel.clone()))
}

/// The initramfs of `kernel`. It is packed once for each tree of its files, whose dump names the content of every
/// file by digest, so that a repeated build reads no module.
fn initramfs(plan: &Plan, store: &Store, root: &Tree, kernel: &Name) -> Result<Content, DiskError> {
    let tree = initramfs::tree(Contents::new(root, store), kernel, plan.epoch())?;
    let mut hasher = Hasher::new();
    hasher.field(&initramfs::VERSION.to_le_bytes());
    hasher.field(&plan.epoch().0.to_le_bytes());
    hasher.field(tree::dump(&tree).as_bytes());
    let key = hasher.finish();
    let object = match store.memo(INITRAMFS, &key) {
        Some(object) => object,
        None => {
            store.prove(tree.objects())?;
            let packed = initramfs::pack(Contents::new(&tree, store), plan.epoch())?;
            let object = store.insert(&packed)?;
            store.set_memo(INITRAMFS, &key, &object)?;
            object
        }
    };
    let len = store.len_of(&object)?;
    Ok(Content::Stored(Slice {
        object,
        offset: 0,
        len,
    }))
}

/// Writes the configuration of GRUB, whose programs are among the board's files and blobs.
fn write_grub(plan: &Plan, root: &mut Tree) -> Result<(), DiskError> {
    let settings = grub_settings(plan);
    let menu = grub::menu(&settings)?;
    put_file(plan, root, "/boot/grub/grub.cfg", menu.as_bytes())?;
    let partitions = plan.spec.board.partitions.iter();
    let esps = partitions.filter(|partition| partition.kind == PartitionType::Esp);
    for mount in esps.filter_map(|esp| esp.mount.as_deref()) {
        let at = format!("{mount}/{}", grub::ESP_CONFIGURATION);
        put_file(plan, root, &at, grub::find_menu(&settings).as_bytes())?;
    }
    Ok(())
}

/// Writes the menu of U-Boot, which itself is one of the board's blobs or is stored in the board.
fn write_extlinux(plan: &Plan, store: &Store, root: &mut Tree) -> Result<(), DiskError> {
    let boot = &plan.spec.board.boot;
    let settings = ExtlinuxSettings {
        root: root_by(plan),
        consoles: boot.consoles.clone(),
        command_line: boot.command_line.clone(),
        device_tree: boot.device_tree.clone(),
    };
    let contents = Contents::new(root, store);
    let kernels = initramfs::kernels(contents);
    let files = extlinux::files(contents, &kernels, &settings, plan.epoch())?;
    put_all(root, files)
}

pub(super) fn grub_settings(plan: &Plan) -> GrubSettings {
    let board = &plan.spec.board;
    GrubSettings {
        root_uuid: plan.filesystem_uuid_text(&board.root().name),
        command_line: command_line(plan),
        serial: (board.boot.consoles.iter()).any(|console| console.starts_with("ttyS")),
    }
}

/// Writes the files of the Raspberry Pi's firmware partition to its mount point.
fn write_firmware(
    plan: &Plan,
    store: &Store,
    root: &mut Tree,
    kernel: Name,
    initramfs: &Content,
) -> Result<(), DiskError> {
    let board = &plan.spec.board;
    let settings = RpiSettings {
        architecture: board.architecture,
        kernel,
        root: root_by(plan),
        consoles: board.boot.consoles.clone(),
        // A Pi 4 does not start if the command line gives the size of this pool (hook of raspi-firmware).
        cma: None,
        command_line: board.boot.command_line.join(" "),
        config: board.boot.config_txt.join("\n"),
        firmware_files: board.boot.firmware_files.clone(),
    };
    let contents = Contents::new(root, store);
    let rpi = rpi::prepare(contents, &settings, initramfs, plan.epoch())?;
    let firmware = Contents::new(&rpi.firmware, store);
    let (root_by, needed) = (&settings.root, &settings.firmware_files);
    let faults = rpi::check(firmware, board.architecture, root_by, needed);
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault.into());
    }
    put_all(root, rpi.root_changes)?;
    let mut partitions = board.partitions.iter();
    let fat = partitions.find(|partition| partition.kind == PartitionType::Fat32Lba);
    let mount = fat.and_then(|partition| partition.mount.as_deref());
    let mount = path(mount.ok_or(DiskError::NoFirmwarePartition)?);
    Ok(root.graft(&mount, &rpi.firmware)?)
}

/// The kernel's command line: the consoles, the root filesystem, and the board's own words.
fn command_line(plan: &Plan) -> String {
    let boot = &plan.spec.board.boot;
    let consoles = boot.consoles.iter();
    let mut words: Vec<String> = consoles.map(|name| format!("console={name}")).collect();
    words.push(format!("root={}", root_by(plan)));
    words.extend_from_slice(&boot.command_line);
    words.join(" ")
}

/// The value of `root=`, by which the kernel finds the root filesystem.
fn root_by(plan: &Plan) -> String {
    let root = plan.spec.board.root();
    match (plan.spec.board.boot.root, plan.spec.board.disk.table) {
        (RootBy::Uuid, _) => format!("UUID={}", plan.filesystem_uuid_text(&root.name)),
        (RootBy::Partuuid, BoardTable::Gpt) => {
            format!("PARTUUID={}", uuid_text(&plan.partition_guid(&root.name)))
        }
        (RootBy::Partuuid, BoardTable::Mbr) => {
            let mut partitions = plan.spec.board.partitions.iter();
            let index = partitions.position(|partition| partition.name == root.name);
            let number = index.expect("the root is one of the partitions") + 1;
            format!("PARTUUID={:08x}-{number:02x}", plan.disk_id())
        }
    }
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
    let partitions = plan.spec.board.partitions.iter();
    let mut mounts: Vec<Mount> = partitions.filter_map(mount).collect();
    mounts.sort_by(|one, other| one.at.cmp(&other.at));
    mounts
}
