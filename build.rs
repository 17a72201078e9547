//! Has cargo build the binary anew when a file is added to the definitions, which are compiled into it, and gives the
//! program its version.
//!
//! A program that is built for use says which sources it is made of: `0.1.0 (3f2a9c1d7e04 2026-11-30)` has the commit
//! and its date, and `3f2a9c1d7e04+changes` stands for files that differ from the commit. The version is the number
//! alone if the sources are in no git repository of their own. It is the number alone in builds for tests, too, because
//! every commit would have all tests compiled anew.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo gives a build script its input in the environment"
)]

use std::env;
use std::path::Path;
use std::process::Command;

/// The folders whose files are compiled into the program.
const DEFINITIONS: [&str; 3] = ["boards", "profiles", "overlays"];
/// What else decides the program.
const SOURCES: [&str; 5] = ["Cargo.lock", "Cargo.toml", "build.rs", "keyrings", "src"];

fn main() {
    rerun_if_changed(&DEFINITIONS);
    let number = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let is_for_use = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let sources = is_for_use.then(sources).flatten();
    let sources = sources.map_or_else(String::new, |it| format!(" ({it})"));
    println!("cargo::rustc-env=IMGBUILD_VERSION={number}{sources}");
}

fn rerun_if_changed(paths: &[&str]) {
    for path in paths {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// The commit of the sources and its date, as git tells them.
fn sources() -> Option<String> {
    rerun_if_changed(&SOURCES);
    // A crate that was unpacked inside somebody else's repository has nothing to do with the commits there.
    let top = Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize();
    if top.ok()? != Path::new(".").canonicalize().ok()? {
        return None;
    }
    // Each new commit adds a line to this file. Without it, the file that names the branch has to do.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    let head = git(&["rev-parse", "--git-path", "HEAD"])?;
    rerun_if_changed(&[if Path::new(&log).exists() {
        &log
    } else {
        &head
    }]);
    // The shortest unique name of a commit depends on the clone, so this cuts the whole one.
    let format = ["log", "-1", "--no-show-signature", "--format=%H %cs"];
    let commit = git(&format)?;
    let (commit, date) = commit.split_once(' ')?;
    let commit = commit.get(..12)?;
    let mut status = vec!["--no-optional-locks", "status", "--porcelain", "--"];
    status.extend(DEFINITIONS.iter().chain(&SOURCES));
    let changes = match git(&status)?.as_str() {
        "" => "",
        _ => "+changes",
    };
    Some(format!("{commit}{changes} {date}"))
}

/// What git prints for `arguments`, or nothing if there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
