//! Makes the mounts that the sandbox has beside its tree: new /proc, /dev, /run, /tmp and an empty
//! /sys, and programs that stand in for others. Nothing else of the host is visible.
//!
//! Scripts cannot write to what belongs to the kernel or the host, whatever their user: all of
//! /proc, /sys and the devices, whose nodes are the host's own. A read-only mount protects owner,
//! mode and times of a device node; the device itself can be written to as usual.

use super::error::{Area, Doing, Failure};
use super::job::{Scratch, Stub};
use super::materialize::below;
use crate::tree::{Content, Kind, Meta, Node, Origin, Tree, TreePath};
use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The devices that programs expect, bound from the host.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The mounts whose files scripts own, beside the root.
pub(super) const OWN: [&str; 3] = ["/dev", "/run", "/tmp"];

/// The files of /proc that show or control the host's memory, keys, devices and interrupts.
/// Container runtimes hide them or make them read-only. Not every kernel has every one.
const HIDDEN: [&str; 20] = [
    "acpi",
    "asound",
    "bus",
    "driver",
    "fs",
    "interrupts",
    "irq",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "sched_debug",
    "scsi",
    "sysrq-trigger",
    "timer_list",
];

/// The mount points, with the mode of the folder that the image itself has there.
const MOUNT_POINTS: [(&str, u16); 5] = [
    ("/proc", 0o555),
    ("/sys", 0o555),
    ("/dev", 0o755),
    ("/run", 0o755),
    ("/tmp", 0o1777),
];

/// Adds the mount points that are missing to `tree`, and gives their paths.
pub(super) fn add_mount_points<'a>(
    tree: &mut Tree,
    files: impl Iterator<Item = &'a str>,
    folders: impl Iterator<Item = &'a str>,
) -> BTreeSet<TreePath> {
    let mut added = BTreeSet::new();
    let meta = |tree: &Tree, mode| Meta::root(mode, tree.node(tree.root()).meta.mtime);
    let fixed = MOUNT_POINTS.iter().map(|(path, mode)| (*path, Some(*mode)));
    let wanted = fixed
        .chain(folders.map(|path| (path, Some(0o755))))
        .chain(files.map(|path| (path, None)));
    for (path, directory) in wanted {
        let Ok(path) = TreePath::parse(path.as_bytes()) else {
            continue;
        };
        merge(tree, &path, &mut added);
        for ancestor in path.ancestors() {
            if tree.resolve(&ancestor).is_some() {
                continue;
            }
            let file = directory.is_none() && ancestor == path;
            let kind = match file {
                true => Kind::File(Content::inline(b"")),
                false => Kind::Directory(BTreeMap::new()),
            };
            let meta = meta(tree, directory.unwrap_or(0o755));
            let node = Node::new(kind, meta, Origin::Builtin);
            if tree.insert(&ancestor, node).is_ok() {
                added.insert(tree.real_path(&ancestor).unwrap_or(ancestor));
            }
        }
    }
    added
}

/// In a tree with a merged /usr, base-files accepts `/lib64` only as a link into it.
fn merge(tree: &mut Tree, path: &TreePath, added: &mut BTreeSet<TreePath>) {
    let top = path.components().next().cloned();
    let Some(name) = top.filter(|name| name.as_bytes() == b"lib64") else {
        return;
    };
    let link = TreePath::root().join(&name);
    let merged = [b"bin".as_slice(), b"lib"].iter().all(|name| {
        let id = TreePath::parse(name).ok().and_then(|path| tree.at(&path));
        id.is_some_and(|id| matches!(tree.node(id).kind, Kind::Symlink(_)))
    });
    if !merged || tree.at(&link).is_some() {
        return;
    }
    let meta = tree.node(tree.root()).meta;
    let real = TreePath::parse(b"usr/lib64").expect("a plain path");
    let made = tree
        .make_directories(&real, meta, &Origin::Builtin)
        .and_then(|_| {
            let to = Kind::Symlink(b"usr/lib64".as_slice().into());
            tree.insert(&link, Node::new(to, meta, Origin::Builtin))
        });
    debug_assert!(made.is_ok(), "a merged tree has /usr");
    added.extend([link, real]);
}

