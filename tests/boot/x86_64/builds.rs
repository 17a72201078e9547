//! The same inputs give the same bytes, for every user, folder, time and machine.

use super::{BUILT, SETTINGS, TARGET, build};
use crate::command::run;
use crate::support::{User, run_folder};
use std::path::Path;
use std::process::Command;

fn same(one: &Path, other: &Path) -> bool {
    let status = Command::new("cmp")
        .arg("--quiet")
        .arg(one)
        .arg(other)
        .status()
        .unwrap();
    match status.code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("cmp: {other:?}"),
    }
}

#[test]
fn x86_64_a_warm_build_gives_the_same_bytes() {
    let user = &BUILT.user;
    let folder = user.home().join("another folder");
    fs_err::create_dir(&folder).unwrap();
    user.own(&folder);
    let image = folder.join("warm.img");
    let mut command = user.imgbuild();
    command.current_dir(&folder);
    run(build(&mut command, &BUILT.lock, Path::new("warm.img")));
    assert!(same(&BUILT.image, &image), "see {}", image.display());
    fs_err::remove_file(image).unwrap();
}

/// Everything is made again from the same packages: unpacked, configured, composed, sealed.
#[test]
fn x86_64_user_time_zone_umask_locale_and_processors_decide_no_byte() {
    let user = User::second("second");
    let store = BUILT.copy_downloads(&user);
    let image = user.home().join("other.img");
    let lock = user.home().join("other.lock");
    fs_err::copy(&BUILT.lock, &lock).unwrap();
    let mut command = user.command("taskset");
    command.args([
        "--cpu-list",
        "0",
        "sh",
        "-c",
        "umask 077; exec \"$@\"",
        "sh",
    ]);
    command.arg(run_folder().join("imgbuild"));
    command
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("LANG", "tr_TR.UTF-8");
    command.arg("--store").arg(&store);
    run(build(&mut command, &lock, &image));
    assert!(same(&BUILT.image, &image), "see {}", image.display());
    fs_err::remove_file(image).unwrap();
}

#[test]
fn x86_64_another_setting_gives_other_bytes() {
    let user = &BUILT.user;
    let image = user.home().join("changed.img");
    let mut command = user.imgbuild();
    command
        .args(TARGET)
        .args(SETTINGS)
        .args(["--set", "http-port=8080"]);
    run(command
        .arg("--lock")
        .arg(&BUILT.lock)
        .arg("--output")
        .arg(&image));
    assert!(!same(&BUILT.image, &image));
    fs_err::remove_file(image).unwrap();
}
