//! Our own initramfs: a shell script, the target's own programs and the kernel's modules.
//!
//! It replaces the one that initramfs-tools would make, in a second instead of minutes of emulation,
//! and is small because it needs no udev. initramfs-tools stays installed: a later kernel upgrade on
//! the device writes Debian's own initramfs under the same name. Equal trees give equal bytes.

use super::contents::{Contents, ContentsError, builtin_file, builtin_symlink, path, put};
use super::cpio::{self, CpioError};
use super::libraries::{self, LibraryError};
use super::modules::{self, INDEXES, ModulesError};
use crate::epoch::Epoch;
use crate::tree::{Content, Kind, Meta, Name, Node, Origin, Tree, TreeError, TreePath};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Raised when [`pack`] gives other bytes for the same tree; part of the caller's memo key.
pub const VERSION: u32 = 1;

const INIT: &[u8] = include_bytes!("files/initramfs-init.sh");

/// A board without a clock starts in 1970, and every filesystem seems to come from the future.
const E2FSCK_CONF: &[u8] = b"[options]\nbroken_system_clock = true\n";

/// Packages: busybox, kmod, util-linux, e2fsprogs.
const PROGRAMS: [&str; 5] = [
    "/usr/bin/busybox",
    "/usr/sbin/modprobe",
    "/usr/sbin/findfs",
    "/usr/sbin/blkid",
    "/usr/sbin/e2fsck",
];

/// What the script calls, and what a person at its shell needs. busybox looks at its own name.
const APPLETS: [&str; 38] = [
    "[",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cttyhack",
    "dd",
    "df",
    "dmesg",
    "echo",
    "find",
    "free",
    "grep",
    "hexdump",
    "kill",
    "ln",
    "ls",
    "lsmod",
    "mkdir",
    "more",
    "mount",
    "mv",
    "ps",
    "reboot",
    "rm",
    "sed",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "switch_root",
    "sync",
    "tail",
    "tr",
    "umount",
    "uname",
    "vi",
    "xargs",
];

/// Empty folders that the script mounts on.
const FOLDERS: [&str; 6] = ["/dev", "/proc", "/root", "/run", "/sys", "/tmp"];

/// zstd's level: modules are compressed already, so more effort gains nothing.
const ZSTD_LEVEL: i32 = 9;

