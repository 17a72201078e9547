//! Runs the oracles and shows their output.
#![allow(dead_code, reason = "each judge uses a part")]

use std::path::Path;
use std::process::{Command, Output};

/// The folder of programs of another release of Debian than this machine's, which ci/setup fills.
const OTHER_RELEASE: &str = "/usr/local/lib/imgbuild-oracles";

/// Runs `command`; panics with everything it printed unless it exits with 0.
pub(crate) fn judge(command: &mut Command) -> Output {
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

/// The program `name` of this machine and that of another release of Debian: two versions that
/// check the same thing.
pub(crate) fn both_versions(name: &str) -> [Command; 2] {
    let other = format!("{OTHER_RELEASE}/{name}");
    [Command::new(name), Command::new(other)]
}

/// Checks that two versions of e2fsck find nothing to repair in `image` and make no remark.
pub(crate) fn e2fsck(image: &Path) {
    for mut command in both_versions("e2fsck") {
        let output = judge(command.arg("-fn").arg(image));
        let text = String::from_utf8_lossy(&output.stdout);
        let is_usual = |line: &&str| line.starts_with("Pass ") || line.contains(" files (");
        let remarks: Vec<_> = text.lines().filter(|line| !is_usual(line)).collect();
        assert!(remarks.is_empty(), "{command:?} remarks: {remarks:#?}");
    }
}

#[test]
fn the_two_e2fsck_are_of_two_versions() {
    let versions = both_versions("e2fsck").map(|mut command| judge(command.arg("-V")).stderr);
    assert_ne!(versions[0], versions[1]);
}
