//! The files of a release, as foreign programs see them.

use super::{
    FILES, SPDX, cyclonedx, dpkg_query, files, imager, listed, ntia, pyspdxtools, sha256sum,
};
use crate::bases;
use crate::command::{self, stdout};
use crate::fixture::{Fixture, PROGRAM, names, run};
use crate::test_debian;
use imgbuild::digest::Sha256;
use imgbuild::lock::Lock;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fails the test unless every oracle takes the release at `path`, whose files begin with `stem`.
fn judged(path: &Path, stem: &str) {
    sha256sum(path);
    pyspdxtools(&path.join(format!("{stem}.spdx.json")));
    ntia(&path.join(format!("{stem}.spdx.json")));
    cyclonedx(&path.join(format!("{stem}.cdx.json")));
}

/// The component of a CycloneDX document or the package of an SPDX document with this name.
fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let mut list = list.as_array().unwrap().iter();
    list.find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("there is no `{name}`"))
}

#[test]
fn every_file_of_a_release_is_taken_by_the_program_that_it_is_for() {
    let fixture = Fixture::new();
    fixture.overlay("etc/motd", "welcome\n");
    let path = fixture.release_path();
    let finished = run(&mut fixture.release()).succeeded();
    assert_eq!(finished.stdout, format!("{}\n", path.display()));
    let expected: Vec<&str> = FILES.into_iter().chain([SPDX]).collect();
    assert_eq!(names(&path), expected);
    assert_eq!(fixture.outputs(), ["release"]);
    judged(&path, "tiny-greeter");
    let bom = fixture.document("tiny-greeter.cdx.json");
    assert_eq!(listed(&bom), dpkg_query(&path.join("tiny-greeter.img")));
    let architecture = test_debian::host().debian();
    let hello = named(&bom["components"], "hello");
    let purl = format!("pkg:deb/debian/hello@1.0?arch={architecture}&distro=debian-trixie");
    assert_eq!(hello["purl"], json!(purl));
    let locked = fs_err::read_to_string(path.join("tiny-greeter.lock")).unwrap();
    let lock = Lock::parse(&locked).unwrap();
    let pinned = lock
        .packages
        .iter()
        .find(|package| package.name == "hello")
        .unwrap();
    assert_eq!(hello["hashes"][0]["content"], json!(pinned.sha256));
    let motd = named(&bom["components"], "/etc/motd");
    assert_eq!(
        motd["hashes"][0]["content"],
        json!(Sha256::of(b"welcome\n"))
    );
    assert_eq!(
        named(&bom["components"], "debian")["type"],
        "operating-system"
    );
    let spdx = fixture.document(SPDX);
    assert_eq!(
        named(&spdx["packages"], "hello")["externalRefs"][0]["referenceLocator"],
        json!(purl)
    );
}

