//! What a stranger lacks, or has another one of, is named.

use super::{flip, released};
use crate::command;
use crate::fixture::{Fixture, names, run};
use rustix::process::{Pid, Signal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECRET: &str = "correct horse battery";

/// The words and results of `--sums-only`.
fn sums(fixture: &Fixture) -> (Option<i32>, String) {
    let mut command: Command = fixture.verify(&fixture.published());
    let finished = run(command.arg("--sums-only"));
    (finished.code, finished.stdout)
}

#[test]
fn checksums_alone_are_compared_without_a_mirror() {
    let fixture = released(&[]);
    let requests = fixture.server.requests().len();
    let lines = "tiny-greeter.img: OK\ntiny-greeter.img.bmap: OK\ntiny-greeter.lock: OK\n\
                 tiny-greeter.cdx.json: OK\n\
                 tiny-greeter.spdx.json: OK\nmanifest.json: OK\n";
    assert_eq!(sums(&fixture), (Some(0), lines.to_owned()));
    // A person need not have fetched what is not needed.
    fs_err::remove_file(fixture.path("stranger/tiny-greeter.spdx.json")).unwrap();
    flip(&fixture.published(), 5000);
    let lines = "tiny-greeter.img: FAILED\ntiny-greeter.img.bmap: OK\ntiny-greeter.lock: OK\n\
                 tiny-greeter.cdx.json: OK\nmanifest.json: OK\n";
    assert_eq!(sums(&fixture), (Some(6), lines.to_owned()));
    let manifest = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&manifest).unwrap();
    fs_err::write(&manifest, text.replace("\"title\"", "\"titel\"")).unwrap();
    assert!(sums(&fixture).1.ends_with("manifest.json: FAILED\n"));
    assert_eq!(fixture.server.requests().len(), requests);
}

/// A release may have the image both packed and not.
#[test]
fn every_form_of_the_image_has_its_checksum() {
    let fixture = released(&["--format", "img.xz"]);
    let raw = fixture.published();
    let packed = fixture.path("stranger/tiny-greeter.img.xz");
    let lines = |image: &Path| {
        let mut command = fixture.verify(image);
        let finished = run(command.arg("--sums-only"));
        let mut lines: Vec<String> = finished.stdout.lines().map(str::to_owned).collect();
        lines.retain(|line| line.starts_with("tiny-greeter.img"));
        (finished.code, lines)
    };
    // The disk in the packed file has the name of the raw image, too.
    let (code, sound) = lines(&packed);
    assert_eq!(code, Some(0));
    assert_eq!(sound.len(), 4, "{sound:?}");
    flip(&raw, 5000);
    let (code, found) = lines(&packed);
    assert_eq!(code, Some(6));
    let failed: Vec<&String> = found.iter().filter(|it| !it.ends_with(": OK")).collect();
    assert_eq!(failed, ["tiny-greeter.img: FAILED"]);

    // What the manifest says twice must be the same.
    let mut xz = Command::new("xz");
    command::run(xz.args(["--decompress", "--keep", "--force"]).arg(&packed));
    assert_eq!(lines(&raw).0, Some(0));
    let path = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&path).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let artifacts = manifest["artifacts"].as_array_mut().unwrap();
    let its = artifacts
        .iter_mut()
        .find(|it| it["name"] == "tiny-greeter.img");
    its.unwrap()["sha256"] = "0".repeat(64).into();
    fs_err::write(&path, manifest.to_string()).unwrap();
    fs_err::remove_file(fixture.path("stranger/SHA256SUMS")).unwrap();
    assert_eq!(lines(&raw).0, Some(6));
}

#[test]
fn a_secret_that_the_image_holds_is_asked_for() {
    let fixture = Fixture::new();
    let mut release = fixture.sub("release");
    release
        .args(["--allow-secrets", "--format", "img"])
        .env("IMGBUILD_SECRET_PASSPHRASE", SECRET)
        .arg("--output")
        .arg(fixture.path("stranger"));
    run(&mut release).succeeded();
    let image = fixture.published();
    let finished = run(&mut fixture.verify(&image)).ended(2);
    finished.says(&["the secret `passphrase`", "--secret KEY=@FILE"]);
    fixture.write("pass", SECRET);
    let flag = |name: &str| format!("{name}=@{}", fixture.path("pass").display());
    let mut right = fixture.verify(&image);
    let finished = run(right.args(["--secret", &flag("passphrase")])).succeeded();
    assert_eq!(finished.stdout, "identical\n");
    let mut unknown = fixture.verify(&image);
    run(unknown.args(["--secret", &flag("greeting")]))
        .ended(2)
        .says(&["holds no secret `greeting`"]);
    let mut wrong = fixture.verify(&image);
    wrong.env("IMGBUILD_SECRET_PASSPHRASE", "incorrect horse battery");
    let finished = run(&mut wrong).ended(6);
    // No byte of either is shown.
    let line = "partition 2 (root): /etc/passphrase: content: ";
    let mut lines = finished.stdout.lines();
    let found = lines.find(|found| found.starts_with(line)).unwrap();
    assert!(found.ends_with(" from byte 0 on"), "{found}");
}

