//! The files of an image, as the root of a namespace.

use crate::command::run;
use crate::support::{User, partitions, run_folder};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The user who builds the images, and who runs their programs.
pub(crate) static USER: LazyLock<User> = LazyLock::new(|| User::first("net"));

/// The store of all builds of this lane. It keeps the downloads of earlier runs, and nothing that was made
/// of them.
static STORE: LazyLock<PathBuf> = LazyLock::new(|| {
    let store = run_folder().parent().expect("a folder").join("net-store");
    fs_err::create_dir_all(&store).unwrap();
    let made = store.join("memo");
    if made.exists() {
        fs_err::remove_dir_all(made).unwrap();
    }
    USER.own(&store);
    store
});

/// Builds an image of x86-64 with `profile` and `settings`; gives the folder of its files.
pub(crate) fn tree(name: &str, profile: &str, settings: &[&str]) -> PathBuf {
    build(name, profile, &with("--set", settings))
}

/// As [`tree`], with a secret setting, `KEY=@FILE`.
pub(crate) fn tree_with_secret(
    name: &str,
    profile: &str,
    settings: &[&str],
    secret: &str,
) -> PathBuf {
    let options = [with("--set", settings), with("--secret", &[secret])].concat();
    build(name, profile, &options)
}

/// The error of imgbuild for an image of x86-64 that it must refuse to build.
pub(crate) fn refusal(name: &str, profile: &str, options: &[&str]) -> String {
    let (image, mut build) = prepare(name, profile, options);
    let output = build.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(!image.exists());
    error
}

/// The path of an image, and the command that builds it.
fn prepare(name: &str, profile: &str, options: &[&str]) -> (PathBuf, Command) {
    let image = USER.home().join(format!("{name}.img"));
    let mut build = USER.imgbuild();
    build.args(["--board", "x86_64", "--profile", profile]);
    build.args(options).arg("--store").arg(&*STORE);
    build.arg("--output").arg(&image);
    (image, build)
}

fn with<'a>(option: &'a str, values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| [option, value]).collect()
}

fn build(name: &str, profile: &str, options: &[&str]) -> PathBuf {
    let tree = USER.home().join(name);
    let (image, mut build) = prepare(name, profile, options);
    run(&mut build);
    run(USER.command("mkdir").arg(&tree));
    let [.., root] = partitions(&image)[..] else {
        panic!("{} has no partitions", image.display());
    };
    // debugfs warns that it may not change owners, and copies everything nevertheless.
    let mut debugfs = USER.command("/usr/sbin/debugfs");
    debugfs.arg("-R").arg(format!("rdump / {}", tree.display()));
    run(debugfs.arg(format!("{}?offset={}", image.display(), root.start)));
    one_id(&tree);
    fs_err::remove_file(&image).unwrap();
    tree
}

/// Gives every account and group of the image id 0. The namespace of an ordinary user without a range in
/// /etc/subuid has no other id, so no daemon could change to another user. Tor refuses id 0 as its user, so
/// its `User` line is removed.
fn one_id(tree: &Path) {
    for (file, ids) in [("etc/passwd", 2..4), ("etc/group", 2..3)] {
        change(&tree.join(file), |line| {
            let of_field = |(index, field)| match ids.contains(&index) {
                true => "0",
                false => field,
            };
            let fields: Vec<_> = line.split(':').enumerate().map(of_field).collect();
            Some(fields.join(":"))
        });
    }
    // systemd writes the machine id as process 1. In the image the file is read-only.
    fs_err::remove_file(tree.join("etc/machine-id")).unwrap();
    fs_err::write(tree.join("etc/machine-id"), format!("{:032x}\n", 42)).unwrap();
    let defaults = tree.join("usr/share/tor/tor-service-defaults-torrc");
    if defaults.exists() {
        change(&defaults, |line| {
            (line != "User debian-tor").then(|| line.to_owned())
        });
    }
}

/// Replaces each line of `file` by the result of `line`, and removes it for `None`.
fn change(file: &Path, line: impl FnMut(&str) -> Option<String>) {
    let text = fs_err::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().filter_map(line).collect();
    fs_err::write(file, lines.join("\n") + "\n").unwrap();
}
