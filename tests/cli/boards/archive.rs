//! Small packages with the names of those that the shipped boards install or take files from, with
//! fake bytes in the right places.

use crate::mirror::{DebSpec, TestArchive};
use crate::test_debian;

/// The components of all boards.
const COMPONENTS: [&str; 3] = ["main", "contrib", "non-free-firmware"];

/// Packages of which a board needs no more than the name.
const NAMES: [&str; 7] = [
    "dosfstools",
    "fdisk",
    "firmware-brcm80211",
    "initramfs-tools",
    "u-boot-menu",
    "wireless-regdb",
    "zstd",
];

/// Device trees below the kernel's folder of them.
const DEVICE_TREES: [&str; 5] = [
    "amlogic/meson-gxbb-odroidc2.dtb",
    "amlogic/meson-sm1-odroid-c4.dtb",
    "amlogic/meson-sm1-odroid-hc4.dtb",
    "exynos5422-odroidxu4.dtb",
    "rockchip/rk3568-odroid-m1.dtb",
];

/// U-Boot for the Odroid XU4, as long as Debian's.
pub(super) fn u_boot_exynos() -> Vec<u8> {
    vec![b'U'; 556_416]
}

/// The archives of a board: the folder on the server, and the archive in it.
pub(super) fn archives() -> Vec<(&'static str, TestArchive)> {
    let empty = || {
        COMPONENTS
            .into_iter()
            .fold(TestArchive::new(), TestArchive::component)
    };
    let kernels = [
        "linux-image-amd64",
        "linux-image-arm64",
        "linux-image-armmp",
    ];
    let release = (NAMES.map(test_debian::package).into_iter())
        .chain(kernels.map(|name| device_trees(test_debian::kernel(name))))
        .chain([
            test_debian::package("linux-base"),
            shim(),
            signed_grub(),
            grub_modules(),
        ])
        .fold(test_debian::archive(), TestArchive::package);
    let release = COMPONENTS.into_iter().fold(release, TestArchive::component);
    let u_boot = test_debian::package("u-boot-exynos-binaries").file(
        "/usr/lib/u-boot/odroid-xu3/u-boot.bin",
        0o644,
        &u_boot_exynos(),
    );
    // The version is later than the release's, as in backports; the kernel needs the later
    // linux-base.
    let later = |mut deb: DebSpec| {
        deb.version = "2.0".to_owned();
        deb
    };
    let kernel = later(device_trees(test_debian::kernel("linux-image-arm64")));
    let backports = [kernel.field("Depends", "linux-base (>= 2.0)")]
        .into_iter()
        .chain(["linux-base", "zstd"].map(|name| later(test_debian::package(name))))
        .fold(
            empty().suite("stable-backports", "trixie-backports"),
            TestArchive::package,
        );
    vec![
        ("debian", release.package_in("contrib", u_boot)),
        ("debian", empty().suite("stable-updates", "trixie-updates")),
        ("debian", backports),
        (
            "debian-security",
            empty().suite("stable-security", "trixie-security"),
        ),
    ]
}

fn device_trees(kernel: DebSpec) -> DebSpec {
    DEVICE_TREES.into_iter().fold(kernel, |deb, name| {
        let at = format!("/usr/lib/linux-image-{}/{name}", test_debian::KERNEL);
        deb.file(&at, 0o644, name.as_bytes())
    })
}

fn shim() -> DebSpec {
    test_debian::package("shim-signed").file("/usr/lib/shim/shimx64.efi.signed", 0o644, b"MZ shim")
}

fn signed_grub() -> DebSpec {
    let at = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";
    test_debian::package("grub-efi-amd64-signed").file(at, 0o644, b"MZ grub")
}

/// A grub-pc-bin with every module of the board, none of which needs another one.
fn grub_modules() -> DebSpec {
    let modules = [
        "biosdisk",
        "part_gpt",
        "part_msdos",
        "fat",
        "ext2",
        "search",
        "search_fs_uuid",
        "search_label",
        "normal",
        "linux",
        "configfile",
        "echo",
        "test",
        "serial",
        "terminal",
        "ls",
        "halt",
        "reboot",
        "cat",
        "gzio",
    ];
    let file = |deb: DebSpec, name: &str, bytes: &[u8]| {
        deb.file(&format!("/usr/lib/grub/i386-pc/{name}"), 0o644, bytes)
    };
    let list: String = modules.iter().map(|name| format!("{name}:\n")).collect();
    let deb = file(
        test_debian::package("grub-pc-bin"),
        "boot.img",
        &[0xcc; 512],
    );
    let deb = file(deb, "diskboot.img", &[0xdd; 512]);
    let deb = file(deb, "lzma_decompress.img", &[0; 2848]);
    let deb = file(deb, "kernel.img", &elf(&[0xee; 4096]));
    let deb = file(deb, "moddep.lst", list.as_bytes());
    modules.into_iter().fold(deb, |deb, name| {
        file(deb, &format!("{name}.mod"), name.as_bytes())
    })
}

/// A 32-bit ELF program with one loadable segment, which is `bytes`.
fn elf(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap();
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    for word in [0x9000, 52, 0, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    for half in [52, 32, 1, 0, 0, 0] {
        file.extend(u16::to_le_bytes(half));
    }
    for word in [1, 84, 0x9000, 0x9000, size, size, 7, 32] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend(bytes);
    file
}