/// The mounts of one sandbox, which are removed at its end.
pub(super) struct Mounts {
    paths: Vec<String>,
}

impl Mounts {
    /// Makes the folder of the root a mount of its own, to which the tree is written. A file that
    /// is opened there leads nowhere else when the rest of the host is gone.
    pub(super) fn of_root(scratch: &Scratch) -> Result<Self, Failure> {
        let root = scratch.root();
        fs_err::create_dir(&root).doing(|| "make the root of the tree".to_owned())?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).doing(|| "detach the mounts".to_owned())?;
        rustix::mount::mount_bind(&root, &root)
            .doing(|| "mount the root of the tree".to_owned())?;
        Ok(Self { paths: Vec::new() })
    }

    /// Makes every mount below the root.
    pub(super) fn fill(
        &mut self,
        scratch: &Scratch,
        tree: &Tree,
        stubs: &[Stub],
    ) -> Result<(), Failure> {
        let root = scratch.root();
        let plain = MountFlags::NOSUID | MountFlags::NODEV;
        for (path, kind, flags, options) in [
            ("/proc", "proc", plain | MountFlags::NOEXEC, c""),
            ("/sys", "tmpfs", plain | MountFlags::RDONLY, c"mode=555"),
            // With any mode but 755, the kernel's rule for sticky directories refuses writes to
            // /dev/null, whose owner has no number in this namespace.
            (
                "/dev",
                "tmpfs",
                MountFlags::NOSUID,
                c"mode=755,size=64m,nr_inodes=64k",
            ),
            ("/run", "tmpfs", plain, c"mode=755,size=256m,nr_inodes=64k"),
            ("/tmp", "tmpfs", plain, c"mode=1777,size=1g,nr_inodes=256k"),
        ] {
            self.fresh(&root, path, kind, flags, options)?;
        }
        resolver(&root)?;
        self.devices(&root)?;
        self.protect_proc(&root)?;
        for stub in stubs {
            self.stub(scratch, tree, stub)?;
        }
        Ok(())
    }

    /// Hides the files of /proc that belong to the host, and makes the rest read-only.
    fn protect_proc(&mut self, root: &Path) -> Result<(), Failure> {
        let proc = root.join("proc");
        for name in HIDDEN {
            let (at, path) = (proc.join(name), format!("/proc/{name}"));
            match at.symlink_metadata() {
                Ok(found) if found.is_dir() => {
                    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
                    self.fresh(root, &path, "tmpfs", flags, c"mode=555")?;
                }
                Ok(_) => {
                    rustix::mount::mount_bind(root.join("dev/null"), &at)
                        .and_then(|()| make_read_only(&at))
                        .doing(|| format!("hide `{path}`"))?;
                    self.paths.push(path);
                }
                Err(_) => {}
            }
        }
        make_read_only(&proc).doing(|| "make `/proc` read-only".to_owned())
    }

    /// Makes the written tree the root, with no way back.
    pub(super) fn pivot(root: &Path) -> Result<(), Failure> {
        let doing = || "enter the tree".to_owned();
        rustix::process::chdir(root).doing(doing)?;
        rustix::process::pivot_root(".", ".").doing(doing)?;
        rustix::mount::unmount(".", UnmountFlags::DETACH).doing(doing)?;
        rustix::process::chdir("/").doing(doing)
    }

    /// Removes every mount, so that the bare tree can be read.
    pub(super) fn leave(self) -> Result<(), Failure> {
        for path in self.paths.iter().rev() {
            rustix::mount::unmount(path.as_str(), UnmountFlags::DETACH)
                .doing(|| format!("unmount `{path}`"))?;
        }
        Ok(())
    }

    fn fresh(
        &mut self,
        root: &Path,
        path: &str,
        kind: &str,
        flags: MountFlags,
        options: &CStr,
    ) -> Result<(), Failure> {
        let at = root.join(&path[1..]);
        rustix::mount::mount(kind, &at, kind, flags, options)
            .doing(|| format!("mount a new {kind} on `{path}`"))
            .map_err(|failure| match kind {
                // Containers hide parts of /proc, and then the kernel allows no second one.
                "proc" => failure.about(Area::Namespace),
                _ => failure,
            })?;
        self.paths.push(path.to_owned());
        Ok(())
    }

    fn devices(&mut self, root: &Path) -> Result<(), Failure> {
        let dev = root.join("dev");
        let doing = || "fill `/dev`".to_owned();
        for name in DEVICES {
            let at = dev.join(name);
            fs_err::write(&at, b"").doing(doing)?;
            rustix::mount::mount_bind(Path::new("/dev").join(name), &at)
                .and_then(|()| make_read_only(&at))
                .doing(|| format!("mount `/dev/{name}`"))?;
        }
        for name in ["pts", "shm"] {
            fs_err::create_dir(dev.join(name)).doing(doing)?;
        }
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        let options = c"newinstance,ptmxmode=0666,mode=620";
        self.fresh(root, "/dev/pts", "devpts", flags, options)?;
        let links = [
            ("ptmx", "pts/ptmx"),
            ("fd", "/proc/self/fd"),
            ("stdin", "fd/0"),
            ("stdout", "fd/1"),
            ("stderr", "fd/2"),
        ];
        for (name, to) in links {
            fs_err::os::unix::fs::symlink(to, dev.join(name)).doing(doing)?;
        }
        Ok(())
    }

    /// Shows `stub` at its path, if there is such a file.
    fn stub(&mut self, scratch: &Scratch, tree: &Tree, stub: &Stub) -> Result<(), Failure> {
        let Stub { path, text, .. } = stub;
        let doing = || format!("put a stand-in on `{path}`");
        let real = TreePath::parse(path.as_bytes())
            .ok()
            .and_then(|path| tree.real_path(&path));
        let Some(real) = real else {
            return Ok(());
        };
        let program = scratch.stubs().join(path.replace('/', "_"));
        fs_err::create_dir_all(scratch.stubs()).doing(doing)?;
        fs_err::write(&program, text).doing(doing)?;
        let executable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(&program, executable).doing(doing)?;
        self.bind(&program, &below(&scratch.root(), &real), &real)
    }

    /// Shows `source` at `target`, which is `path` of the tree.
    pub(super) fn bind(
        &mut self,
        source: &Path,
        target: &Path,
        path: &TreePath,
    ) -> Result<(), Failure> {
        rustix::mount::mount_bind(source, target).doing(|| format!("mount on `{path}`"))?;
        self.paths.push(path.to_string());
        Ok(())
    }
}

/// Writes the files that systemd-resolved keeps in /run of a device whose networks have no domain.
/// /etc/resolv.conf is a link to one of them, in which scripts look for the domain of the machine.
fn resolver(root: &Path) -> Result<(), Failure> {
    let folder = root.join("run/systemd/resolve");
    let text = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n";
    fs_err::create_dir_all(&folder)
        .and_then(|()| fs_err::write(folder.join("stub-resolv.conf"), text))
        .doing(|| "fill `/run`".to_owned())
}

/// Makes the mount at `path` read-only. The other flags stay, because a flag that was set by a more
/// privileged namespace may not be removed in this one (mount_namespaces(7)).
fn make_read_only(path: &Path) -> Result<(), rustix::io::Errno> {
    let now = rustix::fs::statvfs(path)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    for (set, flag) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if now.contains(set) {
            flags |= flag;
        }
    }
    rustix::mount::mount_remount(path, flags, c"")
}
