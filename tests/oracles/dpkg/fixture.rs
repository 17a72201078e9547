//! Builds packages with dpkg-deb and tar, and unpacks them with imgbuild and with dpkg.

use crate::command::{run, stdout};
use imgbuild::architecture::Architecture;
use imgbuild::dpkg::unpack::{UnpackError, unpack};
use imgbuild::epoch::Epoch;
use imgbuild::event::Silent;
use imgbuild::lock::LockedPackage;
use imgbuild::store::Store;
use imgbuild::tree::Tree;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const EPOCH: Epoch = Epoch(1_700_000_000);
/// The date of every file in the packages.
const DATE: &str = "2020-02-02 02:02:02 UTC";

/// A folder with a store, packages, and the root that dpkg fills.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) packages: Vec<(PathBuf, LockedPackage)>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self {
            folder,
            store,
            packages: Vec::new(),
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Builds `<name>` 1.0 with `control` as further fields; `fill` makes its files.
    pub(super) fn build(
        &mut self,
        name: &str,
        control: &str,
        compression: &str,
        fill: impl Fn(&Source),
    ) {
        let source = Source(self.folder.path().join("source").join(name));
        let same = control.contains("Multi-Arch: same");
        let architecture = if same { native().debian() } else { "all" };
        source.file("DEBIAN/control", 0o644, &format!(
            "Package: {name}\nVersion: 0:1.0\nArchitecture: {architecture}\nMaintainer: A <a@deb.example>\n\
             Description: short\n long  \n .\n  end\n{control}"
        ));
        fill(&source);
        run(Command::new("find")
            .arg(&source.0)
            .args(["-exec", "touch", "-h", "-d", DATE, "{}", "+"]));
        let deb = self.folder.path().join(format!("{name}.deb"));
        let options = ["--root-owner-group", "--nocheck", compression, "--build"];
        run(Command::new("dpkg-deb")
            .args(options)
            .args([&source.0, &deb]));
        self.add(name, architecture, deb);
    }

    /// Adds the finished package `deb`.
    pub(super) fn add(&mut self, name: &str, architecture: &str, deb: PathBuf) {
        let bytes = fs_err::read(&deb).unwrap();
        let sha256 = self.store.insert(&bytes).unwrap();
        let locked = LockedPackage {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: "1.0".to_owned(),
            repository: "debian/test".to_owned(),
            path: format!("pool/{name}.deb"),
            size: bytes.len().try_into().unwrap(),
            sha256,
            automatic: false,
        };
        self.packages.push((deb, locked));
    }

    pub(super) fn ours(&self) -> Result<Tree, UnpackError> {
        let packages: Vec<_> = self
            .packages
            .iter()
            .map(|(_, package)| package.clone())
            .collect();
        unpack(&packages, &self.store, native(), EPOCH, &Silent)
    }

    /// The command that unpacks everything with dpkg into a fresh [`Fixture::root`].
    pub(super) fn dpkg(&self) -> Command {
        let admin = self.root().join("var/lib/dpkg");
        for folder in ["alternatives", "info", "parts", "updates"] {
            fs_err::create_dir_all(admin.join(folder)).unwrap();
        }
        for file in ["available", "diversions", "statoverride", "status"] {
            fs_err::write(admin.join(file), "").unwrap();
        }
        self.dpkg_again()
    }

    /// The same command for a root that has packages already.
    pub(super) fn dpkg_again(&self) -> Command {
        let is_frame = |(_, package): &&(PathBuf, LockedPackage)| package.name == "base-files";
        let (frame, others): (Vec<_>, Vec<_>) = self.packages.iter().partition(is_frame);
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 022; exec dpkg \"$@\"", "sh"])
            .arg(format!("--root={}", self.root().display()))
            .arg("--force-not-root,script-chrootless,bad-path,depends,unsafe-io")
            .arg("--unpack")
            .args(frame.iter().chain(&others).map(|(deb, _)| deb))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("DPKG_FORCE");
        command
    }
}

/// The files of a package before it is built.
pub(super) struct Source(pub(super) PathBuf);

impl Source {
    pub(super) fn at(&self, path: &str) -> PathBuf {
        let at = self.0.join(path);
        fs_err::create_dir_all(at.parent().unwrap()).unwrap();
        at
    }

    pub(super) fn file(&self, path: &str, mode: u32, text: &str) {
        fs_err::write(self.at(path), text).unwrap();
        fs_err::set_permissions(self.at(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn folder(&self, path: &str, mode: u32) {
        fs_err::create_dir_all(self.at(path)).unwrap();
        fs_err::set_permissions(self.at(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn symlink(&self, path: &str, target: &str) {
        symlink(target, self.at(path)).unwrap();
    }

    pub(super) fn link(&self, path: &str, first: &str) {
        fs_err::hard_link(self.at(first), self.at(path)).unwrap();
    }
}

pub(super) fn native() -> Architecture {
    let architecture = stdout(Command::new("dpkg").arg("--print-architecture"));
    architecture.trim().parse().unwrap()
}

/// A .deb with the archive that `tar` makes with `arguments` in `folder`.
pub(super) fn raw_deb(fixture: &mut Fixture, name: &str, folder: &Path, arguments: &[&str]) {
    let tar = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new("tar");
        command
            .args(["-c", "--format=gnu", "-C"])
            .arg(folder)
            .args(arguments);
        run(&mut command).stdout
    };
    let control = fixture.folder.path().join(format!("{name}-control"));
    fs_err::create_dir(&control).unwrap();
    let text = format!(
        "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    );
    fs_err::write(control.join("control"), text).unwrap();
    let mut deb = b"!<arch>\n".to_vec();
    for (member, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", tar(&control, &["./control"])),
        ("data.tar", tar(folder, arguments)),
    ] {
        deb.extend(format!("{member:<16}{:<32}{:<10}`\n", 0, bytes.len()).bytes());
        deb.extend(bytes);
    }
    let path = fixture.folder.path().join(format!("{name}.deb"));
    fs_err::write(&path, deb).unwrap();
    run(Command::new("dpkg-deb").arg("--info").arg(&path));
    fixture.add(name, "all", path);
}
