//! The virtual ARM machine: Debian's U-Boot starts the image by its menu, on a disk with room for growth, and
//! then starts the kernel that an upgrade on the device has installed.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

use super::command::{run, stdout};
use super::machine::Machine;
use super::mirror::{NOW, Server, TestKey};
use super::support::{User, extract, flash, partitions, run_folder};
use imgbuild::lock::Lock;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of package u-boot-qemu.
const U_BOOT: &str = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";
const MENU: &str = "/boot/extlinux/extlinux.conf";

/// The disk that the image is flashed to.
const DISK: u64 = 8 << 30;

/// Parameters for the kernel of an emulated machine, in which everything takes ten times as long.
const PATIENT: &str =
    "systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900";

/// Debian's kernel of the same release with fewer drivers. Its initramfs is made in two minutes of emulation
/// instead of five.
const OTHER: &str = "linux-image-cloud-arm64";

/// Installs package `$1` from the archive at `$2` and from no other. The installation does not read what is
/// typed after it.
const UPGRADE: &str = r#"set -e
helper=/usr/lib/apt/apt-helper
$helper download-file "$2/key.asc" /usr/share/keyrings/upgrade.asc > /dev/null
echo "deb [signed-by=/usr/share/keyrings/upgrade.asc] $2 ./" > /etc/apt/sources.list.d/upgrade.list
apt-get -qq update -o Dir::Etc::sourcelist=sources.list.d/upgrade.list -o Dir::Etc::sourceparts=-
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -y --no-install-recommends install "$1" < /dev/null > /var/log/upgrade.log 2>&1 || {
    tail -n 30 /var/log/upgrade.log
    exit 1
}
"#;

fn folder() -> PathBuf {
    let folder = run_folder().join("qemu-arm64-parts");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

/// The shipped board with the parameters for an emulated machine, because U-Boot reads parameters from its
/// menu only; and the same board with the other kernel.
fn write_boards(folder: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/qemu-arm64/board.toml");
    let text = fs_err::read_to_string(shipped).unwrap();
    let words: String = PATIENT
        .split(' ')
        .map(|word| format!(", \"{word}\""))
        .collect();
    let patient = text.replace("\"net.ifnames=0\"]", &format!("\"net.ifnames=0\"{words}]"));
    assert_ne!(text, patient);
    let other = patient.replace(
        "kernel = \"linux-image-arm64\"",
        &format!("kernel = \"{OTHER}\""),
    );
    assert_ne!(other, patient);
    for (name, text) in [("qemu-arm64", patient), ("other", other)] {
        let to = folder.join("boards").join(name);
        fs_err::create_dir_all(&to).unwrap();
        fs_err::write(to.join("board.toml"), text).unwrap();
    }
}

/// The machine with firmware and disk alone, as U-Boot finds it.
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
    machine.expect("/boot/extlinux/extlinux.conf");
    machine
}

/// Checks what must be true after every boot; gives the version of the running kernel.
fn healthy(machine: &mut Machine, boot: &str) -> String {
    machine.log_in();
    eprintln!("{boot}: login prompt after {:?}", machine.uptime());
    machine.check_boot();
    let root = machine.succeed("findmnt -no SOURCE /");
    assert_eq!(root, "/dev/vda1");
    machine.check_root_len(DISK, 90);
    machine.succeed("uname -r")
}

/// The versions in the menu, beginning with the default, without the entries for recovery.
fn menu(machine: &mut Machine) -> Vec<String> {
    let text = machine.succeed(&format!("cat {MENU}"));
    let labels = text.lines().filter_map(|line| {
        let version = line.trim().strip_prefix("menu label Debian ")?;
        (!version.contains(' ')).then(|| version.to_owned())
    });
    labels.collect()
}

/// `command` for a board of these tests.
fn on<'c>(command: &'c mut Command, board: &str) -> &'c mut Command {
    command.args(["--board", board, "--profile", "haproxy-node"]);
    command.arg("--definitions").arg(folder())
}