#[test]
fn other_definitions_and_another_lock_are_named() {
    let fixture = released(&[]);
    let image = fixture.published();
    let lock = fixture.path("stranger/tiny-greeter.lock");
    let text = fs_err::read_to_string(&lock).unwrap();
    fs_err::write(&lock, format!("{text}\n")).unwrap();
    run(&mut fixture.verify(&image))
        .ended(3)
        .says(&["tiny-greeter.lock", "--lock FILE"]);
    fs_err::write(&lock, &text).unwrap();
    fixture.overlay("etc/motd", "welcome\n");
    run(&mut fixture.verify(&image))
        .ended(1)
        .says(&["overlay `greeter` differs", "--definitions DIR"]);
    let without = |name: &str| {
        let mut arguments = fixture.verification(&image);
        let at = arguments.iter().position(|word| word == name).unwrap();
        arguments.drain(at..at + 2);
        let mut command = fixture.bare(&[]);
        command.args(arguments);
        command
    };
    let finished = run(&mut without("--definitions")).ended(1);
    finished.says(&["tiny"]);
}

#[test]
fn what_is_no_manifest_of_this_program_is_refused() {
    let fixture = released(&[]);
    let image = fixture.published();
    let path = fixture.path("stranger/manifest.json");
    let manifest = fs_err::read_to_string(&path).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    for (text, code, words) in [
        ("{}", 4, "is not a manifest"),
        ("{\"version\": 7}", 4, "version 7, expected 1"),
        (
            &*manifest.replace(&version, "\"version\": \"0.0.7\""),
            4,
            "imgbuild 0.0.7",
        ),
        (
            &*manifest.replace("\"artifacts\"", "\"artefacts\""),
            4,
            "artifacts",
        ),
        (
            // Another program may take the first value.
            &*manifest.replacen("\"system\": {", "\"system\": 1, \"system\": {", 1),
            4,
            "the key `system` is there twice",
        ),
        (
            &*manifest.replacen("\"title\": ", "\"title\": 1, \"title\": ", 1),
            4,
            "the key `title` is there twice",
        ),
        (
            &*manifest.replace("tiny-greeter.lock", "../tiny-greeter.lock"),
            3,
            "names no lock",
        ),
        (
            &*manifest.replace("\"greeting\": \"hello\"", "\"greeting\": [7]"),
            1,
            "greeting",
        ),
    ] {
        fs_err::write(&path, text).unwrap();
        run(&mut fixture.verify(&image)).ended(code).says(&[words]);
    }
    fs_err::remove_file(&path).unwrap();
    run(&mut fixture.verify(&image))
        .ended(2)
        .says(&["there is no manifest", "put them beside it"]);
    fs_err::write(&path, manifest).unwrap();
    fs_err::write(&image, "").unwrap();
    let mut empty = fixture.verify(&image);
    run(empty.arg("--sums-only"))
        .ended(6)
        .says(&["it is empty, expected a disk image"]);
}

#[test]
fn a_manifest_about_another_image_is_named() {
    let fixture = released(&[]);
    let path = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&path).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let digest = manifest["image"]["sha256"].as_str().unwrap();
    fs_err::write(&path, text.replace(digest, &"0".repeat(64))).unwrap();
    let finished = run(&mut fixture.verify(&fixture.published())).ended(6);
    assert_eq!(finished.stdout, "identical\n");
    finished.says(&["the manifest says 0000"]);
}

