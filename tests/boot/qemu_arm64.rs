//! The lane of the virtual ARM machine: Debian's U-Boot starts the image by its menu, on a disk that has
//! room to grow, and starts the kernel that an upgrade on the device has brought.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

use super::machine::Machine;
use super::support::{PATIENCE, User, bench, extract, flash, partitions, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of package u-boot-qemu.
const U_BOOT: &str = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";
const MENU: &str = "/boot/extlinux/extlinux.conf";

/// The disk that the image is flashed to.
const DISK: u64 = 8 << 30;

/// Words for the kernel of an emulated machine, where everything takes ten times as long.
const PATIENT: &str =
    "systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900";

/// A later kernel than any of the release: that of Debian's backports, which needs no more than itself.
const UPGRADE: &str = "sed -i 's/^Suites: trixie$/& trixie-backports/' /etc/apt/sources.list.d/debian.sources \
    && apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq -y -t trixie-backports --no-install-recommends \
       install linux-image-arm64 > /var/log/upgrade.log 2>&1 \
    || { tail -n 30 /var/log/upgrade.log; false; }";

fn folder() -> PathBuf {
    let folder = bench().join("qemu-arm64-parts");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

/// The shipped board, whose kernels are patient; U-Boot takes words from its menu only.
fn write_board(folder: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/qemu-arm64/board.toml");
    let text = fs_err::read_to_string(shipped).unwrap();
    let words: String = PATIENT
        .split(' ')
        .map(|word| format!(", \"{word}\""))
        .collect();
    let patient = text.replace("\"net.ifnames=0\"]", &format!("\"net.ifnames=0\"{words}]"));
    assert_ne!(text, patient);
    let to = folder.join("boards/qemu-arm64");
    fs_err::create_dir_all(&to).unwrap();
    fs_err::write(to.join("board.toml"), patient).unwrap();
}

/// The machine with nothing but firmware and disk, as U-Boot finds it.
fn start(disk: &Path, boot: &str) -> Machine {
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-machine", "virt", "-cpu", "cortex-a72", "-smp", "2"]);
    qemu.args(["-m", "1024", "-accel", "tcg,thread=multi", "-no-reboot"]);
    qemu.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
    qemu.args(["-bios", U_BOOT, "-nic", "user,model=virtio"]);
    qemu.arg("-drive")
        .arg(format!("if=virtio,format=raw,file={}", disk.display()));
    let log = folder().join(format!("{boot}.log"));
    let mut machine = Machine::start(&mut qemu, &log);
    machine.expect("/boot/extlinux/extlinux.conf", PATIENCE);
    machine
}

/// What must be true after every boot; gives the running kernel's version.
fn healthy(machine: &mut Machine, boot: &str) -> String {
    machine.log_in(PATIENCE);
    eprintln!("{boot}: login prompt after {:?}", machine.uptime());
    let state = machine.run("systemctl is-system-running --wait", PATIENCE);
    let failed = machine.succeed("systemctl --failed --no-legend --plain", PATIENCE);
    assert_eq!((&*state.output, &*failed), ("running", ""));
    assert_eq!(machine.succeed("dpkg --audit", PATIENCE), "");
    let root = machine.succeed("findmnt -no SOURCE /", PATIENCE);
    assert_eq!(root, "/dev/vda1");
    let size = machine.succeed("df --output=size -B1 / | tail -n 1", PATIENCE);
    let size: u64 = size.trim().parse().unwrap();
    assert!(size > DISK * 9 / 10, "the root has {size} bytes of {DISK}");
    machine.succeed("uname -r", PATIENCE)
}

/// The versions that the menu starts, the default one first; without those for repairs.
fn menu(machine: &mut Machine) -> Vec<String> {
    let text = machine.succeed(&format!("cat {MENU}"), PATIENCE);
    let labels = text.lines().filter_map(|line| {
        let version = line.trim().strip_prefix("menu label Debian ")?;
        (!version.contains(' ')).then(|| version.to_owned())
    });
    labels.collect()
}

/// A disk with the image on it, judged; `name` keeps the tests' files apart.
fn flashed(name: &str) -> PathBuf {
    let user = User::first(&format!("qemu-arm64-{name}"));
    let image = user.home().join("qemu-arm64.img");
    write_board(&folder());
    let mut build = user.imgbuild();
    build.args(["--board", "qemu-arm64", "--profile", "haproxy-node"]);
    build.arg("--definitions").arg(folder());
    run(build.arg("--output").arg(&image));
    let [root] = partitions(&image)[..] else {
        panic!("the image has other partitions than its root");
    };
    run(Command::new("/usr/sbin/sfdisk").arg("--verify").arg(&image));
    let taken = folder().join(format!("{name}-root"));
    extract(&image, root, &taken);
    run(Command::new("/usr/sbin/e2fsck").arg("-fn").arg(&taken));
    fs_err::remove_file(&taken).unwrap();
    let disk = folder().join(format!("{name}-disk"));
    flash(&image, &disk, DISK);
    disk
}

fn switch_off(mut machine: Machine) {
    machine.type_line("systemctl poweroff");
    machine.expect("Power down", PATIENCE);
}

#[test]
fn u_boot_starts_the_image_before_and_after_its_growth() {
    let disk = flashed("growth");
    let mut machine = start(&disk, "first");
    let kernel = healthy(&mut machine, "first boot");
    assert_eq!(menu(&mut machine), [kernel.as_str()]);
    // u-boot-menu's own words are the ones that imgbuild has written.
    let judge = format!("cp {MENU} /tmp/menu && u-boot-update && cmp {MENU} /tmp/menu");
    machine.succeed(&judge, PATIENCE);
    switch_off(machine);

    // Now U-Boot reads a filesystem that the kernel has grown and written to.
    let mut machine = start(&disk, "second");
    assert_eq!(healthy(&mut machine, "second boot"), kernel);
    switch_off(machine);
}

/// Takes a quarter of an hour of emulation for its initramfs alone: a part of `ci/test long`.
mod upgrade {
    use super::*;

    #[test]
    fn u_boot_starts_the_kernel_that_an_upgrade_brought() {
        let disk = flashed("upgrade");
        let mut machine = start(&disk, "old-kernel");
        let before = healthy(&mut machine, "first boot");
        let began = machine.uptime();
        machine.succeed(UPGRADE, 2 * PATIENCE);
        eprintln!("kernel upgrade in {:?}", machine.uptime() - began);
        let kernels = menu(&mut machine);
        assert_eq!(kernels.len(), 2, "{kernels:?}");
        assert_eq!(kernels[1], before);
        switch_off(machine);

        let mut machine = start(&disk, "new-kernel");
        assert_eq!(healthy(&mut machine, "second boot"), kernels[0]);
        switch_off(machine);
    }
}
