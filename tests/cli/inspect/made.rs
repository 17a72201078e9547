//! An image that only programs of others have made: mke2fs, mkfs.fat, mtools and sfdisk. It has one of everything
//! that a report is about.

use crate::command::{self, input, stdout};
use crate::fixture::{Finished, PROGRAM, run};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(crate) const MIB: usize = 1 << 20;
/// Where the FAT begins and ends, and the root begins; the disk ends behind both.
pub(crate) const FAT: std::ops::Range<usize> = MIB..9 * MIB;
pub(crate) const ROOT: std::ops::Range<usize> = 9 * MIB..73 * MIB;

/// A word that is secret, and must never be printed.
pub(crate) const SECRET: &str = "correct-horse-battery";

/// The files of the root, with their modes.
const FILES: [(&str, u32, &str); 20] = [
    (
        "etc/os-release",
        0o644,
        "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
    ),
    ("etc/hostname", 0o644, "made\n"),
    (
        "etc/machine-id",
        0o444,
        "0123456789abcdef0123456789abcdef\n",
    ),
    (
        "etc/fstab",
        0o644,
        "LABEL=rootfs / ext4 defaults 0 1\nUUID=1234-ABCD /boot vfat defaults 0 2\n",
    ),
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
         pi:x:1000:1000::/home/pi:/bin/bash\nopen:x:1001:1001::/home/open:/bin/sh\n",
    ),
    ("etc/group", 0o644, "root:x:0:\nsudo:x:27:pi\npi:x:1000:\n"),
    (
        "etc/ssh/sshd_config",
        0o644,
        "# Port 1\nPort 2222\nPasswordAuthentication no\n",
    ),
    (
        "etc/haproxy/haproxy.cfg",
        0o640,
        "frontend x\n    bind *:8080\n",
    ),
    (
        "etc/NetworkManager/system-connections/home.nmconnection",
        0o600,
        "[wifi-security]\npsk=correct-horse-battery\n",
    ),
    (
        "etc/ssh/ssh_host_ed25519_key",
        0o600,
        "-----BEGIN OPENSSH PRIVATE KEY-----\ncorrect-horse-battery\n-----END OPENSSH PRIVATE KEY-----\n",
    ),
    (
        "home/pi/.ssh/authorized_keys",
        0o600,
        "# mine\nssh-ed25519 AAAA pi@desk\n",
    ),
    (
        "usr/lib/systemd/system/ssh.service",
        0o644,
        "[Service]\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "usr/lib/systemd/system/haproxy.service",
        0o644,
        "[Service]\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "usr/lib/systemd/system/idle.service",
        0o644,
        "[Service]\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "usr/lib/systemd/system/hidden.service",
        0o644,
        "[Service]\n[Install]\nWantedBy=multi-user.target\n",
    ),
    ("usr/bin/su", 0o4755, "program"),
    ("usr/bin/write", 0o2755, "program"),
    ("usr/bin/ls", 0o755, "program"),
    ("boot-file", 0o644, "x"),
    ("usr/lib/modules/6.12.1-test/modules.dep", 0o644, ""),
];

const LINKS: [(&str, &str); 4] = [
    (
        "etc/systemd/system/multi-user.target.wants/ssh.service",
        "/usr/lib/systemd/system/ssh.service",
    ),
    (
        "etc/systemd/system/multi-user.target.wants/haproxy.service",
        "/usr/lib/systemd/system/haproxy.service",
    ),
    ("etc/systemd/system/hidden.service", "/dev/null"),
    ("lib", "usr/lib"),
];

const STATUS: &str = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22\n\
    Maintainer: x\nDescription: x\n\nPackage: half\nStatus: install ok unpacked\nArchitecture: all\n\
    Version: 2:1.0-1\nMaintainer: x\nDescription: x\n\nPackage: gone\nStatus: deinstall ok config-files\n\
    Architecture: all\nVersion: 3\nMaintainer: x\nDescription: x\n\nPackage: held\n\
    Status: hold ok installed\nArchitecture: amd64\nVersion: 4~rc1\nMaintainer: x\nDescription: x\n";

/// The files of the package dpkg.
const LIST: &str = "/.\n/usr\n/usr/bin\n/usr/bin/su\n/usr/bin/ls\n";

