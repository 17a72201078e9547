//! The files of an image, as the root of a namespace.

use crate::support::{User, partitions, run};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Whoever builds, and later runs what was built.
pub(crate) static USER: LazyLock<User> = LazyLock::new(|| User::first("net"));

/// Builds an image of x86-64 with `profile` and `settings`; gives the folder of its files.
pub(crate) fn tree(name: &str, profile: &str, settings: &[&str]) -> PathBuf {
    build(name, profile, &with("--set", settings))
}

/// The same with a secret setting, `KEY=FILE`.
pub(crate) fn tree_with_secret(
    name: &str,
    profile: &str,
    settings: &[&str],
    secret: &str,
) -> PathBuf {
    let options = [with("--set", settings), with("--secret", &[secret])].concat();
    build(name, profile, &options)
}

/// What imgbuild says of an image of x86-64 that it refuses to write.
pub(crate) fn refusal(name: &str, profile: &str, options: &[&str]) -> String {
    let image = USER.home().join(format!("{name}.img"));
    let mut build = USER.imgbuild();
    build.args(["--board", "x86_64", "--profile", profile]);
    let output = build.args(options).arg("--output").arg(&image).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!image.exists());
    said
}

fn with<'a>(option: &'a str, values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| [option, value]).collect()
}

fn build(name: &str, profile: &str, options: &[&str]) -> PathBuf {
    let tree = USER.home().join(name);
    let image = USER.home().join(format!("{name}.img"));
    let mut build = USER.imgbuild();
    build.args(["--board", "x86_64", "--profile", profile]);
    run(build.args(options).arg("--output").arg(&image));
    run(USER.command("mkdir").arg(&tree));
    let [.., root] = partitions(&image)[..] else {
        panic!("{} has no partitions", image.display());
    };
    // It says that it may not change owners, and copies everything all the same.
    let mut debugfs = USER.command("/usr/sbin/debugfs");
    debugfs.arg("-R").arg(format!("rdump / {}", tree.display()));
    run(debugfs.arg(format!("{}?offset={}", image.display(), root.start)));
    one_id(&tree);
    fs_err::remove_file(&image).unwrap();
    tree
}

/// Gives every account and group of the image the only id that there is in the namespace of an ordinary
/// user, so that daemons that become another user can. Tor insists on more, and stays who it is.
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
    // systemd makes it, as process 1. In the image nobody may write to it.
    fs_err::remove_file(tree.join("etc/machine-id")).unwrap();
    fs_err::write(tree.join("etc/machine-id"), format!("{:032x}\n", 42)).unwrap();
    let defaults = tree.join("usr/share/tor/tor-service-defaults-torrc");
    if defaults.exists() {
        change(&defaults, |line| {
            (line != "User debian-tor").then(|| line.to_owned())
        });
    }
}

/// Replaces each line of `file` by what `line` makes of it, or takes it out.
fn change(file: &Path, line: impl FnMut(&str) -> Option<String>) {
    let text = fs_err::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().filter_map(line).collect();
    fs_err::write(file, lines.join("\n") + "\n").unwrap();
}
