//! A second disk for a machine: programs that its image does not have, and scripts.

use super::support::{extract, mirror, partitions, run, said};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What goes onto the disk, and whom for.
pub(crate) struct Lab<'l> {
    pub(crate) image: &'l Path,
    /// Debian's name of its architecture.
    pub(crate) architecture: &'l str,
    pub(crate) packages: &'l [&'l str],
    /// Folders of `tests/boot`; their scripts come together in `/lab`.
    pub(crate) scripts: &'l [&'l str],
}

impl Lab<'_> {
    /// Makes the disk in `folder`, an ext4 with label `lab`.
    pub(crate) fn disk(&self, folder: &Path) -> PathBuf {
        let files = folder.join("files");
        fs_err::create_dir_all(&files).unwrap();
        for package in self.download(&folder.join("apt")) {
            run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&files));
        }
        let lab = files.join("lab");
        fs_err::create_dir(&lab).unwrap();
        let boot = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot");
        for scripts in self.scripts {
            let scripts = boot.join(scripts).join(".");
            run(Command::new("cp").arg("-r").arg(scripts).arg(&lab));
        }
        let disk = folder.join("disk");
        let mut mke2fs = Command::new("/usr/sbin/mke2fs");
        mke2fs
            .args(["-q", "-t", "ext4", "-L", "lab", "-d"])
            .arg(&files);
        run(mke2fs.arg(&disk).arg("64M"));
        disk
    }

    /// The packages and what they need beside what the image has: apt reads the image's own database.
    fn download(&self, state: &Path) -> Vec<PathBuf> {
        if self.packages.is_empty() {
            return Vec::new();
        }
        let parts = [
            "lists/partial",
            "cache/archives/partial",
            "etc/apt.conf.d",
            "etc/preferences.d",
        ];
        for part in parts {
            fs_err::create_dir_all(state.join(part)).unwrap();
        }
        let root = state.join("root");
        let last = *partitions(self.image).last().expect("a root partition");
        extract(self.image, last, &root);
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        let status = said(debugfs.args(["-R", "cat /var/lib/dpkg/status"]).arg(&root));
        fs_err::remove_file(root).unwrap();
        fs_err::write(state.join("status"), status).unwrap();
        let keyring =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("keyrings/debian-archive-keyring.pgp");
        let source = format!(
            "deb [signed-by={}] {} trixie main\n",
            keyring.display(),
            mirror()
        );
        fs_err::write(state.join("etc/sources.list"), source).unwrap();
        run(self.apt(state).arg("update"));
        run(self
            .apt(state)
            .args(["--yes", "--download-only", "--no-remove", "install"])
            .args(self.packages));
        let text = said(
            Command::new("find")
                .arg(state.join("cache/archives"))
                .args(["-name", "*.deb"]),
        );
        text.lines().map(PathBuf::from).collect()
    }

    fn apt(&self, state: &Path) -> Command {
        let mut apt = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc", state.join("etc").as_path()),
            ("Dir::State", state),
            ("Dir::State::status", &state.join("status")),
            ("Dir::State::lists", &state.join("lists")),
            ("Dir::Cache", &state.join("cache")),
        ] {
            apt.arg("-o").arg(format!("{option}={}", value.display()));
        }
        for option in ["APT::Architecture", "APT::Architectures"] {
            apt.arg("-o").arg(format!("{option}={}", self.architecture));
        }
        let options = [
            "APT::Install-Recommends=false",
            "APT::Sandbox::User=",
            "Acquire::Languages=none",
            "Debug::NoLocking=true",
        ];
        apt.args(options.iter().flat_map(|option| ["-o", option]));
        apt.arg("-q");
        apt
    }
}
