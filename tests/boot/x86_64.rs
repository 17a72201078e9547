//! A PC as a load balancer: one image, built by an ordinary user from an empty store, and everything that
//! must be true of it.

mod backends;
mod boots;
mod builds;
mod disk;
mod first_boot;
pub(crate) mod guest;
mod oracles;
mod radios;
mod settings;
mod solution;
mod trace;

use crate::command::run;
use crate::support::User;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The arguments that choose the board and the profile.
const TARGET: [&str; 4] = ["--board", "x86_64", "--profile", "haproxy-node"];

/// The web servers are in QEMU's user network, the TCP servers in the machine itself.
const SETTINGS: [&str; 4] = [
    "--set",
    "http-servers=web1=10.0.2.101:8081,web2=10.0.2.102:8081",
    "--set",
    "tcp-servers=db1=127.0.0.1:9001,db2=127.0.0.1:9002",
];

/// The image of all tests here.
struct Built {
    user: User,
    /// The lock is made first, so that a change of the archive changes no image of this run.
    lock: PathBuf,
    image: PathBuf,
    /// The same disk in qcow2, written by the same build.
    qcow2: PathBuf,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let user = User::first("first");
    let lock = user.home().join("x86_64.lock");
    let mut command = user.imgbuild();
    command.arg("lock").args(TARGET).args(SETTINGS);
    run(command.arg("--output").arg(&lock));
    let [image, qcow2] = ["cold.img", "cold.qcow2"].map(|name| user.home().join(name));
    let mut command = user.imgbuild();
    run(build(&mut command, &lock, &image)
        .arg("--output")
        .arg(&qcow2));
    Built {
        user,
        lock,
        image,
        qcow2,
    }
});

/// Adds arguments to `command` that build the image by `lock` into `image`.
fn build<'a>(command: &'a mut Command, lock: &Path, image: &Path) -> &'a mut Command {
    command.args(TARGET).args(SETTINGS);
    command.arg("--lock").arg(lock).arg("--output").arg(image)
}

impl Built {
    /// Makes a release of the same image: it is packed, with a block map and a list of its packages beside it.
    fn release(&self) -> PathBuf {
        let folder = self.user.home().join("release");
        let mut command = self.user.imgbuild();
        run(build(command.arg("release"), &self.lock, &folder));
        folder
    }

    /// Copies the downloads, and nothing that was made of them, into a store for `user`.
    fn copy_downloads(&self, user: &User) -> PathBuf {
        let store = user.home().join("store");
        fs_err::create_dir(&store).unwrap();
        let objects = self.user.home().join(".cache/imgbuild/objects");
        run(Command::new("cp")
            .args(["-r", "--reflink=auto"])
            .arg(objects)
            .arg(&store));
        user.own(&store);
        store
    }
}
