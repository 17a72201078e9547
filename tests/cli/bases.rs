//! Builds on a base image: the changes they make, and everything that they must not change.

use crate::command::{self, input, stdout};
use crate::fixture::{Fixture, run};
use crate::mirror::{DebSpec, NOW, TestArchive};
use crate::test_debian;
use imgbuild::base::Opened;
use imgbuild::epoch::Epoch;
use imgbuild::store::Store;
use imgbuild::tree::{Content, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const PROFILE: &str = r#"schema = 1
title = "Adds"
help = "Adds a package."
root-margin = "1MiB"

[packages]
install = ["extra"]
"#;

/// The definition of the profile that [`inject`] builds.
pub(crate) const ADDER: &str = "profiles/adder/profile.toml";

/// The date of an archive that is published a second time.
pub(crate) const LATER: Epoch = Epoch(NOW.0 + 86_400);

/// The package that the profile adds.
pub(crate) fn extra() -> DebSpec {
    test_debian::package("extra")
        .script(
            "postinst",
            "#!/bin/sh\nset -e\necho \"$1\" > /etc/extra.state\n",
        )
        .conffile("/etc/extra.conf", b"extra\n")
}

/// The archive of the fixtures of these tests.
pub(crate) fn archive() -> TestArchive {
    test_debian::archive().package(extra())
}

/// An image without the package `extra`, the address of the mirror in it, and the offsets of that.
static IMAGE: LazyLock<(Vec<u8>, String, Vec<usize>)> = LazyLock::new(|| {
    let fixture = Fixture::of(&archive());
    run(&mut fixture.build()).succeeded();
    let url = fixture.server.url();
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C").args(["-aboF", &url]);
    let found = stdout(grep.arg(fixture.image()));
    let offset = |line: &str| line.split(':').next().unwrap().parse().unwrap();
    let offsets = found.lines().map(offset).collect();
    (fs_err::read(fixture.image()).unwrap(), url, offsets)
});

/// A fixture whose archive has the package `extra`, and an image that was made without it. Only the first
/// call builds the image; the others change the address of the mirror in it.
pub(crate) fn fixture() -> (Fixture, PathBuf) {
    let fixture = Fixture::of(&archive());
    let (mut image, old, offsets) = IMAGE.clone();
    let url = fixture.server.url();
    assert_eq!(url.len(), old.len(), "ports have five digits");
    for at in offsets {
        image[at..at + url.len()].copy_from_slice(url.as_bytes());
    }
    let base = fixture.path("base.img");
    fs_err::write(&base, image).unwrap();
    write_adder(&fixture);
    (fixture, base)
}

/// As [`fixture`], with an image that has `packages` too.
pub(crate) fn fixture_with(packages: Vec<DebSpec>) -> (Fixture, PathBuf) {
    let names = packages.iter().map(|deb| format!(", \"{}\"", deb.name));
    let names: String = names.collect();
    let fixture = Fixture::of(&packages.into_iter().fold(archive(), TestArchive::package));
    let install = format!("[\"hello\"{names}]");
    fixture.edit("profiles/greeter/profile.toml", "[\"hello\"]", &install);
    run(&mut fixture.build()).succeeded();
    let base = fixture.path("base.img");
    fs_err::rename(fixture.image(), &base).unwrap();
    write_adder(&fixture);
    (fixture, base)
}

/// Writes the profile that [`inject`] builds.
pub(crate) fn write_adder(fixture: &Fixture) {
    let path = format!("definitions/{ADDER}");
    fixture.write(
        &path,
        &(PROFILE.to_owned() + &test_debian::settings("adder", "adder")),
    );
}

/// Gives the profile that [`inject`] builds a file with a setting, and what reads settings on the device.
pub(crate) fn make_changeable(fixture: &Fixture) {
    for (path, text) in [
        ("overlay.toml", "schema = 1\nhelp = \"settings\"\n"),
        ("root/etc/name.hbs", "{{settings.hostname}}\n"),
        ("root/usr/sbin/imgbuild-config", "#!/bin/sh\n"),
    ] {
        fixture.write(&format!("definitions/overlays/settings/{path}"), text);
    }
    let overlays = "overlays = [\"settings\"]\nroot-margin";
    fixture.edit(ADDER, "root-margin", overlays);
}

/// A build on the image `base`.
pub(crate) fn inject(fixture: &Fixture, base: &Path) -> Command {
    let mut command = fixture.bare(&[]);
    add_inputs(fixture, base, &mut command);
    command.arg("--output").arg(fixture.image());
    command
}

/// The subcommand `name` with the inputs of [`inject`].
pub(crate) fn sub(fixture: &Fixture, name: &str, base: &Path) -> Command {
    let mut command = fixture.bare(&[name]);
    add_inputs(fixture, base, &mut command);
    command
}

fn add_inputs(fixture: &Fixture, base: &Path, command: &mut Command) {
    let inputs = fixture.inputs().into_iter();
    let inputs = inputs.map(|word| match word.as_str() {
        "greeter" => "adder".to_owned(),
        _ => word,
    });
    command.args(inputs).arg("--base").arg(base);
}

/// The output of `program`, which must succeed.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    stdout(Command::new(program).args(arguments))
}

