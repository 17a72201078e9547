//! `imgbuild cache`: what the store holds is listed rightly, nothing is removed that a build needs, and what is damaged
//! is found. find, sha256sum and flock judge; what a build needs is decided by a build.

use crate::command::{self, stdout};
use crate::fixture::{Fixture, PROGRAM, names, run};
use crate::mirror::NOW;
use crate::test_debian;
use imgbuild::epoch::Epoch;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A time at which a test looks again whether something has happened.
const PAUSE: Duration = Duration::from_millis(2);

impl Fixture {
    /// `imgbuild cache` with `arguments` on the store of the test.
    fn cache(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(&["cache", "--store"]);
        command.arg(self.path("store")).args(arguments);
        command
    }

    /// What `imgbuild cache … --json` prints.
    fn cached(&self, arguments: &[&str]) -> Value {
        let finished = run(self.cache(arguments).arg("--json")).succeeded();
        serde_json::from_str(&finished.stdout).unwrap()
    }

    /// The room that the files of the store take, by find.
    fn room_by_find(&self) -> u64 {
        let mut find = Command::new("find");
        find.arg(self.path("store"));
        find.args([
            "-type",
            "f",
            "-not",
            "-path",
            "*/scratch/*",
            "-printf",
            "%b\n",
        ]);
        let blocks = stdout(&mut find);
        blocks
            .lines()
            .map(|line| line.parse::<u64>().unwrap() * 512)
            .sum()
    }

    /// The objects of the store, and the digests that sha256sum gives them.
    fn sums(&self) -> Vec<(String, String)> {
        let mut sums = Command::new("sh");
        let script = "find objects -type f -exec sha256sum {} +";
        sums.args(["-c", script]).current_dir(self.path("store"));
        let name = |path: &str| path.trim_start_matches("objects/").replace('/', "");
        let text = stdout(&mut sums);
        let pairs = text.lines().map(|line| line.split_once("  ").unwrap());
        let pairs = pairs.map(|(digest, path)| (name(path), digest.to_owned()));
        pairs.collect()
    }

    /// The number of files among the objects, which is known faster than their sums.
    fn n_objects(&self) -> usize {
        let objects = self.path("store/objects");
        let folders = names(&objects).into_iter();
        folders.map(|name| names(&objects.join(name)).len()).sum()
    }

    fn object(&self, digest: &str) -> PathBuf {
        self.path("store/objects")
            .join(&digest[..2])
            .join(&digest[2..])
    }

    /// Adds `number` objects to the store that nothing uses, each of 4 KiB.
    fn add_unused(&self, number: u32) {
        for index in 0..number {
            let bytes = index.to_le_bytes().repeat(1024);
            let path = self.object(&imgbuild::digest::Sha256::of(&bytes).to_string());
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, bytes).unwrap();
        }
    }

    /// Adds `number` such objects after a build, which are older than those that the build has used.
    fn add_old(&self, number: u32) {
        self.add_unused(number);
        let mut old = Command::new("sh");
        let script =
            "find objects -newer builds -type f -size 8 -exec touch -d 2020-01-01 {} +; sync";
        command::run(old.args(["-c", script]).current_dir(self.path("store")));
    }

    /// Writes the lock of the build to `x.lock`.
    fn write_lock(&self) -> String {
        let path = self.path("x.lock").display().to_string();
        run(self.sub("lock").args(["--output", &path])).succeeded();
        path
    }

    /// The image of a build with `arguments`, in which no object may have been missing.
    fn image_of(&self, arguments: &[&str]) -> Vec<u8> {
        let finished = run(self.build().args(arguments)).succeeded();
        assert!(!finished.stderr.contains("object "), "{}", finished.stderr);
        let image = fs_err::read(self.image()).unwrap();
        fs_err::remove_file(self.image()).unwrap();
        image
    }
}

