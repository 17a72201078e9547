//! The base image of each family, made once for all tests of a run.

use super::files::Files;
use crate::command::run;
use crate::support::{User, mirror, partitions, run_folder};
use crate::uml::{self, Disk};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

/// Images of boards, whose packages are copied into the families' root filesystems.
static ARM64: LazyLock<PathBuf> = LazyLock::new(|| USER.build("rpi4", "base", &[]));
static AMD64: LazyLock<PathBuf> = LazyLock::new(|| {
    let image = USER.home().join("x86_64-cloud.img");
    let mut command = USER.imgbuild();
    command.args(["--board", "x86_64", "--profile", "cloud", "--definitions"]);
    run(command
        .arg(scripts().join("definitions"))
        .arg("--output")
        .arg(&image));
    image
});

/// The user who builds, with one store for all images.
static USER: LazyLock<User> = LazyLock::new(|| User::first("families"));

pub(super) static RASPIOS: LazyLock<Family> =
    LazyLock::new(|| Family::new("raspios", &ARM64, "rpi4", 2));
pub(super) static DIETPI: LazyLock<Family> =
    LazyLock::new(|| Family::new("dietpi", &ARM64, "odroid-c4", 1));
pub(super) static ARMBIAN: LazyLock<Family> =
    LazyLock::new(|| Family::new("armbian", &ARM64, "odroid-c4", 1));
pub(super) static CLOUD: LazyLock<Family> =
    LazyLock::new(|| Family::new("cloud", &AMD64, "x86_64", 1));

/// Room for the packages of every profile.
const ROOT_MIB: &str = "1200";

/// The line between the two parts of a family's script.
const IN_THE_GUEST: &str = "# in the guest\n";

/// A family's base image.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The board that it is for.
    pub(super) board: &'static str,
    /// Number of the root partition.
    pub(super) root: usize,
    pub(super) disk: PathBuf,
    user: &'static User,
    files: OnceLock<Files>,
}

impl Family {
    fn new(name: &'static str, source: &Path, board: &'static str, root: usize) -> Self {
        let began = Instant::now();
        let script = fs_err::read_to_string(scripts().join(name)).unwrap();
        let (host, guest) = script.split_once(IN_THE_GUEST).expect("two parts");
        let folder = run_folder().join("families-parts").join(name);
        fs_err::create_dir_all(&folder).unwrap();
        let of_source = partitions(source);
        let firmware = format!("{}@@{}", source.display(), of_source[0].start);
        run(Command::new("sh")
            .args(["-euc", host])
            .env("FIRMWARE", firmware)
            .env("ROOT_MIB", ROOT_MIB)
            .current_dir(&folder));
        let disk = folder.join(format!("{name}.img"));
        fs_err::rename(folder.join("disk"), &disk).unwrap();
        let prepare = fs_err::read_to_string(scripts().join("prepare")).unwrap();
        // The root of every board is its last partition.
        let script = format!(
            "MIRROR={}\ncat > prepare <<'end of prepare'\n{prepare}\nend of prepare\n\
             mkdir from to; mount -o ro,noload /dev/ubda{} from\n{guest}\numount from\n",
            mirror(),
            of_source.len(),
        );
        uml::run(&script, &[Disk::ReadOnly(source), Disk::Writable(&disk)]);
        eprintln!("{name}: made in {:?}", began.elapsed());
        Self {
            name,
            board,
            root,
            disk,
            user: &USER,
            files: OnceLock::new(),
        }
    }

    /// Builds `profile` with `settings` on this base.
    pub(super) fn with(&self, profile: &str, settings: &[&str]) -> PathBuf {
        let began = Instant::now();
        let image = self
            .user
            .build_on(&self.disk, self.board, profile, settings);
        eprintln!("{} + {profile}: built in {:?}", self.name, began.elapsed());
        image
    }

    /// The contents of the base's root filesystem.
    pub(super) fn files(&self) -> &Files {
        self.files
            .get_or_init(|| Files::read(&self.disk, self.root))
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/families")
}