/// The image, and the folder that its root was made of.
pub(crate) struct Made {
    folder: TempDir,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// The image of a root that `edit` changes before.
    pub(crate) fn with(edit: impl FnOnce(&Path)) -> Self {
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        made.fill_root();
        edit(&made.root());
        let root = made.path("root.ext4");
        let mut mke2fs = Command::new("/usr/sbin/mke2fs");
        mke2fs
            .args(["-q", "-t", "ext4", "-L", "rootfs", "-d"])
            .arg(made.root());
        command::run(mke2fs.arg(&root).arg("64M"));
        let fat = made.path("boot.fat");
        command::resize(&fat, (FAT.end - FAT.start) as u64);
        let mut format = Command::new("/usr/sbin/mkfs.fat");
        command::run(
            format
                .args(["-F", "16", "-s", "2", "-i", "1234ABCD", "-n", "BOOTFS"])
                .arg(&fat),
        );
        for (name, text) in [
            ("config.txt", "arm_64bit=1\n".to_owned()),
            ("bootcode.bin", "code".to_owned()),
            (
                "kernel8.img",
                format!(
                    "xx Linux version %s yy Linux version 6.12.1-test (x){}",
                    "z".repeat(100)
                ),
            ),
            (
                "userconf.txt",
                format!("pi:{}\n", crypt("raspberry", "$6$saltsalt")),
            ),
        ] {
            let file = made.path("to-copy");
            fs_err::write(&file, text).unwrap();
            let mut copy = Command::new("mcopy");
            copy.arg("-i").arg(&fat).arg(&file);
            command::run(copy.arg(format!("::{name}")));
        }
        let mut disk = vec![0; ROOT.end + MIB];
        disk[8192..8192 + 30].copy_from_slice(b"U-Boot SPL 2025.01 (Jan 06 202");
        disk[FAT].copy_from_slice(&fs_err::read(&fat).unwrap());
        disk[ROOT].copy_from_slice(&fs_err::read(&root).unwrap());
        fs_err::write(made.image(), disk).unwrap();
        made.partition("label: dos\nlabel-id: 0xdeadbeef\n2048,16384,c,*\n18432,131072,83\n");
        made
    }

    /// Writes the table of sfdisk's `script` into the image.
    pub(crate) fn partition(&self, script: &str) {
        let mut sfdisk = Command::new("/usr/sbin/sfdisk");
        sfdisk.args(["--quiet", "--wipe=never", "--wipe-partitions=never"]);
        command::run(sfdisk.arg(self.image()).stdin(input(script)));
    }

    fn fill_root(&self) {
        let shadow = format!(
            "root:{}:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\npi:{}:20000:0:99999:7:::\n\
             open::20000:0:99999:7:::\n",
            crypt(SECRET, "$6$pepper"),
            crypt("raspberry", "$y$j9T$saltsaltsaltsalt$"),
        );
        let files = FILES.into_iter();
        let others = [
            ("etc/shadow", 0o640, shadow.as_str()),
            ("var/lib/dpkg/status", 0o644, STATUS),
            ("var/lib/dpkg/info/format", 0o644, "1\n"),
            ("var/lib/dpkg/info/dpkg.list", 0o644, LIST),
        ];
        for (path, mode, text) in files.chain(others) {
            let path = self.root().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, text).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        fs_err::create_dir_all(self.root().join("boot")).unwrap();
        fs_err::hard_link(
            self.root().join("boot-file"),
            self.root().join("second-name"),
        )
        .unwrap();
        for (path, target) in LINKS {
            let path = self.root().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::os::unix::fs::symlink(target, path).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.path("x.img")
    }

    /// The folder that the root was made of.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// `imgbuild inspect` with `arguments`, in an environment without anything.
    pub(crate) fn inspect(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command(&self.image(), arguments))
    }

    /// The command for another `image`.
    pub(crate) fn command(&self, image: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .arg("inspect")
            .arg(image);
        command.args(arguments);
        command
    }

    /// The report about `image`.
    pub(crate) fn report(&self, image: &Path) -> Value {
        let report = run(&mut self.command(image, &["--json"]))
            .succeeded()
            .stdout;
        serde_json::from_str(&report).unwrap()
    }
}

/// The hash that libxcrypt makes of `password` with `setting`.
pub(crate) fn crypt(password: &str, setting: &str) -> String {
    let program = "print crypt($ARGV[0], $ARGV[1])";
    stdout(Command::new("perl").args(["-e", program, password, setting]))
}