#[test]
fn what_the_store_holds_is_listed_with_what_uses_it() {
    let fixture = Fixture::warm();
    let all = fixture.cached(&[]);
    assert_eq!(all["bytes"], fixture.room_by_find(), "{all}");
    let objects = all["objects"].as_array().unwrap();
    let digests: Vec<&str> = objects
        .iter()
        .map(|it| it["digest"].as_str().unwrap())
        .collect();
    let mut expected: Vec<String> = fixture.sums().into_iter().map(|(name, _)| name).collect();
    expected.sort();
    assert_eq!(digests, expected);
    // Every stage has a kind, and every object has a stage or is named by the result of one.
    let kinds: Vec<&str> = objects
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert!(!kinds.contains(&"other"), "{all}");
    for kind in ["package", "unpacked", "index", "result"] {
        assert!(kinds.contains(&kind), "{all}");
    }
    let hello = test_debian::archive().locked("hello").sha256.to_string();
    let hello = objects
        .iter()
        .find(|it| it["digest"] == hello.as_str())
        .unwrap();
    assert_eq!(hello["kind"], "package");
    assert_eq!(hello["builds"], serde_json::json!(["tiny + greeter"]));
    assert_eq!(all["builds"][0]["build"], "tiny + greeter");
    let text = run(&mut fixture.cache(&[])).succeeded().stdout;
    for line in [
        "packages  ",
        "indices  ",
        "  tiny + greeter\n",
        " free on its disk",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
}

#[test]
fn the_compressed_parts_of_images_are_listed_and_collected_like_everything_else() {
    let fixture = Fixture::warm();
    let packed = |arguments: &[&str]| {
        let path = fixture.path("out/x.img.xz");
        let mut command = fixture.bare(arguments);
        let finished = run(command.args(fixture.inputs()).arg("-o").arg(&path)).succeeded();
        assert!(!finished.stderr.contains("object "), "{}", finished.stderr);
        fs_err::read(path).unwrap()
    };
    let parts = |arguments: &[&str]| -> u64 {
        let all = fixture.cached(arguments);
        let kinds = all["kinds"].as_array().unwrap().iter();
        let parts = kinds.filter(|it| it["kind"] == "compressed-part");
        parts.map(|it| it["objects"].as_u64().unwrap()).sum()
    };
    let good = packed(&[]);
    let n_parts = parts(&[]);
    assert!(n_parts > 0);
    let all = fixture.cached(&[]);
    let objects = all["objects"].as_array().unwrap();
    assert!(objects.iter().all(|it| it["kind"] != "other"), "{all}");
    // The parts of the last build stay longest, and are of use to the next one.
    let most = (fixture.room_by_find() + (1 << 20)).to_string();
    fixture.add_old(500);
    fixture.cached(&["gc", "--max-size", &most]);
    assert_eq!(parts(&[]), n_parts);
    assert!(packed(&["--offline"]) == good);
    fixture.cached(&["gc", "--max-size", "0"]);
    assert_eq!(parts(&[]), 0);
    for stage in ["xz-6-1", "zstd-12-1"] {
        assert_eq!(names(&fixture.path("store/memo").join(stage)), [""; 0]);
    }
    assert!(packed(&[]) == good);
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let fixture = Fixture::new();
    for arguments in [&["verify"][..], &["gc", "--max-size", "0"], &[]] {
        let finished = run(&mut fixture.cache(arguments)).succeeded();
        finished.says(&["there is no store at"]);
    }
    assert!(!fixture.path("store").exists());
}

#[test]
fn damaged_objects_are_those_that_sha256sum_finds_and_are_made_anew() {
    let fixture = Fixture::warm();
    let good = fixture.image_of(&[]);
    let sound = fixture.cached(&["verify"]);
    assert_eq!(sound["objects"], fixture.sums().len());
    assert_eq!(sound["damaged"], serde_json::json!([]));

    for (name, _) in fixture.sums().iter().step_by(5) {
        let path = fixture.object(name);
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut byte = [0];
        // An object without a byte gets one.
        file.file().read_at(&mut byte, 0).unwrap();
        file.file().write_all_at(&[byte[0] ^ 1], 0).unwrap();
    }
    let damaged = fixture
        .sums()
        .into_iter()
        .filter(|(name, digest)| name != digest);
    let mut damaged: Vec<String> = damaged.map(|(name, _)| name).collect();
    damaged.sort();
    let finished = run(fixture.cache(&["verify", "--json"]).stderr(Stdio::piped())).ended(4);
    let found: Value = serde_json::from_str(&finished.stdout).unwrap();
    let found = found["damaged"].as_array().unwrap();
    let found: Vec<&str> = found
        .iter()
        .map(|it| it["digest"].as_str().unwrap())
        .collect();
    assert_eq!(found, damaged);
    finished.says(&["were damaged and are removed; the next build"]);
    assert!(fixture.sums().iter().all(|(name, digest)| name == digest));
    assert_eq!(fixture.image_of(&[]), good);
}

#[test]
fn a_build_by_a_kept_lock_needs_no_network_after_everything_else_is_removed() {
    let fixture = Fixture::new();
    let lock = fixture.write_lock();
    let locked = ["--locked", "--lock", &lock];
    let good = fixture.image_of(&locked);
    fixture.add_unused(20);
    let objects = fixture.sums().len();
    let done = fixture.cached(&["gc", "--keep-lock", &lock]);
    assert!(done["removed"].as_u64().unwrap() >= 20, "{done}");
    assert_eq!(
        fixture.sums().len() as u64,
        objects as u64 - done["removed"].as_u64().unwrap()
    );
    assert_eq!(done["bytes"], fixture.room_by_find());
    let offline = [&locked[..], &["--offline"]].concat();
    assert_eq!(fixture.image_of(&offline), good);
    // The packages are there too, also if the configured tree is not.
    fs_err::remove_dir_all(fixture.path("store/memo/configured-2")).unwrap();
    assert_eq!(fixture.image_of(&offline), good);
}

#[test]
fn a_store_gets_no_larger_than_it_may_be_and_the_newest_build_stays_longest() {
    let fixture = Fixture::warm();
    let good = fixture.image_of(&[]);
    let needed = fixture.room_by_find();
    fixture.add_old(500);
    let most = (needed + (1 << 20)).to_string();
    let done = fixture.cached(&["gc", "--max-size", &most]);
    assert!(fixture.room_by_find() <= needed + (1 << 20), "{done}");
    assert_eq!(fixture.image_of(&["--offline"]), good);

    let done = fixture.cached(&["gc", "--max-size", "0"]);
    assert!(done["removed"].as_u64().unwrap() > 30, "{done}");
    assert!(fixture.room_by_find() < 256 << 10, "{done}");
    assert_eq!(fixture.image_of(&[]), good);
    // The store still knows how new the archive was.
    run(&mut fixture.cache(&["gc", "--max-size", "0"])).succeeded();
    fixture.publish(&test_debian::archive().date(Epoch(NOW.0 - 86_400)));
    run(&mut fixture.build()).ended(4).says(&["was seen as of"]);
}

#[test]
fn what_no_build_has_used_for_long_goes_by_its_age() {
    let fixture = Fixture::warm();
    let good = fixture.image_of(&[]);
    fixture.add_unused(10);
    assert_eq!(fixture.cached(&["gc", "--older-than", "1d"])["removed"], 0);
    // The objects are old, and a build has used all but ten of them just now.
    let mut old = Command::new("sh");
    let script = "find objects -type f -exec touch -d 2020-01-01 {} +";
    command::run(old.args(["-c", script]).current_dir(fixture.path("store")));
    assert_eq!(fixture.image_of(&[]), good);
    let done = fixture.cached(&["gc", "--older-than", "52w"]);
    assert!(done["removed"].as_u64().unwrap() >= 10, "{done}");
    assert_eq!(fixture.image_of(&["--offline"]), good);
    let mut old = Command::new("sh");
    let script = "find builds objects -type f -exec touch -d 2020-01-01 {} +";
    command::run(old.args(["-c", script]).current_dir(fixture.path("store")));
    run(&mut fixture.cache(&["gc", "--older-than", "52w"])).succeeded();
    assert!(fixture.sums().len() < 8, "{:?}", fixture.sums());
    assert!(names(&fixture.path("store/builds")).is_empty());
}

#[test]
fn nothing_is_removed_that_a_running_build_needs() {
    let fixture = Fixture::new();
    let good = fixture.image_of(&[]);
    let packed = fixture.path("out/x.img.xz").display().to_string();
    let pack = ["--output", &packed];
    // One build has everything in the store, and the network is not there; the others find an empty store.
    for arguments in [&["--offline"][..], &[], &pack, &pack] {
        let mut build = fixture.build();
        build
            .args(arguments)
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        let mut build = build.spawn().unwrap();
        while names(&fixture.path("store/scratch")).is_empty() {
            std::thread::sleep(PAUSE);
        }
        let mut rounds = 0;
        while build.try_wait().unwrap().is_none() {
            run(&mut fixture.cache(&["gc", "--max-size", "0"])).succeeded();
            rounds += 1;
        }
        let output = build.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && rounds > 0, "{said}");
        assert!(!said.contains("object "), "{said}");
        assert_eq!(fs_err::read(fixture.image()).unwrap(), good);
    }
}

