//! Boot flows, checked by programs that read the same formats: cpio, zstd, xz, readelf, ldd and
//! shells.
#![expect(
    clippy::unwrap_used,
    reason = "a judge that cannot be asked is a failure"
)]

mod extlinux;
mod flows;

use crate::command::{run, stdout};
use imgbuild::architecture::Architecture;
use imgbuild::boot::contents::{Contents, builtin_file, builtin_symlink};
use imgbuild::boot::elf::Elf;
use imgbuild::boot::{cpio, growth, initramfs, libraries, modules};
use imgbuild::digest::Sha256;
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::tree::{Content, Kind, Meta, Name, Node, Objects, Origin, Tree, TreePath};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const EPOCH: Epoch = Epoch(1_700_000_000);

/// Every file here is inline.
struct NoObjects;

impl Objects for NoObjects {
    fn open(&self, _: &Sha256) -> std::io::Result<fs_err::File> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn contents(tree: &Tree) -> Contents<'_> {
    Contents {
        tree,
        objects: &NoObjects,
    }
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).unwrap()
}

fn put(tree: &mut Tree, at: &str, node: Node) {
    let at = path(at);
    let (parent, _) = at.split_last().unwrap();
    let meta = Meta::root(0o755, EPOCH.into());
    tree.make_directories(&parent, meta, &Origin::Builtin)
        .unwrap();
    tree.insert(&at, node).unwrap();
}

fn put_file(tree: &mut Tree, at: &str, bytes: &[u8]) {
    put(tree, at, builtin_file(bytes, 0o755, EPOCH.into()));
}

fn empty() -> Tree {
    Tree::new(Meta::root(0o755, EPOCH.into()))
}

/// Some programs and libraries of this host, as `readelf` sees them.
fn host_elf_files() -> Vec<&'static str> {
    [
        "/bin/sh",
        "/usr/bin/env",
        "/usr/bin/readelf",
        "/usr/bin/cpio",
    ]
    .into_iter()
    .filter(|file| Path::new(file).exists())
    .collect()
}

#[test]
fn readelf_sees_the_same_interpreter_and_libraries() {
    let files = host_elf_files();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let elf = Elf::parse(&fs_err::read(file).unwrap()).unwrap();
        let output = stdout(
            Command::new("readelf")
                .env("LC_ALL", "C")
                .args(["-W", "-l", "-d", file]),
        );
        let between = |line: &str, from: &str, to: char| {
            let rest = line.split_once(from)?.1;
            rest.split_once(to).map(|(found, _)| found.to_owned())
        };
        let needed: Vec<_> = output
            .lines()
            .filter(|line| line.contains("(NEEDED)"))
            .collect();
        let needed: Vec<_> = needed
            .iter()
            .filter_map(|line| between(line, "[", ']'))
            .collect();
        let ours: Vec<_> = elf
            .needed
            .iter()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        assert_eq!(ours, needed, "{file}");
        let interpreter = output
            .lines()
            .find_map(|line| between(line, "interpreter: ", ']'));
        let ours = elf
            .interpreter
            .map(|name| String::from_utf8_lossy(&name).into_owned());
        assert_eq!(ours, interpreter, "{file}");
    }
}

/// Copies what `ldd` lists for `program`, and the program, from this host into a tree.
fn host_tree(program: &str) -> (Tree, BTreeSet<TreePath>) {
    let listed = stdout(Command::new("ldd").env("LC_ALL", "C").arg(program));
    let libraries = listed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    let mut tree = empty();
    for link in ["bin", "sbin", "lib", "lib64"] {
        put(
            &mut tree,
            &format!("/{link}"),
            builtin_symlink(&format!("usr/{link}"), EPOCH.into()),
        );
        let folder = path(&format!("/usr/{link}"));
        let meta = Meta::root(0o755, EPOCH.into());
        tree.make_directories(&folder, meta, &Origin::Builtin)
            .unwrap();
    }
    let mut expected = BTreeSet::new();
    for file in libraries.chain([program]) {
        put_file(&mut tree, file, &fs_err::read(file).unwrap());
        expected.insert(tree.real_path(&path(file)).unwrap());
    }
    (tree, expected)
}

