//! `imgbuild inspect` says who wrote each file of a release, and dpkg agrees about the files of packages.

use crate::bases;
use crate::command::stdout;
use crate::fixture::{Finished, Fixture, PROGRAM, run};
use crate::test_debian;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

fn inspect(fixture: &Fixture, image: &Path, arguments: &[&str]) -> Finished {
    let mut command = fixture.bare(&["inspect"]);
    run(command.arg(image).args(arguments)).succeeded()
}

/// The origin of the file `path` of `image`, and what was said beside it.
fn origin(fixture: &Fixture, image: &Path, path: &str) -> (Value, String) {
    let finished = inspect(fixture, image, &[path, "--json", "--quiet"]);
    let entry: Value = serde_json::from_str(&finished.stdout).unwrap();
    (entry["origin"].clone(), finished.stderr)
}

/// Fails the test unless the origins of `paths` are the packages that dpkg names.
#[track_caller]
fn assert_packages(fixture: &Fixture, image: &Path, paths: &[&str]) {
    let root = bases::root(image);
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    let folder = fixture.path("work");
    let dump = format!("rdump /var/lib/dpkg {}", folder.display());
    stdout(debugfs.arg("-R").arg(dump).arg(root.path()));
    for path in paths {
        let mut search = Command::new("dpkg-query");
        search.arg("--admindir").arg(folder.join("dpkg"));
        let judge = stdout(search.args(["--search", path]));
        let (package, _) = judge.split_once(": ").unwrap();
        let expected = json!({ "kind": "package", "name": package });
        assert_eq!(origin(fixture, image, path).0, expected, "{path}");
    }
}

#[test]
fn each_file_has_the_part_of_the_build_that_wrote_it_or_the_package_that_dpkg_says() {
    let fixture = Fixture::new();
    fixture.overlay("etc/motd", "welcome\n");
    run(&mut fixture.release()).succeeded();
    for name in ["tiny-greeter.img", "tiny-greeter.img.xz"] {
        let image = fixture.release_path().join(name);
        for (path, expected) in [
            (
                "/etc/greeting",
                json!({ "kind": "template", "name": "greeter" }),
            ),
            ("/etc/motd", json!({ "kind": "overlay", "name": "greeter" })),
            ("/var/lib/hello/state", json!({ "kind": "script" })),
            ("/etc/hostname", json!({ "kind": "setting" })),
            ("/etc/fstab", json!({ "kind": "imgbuild" })),
            ("/etc", json!(null)),
        ] {
            let found = origin(&fixture, &image, path);
            assert_eq!(found, (expected, String::new()), "{path}");
        }
    }

    let image = fixture.release_path().join("tiny-greeter.img");
    assert_packages(&fixture, &image, &["/etc/hello.conf", "/usr/bin/busybox"]);

    let list = inspect(&fixture, &image, &["/etc"]).stdout;
    assert!(list.contains(" motd  [overlay greeter]\n"), "{list}");
    let text = inspect(&fixture, &image, &["--verbose"]).stdout;
    assert!(text.contains("/etc/greeting: template greeter\n"), "{text}");
    let page = fixture.path("out/page.html");
    inspect(&fixture, &image, &["--html", page.to_str().unwrap()]);
    let page = fs_err::read_to_string(page).unwrap();
    assert!(page.contains("<td>/etc/greeting</td><td>template greeter</td>"));
}

#[test]
fn a_manifest_of_another_image_is_named_and_not_used() {
    let fixture = Fixture::new();
    run(&mut fixture.release()).succeeded();
    let image = fixture.release_path().join("tiny-greeter.img");
    let mut bytes = fs_err::read(&image).unwrap();
    let changed = fixture.path("changed.img");
    let manifest = fixture.release_path().join("manifest.json");
    fs_err::copy(&manifest, fixture.path("manifest.json")).unwrap();
    // The code of an MBR's boot loader is in its first bytes.
    bytes[0] ^= 1;
    fs_err::write(&changed, &bytes).unwrap();
    let (found, said) = origin(&fixture, &changed, "/etc/greeting");
    assert_eq!(found, json!(null));
    assert!(
        said.contains("manifest.json` is not used: it is about an image with sha256 "),
        "{said}"
    );
    bytes.extend([0; 4096]);
    fs_err::write(&changed, &bytes).unwrap();
    let (_, said) = origin(&fixture, &changed, "/etc/greeting");
    assert!(
        said.contains("is not used: it is about an image of "),
        "{said}"
    );

    // One that is no manifest is passed over if it was only found, and an error if it was given.
    let other = fixture.path("manifest.json");
    fs_err::write(&other, "{}\n").unwrap();
    let (_, said) = origin(&fixture, &changed, "/etc/greeting");
    assert!(said.contains("is not a manifest"), "{said}");
    let mut given = fixture.bare(&["inspect"]);
    given
        .arg(&changed)
        .arg("--json")
        .arg("--manifest")
        .arg(&other);
    run(&mut given).ended(4).says(&["is not a manifest"]);
    let mut given = fixture.bare(&["inspect"]);
    given.arg(&image).arg("/etc/greeting").arg("--json");
    let finished = run(given.arg("--manifest").arg(&manifest)).succeeded();
    let entry: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(entry["origin"]["kind"], "template");
}