#[test]
fn a_command_that_does_not_say_what_it_needs_is_waited_for() {
    let fixture = Fixture::warm();
    fixture.add_unused(1);
    // An imgbuild of before has a locked folder and no file in it.
    let folder = fixture.path("store/scratch/1-0");
    fs_err::create_dir(&folder).unwrap();
    let mut other = Command::new("flock");
    let mut other = other
        .arg("--no-fork")
        .arg(&folder)
        .args(["sleep", "600"])
        .spawn()
        .unwrap();
    let mut gc = fixture.cache(&["gc", "--max-size", "0"]);
    let before = fixture.sums().len();
    // flock may need a moment to lock the folder. Without the lock it would be swept.
    let is_locked = || {
        let mut probe = Command::new("flock");
        probe.arg("--nonblock").arg(&folder).arg("true");
        !probe.status().unwrap().success()
    };
    while !is_locked() {
        std::thread::sleep(PAUSE);
    }
    let mut gc = gc
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(gc.stderr.take().unwrap());
    lines.read_line(&mut said).unwrap();
    assert!(
        said.contains("waiting for a command") && said.contains("1-0"),
        "{said}"
    );
    assert_eq!(fixture.sums().len(), before);
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(gc.wait().unwrap().success());
    assert!(fixture.sums().len() < before);
}

