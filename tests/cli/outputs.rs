//! An image appears whole or not at all, and an error says what prevented it; exit code 5.

use crate::command;
use crate::fixture::{Fixture, PROGRAM, run};
use std::path::Path;
use std::process::Command;

impl Fixture {
    /// A build in a user and mount namespace, after `prepare` has run there.
    fn build_after(&self, prepare: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args([
            "-Urm",
            "sh",
            "-c",
            &format!("set -e; {prepare}; exec \"$@\""),
            "sh",
            PROGRAM,
        ]);
        self.surround(&mut command);
        command
            .env("OUT", self.path("out"))
            .env("STORE", self.path("store"));
        command
            .args(self.inputs())
            .arg("--output")
            .arg(self.image());
        command
    }
}

#[test]
fn a_full_disk_of_the_output_says_what_is_needed_and_what_is_free() {
    let fixture = Fixture::warm();
    // The remaining files are listed from inside, because the tmpfs is visible only there.
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$OUT\" && { \"$@\"; code=$?; ls -A \"$OUT\"; exit $code; }";
    command.args(["-Urm", "sh", "-c", script, "sh", PROGRAM]);
    fixture.surround(&mut command);
    command
        .env("OUT", fixture.path("out"))
        .args(fixture.inputs())
        .arg("--output")
        .arg(fixture.image());
    let finished = run(&mut command)
        .ended(5)
        .says(&["is full", "needs ", " free"]);
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_full_disk_of_the_store_says_what_is_needed_and_what_is_free() {
    let fixture = Fixture::new();
    fs_err::create_dir(fixture.path("store")).unwrap();
    let mut command = fixture.build_after("mount -t tmpfs -o size=2m tmpfs \"$STORE\"");
    run(&mut command)
        .ended(5)
        .says(&["is full", "packages need ", " free", "--store"]);
    assert_eq!(fixture.outputs(), [""; 0]);
    // This is large enough for the downloads, but not for what is made of them.
    let mut command = fixture.build_after("mount -t tmpfs -o size=14m tmpfs \"$STORE\"");
    run(&mut command)
        .ended(5)
        .says(&["full", " free", "--store"]);
    assert_eq!(fixture.outputs(), [""; 0]);
}

/// The disk may become full while an index, a package, the tree of the sandbox, its result, a
/// report or an object is written. The last of these moments is found by bisection.
#[test]
fn a_store_that_is_full_at_any_moment_says_so_and_keeps_nothing_unfinished() {
    let fixture = Fixture::new();
    fs_err::create_dir(fixture.path("store")).unwrap();
    let is_enough = |kibibytes: u32| {
        let mount = format!("mount -t tmpfs -o size={kibibytes}k tmpfs \"$STORE\"");
        // The tmpfs is visible in the namespace only.
        let script = format!(
            "set -e; {mount}; status=0; \"$@\" || status=$?; ls -A \"$STORE/scratch\"; exit $status"
        );
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script, "sh", PROGRAM]);
        fixture.surround(&mut command);
        command.env("STORE", fixture.path("store"));
        command.args(fixture.inputs());
        command.arg("--output").arg(fixture.image());
        let result = run(&mut command);
        if result.code == Some(0) {
            fs_err::remove_file(fixture.image()).unwrap();
            return true;
        }
        let result = result.ended(5);
        assert_eq!(result.stdout, "", "{kibibytes} KiB: scratch is left");
        let words = ["of the store `", "is full", " are free", "--store"];
        result.says(&words);
        assert_eq!(fixture.outputs(), [""; 0], "{kibibytes} KiB");
        false
    };
    let (mut least, mut most) = (512, 65_536);
    assert!(!is_enough(least) && is_enough(most));
    while most - least > 64 {
        let middle = least.midpoint(most);
        match is_enough(middle) {
            true => most = middle,
            false => least = middle,
        }
    }
}

