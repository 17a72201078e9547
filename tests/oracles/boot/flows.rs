//! The boot flows GRUB and Raspberry Pi, whose files are read by xz and a shell.

use super::{EPOCH, contents, empty, path, put_file};
use crate::command::{run, stdout};
use imgbuild::architecture::Architecture;
use imgbuild::boot::{grub, rpi};
use imgbuild::tree::{Content, Kind, Name, Tree};
use imgbuild::units::Lba;
use std::process::Command;

const MODULES: [&str; 3] = ["search", "ext2", "linux"];

/// A grub-pc-bin in the right form: kernel.img is an ELF file with one segment, `kernel`.
fn grub_package(kernel: &[u8]) -> Tree {
    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    // The entry point, the program headers at 52, no sections, flags; the sizes of the headers, one
    // of them.
    elf.extend(
        [0x9000_u32, 52, 0, 0]
            .into_iter()
            .flat_map(u32::to_le_bytes),
    );
    elf.extend(
        [52_u16, 32, 1, 0, 0, 0]
            .into_iter()
            .flat_map(u16::to_le_bytes),
    );
    let size = u32::try_from(kernel.len()).unwrap();
    let load = [1, 84, 0x9000, 0x9000, size, size, 7, 32];
    elf.extend(load.into_iter().flat_map(u32::to_le_bytes));
    elf.extend(kernel);
    let mut tree = empty();
    let mut put_part = |name: &str, bytes: &[u8]| {
        put_file(&mut tree, &format!("/usr/lib/grub/i386-pc/{name}"), bytes);
    };
    put_part("kernel.img", &elf);
    put_part("boot.img", &[0xcc; 512]);
    put_part("diskboot.img", &[0xdd; 512]);
    put_part("lzma_decompress.img", &[0; 2848]);
    let mut listed = String::from("fshelp:\n");
    for module in MODULES {
        let needs = if module == "ext2" { " fshelp" } else { "" };
        listed.push_str(&format!("{module}:{needs}\n"));
        put_part(&format!("{module}.mod"), module.as_bytes());
    }
    put_part("fshelp.mod", b"helper");
    put_part("moddep.lst", listed.as_bytes());
    tree
}

#[test]
fn xz_unpacks_the_core_image_of_grub() {
    let kernel: Vec<u8> = (0..4096_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let tree = grub_package(&kernel);
    let core = grub::core_image(
        contents(&tree),
        Lba(2048),
        &MODULES.map(str::to_owned),
        "search x\n",
    )
    .unwrap();
    let number = |at: usize| u32::from_le_bytes(core[at..at + 4].try_into().unwrap());
    assert_eq!(core.len() % 512, 0);
    assert_eq!(u64::from_le_bytes(core[500..508].try_into().unwrap()), 2049);
    let n_sectors = u16::from_le_bytes(core[508..510].try_into().unwrap());
    assert_eq!(usize::from(n_sectors), core.len() / 512 - 1);
    assert_eq!(core[..500], [0xdd; 500]);

    let (start, packed, raw_len) = (512 + 2848, number(520) as usize, number(524) as usize);
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("packed"), &core[start..start + packed]).unwrap();
    let unpack = "xz -dc --format=raw --lzma1=dict=64KiB,lc=3,lp=0,pb=2 < packed > raw";
    run(Command::new("sh")
        .args(["-c", unpack])
        .current_dir(folder.path()));
    let raw = fs_err::read(folder.path().join("raw")).unwrap();
    assert_eq!(raw.len(), raw_len);
    let table = raw.strip_prefix(kernel.as_slice()).unwrap();
    assert_eq!(table[..4], *b"mimg");
    let total = u32::from_le_bytes(table[8..12].try_into().unwrap()) as usize;
    assert_eq!(total, table.len());

    let (mut objects, mut rest) = (Vec::new(), &table[12..]);
    while let Some(header) = rest.first_chunk::<8>() {
        let size = u32::from_le_bytes(header[4..].try_into().unwrap()) as usize;
        let text = String::from_utf8_lossy(&rest[8..size]);
        objects.push((header[0], text.trim_end_matches('\0').to_owned()));
        rest = &rest[size..];
    }
    assert_eq!(objects.len(), MODULES.len() + 3);
    let at = |name: &str| objects.iter().position(|(_, text)| text == name).unwrap();
    assert!(at("helper") < at("ext2"));
    let last = [(2, "search x\n".to_owned()), (3, "/boot/grub".to_owned())];
    assert_eq!(objects[objects.len() - 2..], last);
}

#[test]
fn a_shell_reads_the_settings_of_raspi_firmware_as_we_meant_them() {
    let mut tree = empty();
    for file in [
        "/boot/vmlinuz-6.12.1-arm64",
        "/usr/lib/raspi-firmware/start4.elf",
        "/usr/lib/linux-image-6.12.1-arm64/broadcom/bcm2711-rpi-4-b.dtb",
    ] {
        put_file(&mut tree, file, b"x");
    }
    let settings = rpi::RpiSettings {
        architecture: Architecture::Arm64,
        kernel: Name::new(b"6.12.1-arm64").unwrap(),
        root: "UUID=0f1e".to_owned(),
        consoles: vec!["tty0".to_owned(), "ttyS1,115200".to_owned()],
        cma: Some("128M".to_owned()),
        command_line: "quiet audit=0".to_owned(),
        config: "dtparam=audio=off".to_owned(),
        firmware_files: vec!["start4.elf".to_owned()],
    };
    let initramfs = Content::inline(b"archive");
    let boot = rpi::prepare(contents(&tree), &settings, &initramfs, EPOCH).unwrap();
    let faults = rpi::check(
        contents(&boot.firmware),
        settings.architecture,
        &settings.root,
        &settings.firmware_files,
    );
    assert_eq!(faults, []);

    let folder = tempfile::tempdir().unwrap();
    for (at, node) in &boot.root_changes {
        let Kind::File(Content::Inline(bytes)) = &node.kind else {
            panic!("{at} is no file")
        };
        let (_, name) = at.split_last().unwrap();
        fs_err::write(folder.path().join(name.to_string()), bytes).unwrap();
    }
    // The words are in the order in which the package's kernel hook joins them.
    let joined = "set -u; . ./raspi-firmware; for c in $CONSOLES; do printf 'console=%s ' $c; done; \
                  printf 'root=%s rw fsck.repair=yes net.ifnames=0 cma=%s rootwait %s\\n' \
                  \"$ROOTPART\" \"$CMA\" \"$(cat raspi-extra-cmdline)\"";
    let words = stdout(
        Command::new("sh")
            .args(["-c", joined])
            .current_dir(folder.path()),
    );
    let ours = contents(&boot.firmware)
        .text(&path("/cmdline.txt"))
        .unwrap();
    assert_eq!(words, ours);
}
