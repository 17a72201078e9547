//! balenaEtcher's own library writes a release's image, from its `.img.xz` and by its block map.

use crate::command::{self, stdout};
use crate::fixture::{Fixture, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder in which ci/setup installs etcher-sdk and what it needs from npm.
const MODULES: &str = "/usr/local/lib/imgbuild-oracles/etcher/node_modules";

/// A command that writes `image` over the file `to`, as balenaEtcher writes it over a card.
/// `judge` says what it then compares, see tests/data/etcher.js.
fn etcher(image: &Path, to: &Path, judge: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/etcher.js");
    let mut command = Command::new("node");
    command.env("NODE_PATH", MODULES);
    command.arg(script).arg(image).arg(to).arg(judge);
    command
}

/// An empty card of `len` bytes.
fn card(fixture: &Fixture, len: usize) -> PathBuf {
    let path = fixture.path("card");
    fs_err::write(&path, vec![0; len]).unwrap();
    path
}

/// An archive for balenaEtcher, which takes a block map only from there: `image` and `map`.
fn archive(fixture: &Fixture, image: &Path, map: &Path) -> PathBuf {
    let script = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.write(sys.argv[2], 'tiny.img')
    archive.write(sys.argv[3], '.meta/image.bmap')
";
    let path = fixture.path("tiny.zip");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script]).args([&path, image, map]);
    command::run(&mut command);
    path
}

#[test]
fn balena_etcher_writes_the_compressed_image_and_by_its_block_map() {
    let fixture = Fixture::new();
    run(&mut fixture.release()).succeeded();
    let path = fixture.release_path();
    let raw = path.join("tiny-greeter.img");
    let bytes = fs_err::read(&raw).unwrap();
    let written = |image: &Path, judge: &str| -> Value {
        let card = card(&fixture, bytes.len());
        let said = stdout(&mut etcher(image, &card, judge));
        assert!(fs_err::read(&card).unwrap() == bytes, "{said}");
        serde_json::from_str(&said).unwrap()
    };
    let whole = json!({
        "name": "tiny-greeter.img", "size": bytes.len(), "bytesWritten": bytes.len(), "sparse": false, "failures": 0,
    });
    assert_eq!(written(&path.join("tiny-greeter.img.xz"), "card"), whole);
    let map = path.join("tiny-greeter.img.bmap");
    for judge in ["card", "map"] {
        let by_map = written(&archive(&fixture, &raw, &map), judge);
        assert_eq!(by_map["sparse"], json!(true));
        let len = by_map["bytesWritten"].as_u64().unwrap();
        assert!(len < bytes.len() as u64, "{len} bytes");
    }

    let mut damaged = bytes.clone();
    damaged[0] ^= 1;
    fs_err::write(&raw, damaged).unwrap();
    let archive = archive(&fixture, &raw, &map);
    let mut command = etcher(&archive, &card(&fixture, bytes.len()), "map");
    assert!(!command.output().unwrap().status.success());
}
