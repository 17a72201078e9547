//! Makes the initramfs of an image: a shell script, programs of the target and kernel modules.
//!
//! initramfs-tools would need minutes in emulation for this; here it takes a second, and the initramfs is
//! small because it needs no udev. initramfs-tools stays installed: a later kernel upgrade on the device
//! writes Debian's own initramfs under the same name. Equal trees give equal bytes.

use super::contents::{Contents, ContentsError, builtin_file, builtin_symlink, path, put};
use super::cpio::{self, CpioError};
use super::libraries::{self, LibraryError};
use super::modules::{self, INDEXES, ModulesError};
use crate::epoch::Epoch;
use crate::tree::{Content, Kind, Meta, Name, Node, Origin, Tree, TreeError, TreePath};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The version of the format, which is a part of the caller's memo key. It rises whenever [`pack`] gives
/// other bytes for the same tree.
pub const VERSION: u32 = 1;

const INIT: &[u8] = include_bytes!("files/initramfs-init.sh");

/// On a board without a clock, which starts in 1970, all times of a filesystem lie in the future.
const E2FSCK_CONF: &[u8] = b"[options]\nbroken_system_clock = true\n";

/// Programs of the packages busybox, kmod, util-linux and e2fsprogs.
const PROGRAMS: [&str; 5] = [
    "/usr/bin/busybox",
    "/usr/sbin/modprobe",
    "/usr/sbin/findfs",
    "/usr/sbin/blkid",
    "/usr/sbin/e2fsck",
];

/// Names of busybox for the commands that the script calls, and that a person needs at its shell.
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

/// The level of zstd. A higher one gains nothing, because modules are compressed already.
const ZSTD_LEVEL: i32 = 9;

/// Why an initramfs cannot be made.
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
    /// The tree of the initramfs does not take a file.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The archive cannot be written.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// The compressor failed.
    #[error("cannot compress the initramfs")]
    Compress(#[source] std::io::Error),
}

/// The bytes of `/boot/initrd.img-<kernel>` with the tree of `contents`, which [`tree`] made.
///
/// # Errors
///
/// A file cannot be read, or does not fit the format.
pub fn pack(contents: Contents<'_>, epoch: Epoch) -> Result<Vec<u8>, InitramfsError> {
    let archive = cpio::write(contents, epoch)?;
    zstd::bulk::compress(&archive, ZSTD_LEVEL).map_err(InitramfsError::Compress)
}

/// The file of the initramfs, and the links that tell boot loaders and Debian's kernel packages which kernel
/// to start. The scripts of these packages do not make `/initrd.img` while there is no initramfs.
pub fn root_changes(kernel: &Name, initramfs: &Content, epoch: Epoch) -> Vec<(TreePath, Node)> {
    let mtime = epoch.into();
    let version = String::from_utf8_lossy(kernel.as_bytes());
    let image = format!("boot/vmlinuz-{version}");
    let archive = format!("boot/initrd.img-{version}");
    let file = Kind::File(initramfs.clone());
    let file = Node::new(file, Meta::root(0o644, mtime), Origin::Builtin);
    vec![
        (path(&archive), file),
        (path("/vmlinuz"), builtin_symlink(&image, mtime)),
        (path("/initrd.img"), builtin_symlink(&archive, mtime)),
    ]
}

/// The tree of the initramfs.
///
/// # Errors
///
/// A program, a library or a file of depmod is missing.
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
    contents.needed(&modules::folder(kernel).join(&Name::constant("modules.dep.bin")))?;
    for file in module_settings(contents, kernel) {
        contents.copy_into(&mut tree, &file)?;
    }
    for link in ["/bin", "/sbin", "/lib"].map(path) {
        contents.copy_into(&mut tree, &link)?;
    }
    for applet in APPLETS {
        let at = path(&format!("/usr/bin/{applet}"));
        put(&mut tree, &at, builtin_symlink("busybox", mtime))?;
    }
    for folder in FOLDERS {
        let kind = Kind::Directory(BTreeMap::new());
        let node = Node::new(kind, Meta::root(0o755, mtime), Origin::Builtin);
        put(&mut tree, &path(folder), node)?;
    }
    // The kernel opens the console for /init before /init can mount /dev.
    let console = Kind::CharDevice { major: 5, minor: 1 };
    let console = Node::new(console, Meta::root(0o600, mtime), Origin::Builtin);
    put(&mut tree, &path("/dev/console"), console)?;
    let settings = builtin_file(E2FSCK_CONF, 0o644, mtime);
    put(&mut tree, &path("/etc/e2fsck.conf"), settings)?;
    put(&mut tree, &path("/init"), builtin_file(INIT, 0o755, mtime))?;
    Ok(tree)
}

/// The indexes and the configuration of modprobe, as far as they exist.
fn module_settings(contents: Contents<'_>, kernel: &Name) -> Vec<TreePath> {
    let indexes = INDEXES
        .iter()
        .map(|name| modules::folder(kernel).join(&Name::constant(name)));
    let folders = ["/etc/modprobe.d", "/usr/lib/modprobe.d"].map(path);
    let configuration = folders.iter().flat_map(|folder| {
        let names = contents.names(folder, "").into_iter();
        let names = names.filter(|name| name.as_bytes().ends_with(b".conf"));
        names.map(|name| folder.join(&name)).collect::<Vec<_>>()
    });
    let all = indexes.chain(configuration);
    all.filter(|file| contents.file(file).is_some()).collect()
}

/// The versions of the kernels in `/boot`, from the names `vmlinuz-<version>`; the newest is the last.
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

/// Orders versions as `sort -V` does, which Debian's kernel hooks use: runs of digits are compared as numbers.
fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    fn keys(version: &[u8]) -> impl Iterator<Item = (bool, Option<usize>, &[u8])> {
        let runs = version.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        runs.map(|run| {
            let n_zeros = run.iter().take_while(|byte| **byte == b'0').count();
            let (is_number, digits) = (run[0].is_ascii_digit(), &run[n_zeros..]);
            (is_number, is_number.then_some(digits.len()), digits)
        })
    }
    keys(a).cmp(keys(b)).then_with(|| a.cmp(b))
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
