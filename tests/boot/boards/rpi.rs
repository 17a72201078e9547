//! Raspberry Pis, whose boot ROM and firmware look for files of certain names in a FAT32.

use super::{Built, parts};
use crate::command::{run, stdout};
use crate::support::{extract, partitions};
use std::path::Path;
use std::process::Command;

/// What the firmware of a Pi needs: the board, the files of package raspi-firmware that it loads, the device
/// trees of its models, and whether `arm_64bit` is set.
struct Pi(
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    bool,
);

const OLD: &[&str] = &["bootcode.bin", "start.elf", "fixup.dat"];

#[test]
fn a_raspberry_pi_zero_2_w_is_built() {
    judge(&Pi("rpi-zero2w", OLD, &["bcm2837-rpi-zero-2-w.dtb"], true));
}

#[test]
fn a_raspberry_pi_2_is_built() {
    judge(&Pi("rpi2", OLD, &["bcm2836-rpi-2-b.dtb"], false));
}

#[test]
fn a_raspberry_pi_3_is_built() {
    const TREES: &[&str] = &["bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb"];
    judge(&Pi("rpi3", OLD, TREES, true));
}

#[test]
fn a_raspberry_pi_5_is_built() {
    // The firmware of a Pi 5 is in its flash memory.
    judge(&Pi("rpi5", &[], &["bcm2712-rpi-5-b.dtb"], true));
}

fn judge(Pi(board, firmware, device_trees, is_64_bit): &Pi) {
    let built = Built::new(board, &[]);
    let table = stdout(
        Command::new("/usr/sbin/sfdisk")
            .arg("--dump")
            .arg(&built.image),
    );
    let first = table.lines().find(|line| line.contains("start=")).unwrap();
    assert!(
        first.contains("type=c") && first.contains("bootable"),
        "{table}"
    );

    let boot = partitions(&built.image)[0];
    let fat = parts().join(format!("{board}-fat"));
    extract(&built.image, boot, &fat);
    let output = stdout(Command::new("/usr/sbin/fsck.fat").arg("-nv").arg(&fat));
    assert!(output.contains(" 32 bit entries"), "{output}");
    // A FAT with fewer clusters is read as a FAT16, whatever its boot sector says (Microsoft's
    // specification).
    assert!(clusters(&output) >= 65_525, "{output}");

    let mtool = |program: &str, path: &str| {
        stdout(
            Command::new(program)
                .arg("-i")
                .arg(&fat)
                .arg(format!("::{path}")),
        )
    };
    let mut mdir = Command::new("mdir");
    let listing = stdout(mdir.arg("-b").arg("-i").arg(&fat).arg("::"));
    let names: Vec<&str> = listing
        .lines()
        .map(|line| line.trim_start_matches("::/"))
        .collect();
    let configuration = mtool("mtype", "config.txt");
    let value = |start: &str| {
        let line = configuration
            .lines()
            .find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no `{start}` in:\n{configuration}"))
            .to_owned()
    };
    assert_eq!(
        configuration.contains("arm_64bit=1\n"),
        *is_64_bit,
        "{configuration}"
    );
    let kernel = value("kernel=");
    let initramfs = value("initramfs ");
    for name in firmware
        .iter()
        .chain(*device_trees)
        .chain([&&*kernel, &&*initramfs])
    {
        assert!(names.contains(name), "{board} has no {name}: {names:?}");
    }

    let copied = |name: &str| {
        let to = parts().join(format!("{board}-{name}"));
        let mut mcopy = Command::new("mcopy");
        run(mcopy
            .arg("-n")
            .arg("-i")
            .arg(&fat)
            .arg(format!("::{name}"))
            .arg(&to));
        to
    };
    if !firmware.is_empty() {
        let package = built.package("raspi-firmware");
        for name in *firmware {
            let theirs = package.join("usr/lib/raspi-firmware").join(name);
            run(Command::new("cmp").arg(copied(name)).arg(theirs));
        }
    }
    let dumped = parts().join(format!("{board}-dumped"));
    built.debugfs(&format!("dump /boot/{kernel} {}", dumped.display()));
    run(Command::new("cmp").arg(copied(&kernel)).arg(&dumped));
    is_kernel(&dumped, *is_64_bit);

    let id = table
        .lines()
        .find_map(|line| line.strip_prefix("label-id: 0x"))
        .unwrap();
    let words = mtool("mtype", "cmdline.txt");
    assert!(
        words.contains(&format!("root=PARTUUID={id}-02 ")),
        "{words}"
    );
    for path in [&fat, &dumped] {
        fs_err::remove_file(path).unwrap();
    }
}

/// Reads the number in the line `    129022 data clusters (66059264 bytes)`.
fn clusters(output: &str) -> u64 {
    let line = output.lines().find(|line| line.contains("data clusters"));
    let number = line
        .and_then(|line| line.split_whitespace().next())
        .unwrap();
    number.parse().unwrap()
}

/// Checks the magic numbers that boot loaders look at (Documentation/arch/arm64/booting.rst, arm/zImage).
fn is_kernel(file: &Path, is_64_bit: bool) {
    let (at, magic) = match is_64_bit {
        true => (0x38, "41 52 4d 64"),
        false => (0x24, "18 28 6f 01"),
    };
    let mut od = Command::new("od");
    od.args(["-An", "-tx1", "-N4", &format!("-j{at}")]);
    assert_eq!(stdout(od.arg(file)).trim(), magic);
}