/// The partitions of `image` as sfdisk shows them, without the name of the file.
fn partitions(image: &Path) -> String {
    let text = output("/usr/sbin/sfdisk", &["--dump", image.to_str().unwrap()]);
    text.replace(image.to_str().unwrap(), "IMAGE")
}

/// The range of bytes of the root filesystem in `image`.
fn root_range(image: &Path) -> std::ops::Range<u64> {
    let dump = partitions(image);
    let number = |line: &str, key: &str| -> u64 {
        let rest = line.split_once(key).unwrap().1;
        rest.split(',').next().unwrap().trim().parse().unwrap()
    };
    let line = dump.lines().find(|line| line.contains("IMAGE2")).unwrap();
    let (start, size) = (number(line, "start="), number(line, "size="));
    start * 512..(start + size) * 512
}

/// The root filesystem of `image`, copied to a file.
pub(crate) fn root(image: &Path) -> tempfile::NamedTempFile {
    let range = root_range(image);
    let index = |at: u64| usize::try_from(at).unwrap();
    let bytes = fs_err::read(image).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), &bytes[index(range.start)..index(range.end)]).unwrap();
    file
}

/// The text of `path` in the ext4 filesystem in the file `root`.
pub(crate) fn cat(root: &Path, path: &str) -> String {
    output(
        "/usr/sbin/debugfs",
        &["-R", &format!("cat {path}"), root.to_str().unwrap()],
    )
}

#[test]
fn a_package_is_installed_on_an_image() {
    let (fixture, base) = fixture();
    run(&mut inject(&fixture, &base)).succeeded();
    let (before, after) = (partitions(&base), partitions(&fixture.image()));
    assert_eq!(before, after);
    let root = root(&fixture.image());
    output("/usr/sbin/e2fsck", &["-fn", root.path().to_str().unwrap()]);
    assert_eq!(cat(root.path(), "/etc/extra.state"), "configure\n");
    assert_eq!(cat(root.path(), "/etc/extra.conf"), "extra\n");
    assert_eq!(cat(root.path(), "/etc/hostname"), "adder\n");
    assert_eq!(cat(root.path(), "/etc/greeting"), "hello\n");
}