#[test]
fn a_folder_that_is_read_only_is_named_before_anything_is_fetched() {
    let fixture = Fixture::new();
    let mut command = fixture.build_after("mount -t tmpfs -o ro tmpfs \"$OUT\"");
    let finished = run(&mut command).ended(5);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn a_store_that_is_read_only_is_named() {
    let fixture = Fixture::new();
    fs_err::create_dir(fixture.path("store")).unwrap();
    let mut command = fixture.build_after("mount -t tmpfs -o ro tmpfs \"$STORE\"");
    let finished = run(&mut command).ended(5);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn an_output_that_is_a_folder_or_a_device_or_nowhere_is_refused() {
    let fixture = Fixture::new();
    let refused = |path: &Path| {
        let mut command = fixture.bare(&[]);
        command.args(fixture.inputs()).arg("--output").arg(path);
        fixture.steady(&run(&mut command).ended(5).stderr)
    };
    insta::assert_snapshot!("a folder", refused(&fixture.path("out")));
    insta::assert_snapshot!("a device", refused(Path::new("/dev/null")));
    insta::assert_snapshot!("nowhere", refused(&fixture.path("none/x.img")));
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn an_image_replaces_the_one_before_and_nothing_else_stays() {
    let fixture = Fixture::warm();
    fs_err::write(fixture.image(), "the one before").unwrap();
    let finished = run(&mut fixture.build()).succeeded();
    assert_eq!(finished.stdout, format!("{}\n", fixture.image().display()));
    assert_eq!(fixture.outputs(), ["x.img"]);
    assert_eq!(fixture.scratch(), [""; 0]);
    assert!(fs_err::metadata(fixture.image()).unwrap().len() > 34 << 20);
}

#[test]
fn a_block_map_appears_beside_the_image_and_bmaptool_verifies_the_image_by_it() {
    let fixture = Fixture::warm();
    run(&mut fixture.build()).succeeded();
    let without = fs_err::read(fixture.image()).unwrap();
    run(fixture.build().arg("--bmap")).succeeded();
    assert_eq!(fixture.outputs(), ["x.img", "x.img.bmap"]);
    assert!(fs_err::read(fixture.image()).unwrap() == without);
    let copy = fixture.path("copy.img");
    let mut bmaptool = Command::new("bmaptool");
    command::run(bmaptool.arg("copy").args([&fixture.image(), &copy]));
    assert!(fs_err::read(&copy).unwrap() == without);
    let map = || fs_err::read(fixture.path("out/x.img.bmap")).unwrap();
    let first = map();
    run(fixture.build().arg("--bmap")).succeeded();
    assert_eq!(map(), first);
}

#[test]
fn without_a_place_for_the_block_map_nothing_is_fetched_or_written() {
    let fixture = Fixture::new();
    fs_err::create_dir(fixture.path("out/x.img.bmap")).unwrap();
    let finished = run(fixture.build().arg("--bmap")).ended(5);
    finished.says(&["x.img.bmap` is a folder"]);
    assert_eq!(fixture.outputs(), ["x.img.bmap"]);
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn without_an_output_the_image_is_named_after_board_and_profile() {
    let fixture = Fixture::warm();
    let mut command = fixture.bare(&["--quiet"]);
    let finished = run(command.args(fixture.inputs())).succeeded();
    assert_eq!(finished.stdout, "tiny-greeter.img\n");
    // The user's own definitions are named even with `--quiet`.
    let mut output = finished.stderr.lines();
    assert!(
        output.all(|line| line.starts_with("warning: ")),
        "{finished:?}"
    );
    assert_eq!(
        crate::fixture::names(&fixture.path("work")),
        ["tiny-greeter.img"]
    );
}

#[test]
fn a_failed_build_leaves_the_image_before_as_it_was() {
    let fixture = Fixture::new();
    fs_err::write(fixture.image(), "the one before").unwrap();
    run(fixture.build().arg("--offline")).ended(4);
    assert_eq!(fs_err::read(fixture.image()).unwrap(), b"the one before");
    assert_eq!(fixture.outputs(), ["x.img"]);
}
