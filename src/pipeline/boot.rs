//! What a board's boot flow puts on the disk: files of trees, contents of partitions, blobs.

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
use crate::tree::{self, Content, LastOpen, Name, Slice, Tree, TreePath};

/// The stage of the memo that leads from an initramfs's tree to its packed form.
const INITRAMFS: &str = "initramfs";

/// Writes into `root` what the board needs to start: the files that it takes from packages beside the
/// image, the initramfs, the boot flow's own files, fstab, and the growth of the root
/// partition.
pub(super) fn write(
    plan: &Plan,
    store: &Store,
    file_packages: &Tree,
    root: &mut Tree,
) -> Result<(), DiskError> {
    clear_mounts(plan, root)?;
    for file in &plan.spec.board.files {
        let source = path(&file.source.path);
        let contents = Contents {
            tree: file_packages,
            objects: store,
        };
        let bytes = contents.bytes(&source)?;
        put(
            root,
            &path(&file.path),
            builtin_file(&bytes, 0o644, plan.epoch().into()),
        )?;
    }
    let kernel = newest_kernel(plan, store, root)?;
    let initramfs = initramfs(plan, store, root, &kernel)?;
    for (path, node) in initramfs::root_changes(&kernel, &initramfs, plan.epoch()) {
        put(root, &path, node)?;
    }
    match plan.spec.board.boot.flow {
        BootFlow::GrubHybrid => write_grub(plan, root)?,
        BootFlow::Extlinux => write_extlinux(plan, store, root)?,
        BootFlow::RpiFirmware => write_firmware(plan, store, root, kernel, &initramfs)?,
    }
    let fstab = fstab::text(&mounts(plan));
    put(
        root,
        &path("/etc/fstab"),
        builtin_file(fstab.as_bytes(), 0o644, plan.epoch().into()),
    )?;
    for (path, node) in growth::files(plan.epoch()) {
        put(root, &path, node)?;
    }
    refuse_foreign_programs(plan, store, root)
}

/// Packages were configured with programs of the building machine beside them, and overlays hold what
/// somebody put there: the board must be able to run all of it.
fn refuse_foreign_programs(plan: &Plan, store: &Store, root: &Tree) -> Result<(), DiskError> {
    let architecture = plan.spec.board.architecture;
    let contents = Contents {
        tree: root,
        objects: &LastOpen::new(store),
    };
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

/// Where other partitions are mounted, only what is written there now is wanted: scripts of packages
/// that saw a plain directory may have filled it.
fn clear_mounts(plan: &Plan, root: &mut Tree) -> Result<(), DiskError> {
    let mounts = plan
        .spec
        .board
        .partitions
        .iter()
        .filter_map(|partition| partition.mount.as_deref());
    for mount in mounts.filter(|mount| *mount != "/").map(path) {
        if root.at(&mount).is_some() {
            root.remove(&mount)?;
        }
        let meta = crate::tree::Meta::root(0o755, plan.epoch().into());
        root.make_directories(&mount, meta, &crate::tree::Origin::Builtin)?;
    }
    Ok(())
}

fn newest_kernel(plan: &Plan, store: &Store, root: &Tree) -> Result<Name, DiskError> {
    let kernels = initramfs::kernels(Contents {
        tree: root,
        objects: store,
    });
    let newest = kernels.into_iter().next_back();
    newest.ok_or_else(|| DiskError::NoKernel(plan.spec.board.packages.kernel.clone()))
}

/// The initramfs of `kernel`, packed once for each tree: its text names the content of every file
/// by digest, so that a warm build reads none of the modules.
fn initramfs(plan: &Plan, store: &Store, root: &Tree, kernel: &Name) -> Result<Content, DiskError> {
    let contents = |tree| Contents {
        tree,
        objects: store,
    };
    let tree = initramfs::tree(contents(root), kernel, plan.epoch())?;
    let mut hasher = Hasher::new();
    hasher.field(&initramfs::VERSION.to_le_bytes());
    hasher.field(&plan.epoch().0.to_le_bytes());
    hasher.field(tree::dump(&tree).as_bytes());
    let key = hasher.finish();
    let object = match store.memo(INITRAMFS, &key) {
        Some(object) => object,
        None => {
            store.prove(tree.objects())?;
            let object = store.insert(&initramfs::pack(contents(&tree), plan.epoch())?)?;
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

/// The configurations of GRUB; its programs come by the board's files and blobs.
fn write_grub(plan: &Plan, root: &mut Tree) -> Result<(), DiskError> {
    let settings = grub_settings(plan);
    let mtime = plan.epoch().into();
    let menu = grub::menu(&settings)?;
    put(
        root,
        &path("/boot/grub/grub.cfg"),
        builtin_file(menu.as_bytes(), 0o644, mtime),
    )?;
    let partitions = plan.spec.board.partitions.iter();
    let esps = partitions.filter(|partition| partition.kind == PartitionType::Esp);
    for mount in esps.filter_map(|esp| esp.mount.as_deref()) {
        let find = grub::find_menu(&settings);
        let file = builtin_file(find.as_bytes(), 0o644, mtime);
        put(
            root,
            &path(&format!("{mount}/{}", grub::ESP_CONFIGURATION)),
            file,
        )?;
    }
    Ok(())
}

/// The menu of U-Boot, which comes by the board's blobs or lies in the board itself.
fn write_extlinux(plan: &Plan, store: &Store, root: &mut Tree) -> Result<(), DiskError> {
    let boot = &plan.spec.board.boot;
    let settings = ExtlinuxSettings {
        root: root_by(plan),
        consoles: boot.consoles.clone(),
        command_line: boot.command_line.clone(),
        device_tree: boot.device_tree.clone(),
    };
    let contents = Contents {
        tree: root,
        objects: store,
    };
    let kernels = initramfs::kernels(contents);
    let files = extlinux::files(contents, &kernels, &settings, plan.epoch())?;
    for (path, node) in files {
        put(root, &path, node)?;
    }
    Ok(())
}

pub(super) fn grub_settings(plan: &Plan) -> GrubSettings {
    let board = &plan.spec.board;
    GrubSettings {
        root_uuid: plan.filesystem_uuid_text(&board.root().name),
        command_line: command_line(plan),
        serial: board
            .boot
            .consoles
            .iter()
            .any(|console| console.starts_with("ttyS")),
    }
}

/// The Raspberry Pi's firmware partition, where the board mounts it.
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
    let firmware = Contents {
        tree: &rpi.firmware,
        objects: store,
    };
    let (root_by, needed) = (&settings.root, &settings.firmware_files);
    let faults = rpi::check(firmware, board.architecture, root_by, needed);
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault.into());
    }
    for (path, node) in rpi.root_changes {
        put(root, &path, node)?;
    }
    let fat = |partition: &&Partition| partition.kind == PartitionType::Fat32Lba;
    let mount = board
        .partitions
        .iter()
        .find(fat)
        .and_then(|partition| partition.mount.as_deref());
    let mount: TreePath = path(mount.ok_or(DiskError::NoFirmwarePartition)?);
    Ok(root.graft(&mount, &rpi.firmware)?)
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
