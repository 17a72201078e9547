//! What the program says of the sources that it is made of, by what git says of them.

use crate::command::{run, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with sources, and the build script that cargo runs in it.
struct Sources {
    folder: tempfile::TempDir,
}

impl Sources {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-o"]);
        run(rustc.arg(folder.path().join("script")).arg(script));
        let sources = Self { folder };
        fs_err::create_dir_all(sources.path("src")).unwrap();
        sources.write("src/main.rs", "fn main() {}");
        sources
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("crate").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs_err::write(self.path(name), text).unwrap();
    }

    /// Runs git in `folder` of the sources.
    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]);
        git.args(arguments).current_dir(self.path(folder));
        git.env("GIT_CONFIG_GLOBAL", "/dev/null");
        stdout(git.env("GIT_COMMITTER_DATE", "2026-02-03T23:30:00-05:00"))
    }

    /// Makes a repository of `folder`, with one commit.
    fn commit(&self, folder: &str) {
        self.git(folder, &["init", "--quiet"]);
        self.git(folder, &["add", "."]);
        self.git(folder, &["commit", "--quiet", "--message", "sources"]);
    }

    /// What the build script tells cargo, for a build of `profile`.
    fn told(&self, profile: &str) -> String {
        let mut script = Command::new(self.folder.path().join("script"));
        let script = script.current_dir(self.path("")).env("PROFILE", profile);
        stdout(script.env("CARGO_PKG_VERSION", "1.2.3"))
    }

    /// The version in a build of `profile`.
    fn version(&self, profile: &str) -> String {
        let told = self.told(profile);
        let mut lines = told.lines();
        let version = lines.find_map(|it| it.strip_prefix("cargo::rustc-env=IMGBUILD_VERSION="));
        version.unwrap().to_owned()
    }
}

#[test]
fn a_program_for_use_names_the_commit_and_its_date() {
    let sources = Sources::new();
    sources.commit("");
    let commit = sources.git("", &["rev-parse", "--short=12", "HEAD"]);
    let clean = format!("1.2.3 ({} 2026-02-03)", commit.trim());
    assert_eq!(sources.version("release"), clean);
    // A commit would have all tests compiled anew.
    assert_eq!(sources.version("debug"), "1.2.3");

    // What is not compiled changes nothing.
    sources.write("notes", "of nobody's business");
    assert_eq!(sources.version("release"), clean);
    sources.write("src/main.rs", "fn main() { }");
    let changed = format!("1.2.3 ({}+changes 2026-02-03)", commit.trim());
    assert_eq!(sources.version("release"), changed);
}

#[test]
fn a_new_commit_gives_a_new_version() {
    let sources = Sources::new();
    sources.commit("");
    let told = sources.told("release");
    let watched = told
        .lines()
        .filter_map(|it| it.strip_prefix("cargo::rerun-if-changed="));
    let content = |name: &str| fs_err::read(sources.path(name)).unwrap_or_default();
    let before: Vec<_> = watched.map(|name| (name, content(name))).collect();
    sources.git(
        "",
        &["commit", "--quiet", "--allow-empty", "--message", "2"],
    );
    assert!(before.iter().any(|(name, bytes)| content(name) != *bytes));
}

#[test]
fn sources_outside_of_their_repository_have_a_number_alone() {
    let sources = Sources::new();
    assert_eq!(sources.version("release"), "1.2.3");
    // The folder around them is a repository of something else.
    sources.commit("..");
    assert_eq!(sources.version("release"), "1.2.3");
}
