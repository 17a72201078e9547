//! U-Boot and two versions of GRUB list and load files from this program's filesystem, before and
//! after it has grown.

use super::growth::{GIB, SMALL, grows};
use super::image::{Objects, Written, all_features, params, seal_with_margin};
use super::manifest::ask;
use super::{directory, inline, meta, put, trees};
use crate::command::{both_versions, e2fsck, input, run};
use crate::machine::Machine;
use crate::uml::{self, Disk};
use imgbuild::digest::Sha256;
use imgbuild::fs::ext4::{Params, seal};
use imgbuild::tree::{Content, Kind, Slice, Tree};
use std::path::Path;
use std::process::Command;

/// The offset of the partition.
const START: u64 = 1 << 20;

/// A root filesystem for boot loaders: a kernel of several extents, behind a symlink, beside a
/// large directory. Gives the bytes of the kernel too.
fn bootable() -> (Tree, Objects, Vec<u8>) {
    let mut objects = Objects::default();
    let mut tree = Tree::new(meta(0o755));
    put(&mut tree, b"/boot", directory());
    // This file is never read. It moves the kernel across the end of the first group.
    let filler = Content::Stored(Slice {
        object: Sha256::of(b"an object that is nowhere"),
        offset: 0,
        len: 47 << 20,
    });
    put(&mut tree, b"/boot/filler", Kind::File(filler));
    let kernel: Vec<u8> = (0..10_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let stored = Kind::File(objects.stored(&kernel));
    put(&mut tree, b"/boot/vmlinuz-6.12", stored);
    let link = Kind::Symlink(b"boot/vmlinuz-6.12".as_slice().into());
    put(&mut tree, b"/vmlinuz", link);
    put(&mut tree, b"/grown", directory());
    put(&mut tree, b"/many", directory());
    for i in 0..20_000 {
        let name = format!("/many/entry-{i}");
        put(&mut tree, name.as_bytes(), inline(b""));
    }
    put(&mut tree, b"/many/sought", inline(b"found"));
    (tree, objects, kernel)
}

/// The checksum that U-Boot's `crc32` prints.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// U-Boot as firmware of an ARM machine with `disk`.
fn u_boot(disk: &Path) -> Machine {
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-machine", "virt", "-cpu", "cortex-a53", "-m", "512"])
        .args([
            "-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none",
        ])
        .args(["-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"])
        .arg("-drive")
        .arg(format!(
            "file={},format=raw,if=virtio,readonly=on",
            disk.display()
        ));
    let mut machine = Machine::start(&mut qemu, &disk.with_extension("u-boot"));
    machine.expect("stop autoboot");
    machine.type_line("");
    machine.expect("\n=> ");
    machine
}

/// Checks that U-Boot lists the files in `/boot` and loads `files`.
fn check_with_u_boot(disk: &Path, files: &[(&str, &[u8])]) {
    let mut machine = u_boot(disk);
    let mut answer = |command: &str| {
        machine.type_line(command);
        machine.expect("\n=> ")
    };
    let listed = answer("ext4ls virtio 0:1 /boot");
    // Newer versions put more spaces between the columns.
    let is_kernel = |line: &str| line.split_whitespace().eq(["40000000", "vmlinuz-6.12"]);
    assert!(listed.lines().any(is_kernel), "{listed}");
    for (path, bytes) in files {
        let loaded = answer(&format!("load virtio 0:1 $kernel_addr_r {path}"));
        let read = format!("{} bytes read", bytes.len());
        assert!(loaded.contains(&read), "{path}: {loaded}");
        let summed = answer("crc32 $kernel_addr_r $filesize");
        let sum = format!("==> {:08x}", crc32(bytes));
        assert!(summed.contains(&sum), "{path}: expected {sum}: {summed}");
    }
}

/// The output of GRUB's `command` for `path`.
fn grub(mut program: Command, disk: &Path, command: &str, path: &str) -> Vec<u8> {
    run(program.arg(disk).args([command, path])).stdout
}

/// Checks that both versions of GRUB find and read `files` in the first partition of `disk`.
fn check_with_grub(disk: &Path, files: &[(&str, &[u8])]) {
    for (path, bytes) in files {
        for program in both_versions("grub-fstest") {
            let path = format!("(loop0,msdos1){path}");
            assert!(grub(program, disk, "cat", &path) == *bytes, "{path}");
        }
    }
}

/// Gives `disk` an MBR whose only partition goes from [`START`] to its end.
fn partition(disk: &Path) {
    let table = format!("label: dos\nstart={}, type=83, bootable\n", START / 512);
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["--quiet", "--wipe-partitions", "never"]);
    run(sfdisk.arg(disk).stdin(input(table)));
}

#[test]
fn u_boot_and_grub_load_a_kernel_before_and_after_growth() {
    let (tree, objects, kernel) = bootable();
    let image = seal(&tree, &params(SMALL)).unwrap();
    let alone = Written::new(&image, &objects);
    let extents = ask(&alone.path, "ex /boot/vmlinuz-6.12\n");
    assert_eq!(extents.matches(" 0/ 0 ").count(), 2, "{extents}");
    let written = Written::in_disk(&image, &objects, START, START + 64 * GIB);
    let disk = &written.path;
    partition(disk);
    let mut files = vec![
        ("/boot/vmlinuz-6.12", kernel.as_slice()),
        ("/vmlinuz", &kernel),
        ("/many/sought", b"found"),
    ];
    check_with_u_boot(disk, &files);
    check_with_grub(disk, &files);

    let script = format!(
        "mkdir at\n{}cp at/grown/* .; umount at\n",
        grows("/dev/ubda1")
    );
    let left = uml::run(&script, &[Disk::Writable(disk)]);
    e2fsck(Path::new(&format!("{}?offset={START}", disk.display())));
    let (before, after) = (left.file("before"), left.file("after"));
    assert_eq!((before.len(), after.len()), (4 << 20, 4 << 20));
    files.extend([
        ("/grown/before", before.as_slice()),
        ("/grown/after", &after),
    ]);
    check_with_u_boot(disk, &files);
    check_with_grub(disk, &files);
}

#[test]
fn grub_lists_and_reads_with_all_features() {
    let (tree, objects) = trees::special();
    let bytes: Vec<u8> = (0..1_u32 << 20).map(|i| (i % 251) as u8).collect();
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        let written = Written::new(&seal_with_margin(&tree, &params, 0), &objects);
        let read = |command, path| {
            both_versions("grub-fstest").map(|program| grub(program, &written.path, command, path))
        };
        for listed in read("ls", "/names/200/") {
            let listed = String::from_utf8_lossy(&listed).into_owned();
            assert_eq!(listed.split_whitespace().count(), 200);
        }
        assert_eq!(read("cat", "/links/hard-19"), [b"twenty names"; 2]);
        for path in ["/content/stored-1048576", "/content/inline-1048576"] {
            assert!(read("cat", path).iter().all(|read| *read == bytes));
        }
    }
}
