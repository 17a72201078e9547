//! The sources of base images: which are accepted as genuine, and which are refused.

use crate::bases;
use crate::command;
use crate::fixture::{Finished, Fixture, run};
use crate::mirror::{Fault, TestKey, Times};
use imgbuild::digest::Sha256;
use imgbuild::epoch::Epoch;
use std::process::Command;

/// The time of the signatures in these tests: any time at which a [`TestKey`] is valid.
const SIGNED: Epoch = crate::mirror::NOW;

const BOARD: &str = "boards/tiny/board.toml";

/// A fixture with an image on its server, at `bases/base.img.xz`.
fn fixture() -> (Fixture, String) {
    let (fixture, base) = bases::fixture();
    let folder = fixture.path("mirror/bases");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::rename(base, folder.join("base.img")).unwrap();
    command::run(
        Command::new("xz")
            .args(["-0", "--block-size=4MiB", "base.img"])
            .current_dir(&folder),
    );
    let url = format!("{}/bases/base.img.xz", fixture.server.url());
    (fixture, url)
}

fn packed(fixture: &Fixture) -> Vec<u8> {
    fs_err::read(fixture.path("mirror/bases/base.img.xz")).unwrap()
}

fn serve(fixture: &Fixture, name: &str, bytes: &[u8]) {
    fs_err::write(fixture.path("mirror/bases").join(name), bytes).unwrap();
}

/// Puts a signature of the image by `key` beside it.
fn sign(fixture: &Fixture, key: &TestKey) {
    let signature = key.sign_detached(&packed(fixture), SIGNED);
    serve(fixture, "base.img.xz.sig", &signature);
}

/// Lets the board name the image at `url` as `signed`, by a signature of `key`.
fn name(fixture: &Fixture, url: &str, key: &TestKey, more: &str) {
    serve(fixture, "key.asc", key.armored_keyring().as_bytes());
    let path = fixture.path("definitions/boards/tiny/board.toml");
    let keys = url.replace("base.img.xz", "key.asc");
    let fingerprint = key.fingerprint();
    let board = fs_err::read_to_string(&path).unwrap();
    let base = format!(
        "\n[[base]]\nname = \"signed\"\nurls = [\"{url}\"]\nfingerprints = [\"{fingerprint}\"]\n\
         keys = [\"{keys}\"]\n{more}\n"
    );
    fs_err::write(&path, board + &base).unwrap();
}

fn inject(fixture: &Fixture, base: &str) -> Finished {
    run(&mut bases::inject(fixture, base.as_ref()))
}

fn refused(finished: Finished, fixture: &Fixture, words: &[&str]) {
    finished.ended(4).says(words);
    assert_eq!(fixture.outputs(), [""; 0]);
    assert_eq!(fixture.scratch(), [""; 0]);
}

#[test]
fn a_url_needs_a_digest_and_the_right_one() {
    let (fixture, url) = fixture();
    let digest = Sha256::of(&packed(&fixture)).to_string();
    inject(&fixture, &url)
        .ended(2)
        .says(&["is not known; give it with --base-sha256"]);
    let with = |digest: &str| {
        let mut command = bases::inject(&fixture, url.as_ref());
        run(command.args(["--base-sha256", digest]))
    };
    let wrong = digest.replace(|c: char| c.is_ascii_digit(), "0");
    refused(with(&wrong), &fixture, &["is not genuine", &digest]);
    with(&digest).succeeded();
    // All inputs are in the store now.
    let mut offline = bases::inject(&fixture, url.as_ref());
    fs_err::remove_file(fixture.image()).unwrap();
    run(offline.args(["--base-sha256", &digest, "--offline"])).succeeded();
}

#[test]
fn a_download_that_breaks_off_is_resumed() {
    let (fixture, url) = fixture();
    let digest = Sha256::of(&packed(&fixture)).to_string();
    let path = "/bases/base.img.xz";
    fixture.fault(path, Fault::Truncate(100_000), Times::Once);
    let mut command = bases::inject(&fixture, url.as_ref());
    run(command.args(["--base-sha256", &digest])).succeeded();
    assert_eq!(fixture.server.ranges(path), ["", "bytes=100000-"]);
}

#[test]
fn a_file_is_genuine_by_a_signature_over_it_or_over_its_sums() {
    let (fixture, url) = fixture();
    let key = TestKey::new(7);
    let image = packed(&fixture);
    sign(&fixture, &key);
    name(&fixture, &url, &key, "signature = \".sig\"");
    inject(&fixture, "signed").succeeded();
    fs_err::remove_file(fixture.image()).unwrap();

    let sums = format!(
        "{}  other.img.xz\n{}  base.img.xz\n",
        Sha256::of(b""),
        Sha256::of(&image)
    );
    serve(&fixture, "SHA256SUMS", sums.as_bytes());
    let armored = key.sign_armored(sums.as_bytes(), SIGNED);
    serve(&fixture, "SHA256SUMS.asc", armored.as_bytes());
    let sums = "checksums = \"SHA256SUMS\"\nsignature = \"SHA256SUMS.asc\"";
    fixture.edit(BOARD, "signature = \".sig\"", sums);
    inject(&fixture, "signed").succeeded();
}