/// Why no initramfs can be made.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// A file is missing or unreadable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A program lacks a library.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The kernel's modules cannot be chosen.
    #[error(transparent)]
    Modules(#[from] ModulesError),
    /// Two files at one place.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The archive cannot be written.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// The compressor failed.
    #[error("cannot compress the initramfs")]
    Compress(#[source] std::io::Error),
}

/// The bytes of `/boot/initrd.img-<kernel>` that hold the tree of `contents`, as made by [`tree`].
pub fn pack(contents: Contents<'_>, epoch: Epoch) -> Result<Vec<u8>, InitramfsError> {
    let archive = cpio::write(contents, epoch)?;
    zstd::bulk::compress(&archive, ZSTD_LEVEL).map_err(InitramfsError::Compress)
}

/// Where the initramfs goes, and the links by which boot loaders and Debian's kernel packages know the
/// kernel to start. The packages' own scripts leave `/initrd.img` out while no initramfs is there.
pub fn root_changes(kernel: &Name, initramfs: &Content, epoch: Epoch) -> Vec<(TreePath, Node)> {
    let mtime = epoch.into();
    let version = String::from_utf8_lossy(kernel.as_bytes());
    let (image, archive) = (
        format!("boot/vmlinuz-{version}"),
        format!("boot/initrd.img-{version}"),
    );
    let file = Kind::File(initramfs.clone());
    let file = Node::new(file, Meta::root(0o644, mtime), Origin::Builtin);
    vec![
        (path(&archive), file),
        (path("/vmlinuz"), builtin_symlink(&image, mtime)),
        (path("/initrd.img"), builtin_symlink(&archive, mtime)),
    ]
}

/// What the initramfs holds.
pub fn tree(contents: Contents<'_>, kernel: &Name, epoch: Epoch) -> Result<Tree, InitramfsError> {
    let mtime = epoch.into();
    let mut tree = Tree::new(Meta::root(0o755, mtime));
    let programs = PROGRAMS.map(path);
    for file in libraries::closure(contents, &programs)? {
        contents.copy_into(&mut tree, &file)?;
    }
    for file in modules::choose(contents, kernel)? {
        contents.copy_into(&mut tree, &file)?;
    }
    let index = modules::folder(kernel).join(&Name::new(b"modules.dep.bin").expect("a name"));
    if contents.file(&index).is_none() {
        return Err(ContentsError::Missing { path: index }.into());
    }
    for file in module_settings(contents, kernel) {
        contents.copy_into(&mut tree, &file)?;
    }
    for link in ["/bin", "/sbin", "/lib"].map(path) {
        contents.copy_into(&mut tree, &link)?;
    }
    for applet in APPLETS {
        let at = path("/usr/bin").join(&Name::new(applet.as_bytes()).expect("a constant name"));
        put(&mut tree, &at, builtin_symlink("busybox", mtime))?;
    }
    for folder in FOLDERS {
        let kind = Kind::Directory(BTreeMap::new());
        let node = Node::new(kind, Meta::root(0o755, mtime), Origin::Builtin);
        put(&mut tree, &path(folder), node)?;
    }
    // The kernel opens it for /init before /init can mount /dev.
    let console = Kind::CharDevice { major: 5, minor: 1 };
    let console = Node::new(console, Meta::root(0o600, mtime), Origin::Builtin);
    put(&mut tree, &path("/dev/console"), console)?;
    put(
        &mut tree,
        &path("/etc/e2fsck.conf"),
        builtin_file(E2FSCK_CONF, 0o644, mtime),
    )?;
    put(&mut tree, &path("/init"), builtin_file(INIT, 0o755, mtime))?;
    Ok(tree)
}

/// modprobe's indexes and its configuration, as far as they exist.
fn module_settings(contents: Contents<'_>, kernel: &Name) -> Vec<TreePath> {
    let indexes = INDEXES.iter().map(|name| {
        let name = Name::new(name.as_bytes()).expect("a constant name");
        modules::folder(kernel).join(&name)
    });
    let folders = ["/etc/modprobe.d", "/usr/lib/modprobe.d"].map(path);
    let configuration = folders.iter().flat_map(|folder| {
        let names = contents.names(folder, "").into_iter();
        let names = names.filter(|name| name.as_bytes().ends_with(b".conf"));
        names.map(|name| folder.join(&name)).collect::<Vec<_>>()
    });
    let all = indexes.chain(configuration);
    all.filter(|file| contents.file(file).is_some()).collect()
}

/// The kernels installed in `/boot`, the newest last, by the version in `vmlinuz-<version>`.
pub fn kernels(contents: Contents<'_>) -> Vec<Name> {
    const PREFIX: &str = "vmlinuz-";
    let names = contents.names(&path("/boot"), PREFIX);
    let mut versions: Vec<Name> = names
        .iter()
        .filter_map(|name| Name::new(&name.as_bytes()[PREFIX.len()..]).ok())
        .collect();
    versions.sort_by(|a, b| by_number(a.as_bytes(), b.as_bytes()));
    versions
}

/// Orders as `sort -V` does, on which Debian's kernel hooks rely: runs of digits count as numbers.
fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    let runs = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes
            .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let key = |run: &Vec<u8>| {
        let digits: Vec<u8> = run
            .iter()
            .copied()
            .skip_while(|byte| *byte == b'0')
            .collect();
        let is_number = run[0].is_ascii_digit();
        (is_number, is_number.then_some(digits.len()), digits)
    };
    let (a_runs, b_runs) = (runs(a), runs(b));
    a_runs
        .iter()
        .map(key)
        .cmp(b_runs.iter().map(key))
        .then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_versions_are_ordered_by_number() {
        let order = |a: &str, b: &str| by_number(a.as_bytes(), b.as_bytes());
        assert_eq!(order("6.9.7-arm64", "6.12.0-arm64"), Ordering::Less);
        assert_eq!(
            order("6.12.107+deb13-arm64", "6.12.57+deb13-arm64"),
            Ordering::Greater
        );
        assert_eq!(order("6.12.1", "6.12.1"), Ordering::Equal);
        assert_eq!(order("6.12.1", "6.12.1-rt"), Ordering::Less);
    }

    #[test]
    fn the_script_calls_nothing_that_the_initramfs_lacks() {
        let script = String::from_utf8_lossy(INIT);
        for program in ["findfs", "blkid", "e2fsck", "modprobe"] {
            assert!(script.contains(program));
            assert!(PROGRAMS.iter().any(|known| known.ends_with(program)));
        }
        for applet in [
            "cmp",
            "cttyhack",
            "find",
            "grep",
            "mv",
            "reboot",
            "setsid",
            "sleep",
            "sort",
            "switch_root",
            "tr",
            "xargs",
            "mount",
            "mkdir",
            "cat",
        ] {
            assert!(
                script.contains(applet) && APPLETS.contains(&applet),
                "{applet}"
            );
        }
    }
}
