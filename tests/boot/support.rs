//! What the lane of every board needs: ordinary users who build images, and disks made of these.
//!
//! Everything lies in one folder, emptied by each run and kept after it, for a look at what failed.
#![allow(dead_code, reason = "each board uses a part")]

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

#[allow(unused_imports, reason = "User Mode Linux's own tests use it")]
pub(crate) use crate::judge::judge;

/// How long anything in an emulated machine may take: it may share its host with many others.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Ids that no distribution gives to anybody; nobody has lines in /etc/subuid for them.
const FIRST: u32 = 65_533;
const SECOND: u32 = 65_532;

/// The folder of this run, with the program in it.
static BENCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    // Below a home that only its owner may enter, another user could not even start the program.
    let closed = target
        .ancestors()
        .skip(1)
        .any(|folder| folder.metadata().unwrap().permissions().mode() & 0o001 == 0);
    let bench = match closed && is_root() {
        true => PathBuf::from(concat!("/var/tmp/imgbuild-", env!("CARGO_CRATE_NAME"))),
        false => target,
    };
    if bench.exists() {
        fs_err::remove_dir_all(&bench).unwrap();
    }
    fs_err::create_dir(&bench).unwrap();
    fs_err::set_permissions(&bench, PermissionsExt::from_mode(0o755)).unwrap();
    let program = bench.join("imgbuild");
    fs_err::copy(env!("CARGO_BIN_EXE_imgbuild"), &program).unwrap();
    fs_err::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    bench
});

/// The folder of this run.
pub(crate) fn bench() -> &'static Path {
    &BENCH
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Somebody without any privilege, and a home that nobody else writes to.
#[derive(Debug)]
pub(crate) struct User {
    /// `None`: whoever runs the tests.
    id: Option<u32>,
    home: PathBuf,
}

impl User {
    /// The one who builds.
    pub(crate) fn first(home: &str) -> Self {
        Self::new(is_root().then_some(FIRST), home)
    }

    /// Somebody with another id.
    pub(crate) fn second(home: &str) -> Self {
        Self::new(Some(SECOND), home)
    }

    fn new(id: Option<u32>, home: &str) -> Self {
        if let Some(id) = id {
            let prefix = format!("{id}:");
            let subuid = fs_err::read_to_string("/etc/subuid").unwrap_or_default();
            assert!(!subuid.lines().any(|line| line.starts_with(&prefix)));
        }
        let home = bench().join(home);
        fs_err::create_dir(&home).unwrap();
        let user = Self { id, home };
        user.own(&user.home);
        user
    }

    /// Where this user works.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// `program`, run by this user in the home, with next to nothing in the environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.arg("--no-new-privs");
        match self.id.map(|id| id.to_string()) {
            Some(id) if is_root() => {
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
                command.args(["--inh-caps=-all", "--bounding-set=-all", "--"]);
            }
            // Nobody but root can become another user; in a namespace one can at least look like it.
            Some(id) => {
                command.args(["--", "unshare", "--user"]);
                command.args([format!("--map-user={id}"), format!("--map-group={id}")]);
                command.arg("--");
            }
            None => drop(command.arg("--")),
        }
        command
            .arg(program)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin");
        for name in [
            "IMGBUILD_MIRROR",
            "http_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "ALL_PROXY",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// imgbuild, run by this user, without arguments. Its store is in the home unless told
    /// otherwise.
    pub(crate) fn imgbuild(&self) -> Command {
        self.command(bench().join("imgbuild"))
    }

    /// Puts a profile on the image `base`; gives the path of the new image.
    pub(crate) fn build_on(
        &self,
        base: &Path,
        board: &str,
        profile: &str,
        settings: &[&str],
    ) -> PathBuf {
        let name = base.file_stem().expect("a name").to_string_lossy();
        let image = self.home.join(format!("{name}-{profile}.img"));
        let mut command = self.imgbuild();
        command.args(["--board", board, "--profile", profile]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        command.arg("--base").arg(base);
        run(command.arg("--output").arg(&image));
        image
    }

    /// Makes `folder`, whatever is in it, this user's own.
    pub(crate) fn own(&self, folder: &Path) {
        if let Some(id) = self.id.filter(|_| is_root()) {
            run(Command::new("chown")
                .args(["-R", &format!("{id}:{id}")])
                .arg(folder));
        }
    }

    /// Builds an image; gives its path.
    pub(crate) fn build(&self, board: &str, profile: &str, settings: &[&str]) -> PathBuf {
        let image = self.home.join(format!("{board}-{profile}.img"));
        let mut command = self.imgbuild();
        command.args(["--board", board, "--profile", profile]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        run(command.arg("--output").arg(&image));
        image
    }
}

/// Runs `command`; panics with everything that it printed unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error}; install what ci/setup lists")
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// What `command`, which must succeed, printed.
pub(crate) fn said(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).expect("UTF-8")
}

/// The archive that images are built from on this machine.
pub(crate) fn mirror() -> String {
    if let Ok(mirror) = std::env::var("IMGBUILD_MIRROR") {
        return mirror;
    }
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)"]);
    let text = said(targets.args(["Created-By: Packages", "Origin: Debian", "Label: Debian"]));
    text.lines()
        .next()
        .expect("apt knows an archive of Debian")
        .to_owned()
}

/// A disk of `len` bytes with `image` on it, as if flashed.
pub(crate) fn flash(image: &Path, disk: &Path, len: u64) {
    run(Command::new("cp")
        .args(["--sparse=always", "--no-preserve=mode"])
        .arg(image)
        .arg(disk));
    fs_err::OpenOptions::new()
        .write(true)
        .open(disk)
        .unwrap()
        .set_len(len)
        .unwrap();
}

/// A partition, by the table that sfdisk(8) reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    /// First byte.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// The partitions of `disk` in the order of the table.
pub(crate) fn partitions(disk: &Path) -> Vec<Partition> {
    let text = said(Command::new("/usr/sbin/sfdisk").arg("--json").arg(disk));
    let table: Value = serde_json::from_str(&text).unwrap();
    let table = &table["partitiontable"];
    let sector = table["sectorsize"].as_u64().unwrap_or(512);
    let number = |entry: &Value, field: &str| entry[field].as_u64().unwrap() * sector;
    let entries = table["partitions"].as_array().unwrap().iter();
    entries
        .map(|entry| Partition {
            start: number(entry, "start"),
            len: number(entry, "size"),
        })
        .collect()
}

/// Copies `partition` of `disk` into a file of its own.
pub(crate) fn extract(disk: &Path, partition: Partition, to: &Path) {
    let mut dd = Command::new("dd");
    dd.args([
        "bs=1M",
        "iflag=skip_bytes,count_bytes",
        "conv=sparse",
        "status=none",
    ]);
    dd.arg(format!("skip={}", partition.start))
        .arg(format!("count={}", partition.len));
    run(dd
        .arg(format!("if={}", disk.display()))
        .arg(format!("of={}", to.display())));
    fs_err::OpenOptions::new()
        .write(true)
        .open(to)
        .unwrap()
        .set_len(partition.len)
        .unwrap();
}