#[test]
fn a_changed_file_and_a_foreign_signature_are_refused() {
    let (fixture, url) = fixture();
    let (key, other) = (TestKey::new(7), TestKey::new(8));
    name(&fixture, &url, &key, "signature = \".sig\"");
    sign(&fixture, &other);
    refused(
        inject(&fixture, "signed"),
        &fixture,
        &["is not genuine", &other.fingerprint()],
    );

    sign(&fixture, &key);
    fixture.fault("/bases/base.img.xz", Fault::Corrupt(5000), Times::Always);
    refused(
        inject(&fixture, "signed"),
        &fixture,
        &["is not genuine", "was changed on the way"],
    );

    serve(&fixture, "key.asc", other.armored_keyring().as_bytes());
    refused(
        inject(&fixture, "signed"),
        &fixture,
        &["does not hold the key", &key.fingerprint()],
    );
}

#[test]
fn a_key_that_a_person_gives_must_be_the_one_that_the_board_names() {
    let (fixture, url) = fixture();
    let (key, other) = (TestKey::new(7), TestKey::new(8));
    sign(&fixture, &key);
    name(&fixture, &url, &key, "signature = \".sig\"");
    let keys = format!("keys = [\"{}\"]\n", url.replace("base.img.xz", "key.asc"));
    fixture.edit(BOARD, &keys, "");
    let finished = inject(&fixture, "signed").ended(2);
    finished.says(&["give it in a file with --base-key", &key.fingerprint()]);

    let with = |key: &TestKey, base: &str| {
        let file = fixture.path("a.key");
        fs_err::write(&file, key.armored_keyring()).unwrap();
        let mut command = bases::inject(&fixture, base.as_ref());
        run(command.arg("--base-key").arg(&file))
    };
    let words = ["does not hold the key", &key.fingerprint()];
    refused(with(&other, "signed"), &fixture, &words);
    with(&key, &url)
        .ended(2)
        .says(&["goes with a --base that the board names"]);
    with(&key, "signed").succeeded();
}

#[test]
fn one_of_several_keys_is_enough_wherever_it_can_be_had() {
    let (fixture, url) = fixture();
    let (key, other) = (TestKey::new(7), TestKey::new(8));
    sign(&fixture, &key);
    serve(&fixture, "other.asc", other.armored_keyring().as_bytes());
    name(&fixture, &url, &key, "signature = \".sig\"");
    let at = |file: &str| format!("\"{}\"", url.replace("base.img.xz", file));
    let (one, all) = (
        at("key.asc"),
        [at("none.asc"), at("other.asc"), at("key.asc")],
    );
    fixture.edit(BOARD, &one, &all.join(", "));
    let (mine, both) = (key.fingerprint(), [other.fingerprint(), key.fingerprint()]);
    fixture.edit(BOARD, &mine, &both.join("\", \""));
    inject(&fixture, "signed").succeeded();

    fs_err::remove_file(fixture.image()).unwrap();
    fs_err::remove_file(fixture.path("mirror/bases/key.asc")).unwrap();
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    let finished = inject(&fixture, "signed");
    refused(finished, &fixture, &["is not genuine", &key.fingerprint()]);
}

#[test]
fn a_lock_pins_the_base() {
    let (fixture, url) = fixture();
    let key = TestKey::new(7);
    let image = packed(&fixture);
    sign(&fixture, &key);
    name(&fixture, &url, &key, "signature = \".sig\"");
    let lock = fixture.path("base.lock");
    let mut command = bases::sub(&fixture, "lock", "signed".as_ref());
    run(command.arg("--output").arg(&lock)).succeeded();
    let text = fs_err::read_to_string(&lock).unwrap();
    let digest = Sha256::of(&image).to_string();
    assert!(
        text.contains(&format!("[base]\nname = \"signed\"\nurls = [\"{url}\"]\n")),
        "{text}"
    );
    assert!(text.contains(&digest));

    // A build with a lock needs neither the key nor the signature.
    fs_err::remove_file(fixture.path("mirror/bases/key.asc")).unwrap();
    let locked = || {
        let mut command = bases::inject(&fixture, "signed".as_ref());
        command.args(["--locked", "--lock"]).arg(&lock);
        command
    };
    run(&mut locked()).succeeded();
    let mut other = bases::inject(&fixture, "signed".as_ref());
    fixture.edit(BOARD, "signature = \".sig\"", "signature = \".asc\"");
    run(other.args(["--locked", "--lock"]).arg(&lock)).ended(3);
}

#[test]
fn what_is_no_disk_is_refused_by_its_name() {
    let (fixture, _) = fixture();
    let path = fixture.path("strange.img");
    for (bytes, words) in [
        (&b"7z\xbc\xaf\x27\x1c rest"[..], "it is a 7-Zip archive"),
        (
            b"\xfd7zXZ\0 no more",
            "cannot unpack base image `strange.img`",
        ),
        (&[0; 4096], "has no partition table"),
    ] {
        fs_err::write(&path, bytes).unwrap();
        refused(run(&mut bases::inject(&fixture, &path)), &fixture, &[words]);
    }
    let missing = fixture.path("missing.img");
    refused(
        run(&mut bases::inject(&fixture, &missing)),
        &fixture,
        &["missing.img"],
    );
}