/// The paths whose nodes differ between the trees of `base` and `image`, by this program's own
/// reader, which other tests check against other programs.
fn differences(fixture: &Fixture, base: &Path) -> Vec<String> {
    let read = |image: &Path| {
        let store = Store::open(&fixture.path("judge")).unwrap();
        let object = store.insert(&fs_err::read(image).unwrap()).unwrap();
        let opened = Opened::read(&store, object, test_debian::host()).unwrap();
        let tree = opened.tree;
        let entries = tree.walk().into_iter().map(|(path, id)| {
            let mut node = tree.node(id).clone();
            let content = match &mut node.kind {
                Kind::File(content) => content.read(&store).unwrap().to_vec(),
                Kind::Directory(entries) => {
                    entries.clear();
                    Vec::new()
                }
                _ => Vec::new(),
            };
            if let Kind::File(content) = &mut node.kind {
                *content = Content::inline(b"");
            }
            (path.to_string(), (node, content))
        });
        entries.collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (read(base), read(&fixture.image()));
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    let gone = gone.map(|(path, _)| format!("- {path}"));
    let other = after
        .iter()
        .filter_map(|(path, node)| match before.get(path) {
            None => Some(format!("+ {path}")),
            Some(old) if old != node => Some(format!("! {path}")),
            Some(_) => None,
        });
    gone.chain(other).collect()
}

#[test]
fn settings_can_be_changed_on_the_boot_partition_of_the_base() {
    let (fixture, base) = fixture();
    make_changeable(&fixture);
    run(&mut inject(&fixture, &base)).succeeded();
    assert_eq!(partitions(&base), partitions(&fixture.image()));
    let fat = format!("{}@@1M", fixture.image().display());
    let text = output("/usr/bin/mtype", &["-i", &fat, "::imgbuild.txt"]);
    assert!(text.contains("#hostname = adder\r\n"), "{text}");
    let changed = differences(&fixture, &base);
    let in_fat: Vec<_> = changed
        .iter()
        .filter(|line| line.contains("/boot/"))
        .collect();
    assert_eq!(in_fat, ["+ /boot/firmware/imgbuild.txt"]);
}

#[test]
fn nothing_else_changes() {
    let (fixture, base) = fixture();
    run(&mut inject(&fixture, &base)).succeeded();
    insta::assert_snapshot!(differences(&fixture, &base).join("\n"));
}

#[test]
fn the_same_base_and_packages_give_the_same_image() {
    let (fixture, base) = fixture();
    run(&mut inject(&fixture, &base)).succeeded();
    let first = fs_err::read(fixture.image()).unwrap();
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    let elsewhere = fixture.path("work/base.img");
    fs_err::rename(&base, &elsewhere).unwrap();
    run(&mut inject(&fixture, &elsewhere)).succeeded();
    assert!(first == fs_err::read(fixture.image()).unwrap());
}

/// `hello` in version 2, which `extra` needs: with another conffile and another file.
fn newer() -> [DebSpec; 2] {
    let script = "#!/bin/sh\nset -e\necho \"$0 $*\" >> /etc/hello.scripts\n";
    let hello = test_debian::versioned("hello", "2.0")
        .conffile("/etc/hello.conf", b"greeting = hello, all\n")
        .file("/usr/share/hello/NEWS", 0o644, b"new")
        .script("preinst", script)
        .script("postinst", script);
    [hello, extra().field("Depends", "hello (>= 2)")]
}

/// The files of the root filesystem of `image`, copied to a folder.
pub(crate) fn files(image: &Path) -> tempfile::TempDir {
    let root = root(image);
    let folder = tempfile::tempdir().unwrap();
    let rdump = format!("rdump / {}", folder.path().display());
    output(
        "/usr/sbin/debugfs",
        &["-R", &rdump, root.path().to_str().unwrap()],
    );
    folder
}

/// Runs `commands` of debugfs on the root filesystem of `image`.
pub(crate) fn edit(image: &Path, commands: &str) {
    let start = root_range(image).start;
    let path = format!("{}?offset={start}", image.display());
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    debugfs.args(["-w", "-f", "-", &path]);
    command::run(debugfs.stdin(input(commands)));
}

/// Writes `text` to the file `path` of the root filesystem of `image`, in the place of an earlier file.
pub(crate) fn put(image: &Path, path: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs_err::write(&file, text).unwrap();
    let commands = format!("rm {path}\nwrite {} {path}\n", file.display());
    edit(image, &commands);
}

#[test]
fn an_upgrade_keeps_what_the_vendor_changed() {
    let (fixture, base) = fixture();
    put(&base, "/etc/hello.conf", "greeting = vendor\n");
    let archive = newer()
        .into_iter()
        .fold(test_debian::archive(), TestArchive::package);
    fixture.publish(&archive.date(LATER));
    run(&mut inject(&fixture, &base)).succeeded();
    let root = root(&fixture.image());
    let root = root.path();
    output("/usr/sbin/e2fsck", &["-fn", root.to_str().unwrap()]);
    assert_eq!(cat(root, "/etc/hello.conf"), "greeting = vendor\n");
    assert_eq!(
        cat(root, "/etc/hello.conf.dpkg-dist"),
        "greeting = hello, all\n"
    );
    assert_eq!(cat(root, "/usr/share/hello/NEWS"), "new");
    let scripts = cat(root, "/etc/hello.scripts");
    let words: Vec<&str> = scripts
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(words, ["upgrade 1.0 2.0", "configure 1.0"]);
    let status = cat(root, "/var/lib/dpkg/status");
    assert!(
        status.contains("Package: hello\nStatus: install ok installed\n"),
        "{status}"
    );
}

#[test]
fn a_held_package_that_is_in_the_way_is_named() {
    let (fixture, base) = fixture();
    let root = root(&base);
    let status = cat(root.path(), "/var/lib/dpkg/status");
    let installed = "Package: hello\nStatus: install ok installed\n";
    assert!(status.contains(installed));
    let held = status.replace(installed, &installed.replace("install ok", "hold ok"));
    put(&base, "/var/lib/dpkg/status", &held);
    let archive = newer()
        .into_iter()
        .fold(test_debian::archive(), TestArchive::package);
    fixture.publish(&archive.date(LATER));
    let finished = run(&mut inject(&fixture, &base));
    finished
        .ended(1)
        .says(&["has Depends: hello (>= 2)", "hello 1.0 is installed, held"]);
}

#[test]
fn the_archives_of_the_base_are_used_and_backports_only_if_asked() {
    let (fixture, base) = fixture();
    let (path, text) = add_backports(&fixture, &base);
    run(&mut inject(&fixture, &base)).succeeded();
    let root = root(&fixture.image());
    let status = cat(root.path(), "/var/lib/dpkg/status");
    assert!(status.contains("Package: extra\n"));
    assert!(!status.contains("Version: 9\n"), "{status}");
    let asked = fixture.server.requests();
    let of_backports = |path: &str| path.contains("trixie-backports/");
    assert!(asked.iter().any(|request| of_backports(&request.path)));
    assert_eq!(cat(root.path(), path), text);
}

/// Publishes a version 9 of `extra` in backports, and lists them in the base; gives the list and its text.
fn add_backports(fixture: &Fixture, base: &Path) -> (&'static str, String) {
    let path = "/etc/apt/sources.list.d/backports.list";
    let text = format!("deb {} trixie-backports main\n", fixture.mirror());
    put(base, path, &text);
    let backports = TestArchive::new()
        .suite("stable-backports", "trixie-backports")
        .not_automatic()
        .package(test_debian::versioned("extra", "9"));
    backports.write(&fixture.path("mirror/debian"));
    (path, text)
}

#[test]
fn the_preferences_of_the_base_decide_the_version() {
    let (fixture, base) = fixture();
    add_backports(&fixture, &base);
    let pin = "Package: ex*\nPin: release n=trixie-backports\nPin-Priority: 990\n";
    let odd = pin.replace("ex*", "/ex/");
    edit(&base, "mkdir /etc/apt/preferences.d\n");
    put(&base, "/etc/apt/preferences.d/extra", pin);
    put(&base, "/etc/apt/preferences.d/extra.bak", &odd);
    run(&mut inject(&fixture, &base)).succeeded();
    let status = cat(root(&fixture.image()).path(), "/var/lib/dpkg/status");
    assert!(status.contains("Version: 9\n"), "{status}");

    fs_err::remove_file(fixture.image()).unwrap();
    let path = "/etc/apt/preferences.d/odd.pref";
    put(&base, path, &odd);
    let finished = run(&mut inject(&fixture, &base)).ended(4);
    finished.says(&[
        &format!("cannot follow `{path}`"),
        "regular expressions are not followed",
    ]);
    assert_eq!(fixture.outputs(), [""; 0]);
}