#[test]
fn a_collection_that_is_killed_is_ended_by_the_next_one() {
    let fixture = Fixture::new();
    let lock = fixture.write_lock();
    let locked = ["--locked", "--lock", &lock, "--offline"];
    let good = fixture.image_of(&locked[..3]);
    fixture.add_unused(3000);
    let gc = || fixture.cache(&["gc", "--keep-lock", &lock]);
    let mut killed_midway = 0;
    for _ in 0..5 {
        let before = fixture.sums().len();
        assert_eq!(fixture.n_objects(), before);
        let mut child = gc()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while fixture.n_objects() == before && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let after = fixture.sums();
        assert!(after.iter().all(|(name, digest)| name == digest));
        killed_midway += usize::from(after.len() < before && after.len() > 100);
    }
    assert!(
        killed_midway > 0,
        "no collection was killed while it removed objects"
    );
    assert_eq!(fixture.image_of(&locked), good);
    run(&mut gc()).succeeded();
    assert_eq!(
        run(&mut gc()).succeeded().stdout.lines().next(),
        Some("removed  0 objects, 0 B")
    );
    assert_eq!(fixture.image_of(&locked), good);
}

/// `imgbuild cache` with `arguments` in a namespace of its own, after `prepare` has run there.
fn cache_after(fixture: &Fixture, prepare: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("set -e; {prepare}; exec \"$@\"");
    command.args(["-Urm", "sh", "-c", &script, "sh", PROGRAM]);
    fixture.surround(&mut command);
    command
        .env("STORE", fixture.path("store"))
        .env("WARM", fixture.path("warm"));
    command
        .args(["cache", "--store"])
        .arg(fixture.path("store"))
        .args(arguments);
    command
}

#[test]
fn a_store_that_is_read_only_is_listed_and_nothing_else() {
    let fixture = Fixture::warm();
    fixture.add_unused(1);
    let mount = "mount --bind \"$STORE\" \"$STORE\"; mount -o remount,bind,ro \"$STORE\"";
    let on = |arguments: &[&str]| run(&mut cache_after(&fixture, mount, arguments));
    assert!(on(&[]).succeeded().stdout.contains("tiny + greeter"));
    on(&["verify"]).succeeded();
    let before = fixture.sums();
    let words = ["cannot use the store", "Read-only file system"];
    on(&["gc", "--max-size", "0"]).ended(5).says(&words);
    assert_eq!(fixture.sums(), before);
    let path = fixture.object(&before[0].0);
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(&path, "damaged").unwrap();
    let words = [
        "cannot be removed; no build uses them",
        "Read-only file system",
    ];
    on(&["verify"]).ended(5).says(&words);
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_gets_room() {
    let fixture = Fixture::warm();
    fs_err::rename(fixture.path("store"), fixture.path("warm")).unwrap();
    fs_err::create_dir(fixture.path("store")).unwrap();
    let fill = "mount -t tmpfs -o size=256m tmpfs \"$STORE\"; cp -a \"$WARM\"/. \"$STORE\"; \
                dd if=/dev/zero of=\"$STORE/filler\" bs=64k status=none 2>/dev/null || true; \
                while echo x >> \"$STORE/filler\"; do :; done 2>/dev/null";
    let done = run(&mut cache_after(&fixture, fill, &["gc", "--max-size", "0"])).succeeded();
    assert!(!done.stdout.starts_with("removed  0 "), "{}", done.stdout);
    let done = run(&mut cache_after(&fixture, fill, &["verify"])).succeeded();
    assert!(done.stdout.ends_with(" 0 damaged\n"), "{}", done.stdout);
}

#[test]
fn a_collection_without_a_limit_or_with_a_wrong_one_removes_nothing() {
    let fixture = Fixture::warm();
    let before = fixture.sums();
    for (arguments, code, words) in [
        (&["gc"][..], 2, "--max-size"),
        (
            &["gc", "--max-size", "10GB"][..],
            2,
            "expected a number of bytes",
        ),
        (&["gc", "--older-than", "30"][..], 2, "such as 30d"),
        (
            &["gc", "--keep-lock", "none.lock"][..],
            3,
            "there is no lock at `none.lock`",
        ),
        (
            &["gc", "--keep-lock", "/etc/passwd"][..],
            3,
            "cannot use the lock",
        ),
        (&["remove"][..], 2, "remove"),
    ] {
        run(&mut fixture.cache(arguments))
            .ended(code)
            .says(&[words]);
    }
    assert_eq!(fixture.sums(), before);
    let path: &Path = &fixture.path("store");
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    run(&mut fixture.cache(&["gc", "--max-size", "0"]))
        .ended(5)
        .says(&["can be written by everybody"]);
}