/// On a base, dpkg and the scripts of packages run in the same sandbox.
#[test]
fn a_file_that_dpkg_unpacked_on_a_base_is_its_packages_and_what_a_script_changed_is_not() {
    let (fixture, base) = bases::fixture();
    let script = "#!/bin/sh\nset -e\necho more >> /usr/share/extra/changed\n\
                  echo \"$1\" > /etc/extra.state\n";
    let extra = test_debian::package("extra")
        .conffile("/etc/extra.conf", b"extra\n")
        .file("/usr/share/extra/changed", 0o644, b"as unpacked\n")
        .symlink("/usr/share/extra/link", "README")
        .script("postinst", script);
    let archive = test_debian::archive().package(extra);
    fixture.publish(&archive.date(bases::LATER));
    let mut release = bases::sub(&fixture, "release", &base);
    release.args(["--format", "img", "--output"]);
    run(release.arg(fixture.release_path())).succeeded();
    let image = fixture.release_path().join("tiny-adder.img");
    let unpacked = [
        "/etc/extra.conf",
        "/usr/share/extra/README",
        "/usr/share/extra/link",
        "/etc/hello.conf",
    ];
    assert_packages(&fixture, &image, &unpacked);
    // A path of a symlink leads to its target, so the link itself is looked up in its folder.
    let folder = inspect(&fixture, &image, &["/usr/share/extra", "--json"]).stdout;
    let entries: Vec<Value> = serde_json::from_str(&folder).unwrap();
    let link = entries.iter().find(|entry| entry["name"] == "link");
    let expected = json!({ "kind": "package", "name": "extra" });
    assert_eq!(link.unwrap()["origin"], expected);
    for (path, kind) in [
        ("/usr/share/extra/changed", "script"),
        ("/etc/extra.state", "script"),
        ("/etc/greeting", "base"),
        ("/etc/hostname", "setting"),
    ] {
        let (found, _) = origin(&fixture, &image, path);
        assert_eq!(found, json!({ "kind": kind }), "{path}");
    }
}

/// The manifest of the release, in which `origins` are others, in a file.
fn forged(fixture: &Fixture, origins: Value) -> PathBuf {
    let mut manifest = fixture.document("manifest.json");
    manifest["origins"] = origins;
    let path = fixture.path("forged.json");
    fs_err::write(&path, manifest.to_string()).unwrap();
    path
}

#[test]
fn a_name_in_a_manifest_is_no_line_of_a_list_and_no_command_of_a_terminal_or_browser() {
    let fixture = Fixture::new();
    run(&mut fixture.release()).succeeded();
    let image = fixture.release_path().join("tiny-greeter.img");
    let hostile = "x]\nforged \u{1b}]0;y\u{7}\u{202e}<script>alert(1)</script>";
    let origins = json!([{
        "by": { "kind": "overlay", "name": hostile },
        "paths": ["/etc/hostname", format!("/etc/{hostile}")],
    }]);
    let manifest = forged(&fixture, origins).display().to_string();
    let page = fixture.path("out/page.html").display().to_string();
    for arguments in [
        &["/etc"][..],
        &["/etc", "--json"],
        &["--verbose"],
        &["--json"],
        &["--html", page.as_str()],
    ] {
        let arguments = [arguments, &["--manifest", manifest.as_str()]].concat();
        let finished = inspect(&fixture, &image, &arguments);
        let printed = finished.stdout + &finished.stderr;
        for hidden in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!printed.contains(hidden), "{arguments:?}: {printed}");
        }
        let mut lines = printed.lines();
        assert!(!lines.any(|line| line.starts_with("forged")), "{printed}");
    }
    let page = fs_err::read_to_string(page).unwrap();
    assert!(page.contains("forged"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains('\u{1b}'),
        "{page}"
    );
}

/// The name of an overlay was copied for each of its files.
#[test]
fn a_manifest_of_some_megabytes_takes_some_megabytes() {
    let fixture = Fixture::new();
    run(&mut fixture.release()).succeeded();
    let image = fixture.release_path().join("tiny-greeter.img");
    let paths = |n: usize| (0..n).map(|it| format!("/etc/{it}")).collect::<Vec<_>>();
    for (name, n_paths, words) in [
        ("n".repeat(64 << 10), 20_000, "by more than 255 bytes"),
        ("n".to_owned(), 200_000, "of more than 100000 files"),
    ] {
        let by = json!({ "kind": "overlay", "name": name });
        let manifest = forged(&fixture, json!([{ "by": by, "paths": paths(n_paths) }]));
        let memory = fixture.path("memory");
        let mut command = Command::new("/usr/bin/time");
        fixture.surround(&mut command);
        command.args(["--format", "%M", "--output"]).arg(&memory);
        command.arg(PROGRAM).arg("inspect").arg(&image);
        command.arg("--manifest").arg(manifest);
        run(&mut command)
            .succeeded()
            .says(&["forged.json` is not used: it ", words]);
        let memory = fs_err::read_to_string(memory).unwrap();
        let memory: u64 = memory.trim().parse().unwrap();
        assert!(memory < 400 << 10, "it took {memory} KiB");
    }
}
