//! A second disk for a machine, with scripts and with programs that its image does not have.

use super::apt::Apt;
use super::command::{run, stdout};
use super::support::{extract, mirror, partitions};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The contents of the disk, and the image for whose machine it is made.
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

    /// The packages, and those of their dependencies that the image does not have: apt reads the image's own
    /// database.
    fn download(&self, state: &Path) -> Vec<PathBuf> {
        if self.packages.is_empty() {
            return Vec::new();
        }
        fs_err::create_dir_all(state).unwrap();
        let root = state.join("root");
        let last = *partitions(self.image).last().expect("a root partition");
        extract(self.image, last, &root);
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        let status = stdout(debugfs.args(["-R", "cat /var/lib/dpkg/status"]).arg(&root));
        fs_err::remove_file(root).unwrap();
        let keyring =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("keyrings/debian-archive-keyring.pgp");
        let source = format!(
            "deb [signed-by={}] {} trixie main\n",
            keyring.display(),
            mirror()
        );
        let apt = Apt::new(state, self.architecture, &source, &status);
        run(apt.command("apt-get").args(["-q", "update"]));
        let mut install = apt.command("apt-get");
        install.args(["-q", "--yes", "--download-only", "--no-remove"]);
        install.args(["--no-install-recommends", "install"]);
        run(install.args(self.packages));
        let text = stdout(
            Command::new("find")
                .arg(state.join("cache/archives"))
                .args(["-name", "*.deb"]),
        );
        text.lines().map(PathBuf::from).collect()
    }
}