#[test]
fn the_manifest_says_how_the_image_was_made_and_where_its_partitions_lie() {
    let fixture = Fixture::new();
    run(fixture.release().args(["--set", "greeting=ahoy"])).succeeded();
    let path = fixture.release_path();
    let manifest = fixture.document("manifest.json");
    let image = path.join("tiny-greeter.img");
    let bytes = fs_err::read(&image).unwrap();
    let raw =
        json!({ "name": "tiny-greeter.img", "size": bytes.len(), "sha256": Sha256::of(&bytes) });
    assert_eq!(manifest["image"], raw);
    assert_eq!(manifest["artifacts"][0], raw);
    assert_eq!(manifest["settings"]["greeting"], "ahoy");
    assert_eq!(manifest["board"]["name"], "tiny");
    let lock = fs_err::read(path.join("tiny-greeter.lock")).unwrap();
    assert_eq!(manifest["lock"], json!(Sha256::of(&lock)));
    // The lock is one that builds the same image.
    let mut again = fixture.build();
    run(again
        .args(["--set", "greeting=ahoy", "--lock"])
        .arg(path.join("tiny-greeter.lock")))
    .succeeded();
    assert!(fs_err::read(fixture.image()).unwrap() == bytes);
    let table = stdout(Command::new("/usr/sbin/sfdisk").arg("--json").arg(&image));
    let table: Value = serde_json::from_str(&table).unwrap();
    let found = table["partitiontable"]["partitions"]
        .as_array()
        .unwrap()
        .iter();
    let span = |it: &Value| {
        (
            it["start"].as_u64().unwrap() * 512,
            it["size"].as_u64().unwrap() * 512,
        )
    };
    let found: Vec<_> = found.map(span).collect();
    let told = manifest["partitions"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|it| (it["start"].as_u64().unwrap(), it["size"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, told);
    let root = &manifest["partitions"][1];
    let offset = root["start"].as_u64().unwrap().to_string();
    let mut blkid = Command::new("/usr/sbin/blkid");
    blkid.args([
        "--probe",
        "--offset",
        &offset,
        "--output",
        "value",
        "--match-tag",
        "TYPE",
    ]);
    assert_eq!(
        stdout(blkid.arg(&image)).trim(),
        root["filesystem"].as_str().unwrap()
    );
}

#[test]
fn imager_gets_a_list_if_the_address_of_the_release_is_known() {
    let fixture = Fixture::new();
    let tags = "imager-tags = [\"pi4-64bit\", \"pi5-64bit\"]\n\n[disk]";
    fixture.edit("boards/tiny/board.toml", "[disk]", tags);
    run(fixture
        .release()
        .args(["--url-base", "https://example.org/images/"]))
    .succeeded();
    let path = fixture.release_path();
    imager(&path.join("os_list.json"));
    sha256sum(&path);
    let list = fixture.document("os_list.json");
    let entry = &list["os_list"][0];
    assert_eq!(entry["url"], "https://example.org/images/tiny-greeter.img");
    assert_eq!(entry["devices"], json!(["pi4-64bit", "pi5-64bit"]));
    assert_eq!(entry["devices"], list["imager"]["devices"][0]["tags"]);
    assert_eq!(entry, &fixture.document("imager.json"));
    let icon = entry["icon"].as_str().unwrap().rsplit('/').next().unwrap();
    let icon = fs_err::read_to_string(path.join(icon)).unwrap();
    assert!(icon.starts_with("<svg "));
}

#[test]
fn imager_is_told_of_no_disk_that_it_cannot_write_and_nobody_of_a_login() {
    let fixture = Fixture::new();
    let mut command = fixture.sub("release");
    command.arg("--output").arg(fixture.release_path());
    command.args(["--format", "qcow2"]);
    let base = ["--url-base", "https://example.org/x"];
    run(command.args(base))
        .ended(2)
        .says(&["Raspberry Pi Imager, which does not read .qcow2"]);
    run(command.args(["--format", "img.xz"])).succeeded();
    let entry = fixture.document("imager.json");
    assert_eq!(entry["url"], "https://example.org/x/tiny-greeter.img.xz");
    let digest = &entry["image_download_sha256"];
    let artifacts = fixture.document("manifest.json")["artifacts"].clone();
    assert_eq!(artifacts[0]["name"], "tiny-greeter.qcow2");
    assert_eq!(artifacts[1]["sha256"], *digest);
    fs_err::remove_dir_all(fixture.release_path()).unwrap();

    let mut command = fixture.sub("release");
    command.arg("--output").arg(fixture.release_path());
    run(command.args(["--format", "qcow2"])).succeeded();
    assert!(!names(&fixture.release_path()).contains(&"imager.json".to_owned()));
    let login = ["--url-base", "https://me:hidden@example.org/x"];
    let finished = run(fixture.release().args(login)).ended(2);
    assert!(!finished.stderr.contains("hidden"), "{}", finished.stderr);
    finished.says(&["without a login"]);
}

/// Makes a release in `fixture`, with the command `around` around the program, into an empty store and a folder of
/// its own.
fn release(
    fixture: &Fixture,
    number: usize,
    around: &[&str],
    flags: &[&str],
) -> Vec<(String, Vec<u8>)> {
    let folder = fixture.path(&format!("place-{number}"));
    fs_err::create_dir_all(&folder).unwrap();
    let mut command = Command::new(around[0]);
    fixture.surround(&mut command);
    command
        .current_dir(&folder)
        .args(&around[1..])
        .args([PROGRAM, "release"]);
    command
        .args(fixture.inputs())
        .args(flags)
        .args(["--output", "out"]);
    run(&mut command).succeeded();
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    files(&folder.join("out"))
}

#[test]
fn folder_zone_and_umask_decide_no_byte_and_the_address_only_those_for_imager() {
    let fixture = Fixture::new();
    let first = release(&fixture, 0, &["env"], &[]);
    let zone = ["env", "TZ=Pacific/Kiritimati", "LC_ALL=de_DE.UTF-8"];
    assert!(release(&fixture, 1, &zone, &[]) == first);
    let umask = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];
    let with_address = release(&fixture, 2, &umask, &["--url-base", "http://example.org"]);
    let for_imager = ["icon.svg", "imager.json", "os_list.json"];
    let others = |files: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
        let others = files
            .iter()
            .filter(|(name, _)| !for_imager.contains(&&**name));
        others.cloned().collect()
    };
    assert!(others(&with_address) == others(&first));
}

