//! The Raspberry Pi 4 as a Tor hotspot.
//!
//! No emulator runs the Pi's own firmware, so other readers of FAT and of its two text files check what it
//! would find. The rest starts in QEMU: on a machine without a card reader, where clients join over simulated
//! radios, and on a Raspberry Pi 3, from the unchanged card.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

mod hotspot;

use super::command::{run, stdout};
use super::identity::Identity;
use super::machine::Machine;
use super::support::{Partition, User, extract, flash, partitions, run_folder};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The image, built once for all tests of this file.
static BUILT: LazyLock<Built> = LazyLock::new(Built::new);

/// An image and its partitions.
struct Built {
    image: PathBuf,
    firmware: Partition,
    root: Partition,
    /// The folder for files that tests take out of the image.
    folder: PathBuf,
}

/// The size of the card, which must be a power of two for QEMU's SD card.
const CARD: u64 = 8 << 30;

/// Parameters for the kernel of an emulated machine, in which everything takes ten times as long.
const PATIENT: &str =
    "systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900";

impl Built {
    fn new() -> Self {
        let user = User::first("rpi4");
        let image = user.build("rpi4", "tor-hotspot", &[]);
        let [firmware, root] = partitions(&image)[..] else {
            panic!("the image has other partitions than firmware and root");
        };
        let folder = run_folder().join("rpi4-parts");
        fs_err::create_dir(&folder).unwrap();
        Self {
            image,
            firmware,
            root,
            folder,
        }
    }

    /// mtools on the firmware's partition.
    fn mtool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let place = format!("{}@@{}", self.image.display(), self.firmware.start);
        command.args(["-i", &place]);
        command
    }

    fn firmware_text(&self, name: &str) -> String {
        stdout(self.mtool("mtype").arg(format!("::{name}")))
    }

    /// Copies a file of the firmware's partition out of the image.
    fn firmware_file(&self, name: &str) -> PathBuf {
        let to = self.folder.join(name);
        run(self
            .mtool("mcopy")
            .args(["-o", "-n", &format!("::{name}")])
            .arg(&to));
        to
    }

    /// The file that config.txt gives under `key`.
    fn configured(&self, key: &str) -> String {
        let text = self.firmware_text("config.txt");
        let of_key = |line: &str| {
            Some(
                line.strip_prefix(key)?
                    .trim_start_matches(['=', ' '])
                    .to_owned(),
            )
        };
        text.lines()
            .find_map(of_key)
            .unwrap_or_else(|| panic!("no {key} in {text}"))
    }

    /// QEMU with the kernel, initramfs and command line of the card, and `words` after the latter.
    fn machine(&self, machine: &str, words: &str) -> Command {
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args([
            "-machine",
            machine,
            "-accel",
            "tcg,thread=multi",
            "-no-reboot",
        ]);
        qemu.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
        qemu.arg("-kernel")
            .arg(self.firmware_file(&self.configured("kernel")));
        qemu.arg("-initrd")
            .arg(self.firmware_file(&self.configured("initramfs")));
        let own = self.firmware_text("cmdline.txt");
        qemu.args(["-append", &format!("{} {words} {PATIENT}", own.trim())]);
        qemu
    }
}

#[test]
fn sfdisk_fsck_and_debugfs_accept_the_disk() {
    let built = &*BUILT;
    run(Command::new("/usr/sbin/sfdisk")
        .arg("--verify")
        .arg(&built.image));
    let (firmware, root) = (built.folder.join("firmware"), built.folder.join("root"));
    extract(&built.image, built.firmware, &firmware);
    extract(&built.image, built.root, &root);
    run(Command::new("/usr/sbin/fsck.fat").arg("-n").arg(&firmware));
    run(Command::new("/usr/sbin/e2fsck").arg("-fn").arg(&root));
    let tree = built.folder.join("tree");
    fs_err::create_dir(&tree).unwrap();
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    run(debugfs
        .arg("-R")
        .arg(format!("rdump / {}", tree.display()))
        .arg(&root));
    assert!(
        programs_of_arm64(&tree) > 1000,
        "debugfs gave too few files"
    );
    fs_err::remove_dir_all(&tree).unwrap();
}

#[test]
fn the_initramfs_is_of_arm64() {
    let built = &*BUILT;
    let archive = built.firmware_file(&built.configured("initramfs"));
    let tree = built.folder.join("initramfs");
    fs_err::create_dir(&tree).unwrap();
    let unpack = r#"zstd -dcq "$1" | cpio -idm --quiet --no-absolute-filenames -f 'dev/*'"#;
    run(Command::new("sh")
        .args(["-c", unpack, "sh"])
        .arg(&archive)
        .current_dir(&tree));
    assert!(programs_of_arm64(&tree) > 10);
}

