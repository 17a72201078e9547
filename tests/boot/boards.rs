//! The boards that no other test of this lane builds: each is built from Debian's archive for its own
//! architecture. The tools of other projects compare what its boot ROM or firmware reads first with the file
//! that it was taken from.

mod odroid;
mod rpi;

use super::command::{run, stdout};
use super::support::{User, partitions, run_folder};
use imgbuild::lock::Lock;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The user who builds, with one store for all images, because boards of one architecture share most
/// packages.
static USER: LazyLock<User> = LazyLock::new(|| User::first("boards"));

/// An image of a board, and the lock of its build.
struct Built {
    image: PathBuf,
    lock: Lock,
}

impl Built {
    /// Builds `board` with further arguments.
    fn new(board: &str, arguments: &[&Path]) -> Self {
        let path = |end: &str| USER.home().join(format!("{board}.{end}"));
        let (image, lock) = (path("img"), path("lock"));
        let on = |mut command: Command| {
            command.args(["--board", board, "--profile", "haproxy-node"]);
            command.args(arguments);
            command
        };
        let mut command = USER.imgbuild();
        command.arg("lock");
        run(on(command).arg("--output").arg(&lock));
        let mut command = on(USER.imgbuild());
        run(command.arg("--lock").arg(&lock).arg("--output").arg(&image));
        run(Command::new("/usr/sbin/sfdisk").arg("--verify").arg(&image));
        let lock = Lock::parse(&fs_err::read_to_string(lock).unwrap()).unwrap();
        Self { image, lock }
    }

    /// The files of package `name`, unpacked by dpkg-deb(1) from the file in the archive.
    fn package(&self, name: &str) -> PathBuf {
        let folder = parts().join(name);
        let mut packages = self.lock.packages.iter().chain(&self.lock.file_packages);
        let package = packages.find(|package| package.name == name).unwrap();
        let mut repositories = self.lock.repositories.iter();
        let repository = repositories.find(|repository| repository.name == package.repository);
        let url = format!("{}/{}", repository.unwrap().url, package.path);
        let deb = parts().join("deb");
        run(Command::new("curl")
            .arg("-sSf")
            .arg("-o")
            .arg(&deb)
            .arg(&url));
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&folder));
        folder
    }

    /// First byte of the last partition, the root's.
    fn root(&self) -> u64 {
        partitions(&self.image).last().unwrap().start
    }

    /// The output of debugfs(8) for `request` on the root filesystem.
    fn debugfs(&self, request: &str) -> String {
        let device = format!("{}?offset={}", self.image.display(), self.root());
        stdout(Command::new("/usr/sbin/debugfs").args(["-R", request, &device]))
    }

    /// Fails unless the root filesystem has the file `path`.
    fn has(&self, path: &str) {
        let output = self.debugfs(&format!("stat {path}"));
        assert!(output.contains("Type: regular"), "{path}: {output}");
    }

    /// Fails unless the root filesystem has the folder `path`.
    fn has_folder(&self, path: &str) {
        let output = self.debugfs(&format!("stat {path}"));
        assert!(output.contains("Type: directory"), "{path}: {output}");
    }

    /// Fails unless `n` bytes of the disk from `at` on are those of `file` from `from` on, by cmp(1).
    fn same(&self, at: u64, file: &Path, from: u64, n: u64) {
        let mut cmp = Command::new("cmp");
        cmp.arg(format!("--ignore-initial={at}:{from}"));
        run(cmp.arg(format!("--bytes={n}")).arg(&self.image).arg(file));
    }

    /// Fails unless the disk has nothing but zeros in `n` bytes from `at` on.
    fn empty(&self, at: u64, n: u64) {
        self.same(at, Path::new("/dev/zero"), 0, n);
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        // Ten images at once would need as many gigabytes.
        let _ = fs_err::remove_file(&self.image);
    }
}

fn parts() -> PathBuf {
    let folder = run_folder().join("boards-parts");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}