#[test]
fn the_packages_of_a_base_are_listed_too() {
    let (fixture, base) = bases::fixture();
    let path = fixture.release_path();
    let mut command = bases::sub(&fixture, "release", &base);
    command.args(["--format", "img", "--format", "img.xz"]);
    run(command.arg("--output").arg(&path)).succeeded();
    judged(&path, "tiny-adder");
    let bom = fixture.document("tiny-adder.cdx.json");
    let listed = listed(&bom);
    assert_eq!(listed, dpkg_query(&path.join("tiny-adder.img")));
    assert!(listed.len() > 10, "{listed:?}");
    // Only of a package of the lock, the digest of its file is known.
    assert!(named(&bom["components"], "extra")["hashes"].is_array());
    assert!(named(&bom["components"], "hello")["hashes"].is_null());
    let manifest = fixture.document("manifest.json");
    let digest = Sha256::of(&fs_err::read(&base).unwrap());
    assert_eq!(manifest["inputs"]["base"]["sha256"], json!(digest));
    assert_eq!(manifest["partitions"][1]["mount"], "/");
}

#[test]
fn a_blob_that_may_not_be_passed_on_is_marked_and_named() {
    let fixture = Fixture::new();
    let loader = vec![b'L'; 4096];
    fixture.write(
        "mirror/blobs/loader.bin",
        std::str::from_utf8(&loader).unwrap(),
    );
    let url = format!("{}/blobs/loader.bin", fixture.server.url());
    let sha256 = Sha256::of(&loader);
    let blob = format!(
        "[[blob]]\nname = \"loader\"\noffset = \"8KiB\"\nredistributable = false\n\
         source = {{ url = \"{url}\", size = \"4096\", sha256 = \"{sha256}\" }}\n\n[suite]"
    );
    fixture.edit("boards/tiny/board.toml", "[suite]", &blob);
    let finished = run(&mut fixture.release()).succeeded();
    finished.says(&["`loader`", "do not publish it"]);
    let path = fixture.release_path();
    judged(&path, "tiny-greeter");
    let manifest = fixture.document("manifest.json");
    let written = json!([{
        "name": "loader", "place": { "offset": 8192 }, "size": 4096, "sha256": sha256, "origin": url,
        "redistributable": false,
    }]);
    assert_eq!(manifest["blobs"], written);
    assert_eq!(manifest["inputs"]["downloads"][0]["sha256"], json!(sha256));
    let image = fs_err::read(path.join("tiny-greeter.img")).unwrap();
    assert!(image[8192..8192 + 4096] == loader[..]);
}