/// A disk with the image on it, which sfdisk and e2fsck have checked.
fn flashed(user: &User) -> PathBuf {
    let image = user.home().join("qemu-arm64.img");
    run(on(&mut user.imgbuild(), "qemu-arm64")
        .arg("--output")
        .arg(&image));
    let [root] = partitions(&image)[..] else {
        panic!("the image has other partitions than its root");
    };
    run(Command::new("/usr/sbin/sfdisk").arg("--verify").arg(&image));
    let taken = folder().join("root");
    extract(&image, root, &taken);
    run(Command::new("/usr/sbin/e2fsck").arg("-fn").arg(&taken));
    fs_err::remove_file(&taken).unwrap();
    let disk = folder().join("disk");
    flash(&image, &disk, DISK);
    disk
}

/// Makes an archive of one package in `root`: the other kernel, as Debian's archive has it. Gives the
/// package's name.
fn write_archive(user: &User, root: &Path) -> String {
    let lock = user.home().join("other.lock");
    run(on(user.imgbuild().arg("lock"), "other")
        .arg("--output")
        .arg(&lock));
    let lock = Lock::parse(&fs_err::read_to_string(lock).unwrap()).unwrap();
    let mut packages = lock.packages.iter();
    let kernel = packages.find(|package| {
        package.name.starts_with("linux-image-6") && package.name.ends_with("-cloud-arm64")
    });
    let kernel = kernel.expect("the kernel's package depends on that of its version");
    let mut repositories = lock.repositories.iter();
    let repository = repositories.find(|repository| repository.name == kernel.repository);
    let url = format!("{}/{}", repository.unwrap().url, kernel.path);
    fs_err::create_dir_all(root).unwrap();
    let mut curl = Command::new("curl");
    run(curl.current_dir(root).args(["-sSf", "-O", &url]));
    let made = |program: &str, arguments: &[&str]| {
        stdout(Command::new(program).current_dir(root).args(arguments))
    };
    let index = made("dpkg-scanpackages", &["--arch", "arm64", "."]);
    fs_err::write(root.join("Packages"), index).unwrap();
    let key = TestKey::new(1);
    let release = key.sign(&made("apt-ftparchive", &["release", "."]), NOW);
    fs_err::write(root.join("InRelease"), release).unwrap();
    fs_err::write(root.join("key.asc"), key.armored_keyring()).unwrap();
    kernel.name.clone()
}

#[test]
fn u_boot_starts_the_image_before_and_after_its_growth_and_a_kernel_upgrade() {
    write_boards(&folder());
    let user = User::first("qemu-arm64");
    let disk = flashed(&user);
    let archive = user.home().join("archive");
    let other = write_archive(&user, &archive);
    let server = Server::start(&archive);

    let mut machine = start(&disk, "first");
    let before = healthy(&mut machine, "first boot");
    assert_eq!(menu(&mut machine), [before.as_str()]);
    let words = machine.succeed("cat /proc/cmdline");
    // u-boot-update writes the same menu as imgbuild.
    let judge = format!("cp {MENU} /tmp/menu && u-boot-update && cmp {MENU} /tmp/menu");
    machine.succeed(&judge);

    let began = machine.uptime();
    // QEMU's guests reach the host's loopback at this address.
    let url = server.url().replace("127.0.0.1", "10.0.2.2");
    let script = format!("cat > /tmp/upgrade << 'EOF'\n{UPGRADE}EOF");
    machine.succeed(&script);
    machine.succeed(&format!("sh /tmp/upgrade {other} {url}"));
    eprintln!("kernel upgrade in {:?}", machine.uptime() - began);
    let after = other.strip_prefix("linux-image-").unwrap();
    assert_eq!(menu(&mut machine), [after, &before]);
    machine.switch_off();

    // Now U-Boot reads files that the kernel has written to a filesystem that it has grown.
    let mut machine = start(&disk, "second");
    assert_eq!(healthy(&mut machine, "second boot"), after);
    assert_eq!(machine.succeed("cat /proc/cmdline"), words);
    machine.switch_off();
}