#[test]
fn the_closure_of_a_program_is_what_ldd_lists() {
    let (tree, expected) = host_tree("/usr/bin/readelf");
    let found = libraries::closure(contents(&tree), &[path("/usr/bin/readelf")]).unwrap();
    let found: BTreeSet<_> = found
        .iter()
        .map(|file| tree.real_path(file).unwrap())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_program_of_another_machine_is_found_and_firmware_is_not() {
    let (mut tree, _) = host_tree("/usr/bin/readelf");
    let mut foreign = fs_err::read("/usr/bin/readelf").unwrap();
    foreign[18..20].copy_from_slice(&183_u16.to_le_bytes());
    put_file(&mut tree, "/usr/bin/left-over", &foreign);
    put_file(&mut tree, "/usr/lib/firmware/other-cpu.elf", &foreign);
    put_file(&mut tree, "/usr/bin/script", b"#!/bin/sh\n");
    let host = Architecture::host().unwrap();
    let found = libraries::wrong_machine(contents(&tree), host).unwrap();
    assert_eq!(found, [path("/usr/bin/left-over")]);
}

#[test]
fn cpio_lists_and_extracts_our_archive() {
    let mut tree = empty();
    put_file(&mut tree, "/usr/bin/odd", b"five5");
    put(&mut tree, "/bin", builtin_symlink("usr/bin", EPOCH.into()));
    put_file(&mut tree, "/empty", b"");
    let console = Node::new(
        Kind::CharDevice { major: 5, minor: 1 },
        Meta::root(0o600, Timestamp::default()),
        Origin::Builtin,
    );
    put(&mut tree, "/dev/console", console);
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs_err::write(&archive, cpio::write(contents(&tree), EPOCH).unwrap()).unwrap();

    let list = "TZ=UTC LC_ALL=C cpio -itvn --quiet < archive";
    let listed = stdout(
        Command::new("sh")
            .args(["-c", list])
            .current_dir(folder.path()),
    );
    let squeezed: Vec<String> = listed
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "lrwxrwxrwx 1 0 0 7 Nov 14 2023 bin -> usr/bin",
        "drwxr-xr-x 2 0 0 0 Nov 14 2023 dev",
        "crw------- 1 0 0 5, 1 Nov 14 2023 dev/console",
        "-rwxr-xr-x 1 0 0 0 Nov 14 2023 empty",
        "drwxr-xr-x 2 0 0 0 Nov 14 2023 usr",
        "drwxr-xr-x 2 0 0 0 Nov 14 2023 usr/bin",
        "-rwxr-xr-x 1 0 0 5 Nov 14 2023 usr/bin/odd",
    ];
    assert_eq!(squeezed, expected);

    let extract =
        "mkdir out && cd out && cpio -idm --quiet --no-preserve-owner usr/bin/odd < ../archive";
    run(Command::new("sh")
        .args(["-c", extract])
        .current_dir(folder.path()));
    assert_eq!(
        fs_err::read(folder.path().join("out/usr/bin/odd")).unwrap(),
        b"five5"
    );
}

