//! Boot loaders from packages of third-party archives that have keys of their own; exit codes 1, 3
//! and 4.

use crate::bases;
use crate::command;
use crate::fixture::{Finished, Fixture, run};
use crate::mirror::{DebSpec, Fault, TestArchive, TestKey, Times};
use crate::test_debian;
use std::path::Path;
use std::process::Command;

const SECTOR: usize = 512;

/// The key of the third-party archive. The key of seed 1 is Debian's.
fn key() -> TestKey {
    TestKey::new(7)
}

/// The boot loader in version `version` of its package: the name of the file, repeated.
fn loader(version: &str) -> Vec<u8> {
    let word = format!("loader {version} ");
    word.bytes().cycle().take(40_000).collect()
}

fn package(version: &str) -> DebSpec {
    test_debian::versioned("u-boot-tiny", version).file(
        "/usr/lib/u-boot/tiny.bin",
        0o644,
        &loader(version),
    )
}

/// An archive that also has a package with the name of one of Debian's, in a version that no build
/// may take.
fn archive(version: &str) -> TestArchive {
    (TestArchive::new().key(key()).package(package(version)))
        .package(test_debian::versioned("hello", "99"))
}

/// A fixture whose board takes its boot loader from `archive`.
fn fixture(archive: &TestArchive) -> Fixture {
    let fixture = Fixture::new();
    publish(&fixture, archive);
    write_board(&fixture, &key(), |text| text);
    fixture
}

fn publish(fixture: &Fixture, archive: &TestArchive) {
    archive.write(&fixture.path("mirror/loaders"));
}

fn write_board(fixture: &Fixture, key: &TestKey, change: impl Fn(String) -> String) {
    let path = fixture.path("definitions/boards/tiny/board.toml");
    test_debian::write_definitions(&fixture.path("definitions"));
    let text = fs_err::read_to_string(&path).unwrap();
    let parts = format!(
        r#"
[[archive]]
name = "loaders"
url = "{}/loaders"
suite = "trixie"
components = ["main"]
fingerprint = "{}"
key = """
{}"""

[[blob]]
name = "u-boot"
offset = "64s"
max-size = "512KiB"
source = {{ archive = "loaders", package = "u-boot-tiny", path = "/usr/lib/u-boot/tiny.bin" }}
redistributable = false
"#,
        fixture.server.url(),
        self::key().fingerprint(),
        key.armored_keyring(),
    );
    fs_err::write(&path, change(text + &parts)).unwrap();
}

/// The bytes that dd(1) reads from sector 64 on.
fn written(fixture: &Fixture) -> Vec<u8> {
    let mut dd = Command::new("dd");
    dd.arg(format!("if={}", fixture.image().display()));
    dd.args(["skip=64", "count=100", "status=none"]);
    command::run(&mut dd).stdout
}

fn expected(version: &str) -> Vec<u8> {
    let mut bytes = loader(version);
    bytes.resize(100 * SECTOR, 0);
    bytes
}

/// The error of `command`, which must end with this exit code.
fn refused(fixture: &Fixture, command: &mut Command, code: i32) -> String {
    let Finished { stderr, .. } = run(command).ended(code);
    assert_eq!(fixture.outputs(), [""; 0]);
    let at = stderr.find("error").unwrap();
    fixture.steady(&stderr[at..])
}

#[test]
fn a_boot_loader_comes_from_an_archive_with_a_key_of_its_own() {
    let fixture = fixture(&archive("2.0"));
    run(&mut fixture.build()).succeeded();
    assert!(written(&fixture) == expected("2.0"));
    // No package is installed from that archive, and the device never uses it.
    let root = bases::root(&fixture.image());
    let status = bases::cat(root.path(), "/var/lib/dpkg/status");
    assert!(status.contains("Package: hello\n") && !status.contains("Version: 99\n"));
    assert!(!status.contains("u-boot-tiny"));
    let sources = bases::cat(root.path(), "/etc/apt/sources.list.d/debian.sources");
    assert!(
        sources.contains("/debian") && !sources.contains("loaders"),
        "{sources}"
    );
}

#[test]
fn the_lock_pins_the_package_and_a_later_one_changes_nothing() {
    let fixture = fixture(&archive("2.0"));
    let lock = fixture.path("x.lock");
    run(fixture.sub("lock").arg("--output").arg(&lock)).succeeded();
    let text = fs_err::read_to_string(&lock).unwrap();
    let deb = archive("2.0").locked("u-boot-tiny");
    assert!(text.contains(&deb.sha256.to_string()) && text.contains("name = \"loaders/trixie\""));
    publish(&fixture, &archive("3.0"));
    run(fixture.build().arg("--locked").arg("--lock").arg(&lock)).succeeded();
    assert!(written(&fixture) == expected("2.0"));
    run(&mut fixture.build()).succeeded();
    assert!(written(&fixture) == expected("3.0"));
}