#[test]
fn a_manifest_that_says_something_untrue_about_the_image_is_named() {
    let fixture = released(&[]);
    let path = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&path).unwrap();
    for (key, old, new) in [
        ("inputs.packages", "\"hello\",", "\"howdy\","),
        (
            "settings.greeting",
            "\"greeting\": \"hello\"",
            "\"greeting\": [null]",
        ),
        (
            "has-secrets",
            "\"has-secrets\": false",
            "\"has-secrets\": true",
        ),
        ("partitions", "\"mount\": \"/\"", "\"mount\": \"/usr\""),
        (
            "image.name",
            "\"image\": {\n    \"name\": \"tiny-greeter.img\"",
            "\"image\": {\n    \"name\": \"debian-13.img\"",
        ),
        ("note", "{\n", "{\n\"note\": \"audited\",\n"),
        (
            "imgbuild.note",
            "\"imgbuild\": {",
            "\"imgbuild\": { \"note\": \"audited\",",
        ),
    ] {
        assert!(text.contains(old), "{old}");
        fs_err::write(&path, text.replacen(old, new, 1)).unwrap();
        let finished = run(&mut fixture.verify(&fixture.published())).ended(6);
        assert_eq!(finished.stdout, "identical\n");
        finished.says(&[&format!("about `{key}` is not true")]);
    }
}

/// A scanner of vulnerabilities reads the list, and nobody reads the image.
#[test]
fn a_list_of_components_that_is_not_that_of_the_image_is_named() {
    let fixture = released(&[]);
    let path = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&path).unwrap();
    for name in ["tiny-greeter.cdx.json", "tiny-greeter.spdx.json"] {
        let list = fixture.path("stranger").join(name);
        let before = fs_err::read_to_string(&list).unwrap();
        let sum = |path: &Path| {
            let line = command::stdout(Command::new("sha256sum").arg(path));
            line.split(' ').next().unwrap().to_owned()
        };
        let right = sum(&list);
        assert!(text.contains(&right));
        // The length stays the same.
        fs_err::write(&list, before.replace("\"hello\"", "\"howdy\"")).unwrap();
        let forged = sum(&list);
        assert_ne!(right, forged);
        fs_err::write(&path, text.replace(&right, &forged)).unwrap();
        let finished = run(&mut fixture.verify(&fixture.published())).ended(6);
        assert_eq!(finished.stdout, "identical\n");
        finished.says(&[&format!("about `artifacts.{name}` is not true")]);
    }
}

/// bmaptool leaves out of a card what the map leaves out.
#[test]
fn a_block_map_that_is_not_that_of_the_image_is_named() {
    let fixture = released(&[]);
    let path = fixture.path("stranger/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let name = "tiny-greeter.img.bmap";
    let artifacts = manifest["artifacts"].as_array_mut().unwrap();
    let its = artifacts.iter_mut().find(|it| it["name"] == name).unwrap();
    its["sha256"] = "0".repeat(64).into();
    fs_err::write(&path, manifest.to_string()).unwrap();
    let finished = run(&mut fixture.verify(&fixture.published())).ended(6);
    assert_eq!(finished.stdout, "identical\n");
    finished.says(&[&format!("about `artifacts.{name}` is not true")]);
}

#[test]
fn a_name_in_a_manifest_cannot_pretend_to_be_a_line_of_the_result() {
    let fixture = released(&[]);
    let path = fixture.path("stranger/manifest.json");
    let text = fs_err::read_to_string(&path).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["image"]["name"] = "x: OK\ntiny-greeter.img".into();
    fs_err::write(&path, manifest.to_string()).unwrap();
    let (code, lines) = sums(&fixture);
    assert_eq!(code, Some(6));
    assert!(
        lines.starts_with("x: OK\\u{a}tiny-greeter.img: OK\n"),
        "{lines}"
    );
    manifest["imgbuild"]["version"] = "7\nerror: none".into();
    fs_err::write(&path, manifest.to_string()).unwrap();
    run(&mut fixture.verify(&fixture.published()))
        .ended(4)
        .says(&["imgbuild 7\\u{a}error: none, and"]);
}

#[test]
fn an_interrupted_comparison_of_sums_leaves_nothing_in_the_store() {
    let fixture = released(&[]);
    let archive = fixture.path("stranger/image.zip");
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c"]).arg(&archive);
    command::run(zip.arg(fixture.published()));
    let scratch = fixture.path("store of a stranger/scratch");
    let mut verify = fixture.verify(&archive);
    verify
        .arg("--sums-only")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = verify.spawn().unwrap();
    while names(&scratch).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(20));
    let _ = rustix::process::kill_process(Pid::from_child(&child), Signal::INT);
    child.wait().unwrap();
    assert_eq!(names(&scratch), [""; 0]);
}