/// The number of programs, libraries and modules in `tree`, by readelf(1); all must be for arm64.
fn programs_of_arm64(tree: &Path) -> usize {
    // Firmware is for other processors; BPF programs are for the kernel's own machine.
    let find = r#"find "$1" -path "$1/usr/lib/firmware" -prune -o -path "$1/usr/lib/raspi-firmware" -prune \
        -o -type f -size +1 -exec readelf -Wh {} + 2> /dev/null | grep -E '^(File|  Machine): '; true"#;
    let text = stdout(Command::new("sh").args(["-c", find, "sh"]).arg(tree));
    let mut file = "";
    let mut n = 0;
    for line in text.lines() {
        match line.trim().split_once(": ") {
            Some(("File", path)) => file = path,
            Some(("Machine", machine)) => {
                let machine = machine.trim();
                assert!(
                    matches!(machine, "AArch64" | "Linux BPF"),
                    "{file} is for {machine}"
                );
                n += 1;
            }
            _ => {}
        }
    }
    n
}

#[test]
fn the_firmware_finds_what_it_needs() {
    let built = &*BUILT;
    let listing = stdout(built.mtool("mdir").args(["-b", "::"]));
    let has = |name: &str| {
        listing
            .lines()
            .any(|line| line.trim_start_matches("::/") == name)
    };
    let needed = [
        "start4.elf",
        "fixup4.dat",
        "bcm2711-rpi-4-b.dtb",
        "config.txt",
        "cmdline.txt",
    ];
    for name in needed {
        assert!(has(name), "no {name} in:\n{listing}");
    }
    let config = built.firmware_text("config.txt");
    for line in ["arm_64bit=1", "enable_uart=1", "upstream_kernel=1"] {
        assert_eq!(
            config.lines().filter(|other| *other == line).count(),
            1,
            "{config}"
        );
    }
    // The firmware truncates longer lines.
    assert!(config.lines().all(|line| line.len() <= 98), "{config}");
    assert!(
        has(&built.configured("kernel")) && has(&built.configured("initramfs")),
        "{listing}"
    );

    let kernel = fs_err::read(built.firmware_file(&built.configured("kernel"))).unwrap();
    assert_eq!(
        &kernel[56..60],
        b"ARM\x64",
        "the kernel is no Image of arm64"
    );
    let tree = built.firmware_file("bcm2711-rpi-4-b.dtb");
    let fits = stdout(Command::new("fdtget").arg(tree).args(["/", "compatible"]));
    assert!(fits.contains("raspberrypi,4-model-b"), "{fits}");

    let words = built.firmware_text("cmdline.txt");
    assert_eq!(words.lines().count(), 1);
    let id = stdout(
        Command::new("/usr/sbin/sfdisk")
            .arg("--disk-id")
            .arg(&built.image),
    );
    let root = format!("root=PARTUUID={}-02", id.trim().trim_start_matches("0x"));
    let words: Vec<&str> = words.split_whitespace().collect();
    for word in [&*root, "rootwait", "console=tty0", "console=ttyS1,115200"] {
        assert_eq!(
            words.iter().filter(|other| **other == word).count(),
            1,
            "{words:?}"
        );
    }
    // A Pi 4 does not start with `cma=` (raspi-firmware's own hook).
    assert!(
        !words.iter().any(|word| word.starts_with("cma=")),
        "{words:?}"
    );
}

/// Checks what must be true on every board after its first boot; gives the text on its console until then.
fn first_boot(machine: &mut Machine, device: &str) -> String {
    let console = machine.log_in();
    eprintln!("login prompt after {:?}", machine.uptime());
    machine.check_boot();
    let states = machine.succeed("dpkg-query -f '${db:Status-Abbrev}\\n' -W | sort -u");
    assert_eq!(states.trim(), "ii");
    assert_eq!(machine.succeed("findmnt -no SOURCE /"), device);
    machine.check_root_len(CARD, 90);
    let secrets = machine.succeed("cat /boot/firmware/imgbuild-secrets.txt");
    assert!(secrets.contains("Wi-Fi passphrase: "), "{secrets}");
    console
}

/// The identity of a Raspberry Pi 3 that started from the card, for the comparison with another device.
static PI3: LazyLock<Identity> = LazyLock::new(|| {
    let built = &*BUILT;
    let card = built.folder.join("card");
    flash(&built.image, &card, CARD);
    // If the device tree describes Bluetooth, it assigns the only serial port that QEMU emulates to it.
    let tree = built.folder.join("pi3.dtb");
    fs_err::rename(built.firmware_file("bcm2837-rpi-3-b.dtb"), &tree).unwrap();
    run(Command::new("fdtput")
        .arg("-r")
        .arg(&tree)
        .arg("/soc/serial@7e201000/bluetooth"));
    let mut qemu = built.machine("raspi3b", "console=ttyAMA0,115200");
    qemu.arg("-dtb").arg(&tree);
    qemu.arg("-drive")
        .arg(format!("if=sd,format=raw,file={}", card.display()));
    let mut machine = Machine::start(&mut qemu, &built.folder.join("pi3.log"));
    first_boot(&mut machine, "/dev/mmcblk0p2");
    Identity::of(&mut machine)
});

#[test]
fn the_card_starts_a_raspberry_pi_3() {
    LazyLock::force(&PI3);
}
