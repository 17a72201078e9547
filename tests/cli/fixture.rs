//! The fixture of a test: an archive on a server, definitions, a store and an output folder; and
//! runs of the program with them.

use crate::mirror::{Fault, Server, TestArchive, TestKey, Times};
use crate::test_debian;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The path of the program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_imgbuild");

/// The suites that a board of suite `trixie` uses: folder of the archive, suite, code name.
const SUITES: [(&str, &str, &str); 3] = [
    ("debian", "stable", "trixie"),
    ("debian", "stable-updates", "trixie-updates"),
    ("debian-security", "stable-security", "trixie-security"),
];

/// The files of one test, which are removed at its end.
pub(crate) struct Fixture {
    folder: TempDir,
    pub(crate) server: Server,
}

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    /// A fixture with the usual packages and an empty store.
    pub(crate) fn new() -> Self {
        Self::of(&test_debian::archive())
    }

    /// A fixture with `archive` and an empty store.
    pub(crate) fn of(archive: &TestArchive) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Self {
            server: Server::start(&folder.path().join("mirror")),
            folder,
        };
        fixture.publish(archive);
        for name in ["out", "home", "work"] {
            fs_err::create_dir_all(fixture.path(name)).unwrap();
        }
        test_debian::write_definitions(&fixture.path("definitions"));
        fs_err::write(fixture.path("keyring.pgp"), TestKey::new(1).keyring()).unwrap();
        fixture
    }

    /// A fixture with the usual archive, and with a store in which an earlier build has left
    /// everything but its image.
    pub(crate) fn warm() -> Self {
        let fixture = Self::new();
        run(&mut fixture.build()).succeeded();
        fs_err::remove_file(fixture.image()).unwrap();
        fixture
    }

    /// Replaces the archive on the mirror by `archive`.
    pub(crate) fn publish(&self, archive: &TestArchive) {
        for (folder, suite, codename) in SUITES {
            let archive = match codename {
                "trixie" => archive.clone(),
                _ => TestArchive::new().suite(suite, codename),
            };
            archive.write(&self.path("mirror").join(folder));
        }
    }

    /// A path in the folder of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path of the image that the test builds.
    pub(crate) fn image(&self) -> PathBuf {
        self.path("out/x.img")
    }

    /// The names in the folder of the output.
    pub(crate) fn outputs(&self) -> Vec<String> {
        names(&self.path("out"))
    }

    /// The names of unfinished files that are left in the store.
    pub(crate) fn scratch(&self) -> Vec<String> {
        names(&self.path("store/scratch"))
    }

    /// Replaces `old` by `new` in the definition `path`.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let path = self.path("definitions").join(path);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(old), "`{old}` is not in {text}");
        fs_err::write(&path, text.replace(old, new)).unwrap();
    }

    /// Writes a file below the folder of the test, and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Writes a file into the overlay of the test.
    pub(crate) fn overlay(&self, path: &str, text: &str) {
        self.write(&format!("definitions/overlays/greeter/root/{path}"), text);
    }

    /// Lets requests for `path` of the mirror meet a fault.
    pub(crate) fn fault(&self, path: &str, fault: Fault, times: Times) {
        self.server.fault(path, fault, times);
    }

    /// The address of the mirror.
    pub(crate) fn mirror(&self) -> String {
        format!("{}/debian", self.server.url())
    }

    /// The program with `arguments`, without the environment of this process.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        self.surround(&mut command);
        command.args(arguments);
        command
    }

    /// Gives `command` the environment of a user without settings.
    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(self.path("work"));
    }

    /// The arguments of every command that needs inputs.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let show = |name: &str| self.path(name).display().to_string();
        [
            "--board",
            "tiny",
            "--profile",
            "greeter",
            "--definitions",
            &show("definitions"),
            "--store",
            &show("store"),
            "--keyring",
            &show("keyring.pgp"),
            "--mirror",
            &self.mirror(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// A build that writes to [`Fixture::image`].
    pub(crate) fn build(&self) -> Command {
        let mut command = self.bare(&[]);
        command
            .args(self.inputs())
            .arg("--output")
            .arg(self.image());
        command
    }

    /// The same build with another `value` for `flag`.
    pub(crate) fn build_with(&self, flag: &str, value: &str) -> Command {
        let mut arguments = self.inputs();
        match arguments.iter().position(|argument| argument == flag) {
            Some(at) => arguments[at + 1] = value.to_owned(),
            None => arguments.extend([flag, value].map(str::to_owned)),
        }
        let mut command = self.bare(&[]);
        command.args(arguments).arg("--output").arg(self.image());
        command
    }

    /// The subcommand `name` with the inputs of the test.
    pub(crate) fn sub(&self, name: &str) -> Command {
        let mut command = self.bare(&[name]);
        command.args(self.inputs());
        command
    }

    /// `text` without the parts that differ from run to run.
    pub(crate) fn steady(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let text = text
            .replace(&folder, "DIR")
            .replace(&self.server.url(), "http://MIRROR")
            .replace(test_debian::host().debian(), "HOST");
        replace_numbers(&text)
    }
}

/// Replaces digests by `DIGEST`, and process numbers in the names of unfinished files by `PROCESS`.
fn replace_numbers(text: &str) -> String {
    let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    let mut steady = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let len = rest.find(|letter| !is_digit(letter)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(len.max(letter.len_utf8()));
        steady += match len {
            40.. => "DIGEST",
            1.. if tail.starts_with(".partial") => "PROCESS",
            _ => run,
        };
        rest = tail;
    }
    steady
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Finished {
    let output = command.output().unwrap();
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(
        !finished.stderr.contains("panicked"),
        "{command:?}: {}",
        finished.stderr
    );
    finished
}

impl Finished {
    /// Fails the test unless the program succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended(0)
    }

    /// Fails the test unless the program ended with `code`.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless standard error holds each of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "`{part}` is not in:\n{}",
                self.stderr
            );
        }
        self
    }
}

/// The names in `folder`, or none if it does not exist.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    if !folder.exists() {
        return Vec::new();
    }
    let names = imgbuild::listing::sorted(folder).unwrap();
    names
        .into_iter()
        .map(|name| name.into_string().unwrap())
        .collect()
}
