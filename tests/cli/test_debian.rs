//! A small Debian: a dozen packages made from programs of this machine, a board and a profile.

use crate::command::stdout;
use crate::mirror::{Compression, DebSpec, TestArchive};
use imgbuild::architecture::Architecture;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// The version of the kernel, which no machine will ever start.
pub(crate) const KERNEL: &str = "6.1.0-test";

/// The programs that dpkg and the maintainer scripts run.
const DPKG: [&str; 7] = [
    "/usr/bin/dpkg",
    "/usr/bin/dpkg-deb",
    "/usr/bin/dpkg-divert",
    "/usr/bin/dpkg-query",
    "/usr/bin/dpkg-split",
    "/usr/bin/dpkg-trigger",
    "/usr/bin/update-alternatives",
];

/// GNU tar, because dpkg-deb uses options that busybox does not have.
const TAR: &str = "/bin/tar";

/// The names under which busybox is called.
const APPLETS: [&str; 17] = [
    "sh", "cat", "chmod", "chown", "cp", "diff", "echo", "ln", "mkdir", "mv", "rm", "sleep",
    "sync", "tee", "touch", "true", "date",
];

/// The script that makes the accounts, as base-passwd does.
const ACCOUNTS: &str = r#"#!/bin/sh
set -e
[ -e /etc/passwd ] || echo "root:x:0:0:root:/root:/bin/sh" > /etc/passwd
[ -e /etc/group ] || printf 'root:x:0:\nsudo:x:27:\n' > /etc/group
[ -e /etc/shadow ] || echo "root:*:20000:0:99999:7:::" > /etc/shadow
[ -e /etc/gshadow ] || printf 'root:*::\nsudo:*::\n' > /etc/gshadow
"#;

/// The packages of every test, as an archive of suite `trixie`.
pub(crate) fn archive() -> TestArchive {
    ARCHIVE.clone()
}

static ARCHIVE: LazyLock<TestArchive> = LazyLock::new(|| {
    packages()
        .into_iter()
        .fold(TestArchive::new(), TestArchive::package)
});

/// A package for one test. It holds one file, because dpkg reports missing sums for a package
/// without files.
pub(crate) fn package(name: &str) -> DebSpec {
    new(name, "1.0").file(&format!("/usr/share/{name}/README"), 0o644, name.as_bytes())
}

/// The same package in another version.
pub(crate) fn versioned(name: &str, version: &str) -> DebSpec {
    new(name, version).file(&format!("/usr/share/{name}/README"), 0o644, name.as_bytes())
}

fn new(name: &str, version: &str) -> DebSpec {
    DebSpec::new(name, version, host().debian()).compression(Compression::None)
}

/// The architecture for which tests build: this machine's, so that no emulation is needed.
pub(crate) fn host() -> Architecture {
    Architecture::host().expect("a machine that can build")
}

fn packages() -> Vec<DebSpec> {
    let programs: Vec<&str> = DPKG
        .into_iter()
        .chain(["/usr/sbin/e2fsck", "/usr/sbin/blkid", TAR])
        .collect();
    vec![
        base_files(),
        essential("base-passwd").script("preinst", ACCOUNTS),
        libraries(&programs),
        DPKG.into_iter()
            .fold(dpkg(), |deb, program| add(deb, program, program)),
        APPLETS.into_iter().fold(busybox(), |deb, applet| {
            deb.symlink(&format!("/usr/bin/{applet}"), "busybox")
        }),
        add(
            essential("e2fsprogs"),
            "/usr/sbin/e2fsck",
            "/usr/sbin/e2fsck",
        ),
        add(
            essential("util-linux"),
            "/usr/sbin/blkid",
            "/usr/sbin/blkid",
        )
        .file("/usr/sbin/findfs", 0o755, b"#!/bin/sh\nexit 0\n"),
        add(essential("tar"), "/usr/bin/tar", TAR),
        essential("apt").file("/usr/bin/apt-get", 0o755, b"#!/bin/sh\nexit 0\n"),
        essential("kmod").file("/usr/sbin/modprobe", 0o755, b"#!/bin/sh\nexit 0\n"),
        kernel("linux-image-test"),
        firmware(),
        configured(),
    ]
}

fn essential(name: &str) -> DebSpec {
    package(name).field("Essential", "yes")
}

fn base_files() -> DebSpec {
    let links = ["bin", "sbin", "lib", "lib64"];
    let frame = links
        .into_iter()
        .fold(essential("base-files"), |deb, link| {
            deb.directory(&format!("/usr/{link}"), 0o755)
                .symlink(&format!("/{link}"), &format!("usr/{link}"))
        });
    let folders = [
        ("/dev", 0o755),
        ("/etc", 0o755),
        ("/proc", 0o755),
        ("/root", 0o700),
        ("/run", 0o755),
        ("/sys", 0o755),
        ("/tmp", 0o1777),
        ("/home", 0o755),
        ("/var/log", 0o755),
    ];
    folders
        .into_iter()
        .fold(frame, |deb, (path, mode)| deb.directory(path, mode))
        .file("/etc/skel/.profile", 0o644, b"umask 022\n")
        .file("/usr/lib/os-release", 0o644, b"ID=debian\n")
        .file("/usr/share/zoneinfo/Etc/UTC", 0o644, b"TZif2")
}

fn dpkg() -> DebSpec {
    let nothing = b"#!/bin/sh\nexit 0\n";
    essential("dpkg")
        .file("/usr/sbin/ldconfig", 0o755, nothing)
        .file("/usr/sbin/start-stop-daemon", 0o755, nothing)
}

fn busybox() -> DebSpec {
    add(essential("busybox"), "/usr/bin/busybox", "/bin/busybox")
}

