//! Odroids, whose boot ROMs read the boot loader from fixed sectors around and behind the partition table.
//!
//! Files of the vendor that nobody else may distribute are replaced by files of the same length.

use super::{Built, parts};
use crate::command::stdout;
use crate::mirror::Server;
use imgbuild::digest::Sha256;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;

/// The parts of the Exynos 5422's boot loader that Hardkernel makes: file, length, first sector, and number
/// of sectors that are reserved for it.
const EXYNOS: [(&str, usize, u64, u64); 3] = [
    ("bl1.bin.hardkernel", 15_616, 1, 30),
    ("bl2.bin.hardkernel.720k_uboot", 14_592, 31, 32),
    ("tzsw.bin.hardkernel", 262_144, 1503, 512),
];

#[test]
fn an_odroid_xu4_is_built() {
    let served = parts().join("exynos");
    fs_err::create_dir_all(&served).unwrap();
    let server = Server::start(&served);
    for (name, len, ..) in EXYNOS {
        fs_err::write(served.join(name), telling(len)).unwrap();
    }
    let definitions = parts().join("definitions");
    let to = definitions.join("boards/odroid-xu4");
    fs_err::create_dir_all(&to).unwrap();
    fs_err::write(to.join("board.toml"), with_stand_ins(&server.url())).unwrap();
    let built = Built::new("odroid-xu4", &[Path::new("--definitions"), &definitions]);

    for (name, len, first, room) in EXYNOS {
        let len = (len as u64).min(room * SECTOR);
        built.same(first * SECTOR, &served.join(name), 0, len);
    }
    let u_boot = built.package("u-boot-exynos-binaries");
    let u_boot = u_boot.join("usr/lib/u-boot/odroid-xu3/u-boot.bin");
    let len = fs_err::metadata(&u_boot).unwrap().len();
    assert!(len <= (1503 - 63) * SECTOR, "U-Boot has {len} bytes");
    built.same(63 * SECTOR, &u_boot, 0, len);
    // U-Boot's environment, at 0x310000 in Debian's build, is empty and lies in front of the partition.
    built.empty(2015 * SECTOR, 4 * MIB - 2015 * SECTOR);
    assert_eq!(built.root(), 4 * MIB);
    menu(&built, None);
}

/// The shipped board, with the vendor's files at `url`.
fn with_stand_ins(url: &str) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/odroid-xu4/board.toml");
    let text = fs_err::read_to_string(shipped).unwrap();
    let mut of: Option<(&str, usize)> = None;
    let mut line = |line: &str| {
        if let Some((name, len, ..)) = EXYNOS.into_iter().find(|(name, ..)| line.contains(name)) {
            of = Some((name, len));
            return format!("url = \"{url}/{name}\"\n");
        }
        match of.filter(|_| line.starts_with("sha256 =")) {
            Some((_, len)) => format!("sha256 = \"{}\"\n", Sha256::of(&telling(len))),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(&mut line).collect()
}

#[test]
fn the_odroids_with_amlogic_chips_are_built() {
    let theirs = foreign("amlogic", 5 * MIB);
    for (board, device_tree) in [
        ("odroid-c2", Some("amlogic/meson-gxbb-odroidc2.dtb")),
        ("odroid-c4", Some("amlogic/meson-sm1-odroid-c4.dtb")),
        ("odroid-hc4", Some("amlogic/meson-sm1-odroid-hc4.dtb")),
        // U-Boot distinguishes an N2 from an N2+ itself.
        ("odroid-n2", None),
    ] {
        let built = Built::new(board, &with_loader(&theirs));
        // The ROM reads from sector 0 on, around the table.
        built.same(0, &theirs, 0, 440);
        built.same(SECTOR, &theirs, SECTOR, 4 * MIB - SECTOR);
        assert_eq!(built.root(), 4 * MIB);
        menu(&built, device_tree);
    }
}

#[test]
fn an_odroid_m1_is_built() {
    let theirs = foreign("rockchip", 17 * MIB);
    let built = Built::new("odroid-m1", &with_loader(&theirs));
    built.empty(SECTOR, 63 * SECTOR);
    built.same(64 * SECTOR, &theirs, 64 * SECTOR, 16 * MIB - 64 * SECTOR);
    assert_eq!(built.root(), 16 * MIB);
    menu(&built, Some("rockchip/rk3568-odroid-m1.dtb"));
}

fn with_loader(image: &Path) -> [&Path; 3] {
    [Path::new("--base"), image, Path::new("--boot-loader-only")]
}

/// `len` bytes, none of which is zero, and each of which depends on its offset.
fn telling(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 512 % 251 + 1) as u8).collect()
}

/// A foreign image for the board: one partition, and a boot loader everywhere else.
fn foreign(name: &str, len: u64) -> PathBuf {
    let path = parts().join(format!("{name}.img"));
    fs_err::write(&path, telling(usize::try_from(len).unwrap())).unwrap();
    let mut sfdisk = Command::new("sh");
    let script = "printf 'label: dos\\nstart=2048, type=83\\n' | /usr/sbin/sfdisk --quiet \"$0\"";
    stdout(sfdisk.args(["-ec", script]).arg(&path));
    path
}

/// Checks that every file in U-Boot's menu exists; `device_tree` is a device tree of the kernel's package.
fn menu(built: &Built, device_tree: Option<&str>) {
    let text = built.debugfs("cat /boot/extlinux/extlinux.conf");
    let value = |key: &str| {
        let mut lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        lines.next().map(|rest| rest.trim().to_owned())
    };
    built.has(&value("linux ").unwrap());
    built.has(&value("initrd ").unwrap());
    match device_tree {
        Some(name) => {
            let path = value("fdt ").unwrap();
            assert!(path.ends_with(name), "{text}");
            built.has(&path);
        }
        None => built.has_folder(&value("fdtdir ").unwrap()),
    }
    let table = stdout(
        Command::new("/usr/sbin/sfdisk")
            .arg("--dump")
            .arg(&built.image),
    );
    let id = table
        .lines()
        .find_map(|line| line.strip_prefix("label-id: 0x"))
        .unwrap();
    assert!(text.contains(&format!("root=PARTUUID={id}-01 ")), "{text}");
    assert!(table.contains("type=83, bootable"), "{table}");
}
