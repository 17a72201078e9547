//! Definitions and locks in the working directory are found and reported, and never change a build
//! silently.

use crate::command::resize;
use crate::fixture::{Fixture, run};
use crate::mirror::NOW;
use crate::test_debian;
use imgbuild::digest::Sha256;
use imgbuild::lock::{Lock, LockedRepository};
use std::os::unix::fs::symlink;
use std::process::Command;

/// The path of a lock beside the shipped profile `base` for the board `tiny`.
const LOCK: &str = "work/profiles/base/tiny.lock";

impl Fixture {
    /// A command in a working directory with definitions, which its arguments do not mention.
    fn near(&self, arguments: &[&str]) -> Command {
        test_debian::write_definitions(&self.path("work"));
        let show = |name: &str| self.path(name).display().to_string();
        let mut command = self.bare(arguments);
        command.args([
            "--board",
            "tiny",
            "--store",
            &show("store"),
            "--keyring",
            &show("keyring.pgp"),
        ]);
        command.args(["--mirror", &self.mirror()]);
        command
    }

    /// Writes a lock of the archives at `url`.
    fn lock_of(&self, url: &str) {
        let repository = |name: &str, folder: &str| LockedRepository {
            name: name.to_owned(),
            url: format!("{url}/{folder}"),
            in_release: Sha256([0; 32]),
            date: NOW,
        };
        let text = Lock {
            version: imgbuild::lock::LOCK_VERSION,
            spec: Sha256([0; 32]),
            epoch: NOW,
            repositories: vec![
                repository("debian/trixie", "debian"),
                repository("debian-security/trixie-security", "debian-security"),
            ],
            base: None,
            loader: None,
            packages: Vec::new(),
            file_packages: Vec::new(),
            third_party_archives: Vec::new(),
            third_party_packages: Vec::new(),
            tools: std::collections::BTreeMap::new(),
        };
        let path = self.path(LOCK);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text.to_text()).unwrap();
    }
}

#[test]
fn definitions_of_the_working_directory_are_named_once_each_with_their_place() {
    let fixture = Fixture::new();
    let finished = run(&mut fixture.near(&["plan", "--profile", "greeter"])).succeeded();
    for what in [
        "warning: board `tiny` is not a shipped one: ./boards/tiny/board.toml\n",
        "warning: profile `greeter` is not a shipped one: ./profiles/greeter/profile.toml\n",
        "warning: overlay `greeter` is not a shipped one: ./overlays/greeter/overlay.toml\n",
    ] {
        assert_eq!(
            finished.stderr.matches(what).count(),
            1,
            "{what}{}",
            finished.stderr
        );
    }
    let quiet = run(&mut fixture.near(&["plan", "--quiet", "--profile", "greeter"])).succeeded();
    let warnings = |text: &str| {
        let lines = text.lines().map(str::to_owned);
        lines
            .filter(|line| line.starts_with("warning: "))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        quiet.stderr.lines().collect::<Vec<_>>(),
        warnings(&finished.stderr)
    );
    fs_err::create_dir_all(fixture.path("work/profiles/haproxy-node")).unwrap();
    let shadow = fixture.path("work/profiles/haproxy-node/profile.toml");
    fs_err::copy(fixture.path("work/profiles/greeter/profile.toml"), shadow).unwrap();
    run(&mut fixture.near(&["plan", "--profile", "haproxy-node"]))
        .succeeded()
        .says(&[
            "profile `haproxy-node` is not the shipped one, in whose place it stands: \
         ./profiles/haproxy-node/profile.toml",
        ]);
}

