//! A stranger verifies a published image: it is identical, or foreign programs changed it and the difference is named.

mod flips;
mod refusals;

use crate::command;
use crate::fixture::{Finished, Fixture, PROGRAM, names, run};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fixture with a release, and with a copy of it in the folder of a stranger, who has no store yet.
fn released(arguments: &[&str]) -> Fixture {
    let fixture = Fixture::new();
    let mut release = fixture.sub("release");
    release.arg("--output").arg(fixture.path("stranger"));
    release.args(["--format", "img"]);
    run(release.args(arguments)).succeeded();
    fixture
}

impl Fixture {
    /// The published image.
    fn published(&self) -> PathBuf {
        self.path("stranger/tiny-greeter.img")
    }

    /// What a stranger gives to verify the image `path`.
    fn verification(&self, path: &Path) -> Vec<String> {
        let show = |name: &str| self.path(name).display().to_string();
        let words = [
            "verify",
            &path.display().to_string(),
            "--definitions",
            &show("definitions"),
            "--store",
            &show("store of a stranger"),
            "--keyring",
            &show("keyring.pgp"),
            "--mirror",
            &self.mirror(),
        ];
        words.map(str::to_owned).to_vec()
    }

    /// The verification of the image `path`.
    fn verify(&self, path: &Path) -> Command {
        let mut command = self.bare(&[]);
        command.args(self.verification(path));
        command
    }

    /// Fails the test unless the published image differs, and gives the lines that say how.
    #[track_caller]
    fn differences(&self) -> Vec<String> {
        let finished: Finished = run(&mut self.verify(&self.published())).ended(6);
        let finished = finished.says(&["is not the image that these inputs give"]);
        finished.stdout.lines().map(str::to_owned).collect()
    }
}

/// Changes the byte at `offset` of the file `path` to `X` by dd(1), and gives what it was.
fn flip(path: &Path, offset: u64) -> u8 {
    let mut before = [0];
    let file = fs_err::File::open(path).unwrap();
    file.file().read_exact_at(&mut before, offset).unwrap();
    let mut dd = Command::new("dd");
    dd.args(["bs=1", "count=1", "conv=notrunc", "status=none"]);
    dd.arg(format!("of={}", path.display()));
    command::run(dd.arg(format!("seek={offset}")).stdin(command::input("X")));
    before[0]
}

#[test]
fn another_user_store_umask_zone_and_number_of_processors_give_the_same_image() {
    let fixture = released(&["--set", "greeting=ahoy"]);
    let script = "umask 077; exec taskset --cpu-list 0 \"$@\"";
    let mut command = Command::new("sh");
    fixture.surround(&mut command);
    command
        .args(["-c", script, "sh", PROGRAM])
        .args(fixture.verification(&fixture.published()))
        .env("HOME", fixture.path("home of a stranger"))
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "de_DE.UTF-8");
    let finished = run(&mut command).succeeded();
    assert_eq!(finished.stdout, "identical\n");
    let mut json = fixture.verify(&fixture.published());
    let finished = run(json.args(["--json", "--offline"])).succeeded();
    assert!(finished.stdout.contains("\"identical\":true"));
    let scratch = fixture.path("store of a stranger/scratch");
    assert_eq!(names(&scratch), [""; 0]);
}

#[test]
fn a_packed_image_is_verified_as_it_is() {
    let fixture = released(&[]);
    let image = fixture.published();
    for (program, ending) in [("xz", "xz"), ("zstd", "zst"), ("gzip", "gz")] {
        let mut pack = Command::new(program);
        command::run(pack.args(["--keep", "--quiet", "-1"]).arg(&image));
        let packed = PathBuf::from(format!("{}.{ending}", image.display()));
        let finished = run(&mut fixture.verify(&packed)).succeeded();
        assert_eq!(finished.stdout, "identical\n", "{program}");
    }
    let archive = PathBuf::from(format!("{}.zip", image.display()));
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c"]).arg(&archive);
    command::run(zip.arg(&image));
    let finished = run(&mut fixture.verify(&archive)).succeeded();
    assert_eq!(finished.stdout, "identical\n");
    let packed = PathBuf::from(format!("{}.xz", image.display()));
    flip(&packed, 5000);
    run(&mut fixture.verify(&packed))
        .ended(6)
        .says(&["cannot read the image"]);
}

#[test]
fn an_image_on_a_base_is_verified_with_the_file_of_its_maker() {
    let (fixture, base) = crate::bases::fixture();
    let mut release = crate::bases::sub(&fixture, "release", &base);
    release.args(["--format", "img", "--output"]);
    run(release.arg(fixture.path("stranger"))).succeeded();
    let image = fixture.path("stranger/tiny-adder.img");
    run(&mut fixture.verify(&image))
        .ended(2)
        .says(&["`base.img`", "--base FILE"]);
    let verify = || {
        let mut command = fixture.verify(&image);
        command.arg("--base").arg(&base);
        command
    };
    let finished = run(&mut verify()).succeeded();
    assert_eq!(finished.stdout, "identical\n");
    // What the base brought is named as what imgbuild wrote is.
    crate::bases::edit(&image, "sif /etc/hello.conf uid 1000\n");
    let finished = run(&mut verify()).ended(6);
    let line = "partition 2: /etc/hello.conf: uid: 1000, expected 0\n";
    assert!(finished.stdout.contains(line), "{}", finished.stdout);
}