/// A root filesystem with this host's own programs under the names that an initramfs needs, and a
/// kernel whose modules are empty files.
fn root_with_kernel(kernel: &str) -> Tree {
    let (mut tree, _) = host_tree("/usr/bin/readelf");
    let program = fs_err::read("/usr/bin/readelf").unwrap();
    for name in [
        "bin/busybox",
        "sbin/modprobe",
        "sbin/findfs",
        "sbin/blkid",
        "sbin/e2fsck",
    ] {
        put_file(&mut tree, &format!("/usr/{name}"), &program);
    }
    let folder = format!("/usr/lib/modules/{kernel}");
    let listed = "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz\n\
                  kernel/fs/jbd2/jbd2.ko.xz:\n\
                  kernel/arch/x86/crypto/crc32c-intel.ko.xz:\n\
                  kernel/net/special/special.ko.xz:\n\
                  kernel/net/other.ko.xz:\n";
    for module in listed.lines().filter_map(|line| line.split_once(':')) {
        put_file(&mut tree, &format!("{folder}/{}", module.0), b"");
    }
    let soft = "softdep ext4 pre: crypto-special\n";
    let alias = "alias crypto-special special\nalias pci:v1d* other\n";
    for (name, text) in [
        ("modules.dep", listed),
        ("modules.dep.bin", "x"),
        ("modules.softdep", soft),
        ("modules.alias", alias),
    ] {
        put_file(&mut tree, &format!("{folder}/{name}"), text.as_bytes());
    }
    put_file(&mut tree, &format!("/boot/vmlinuz-{kernel}"), b"kernel");
    tree
}

#[test]
fn an_initramfs_holds_programs_libraries_and_chosen_modules() {
    let tree = root_with_kernel("6.12.1-test");
    let kernels = initramfs::kernels(contents(&tree));
    assert_eq!(kernels, [Name::new(b"6.12.1-test").unwrap()]);
    let tree = initramfs::tree(contents(&tree), &kernels[0], EPOCH).unwrap();
    let image = initramfs::pack(contents(&tree), EPOCH).unwrap();
    assert_eq!(image, initramfs::pack(contents(&tree), EPOCH).unwrap());

    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("image"), image).unwrap();
    let list = "zstd -dcq < image | cpio -it --quiet";
    let listed = stdout(
        Command::new("sh")
            .args(["-c", list])
            .current_dir(folder.path()),
    );
    let names: BTreeSet<&str> = listed.lines().collect();
    for name in [
        "init",
        "dev/console",
        "usr/bin/sh",
        "usr/sbin/e2fsck",
        "etc/e2fsck.conf",
        "proc",
    ] {
        assert!(names.contains(name), "{name} is not in {listed}");
    }
    let chosen: Vec<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".ko.xz"))
        .collect();
    let folder = "usr/lib/modules/6.12.1-test/kernel";
    let expected = [
        "arch/x86/crypto/crc32c-intel",
        "fs/ext4/ext4",
        "fs/jbd2/jbd2",
        "net/special/special",
    ];
    assert_eq!(chosen, expected.map(|name| format!("{folder}/{name}")));
}

#[test]
fn modules_that_depmod_never_saw_are_an_error() {
    let mut tree = root_with_kernel("6.12.1-test");
    put_file(&mut tree, "/usr/lib/modules/6.12.1-test/modules.dep", b"");
    let refused = modules::choose(contents(&tree), &Name::new(b"6.12.1-test").unwrap());
    assert!(matches!(
        refused,
        Err(modules::ModulesError::NoModules { .. })
    ));
}

#[test]
fn our_shell_scripts_have_no_syntax_error() {
    let folder = tempfile::tempdir().unwrap();
    let tree = root_with_kernel("6.12.1-test");
    let kernel = Name::new(b"6.12.1-test").unwrap();
    let initramfs = initramfs::tree(contents(&tree), &kernel, EPOCH).unwrap();
    let init = contents(&initramfs).bytes(&path("/init")).unwrap().to_vec();
    let growth = growth::files(EPOCH)
        .into_iter()
        .find_map(|(_, node)| match node.kind {
            Kind::File(Content::Inline(bytes)) if bytes.starts_with(b"#!/bin/sh") => {
                Some(bytes.to_vec())
            }
            _ => None,
        });
    for script in [init, growth.unwrap()] {
        let file = folder.path().join("script");
        fs_err::write(&file, script).unwrap();
        run(Command::new("sh").arg("-n").arg(&file));
        run(Command::new("busybox").args(["sh", "-n"]).arg(&file));
    }
}
