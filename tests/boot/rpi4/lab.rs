//! A second disk for the machine: programs that the image does not have, and the lab's scripts.

use super::super::support::{mirror, run, said};
use super::Built;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What clients and captures need.
const PACKAGES: [&str; 2] = ["tcpdump", "wpasupplicant"];

/// Makes the disk, an ext4 with label `lab`.
pub(super) fn disk(built: &Built) -> PathBuf {
    let folder = built.folder.join("lab");
    let files = folder.join("files");
    fs_err::create_dir_all(&files).unwrap();
    for package in download(built, &folder.join("apt")) {
        run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&files));
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot/tor");
    run(Command::new("cp")
        .arg("-r")
        .arg(scripts)
        .arg(files.join("lab")));
    let disk = folder.join("disk");
    let mut mke2fs = Command::new("/usr/sbin/mke2fs");
    mke2fs
        .args(["-q", "-t", "ext4", "-L", "lab", "-d"])
        .arg(&files);
    run(mke2fs.arg(&disk).arg("64M"));
    disk
}

/// The packages and what they need beside what the image has: apt reads the image's own database.
fn download(built: &Built, state: &Path) -> Vec<PathBuf> {
    let parts = [
        "lists/partial",
        "cache/archives/partial",
        "etc/apt.conf.d",
        "etc/preferences.d",
    ];
    for part in parts {
        fs_err::create_dir_all(state.join(part)).unwrap();
    }
    let root = built.folder.join("lab/root");
    super::extract(&built.image, built.root, &root);
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    let status = said(debugfs.args(["-R", "cat /var/lib/dpkg/status"]).arg(root));
    fs_err::write(state.join("status"), status).unwrap();
    let keyring = Path::new(env!("CARGO_MANIFEST_DIR")).join("keyrings/debian-archive-keyring.pgp");
    let source = format!(
        "deb [signed-by={}] {} trixie main\n",
        keyring.display(),
        mirror()
    );
    fs_err::write(state.join("etc/sources.list"), source).unwrap();
    run(apt(state).arg("update"));
    run(apt(state)
        .args(["--yes", "--download-only", "--no-remove", "install"])
        .args(PACKAGES));
    let text = said(
        Command::new("find")
            .arg(state.join("cache/archives"))
            .args(["-name", "*.deb"]),
    );
    text.lines().map(PathBuf::from).collect()
}

fn apt(state: &Path) -> Command {
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
    let options = [
        "APT::Architecture=arm64",
        "APT::Architectures=arm64",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=",
        "Acquire::Languages=none",
        "Debug::NoLocking=true",
    ];
    apt.args(options.iter().flat_map(|option| ["-o", option]));
    apt.arg("-q");
    apt
}