#[test]
fn a_private_key_beside_the_folder_reaches_neither_image_nor_error() {
    let fixture = Fixture::new();
    let key = fixture.path("home/.ssh/id");
    fs_err::create_dir_all(key.parent().unwrap()).unwrap();
    fs_err::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    for link in ["overlays/greeter/root", "profiles/greeter/profile.toml"] {
        fixture.near(&[]);
        let link = fixture.path("work").join(link);
        let _ = fs_err::remove_file(&link);
        let _ = fs_err::remove_dir_all(&link);
        let target = if link.ends_with("root") {
            key.parent().unwrap()
        } else {
            &key
        };
        symlink(target, &link).unwrap();
        let mut command = fixture.bare(&["--board", "tiny", "--profile", "greeter"]);
        let finished = run(command.arg("--output").arg(fixture.image())).ended(1);
        assert!(
            finished.stderr.contains("leads by a link out of its"),
            "{}",
            finished.stderr
        );
        assert!(!finished.stderr.contains("PRIVATE"), "{}", finished.stderr);
        fs_err::remove_file(link).unwrap();
    }
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn a_lock_that_nobody_named_does_not_say_where_a_shipped_profile_gets_upgrades() {
    let fixture = Fixture::new();
    fixture.lock_of("http://mirror.evil.example");
    let plan = ["plan", "--profile", "base"];
    run(&mut fixture.near(&plan)).ended(3).says(&[
        "was found because it lies in the working directory",
        "gets its upgrades from `http://mirror.evil.example/debian` (debian/trixie)",
        "--lock profiles/base/tiny.lock",
    ]);
    run(fixture.near(&plan).arg("--locked"))
        .ended(3)
        .says(&["was found because"]);
    // A lock that is named is used if it fits. This one does not fit the packages.
    let stale = "was made for another set of packages";
    run(fixture
        .near(&plan)
        .args(["--lock", "profiles/base/tiny.lock"]))
    .ended(3)
    .says(&[stale]);
    // This lock has the same archive as this machine.
    fixture.lock_of(&fixture.server.url());
    let finished = run(&mut fixture.near(&plan)).ended(3).says(&[stale]);
    let named = "warning: lock `profiles/base/tiny.lock` decides the version of every package";
    assert_eq!(
        finished.stderr.matches(named).count(),
        1,
        "{}",
        finished.stderr
    );
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn pipes_and_endless_files_end() {
    let fixture = Fixture::new();
    let pipe = |name: &str| {
        let path = fixture.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    };
    let lock = pipe(LOCK);
    run(&mut fixture.near(&["plan", "--profile", "base"]))
        .ended(3)
        .says(&["not a regular file"]);
    fs_err::remove_file(&lock).unwrap();
    resize(&lock, 8 << 40);
    run(&mut fixture.near(&["plan", "--profile", "base"]))
        .ended(3)
        .says(&["longer than"]);
    fs_err::remove_file(lock).unwrap();
    for flag in ["--settings", "--keyring", "--secret"] {
        let value = if flag == "--secret" {
            "passphrase=@/dev/zero"
        } else {
            "/dev/zero"
        };
        let finished = run(&mut fixture.build_with(flag, value)).ended(2);
        assert!(
            finished.stderr.contains("it is a device"),
            "{}",
            finished.stderr
        );
    }
    pipe("home/.config/imgbuild/config.toml");
    let finished = run(fixture
        .bare(&["--board", "tiny", "--profile", "greeter"])
        .args([
            "--definitions".as_ref(),
            fixture.path("definitions").as_os_str(),
        ]));
    finished
        .ended(2)
        .says(&["config.toml", "not a regular file"]);
}

#[test]
fn without_a_home_nothing_of_other_users_is_read() {
    let fixture = Fixture::new();
    let mut command = fixture.bare(&["--board", "tiny", "--profile", "greeter", "--definitions"]);
    command.arg(fixture.path("definitions")).env_remove("HOME");
    run(&mut command)
        .ended(2)
        .says(&["no folder for the store is known: set HOME"]);
    command.env("HOME", "relative");
    run(&mut command)
        .ended(2)
        .says(&["no folder for the store is known"]);
    // If all folders are named, no home folder is needed.
    run(fixture.sub("plan").env_remove("HOME")).succeeded();
}
