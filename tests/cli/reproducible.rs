//! Equal inputs give equal bytes, and any other input gives other bytes.

use crate::fixture::{Fixture, PROGRAM, run};
use std::path::Path;
use std::process::Command;

/// Builds in `fixture`, with the command `around` around the program, into an empty store and a
/// folder of its own, and gives the bytes of the image.
fn build(fixture: &Fixture, number: usize, around: &[&str]) -> Vec<u8> {
    let folder = fixture.path(&format!("place-{number}/with a space"));
    fs_err::create_dir_all(&folder).unwrap();
    let output = folder.join(format!("{number}.img"));
    let words: Vec<&str> = around.iter().copied().chain([PROGRAM]).collect();
    let mut command = Command::new(words[0]);
    fixture.surround(&mut command);
    command
        .current_dir(&folder)
        .args(&words[1..])
        .args(fixture.inputs());
    command.arg("--output").arg(&output);
    // A flag may not be given twice, so the store is moved away instead.
    run(&mut command).succeeded();
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    fs_err::read(output).unwrap()
}

#[test]
fn folder_zone_locale_umask_user_and_processors_decide_no_byte() {
    let fixture = Fixture::new();
    let places: [&[&str]; 6] = [
        &["env"],
        &[
            "env",
            "TZ=Pacific/Kiritimati",
            "LC_ALL=de_DE.UTF-8",
            "TMPDIR=/nowhere",
        ],
        &["sh", "-c", "umask 077; exec \"$@\"", "sh"],
        &["sh", "-c", "umask 000; exec \"$@\"", "sh"],
        &["unshare", "-U", "--map-user=1234", "--map-group=4321"],
        &["taskset", "1"],
    ];
    let first = build(&fixture, 0, places[0]);
    for (number, around) in places.iter().enumerate().skip(1) {
        let other = build(&fixture, number, around);
        assert!(other == first, "{around:?}: {}", difference(&first, &other));
    }
}

fn difference(one: &[u8], other: &[u8]) -> String {
    let at = one.iter().zip(other).position(|(one, other)| one != other);
    format!(
        "{} and {} bytes, first difference at {at:?}",
        one.len(),
        other.len()
    )
}

#[test]
fn one_changed_setting_changes_the_image() {
    let fixture = Fixture::warm();
    let build = |set: &str| {
        run(fixture.build().args(["--set", set])).succeeded();
        fs_err::read(fixture.image()).unwrap()
    };
    let first = build("greeting=hello");
    assert!(build("greeting=hello") == first);
    assert!(build("greeting=hallo") != first);
}

#[test]
fn two_builds_at_once_share_a_store_and_give_the_same_image() {
    let fixture = Fixture::new();
    let image = |number: usize| fixture.path(&format!("out/{number}.img"));
    let start = |path: &Path| {
        let mut command = fixture.bare(&["--quiet"]);
        command
            .args(fixture.inputs())
            .arg("--output")
            .arg(path)
            .spawn()
            .unwrap()
    };
    let mut running: Vec<_> = (0..3).map(|number| start(&image(number))).collect();
    for child in &mut running {
        assert!(child.wait().unwrap().success());
    }
    let first = fs_err::read(image(0)).unwrap();
    for number in 1..3 {
        assert!(fs_err::read(image(number)).unwrap() == first);
    }
    assert_eq!(fixture.outputs(), ["0.img", "1.img", "2.img"]);
    assert_eq!(fixture.scratch(), [""; 0]);
}
