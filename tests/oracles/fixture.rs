//! The fixture itself: guests of User Mode Linux, and programs in two versions.

use crate::command::{both_versions, run, stdout};
use crate::uml::{self, Disk};
use std::path::Path;
use std::process::Command;

#[test]
fn the_two_e2fsck_are_of_two_versions() {
    let versions = both_versions("e2fsck").map(|mut command| run(command.arg("-V")).stderr);
    assert_ne!(versions[0], versions[1]);
}

#[test]
fn a_script_gives_back_what_it_printed_and_wrote() {
    let left = uml::run(
        "id -u; ls -l /dev/ubda > listed",
        &[Disk::ReadOnly(Path::new("Cargo.toml"))],
    );
    assert_eq!(left.printed(), "0\n");
    assert!(left.file("listed").starts_with(b"brw"));
    assert!(left.console().contains("Linux version"));
}

#[test]
#[should_panic(expected = "its script with \"1\\n\"")]
fn a_script_that_fails_is_a_panic() {
    uml::run("false; true", &[]);
}

#[test]
fn what_a_script_leaves_mounted_looks_as_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ext4");
    run(Command::new("mke2fs")
        .args(["-q", "-t", "ext4"])
        .arg(&image)
        .arg("32M"));
    let script = "mkdir at; mount /dev/ubda at; echo hello > at/file; sync";
    uml::run(script, &[Disk::Writable(&image)]);
    let header = stdout(Command::new("dumpe2fs").arg("-h").arg(&image));
    assert!(header.contains("needs_recovery"));
    let script = "mkdir at; mount -o ro /dev/ubda at; cat at/file; umount at";
    assert_eq!(
        uml::run(script, &[Disk::Writable(&image)]).printed(),
        "hello\n"
    );
}
