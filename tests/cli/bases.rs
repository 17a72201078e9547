//! Images that start from another image: what changes, and what must not.

use crate::mirror::DebSpec;
use crate::scene::{Scene, run};
use crate::world;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROFILE: &str = r#"schema = 1
title = "Adds"
help = "Adds a package."
root-margin = "1MiB"

[packages]
install = ["extra"]
"#;

const SETTINGS: &str = r#"
[settings.hostname]
type = "hostname"
help = "the device's name"
default = "adder"

[settings.user]
type = "username"
help = "the administrator"
default = "adder"

[settings.time-zone]
type = "time-zone"
help = "the zone in which times are shown"
default = "Etc/UTC"

[settings.locale]
type = "locale"
help = "language and formats of messages"
default = "C.UTF-8"
"#;

fn extra() -> DebSpec {
    world::package("extra")
        .script(
            "postinst",
            "#!/bin/sh\nset -e\necho \"$1\" > /etc/extra.state\n",
        )
        .conffile("/etc/extra.conf", b"extra\n")
}

/// A scene whose archive has package `extra`, and an image made from it without that.
pub(crate) fn scene() -> (Scene, PathBuf) {
    let scene = Scene::of(&world::archive().package(extra()));
    run(&mut scene.build()).succeeded();
    let base = scene.path("base.img");
    fs_err::rename(scene.image(), &base).unwrap();
    let folder = scene.path("definitions/profiles/adder");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("profile.toml"), format!("{PROFILE}{SETTINGS}")).unwrap();
    (scene, base)
}

/// The build of an image that starts from `base`.
pub(crate) fn inject(scene: &Scene, base: &Path) -> Command {
    let mut command = scene.bare(&[]);
    add_inputs(scene, base, &mut command);
    command.arg("--output").arg(scene.image());
    command
}

/// The subcommand `name` on what [`inject`] builds from.
pub(crate) fn sub(scene: &Scene, name: &str, base: &Path) -> Command {
    let mut command = scene.bare(&[name]);
    add_inputs(scene, base, &mut command);
    command
}

fn add_inputs(scene: &Scene, base: &Path, command: &mut Command) {
    let inputs = scene.inputs().into_iter();
    let inputs = inputs.map(|word| match word.as_str() {
        "greeter" => "adder".to_owned(),
        _ => word,
    });
    command.args(inputs).arg("--base").arg(base);
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {text}{errors}");
    text
}

/// The partitions of `image`, as sfdisk sees them, without the name of the file.
fn partitions(image: &Path) -> String {
    let text = output("/usr/sbin/sfdisk", &["--dump", image.to_str().unwrap()]);
    text.replace(image.to_str().unwrap(), "IMAGE")
}

/// The root filesystem of `image`, as a file of its own.
fn root(image: &Path) -> tempfile::NamedTempFile {
    let dump = partitions(image);
    let number = |line: &str, key: &str| -> u64 {
        let rest = line.split_once(key).unwrap().1;
        rest.split(',').next().unwrap().trim().parse().unwrap()
    };
    let line = dump.lines().find(|line| line.contains("IMAGE2")).unwrap();
    let (start, size) = (number(line, "start="), number(line, "size="));
    let bytes = fs_err::read(image).unwrap();
    let range =
        usize::try_from(start * 512).unwrap()..usize::try_from((start + size) * 512).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), &bytes[range]).unwrap();
    file
}

fn cat(root: &Path, path: &str) -> String {
    output(
        "/usr/sbin/debugfs",
        &["-R", &format!("cat {path}"), root.to_str().unwrap()],
    )
}

#[test]
fn a_package_is_installed_on_an_image() {
    let (scene, base) = scene();
    run(&mut inject(&scene, &base)).succeeded();
    let (before, after) = (partitions(&base), partitions(&scene.image()));
    assert_eq!(before, after);
    let root = root(&scene.image());
    output("/usr/sbin/e2fsck", &["-fn", root.path().to_str().unwrap()]);
    assert_eq!(cat(root.path(), "/etc/extra.state"), "configure\n");
    assert_eq!(cat(root.path(), "/etc/extra.conf"), "extra\n");
    assert_eq!(cat(root.path(), "/etc/hostname"), "adder\n");
    assert_eq!(cat(root.path(), "/etc/greeting"), "hello\n");
}