#[test]
fn a_lock_of_another_archive_is_stale() {
    let fixture = fixture(&archive("2.0"));
    let lock = fixture.path("x.lock");
    run(fixture.sub("lock").arg("--output").arg(&lock)).succeeded();
    let other = |text: String| text.replace("/loaders\"", "/others\"");
    write_board(&fixture, &key(), other);
    let mut build = fixture.build();
    let output = refused(&fixture, build.arg("--lock").arg(&lock), 3);
    assert!(output.contains("another set of packages"), "{output}");
    // A lock from which the third-party archive was removed.
    write_board(&fixture, &key(), |text| text);
    let text = fs_err::read_to_string(&lock).unwrap();
    let (before, from) = text.split_once("[[third-party-packages]]").unwrap();
    let behind = from.find("[[tools").map_or("", |at| &from[at..]);
    fs_err::write(&lock, format!("{before}{behind}")).unwrap();
    let mut build = fixture.build();
    let output = refused(&fixture, build.arg("--lock").arg(&lock), 3);
    assert!(
        output.contains("no package `u-boot-tiny` of archive `loaders/trixie`"),
        "{output}"
    );
}

#[test]
fn offline_an_archive_needs_a_warm_store() {
    let fixture = fixture(&archive("2.0"));
    let cold = refused(&fixture, fixture.build().arg("--offline"), 4);
    assert!(cold.contains("offline"), "{cold}");
    run(&mut fixture.build()).succeeded();
    fs_err::remove_file(fixture.image()).unwrap();
    run(fixture.build().arg("--offline")).succeeded();
    assert!(written(&fixture) == expected("2.0"));
}

#[test]
fn an_archive_signed_by_another_key_is_refused() {
    // Debian's own key, too, is not accepted for this archive.
    let fixture = fixture(&archive("2.0").key(TestKey::new(1)));
    insta::assert_snapshot!(refused(&fixture, &mut fixture.build(), 4));
}

#[test]
fn a_key_without_the_fingerprint_is_refused_before_anything_is_fetched() {
    let fixture = fixture(&archive("2.0"));
    write_board(&fixture, &TestKey::new(8), |text| text);
    insta::assert_snapshot!("another key", refused(&fixture, &mut fixture.build(), 1));
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn check_compares_key_and_fingerprint_of_the_worked_example() {
    let fixture = Fixture::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let text = |path: &str| fs_err::read_to_string(root.join(path)).unwrap();
    let (readme, shipped) = (text("README.md"), text("odroid-n2/board.toml"));
    let example = readme.split("```toml\n").nth(2).unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (before, from) = shipped.split_once("[[blob]]").unwrap();
    let (_, behind) = from.split_once("[suite]").unwrap();
    let (start, from) = example.split_once("-----BEGIN").unwrap();
    let (_, end) = from.split_once("END PGP PUBLIC KEY BLOCK-----\n").unwrap();
    let folder = fixture.path("work/boards/n2");
    fs_err::create_dir_all(&folder).unwrap();
    let armored = key().armored_keyring();
    let board = format!("{before}{start}{armored}{end}[suite]{behind}");
    fs_err::write(folder.join("board.toml"), &board).unwrap();
    let check = || fixture.bare(&["check", "n2"]);
    let output = run(&mut check()).ended(1).stderr;
    for part in [
        "error[board::archive-key]: cannot use the key of archive `armbian`\n",
        "the keyring does not hold the key 8cfa83d13eb2181eef5843e41eb30faf236099fe\n",
    ] {
        assert!(output.contains(part), "{output}");
    }
    let of_key = |line: &str| match line.starts_with("fingerprint =") {
        true => format!("fingerprint = \"{}\"\n", key().fingerprint()),
        false => format!("{line}\n"),
    };
    let board: String = board.lines().map(of_key).collect();
    fs_err::write(folder.join("board.toml"), board).unwrap();
    assert_eq!(run(&mut check()).succeeded().stdout, "n2: no mistakes\n");
}

#[test]
fn a_tampered_index_of_an_archive_is_refused() {
    let fixture = fixture(&archive("2.0"));
    let folder = format!("/loaders/dists/trixie/main/binary-{}", test_debian::host());
    let by_hash = crate::fixture::names(&fixture.path(&format!("mirror{folder}/by-hash/SHA256")));
    for path in [
        format!("{folder}/by-hash/SHA256/{}", by_hash[0]),
        format!("{folder}/Packages.xz"),
    ] {
        fixture.fault(&path, Fault::Corrupt(100), Times::Always);
    }
    insta::assert_snapshot!(refused(&fixture, &mut fixture.build(), 4));
}

#[test]
fn a_tampered_package_of_an_archive_is_refused() {
    let fixture = fixture(&archive("2.0"));
    let deb = format!("/loaders/{}", package("2.0").pool_path("main"));
    fixture.fault(&deb, Fault::Corrupt(500), Times::Always);
    insta::assert_snapshot!(refused(&fixture, &mut fixture.build(), 4));
}

#[test]
fn what_an_archive_does_not_have_is_named() {
    let fixture = fixture(&archive("2.0"));
    write_board(&fixture, &key(), |text| {
        text.replace("package = \"u-boot-tiny\"", "package = \"u-boot\"")
    });
    insta::assert_snapshot!("no package", refused(&fixture, &mut fixture.build(), 1));
    write_board(&fixture, &key(), |text| {
        text.replace("/tiny.bin", "/small.bin")
    });
    insta::assert_snapshot!("no file", refused(&fixture, &mut fixture.build(), 1));
}