#[test]
fn gpg_verifies_what_the_users_own_key_signed() {
    let fixture = Fixture::new();
    let gpg = |arguments: &[&str]| {
        let mut command = Command::new("gpg");
        fixture.surround(&mut command);
        command
            .args(["--batch", "--passphrase", ""])
            .args(arguments);
        command
    };
    let address = "maker@example.org";
    let arguments = ["--quick-generate-key", address, "ed25519", "sign", "never"];
    command::run(&mut gpg(&arguments));
    run(fixture.release().args(["--sign", address])).succeeded();
    let path = fixture.release_path();
    let sums = path.join("SHA256SUMS");
    let signature = path.join("SHA256SUMS.asc");
    let arguments = [
        "--verify",
        signature.to_str().unwrap(),
        sums.to_str().unwrap(),
    ];
    command::run(&mut gpg(&arguments));
    let map = path.join("tiny-greeter.img.bmap");
    let signature = path.join("tiny-greeter.img.bmap.asc");
    let of_map = [
        "--verify",
        signature.to_str().unwrap(),
        map.to_str().unwrap(),
    ];
    command::run(&mut gpg(&of_map));
    sha256sum(&path);
    let mut private = fixture.sub("release");
    let folder = fixture.path("out/private");
    private.args(["--allow-secrets", "--sign", address, "--output"]);
    run(private.arg(&folder)).succeeded();
    for name in names(&folder) {
        let mode = folder.join(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // A change of any file shows, because the sums are signed.
    fs_err::write(
        &sums,
        fs_err::read_to_string(&sums).unwrap().replace('a', "b"),
    )
    .unwrap();
    assert!(!gpg(&arguments).output().unwrap().status.success());
    let mut end = Command::new("gpgconf");
    fixture.surround(&mut end);
    command::run(end.args(["--kill", "gpg-agent"]));
}

/// Makes a key of minisign without a password, `maker.key` and `maker.pub`, in the folder of `fixture`.
fn minisign_key(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let (secret, public) = (fixture.path("maker.key"), fixture.path("maker.pub"));
    let mut command = Command::new("minisign");
    command.args(["-G", "-W", "-s"]).arg(&secret);
    command::run(command.arg("-p").arg(&public));
    (secret, public)
}

#[test]
fn minisign_verifies_what_the_users_own_key_signed_and_nothing_else() {
    let fixture = Fixture::new();
    let (secret, public) = minisign_key(&fixture);
    let path = fixture.release_path();
    let signed = ["SHA256SUMS", "tiny-greeter.img.bmap"];
    let release = || {
        run(fixture.release().arg("--sign-minisign").arg(&secret)).succeeded();
        signed.map(|name| fs_err::read(path.join(format!("{name}.minisig"))).unwrap())
    };
    let verify = |name: &str| {
        let mut command = Command::new("minisign");
        command.args(["-V", "-p"]).arg(&public);
        command.arg("-m").arg(path.join(name));
        command
    };
    let first = release();
    let build_id = fixture.document("manifest.json")["build-id"].clone();
    let comment = format!(
        "Trusted comment: tiny-greeter build {}",
        build_id.as_str().unwrap()
    );
    for name in signed {
        let text = stdout(&mut verify(name));
        assert!(text.contains(&comment), "{text}");
    }
    sha256sum(&path);
    fs_err::remove_dir_all(&path).unwrap();
    assert_eq!(release(), first);
    for name in signed {
        let mut bytes = fs_err::read(path.join(name)).unwrap();
        bytes[0] ^= 1;
        fs_err::write(path.join(name), bytes).unwrap();
        assert!(!verify(name).output().unwrap().status.success(), "{name}");
    }
}

#[test]
fn a_release_has_a_compressed_image_unless_another_format_is_wanted() {
    let fixture = Fixture::new();
    let path = fixture.release_path();
    let mut release = fixture.sub("release");
    run(release.arg("--output").arg(&path)).succeeded();
    assert!(!path.join("tiny-greeter.img").exists());
    let packed = path.join("tiny-greeter.img.xz");
    command::run(Command::new("xz").arg("--test").arg(&packed));
    let raw = fixture.path("raw.img");
    let mut unpack = Command::new("xz");
    unpack.args(["--decompress", "--stdout"]).arg(&packed);
    fs_err::write(&raw, unpack.output().unwrap().stdout).unwrap();
    let entry = fixture.document("imager.json");
    let (raw, packed) = (fs_err::read(&raw).unwrap(), fs_err::read(&packed).unwrap());
    assert_eq!(entry["extract_size"], raw.len());
    assert_eq!(entry["extract_sha256"], json!(Sha256::of(&raw)));
    assert_eq!(entry["image_download_size"], packed.len());
    assert_eq!(entry["image_download_sha256"], json!(Sha256::of(&packed)));
    // The sums have the raw image as well, for who has unpacked it.
    let mut sums = Command::new("sha256sum");
    sums.args(["--check", "--strict", "--ignore-missing", "SHA256SUMS"]);
    command::run(sums.current_dir(&path));
    let twice = ["--format", "img.xz", "--format", "img.xz"];
    let mut again = fixture.sub("release");
    run(again.args(twice))
        .ended(2)
        .says(&["`--format img.xz`", "twice"]);
}