/// A package with every library that `programs` load on this machine, and with the loader.
fn libraries(programs: &[&str]) -> DebSpec {
    let mut found = BTreeSet::new();
    for program in programs {
        let text = stdout(Command::new("ldd").arg(program));
        found.extend(
            text.split_whitespace()
                .filter(|word| word.starts_with('/'))
                .map(str::to_owned),
        );
    }
    assert!(!found.is_empty(), "{programs:?} load nothing");
    found.into_iter().fold(essential("libc6"), |deb, path| {
        let name = Path::new(&path)
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        // The loader is at the path that is compiled into programs; /lib and /lib64 are symlinks
        // into /usr.
        let target = match name.starts_with("ld-linux") {
            true => format!("/usr{path}"),
            false => format!("/usr/lib/{}/{name}", host().triplet()),
        };
        add(deb, &target, &path)
    })
}

/// A kernel in package `name`.
pub(crate) fn kernel(name: &str) -> DebSpec {
    let modules = format!("/usr/lib/modules/{KERNEL}");
    let module = "kernel/fs/ext4/ext4.ko";
    package(name)
        .file(&format!("/boot/vmlinuz-{KERNEL}"), 0o644, b"a kernel")
        .file(&format!("{modules}/{module}"), 0o644, b"a module")
        .file(
            &format!("{modules}/modules.dep"),
            0o644,
            format!("{module}:\n").as_bytes(),
        )
        .file(&format!("{modules}/modules.dep.bin"), 0o644, b"an index")
        .file(&format!("{modules}/modules.alias"), 0o644, b"")
        .file(&format!("{modules}/modules.softdep"), 0o644, b"")
        .file(
            &format!("/usr/lib/linux-image-{KERNEL}/bcm2711-test.dtb"),
            0o644,
            b"a device tree",
        )
}

fn firmware() -> DebSpec {
    let files = [
        "bootcode.bin",
        "start.elf",
        "fixup.dat",
        "start4.elf",
        "fixup4.dat",
    ];
    files
        .into_iter()
        .fold(package("raspi-firmware"), |deb, name| {
            deb.file(
                &format!("/usr/lib/raspi-firmware/{name}"),
                0o644,
                name.as_bytes(),
            )
        })
}

/// A package whose postinst makes files with every owner and mode that a build must keep.
fn configured() -> DebSpec {
    let postinst = "#!/bin/sh\nset -e\nmkdir -p /var/lib/hello\nchown 7:8 /var/lib/hello\n\
                    chmod 2750 /var/lib/hello\necho configured > /var/lib/hello/state\n";
    package("hello")
        .conffile("/etc/hello.conf", b"greeting = hello\n")
        .script("postinst", postinst)
}

fn add(deb: DebSpec, target: &str, source: &str) -> DebSpec {
    deb.file(target, 0o755, &fs_err::read(source).unwrap())
}

/// Writes the board, the profile and the overlay of every test below `folder`.
pub(crate) fn write_definitions(folder: &Path) {
    let profile = PROFILE.to_owned() + &settings("greeter", "admin");
    let board = BOARD.replace("ARCHITECTURE", host().debian());
    let files = [
        ("boards/tiny/board.toml", board.as_str()),
        ("profiles/greeter/profile.toml", profile.as_str()),
        ("overlays/greeter/overlay.toml", OVERLAY),
        (
            "overlays/greeter/root/etc/greeting.hbs",
            "{{settings.greeting}}\n",
        ),
        (
            "overlays/greeter/root/etc/passphrase.hbs",
            "{{settings.passphrase}}\n",
        ),
    ];
    for (path, text) in files {
        let path = folder.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
}

/// The settings of the system, with these defaults.
pub(crate) fn settings(hostname: &str, user: &str) -> String {
    format!(
        r#"
[settings.hostname]
type = "hostname"
help = "the device's name"
default = "{hostname}"

[settings.user]
type = "username"
help = "the administrator"
default = "{user}"

[settings.time-zone]
type = "time-zone"
help = "the zone in which times are shown"
default = "Etc/UTC"

[settings.locale]
type = "locale"
help = "language and formats of messages"
default = "C.UTF-8"
"#
    )
}

const BOARD: &str = r#"schema = 1
title = "A board of tests"
architecture = "ARCHITECTURE"

[disk]
table = "mbr"
alignment = "1MiB"
min-size = "256MiB"

[[partition]]
name = "boot"
type = "fat32-lba"
start = "1MiB"
size = "34MiB"
filesystem = "fat32"
label = "BOOT"
mount = "/boot/firmware"
options = ["rw"]
bootable = true

[[partition]]
name = "root"
type = "root"
size = "content"
filesystem = "ext4"
label = "ROOT"
mount = "/"
options = ["rw"]

[suite]
name = "trixie"
components = ["main"]

[packages]
kernel = "linux-image-test"
install = ["raspi-firmware"]

[boot]
flow = "rpi-firmware"
root = "partuuid"
consoles = ["tty0"]
command-line = ["rw"]
firmware-files = ["start4.elf", "fixup4.dat"]
"#;

const PROFILE: &str = r#"schema = 1
title = "Greets"
help = "Greets whoever looks."
overlays = ["greeter"]
root-margin = "1MiB"

[packages]
install = ["hello"]

[settings.greeting]
type = "string"
help = "what it says"
default = "hello"

[settings.passphrase]
type = "passphrase"
help = "what it hides"
secret = true
"#;

const OVERLAY: &str = r#"schema = 1
help = "a greeting"

[[file]]
path = "/etc/passphrase"
mode = "0600"
when = "passphrase"
"#;
