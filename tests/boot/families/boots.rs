//! Bases start as they did before, with the profile on them.

use super::family::{CLOUD, RASPIOS};
use crate::command::{run, stdout};
use crate::machine::Machine;
use crate::support::{flash, partitions, run_folder};
use crate::x86_64::guest::{Firmware, Guest};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// QEMU's SD card has a size that is a power of two.
const CARD: u64 = 4 << 30;

/// Parameters for the kernel of an emulated machine, in which everything takes ten times as long, and which
/// has no time server, for which Tor would wait.
const PATIENT: &str = "systemd.default_device_timeout_sec=900 \
     systemd.default_timeout_start_sec=900 systemd.mask=systemd-time-wait-sync.service";

/// The images that are started.
pub(super) static HOTSPOT: LazyLock<PathBuf> = LazyLock::new(|| RASPIOS.with("tor-hotspot", &[]));
pub(super) static BALANCER: LazyLock<PathBuf> = LazyLock::new(|| CLOUD.with("haproxy-node", &[]));

#[test]
fn raspios_with_a_hotspot_starts_on_a_raspberry_pi_3() {
    let card = Card::new("pi3");
    // If the device tree describes Bluetooth, it assigns the only serial port that QEMU emulates to it.
    let tree = card.file("bcm2837-rpi-3-b.dtb");
    let bluetooth = "/soc/serial@7e201000/bluetooth";
    run(Command::new("fdtput").arg("-r").arg(&tree).arg(bluetooth));
    let mut qemu = card.machine("raspi3b");
    qemu.arg("-dtb").arg(&tree);
    qemu.arg("-drive").arg(format!(
        "if=sd,format=raw,cache=unsafe,file={}",
        card.disk.display()
    ));
    card.starts(&mut qemu, "/dev/mmcblk0p2");
}

#[test]
fn raspios_with_a_hotspot_starts_on_a_virtual_machine() {
    let card = Card::new("virt");
    let mut qemu = card.machine("virt");
    qemu.args(["-cpu", "cortex-a72", "-smp", "2", "-m", "1024"]);
    qemu.args([
        "-device",
        "virtio-rng-pci",
        "-nic",
        "user,restrict=on,model=virtio-net-pci",
    ]);
    let drive = format!(
        "if=virtio,format=raw,cache=unsafe,file={}",
        card.disk.display()
    );
    qemu.arg("-drive").arg(drive);
    card.starts(&mut qemu, "/dev/vda2");
}

#[test]
fn cloud_with_a_load_balancer_starts_from_bios() {
    balances(Firmware::Bios);
}

#[test]
fn cloud_with_a_load_balancer_starts_from_uefi() {
    balances(Firmware::Uefi);
}

/// A memory card for one machine, and the files that the firmware would read from it.
struct Card {
    name: String,
    folder: PathBuf,
    disk: PathBuf,
    fat: String,
}

impl Card {
    fn new(name: &str) -> Self {
        let folder = run_folder().join("families-parts").join(name);
        fs_err::create_dir_all(&folder).unwrap();
        let disk = folder.join("card");
        flash(&HOTSPOT, &disk, CARD);
        let fat = format!("{}@@{}", disk.display(), partitions(&disk)[0].start);
        let name = name.to_owned();
        Self {
            name,
            folder,
            disk,
            fat,
        }
    }

    /// Copies a file of the firmware's partition out of the card.
    fn file(&self, name: &str) -> PathBuf {
        let to = self.folder.join(name);
        let mut mcopy = Command::new("mcopy");
        run(mcopy
            .args(["-o", "-n", "-i", &self.fat, &format!("::{name}")])
            .arg(&to));
        to
    }

    /// QEMU with the kernel, initramfs and command line of the card, and a console on a serial port that QEMU
    /// emulates.
    fn machine(&self, machine: &str) -> Command {
        let own = stdout(Command::new("mtype").args(["-i", &self.fat, "::cmdline.txt"]));
        let words = format!("{} console=ttyAMA0,115200 {PATIENT}", own.trim());
        // A test that is killed takes its machine with it.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "--", "qemu-system-aarch64"]);
        qemu.args([
            "-machine",
            machine,
            "-accel",
            "tcg,thread=multi",
            "-no-reboot",
        ]);
        qemu.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
        qemu.arg("-kernel").arg(self.file("kernel8.img"));
        qemu.arg("-initrd").arg(self.file("initramfs8"));
        qemu.args(["-append", &words]);
        qemu
    }

    /// Checks that the system comes up on `device`, which the vendor's unit has grown to the length of the
    /// card.
    fn starts(&self, qemu: &mut Command, device: &str) {
        let mut machine = Machine::start(qemu, &self.folder.join("log"));
        let console = machine.log_in();
        eprintln!("{}: login prompt after {:?}", self.name, machine.uptime());
        assert!(console.contains("Wi-Fi passphrase: "), "{console}");
        is_content(&mut machine, "tor@default.service", "tor-hotspot");
        assert_eq!(machine.succeed("findmnt -no SOURCE /"), device);
        machine.succeed("mountpoint /boot/firmware");
        machine.succeed("systemctl is-active rpi-resize.service");
        machine.check_root_len(CARD, 80);
        eprintln!("{}: done after {:?}", self.name, machine.uptime());
        fs_err::remove_file(&self.disk).unwrap();
    }
}

/// Checks that nothing failed, that `service` runs, that the host name is the profile's, that dpkg has no
/// complaint, and that the old files are there.
fn is_content(machine: &mut Machine, service: &str, hostname: &str) {
    machine.check_boot();
    machine.succeed(&format!("systemctl is-active {service}"));
    assert_eq!(machine.succeed("hostname"), hostname);
    let hosts = machine.succeed("grep 127.0.1.1 /etc/hosts");
    assert_eq!(hosts, format!("127.0.1.1\t{hostname}"));
    assert_eq!(machine.succeed("cat /opt/vendor/plain"), "vendor");
}

/// Starts the cloud image on a PC by `firmware`; the cloud's own tools grow the root.
fn balances(firmware: Firmware) {
    let mut guest = Guest::start(&BALANCER, firmware, &[]);
    guest.machine.log_in();
    eprintln!(
        "cloud, {firmware:?}: login prompt after {:?}",
        guest.machine.uptime()
    );
    guest.settle();
    is_content(&mut guest.machine, "haproxy.service", "haproxy-node");
    guest.machine.succeed("/usr/lib/imgbuild/health");
    let grown = "systemctl is-active cloud-init-network.service systemd-growfs-root.service";
    guest.machine.succeed(grown);
    let efi = guest.machine.run("test -d /sys/firmware/efi/efivars");
    assert_eq!(efi.status == 0, firmware == Firmware::Uefi);
    eprintln!(
        "cloud, {firmware:?}: done after {:?}",
        guest.machine.uptime()
    );
}
