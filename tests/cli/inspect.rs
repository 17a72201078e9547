//! `imgbuild inspect` on images that others have made. The programs that made them, and those that administrators ask,
//! say what the report has to say.

mod accounts;
mod damage;
pub(crate) mod hostile;
pub(crate) mod made;
mod paths;

use crate::bases;
use crate::command::{self, stdout};
use crate::fixture::{names, run};
use made::{FAT, MIB, Made, ROOT, SECRET};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The value of the line that begins with `key` in `text`.
#[track_caller]
fn line<'t>(text: &'t str, key: &str) -> &'t str {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
    let found = lines.next();
    found
        .unwrap_or_else(|| panic!("`{key}` is not in:\n{text}"))
        .trim()
}

/// The texts at `key` of each of `values`.
fn texts<'v>(values: &'v Value, key: &str) -> Vec<&'v str> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value[key].as_str().unwrap()).collect()
}

#[test]
fn the_table_is_that_of_sfdisk() {
    let made = Made::new();
    let gpt = "label: gpt\nlabel-id: A2B2D00D-5D54-4CF5-9A6C-0C9D1AD0B120\n\
        start=2048,size=16384,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B,name=\"the ESP\"\n\
        start=18432,size=131072,type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n";
    for script in [None, Some(gpt)] {
        if let Some(script) = script {
            made.partition(script);
        }
        let report = made.report(&made.image());
        let judge = stdout(
            Command::new("/usr/sbin/sfdisk")
                .arg("--json")
                .arg(made.image()),
        );
        let judge: Value = serde_json::from_str(&judge).unwrap();
        let judge = &judge["partitiontable"];
        assert_eq!(report["table"]["label"], judge["label"]);
        assert_eq!(report["table"]["id"], judge["id"]);
        let partitions = report["partitions"].as_array().unwrap();
        assert_eq!(
            partitions.len(),
            judge["partitions"].as_array().unwrap().len()
        );
        for (partition, judge) in partitions
            .iter()
            .zip(judge["partitions"].as_array().unwrap())
        {
            let bytes = |key: &str| json!(judge[key].as_u64().unwrap() * 512);
            assert_eq!(partition["start"], bytes("start"));
            assert_eq!(partition["size"], bytes("size"));
            assert_eq!(partition["type"], judge["type"]);
            assert_eq!(partition["bootable"], json!(judge["bootable"] == true));
            assert_eq!(partition["partlabel"], judge["name"]);
            if let Some(uuid) = judge["uuid"].as_str() {
                assert_eq!(partition["partuuid"], uuid.to_lowercase());
            }
        }
    }
}

#[test]
fn filesystems_are_those_of_dumpe2fs_fsck_fat_and_mdir() {
    let made = Made::new();
    let report = made.report(&made.image());
    let ext4 = &report["partitions"][1]["filesystem"];
    let mut dumpe2fs = Command::new("/usr/sbin/dumpe2fs");
    let judge = stdout(dumpe2fs.arg("-h").arg(made.path("root.ext4")));
    let number = |key: &str| -> u64 { line(&judge, key).parse().unwrap() };
    let block = number("Block size:");
    assert_eq!(ext4["block_size"], block);
    assert_eq!(ext4["size"], number("Block count:") * block);
    assert_eq!(ext4["free"], number("Free blocks:") * block);
    assert_eq!(ext4["inodes"]["count"], number("Inode count:"));
    assert_eq!(ext4["inodes"]["free"], number("Free inodes:"));
    assert_eq!(ext4["uuid"], line(&judge, "Filesystem UUID:"));
    assert_eq!(ext4["label"], line(&judge, "Filesystem volume name:"));
    let features: BTreeSet<&str> = line(&judge, "Filesystem features:").split(' ').collect();
    let found = ext4["features"].as_array().unwrap().iter();
    let found: BTreeSet<&str> = found.map(|it| it.as_str().unwrap()).collect();
    assert_eq!(
        found,
        features.into_iter().filter(|it| !it.is_empty()).collect()
    );

    let fat = &report["partitions"][0]["filesystem"];
    assert_eq!(fat["format"], "FAT16");
    assert_eq!(fat["uuid"], "1234-ABCD");
    assert_eq!(fat["label"], "BOOTFS");
    let file = made.path("boot.fat");
    // The last line is `FILE: 4 files, 9/4073 clusters`.
    let judge = stdout(Command::new("/usr/sbin/fsck.fat").arg("-n").arg(&file));
    let counts = judge.rsplit_once(" files, ").unwrap().1;
    let (used, all) = counts
        .split_once(" clusters")
        .unwrap()
        .0
        .split_once('/')
        .unwrap();
    let cluster = fat["block_size"].as_u64().unwrap();
    let bytes = |clusters: &str| clusters.parse::<u64>().unwrap() * cluster;
    assert_eq!(fat["size"], bytes(all));
    assert_eq!(fat["free"], bytes(all) - bytes(used));
    let judge = stdout(Command::new("mdir").arg("-i").arg(&file).arg("::"));
    let free = judge
        .lines()
        .find_map(|line| line.trim().strip_suffix(" bytes free"))
        .unwrap();
    let free: String = free.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(fat["free"], free.parse::<u64>().unwrap());
}

/// The installed packages of the root in `folder`, by dpkg.
pub(crate) fn by_dpkg(folder: &Path) -> Vec<String> {
    let mut query = Command::new("dpkg-query");
    query.arg("--admindir").arg(folder.join("var/lib/dpkg"));
    let format = "${Package} ${Version} ${Architecture} ${db:Status-Status}\n";
    let text = stdout(query.args(["--show", "--showformat", format]));
    let installed = text.lines().filter(|line| !line.ends_with(" config-files"));
    let mut installed: Vec<String> = installed.map(str::to_owned).collect();
    installed.sort();
    installed
}

/// The installed packages in the report about `system`, in the form of [`by_dpkg`].
fn packages(system: &Value) -> Vec<String> {
    let packages = system["packages"].as_array().unwrap().iter();
    let mut packages: Vec<String> = packages
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap();
            let status = match package["configured"] == true {
                true => "installed",
                false => "unpacked",
            };
            format!(
                "{} {} {} {status}",
                text("name"),
                text("version"),
                text("architecture")
            )
        })
        .collect();
    packages.sort();
    packages
}

#[test]
fn the_system_is_that_of_dpkg_systemctl_and_find() {
    let made = Made::new();
    let report = made.report(&made.image());
    let system = &report["systems"][0];
    assert_eq!(
        system["os_release"]["PRETTY_NAME"],
        "Debian GNU/Linux 13 (trixie)"
    );
    assert_eq!(system["architecture"], "amd64");
    assert_eq!(system["hostname"], "made");
    assert_eq!(system["mounts"], json!({ "/boot": 1 }));
    assert_eq!(packages(system), by_dpkg(&made.root()));

    let root = made.root();
    for unit in ["ssh", "haproxy", "idle", "hidden"] {
        let unit = format!("{unit}.service");
        let mut systemctl = Command::new("systemctl");
        systemctl
            .arg("--root")
            .arg(&root)
            .args(["is-enabled", &unit]);
        let judge = String::from_utf8(systemctl.output().unwrap().stdout).unwrap();
        let units = system["units"].as_array().unwrap();
        let found = units.iter().find(|it| it["name"] == unit.as_str());
        let state = match found {
            None => "disabled",
            Some(found) if found["masked"] == true => "masked",
            Some(_) => "enabled",
        };
        assert_eq!(state, judge.trim(), "{unit}");
    }

    let mut find = Command::new("find");
    find.arg(&root)
        .args(["-type", "f", "-perm", "/6000", "-printf", "/%P\n"]);
    let judge = stdout(&mut find);
    let judge: BTreeSet<&str> = judge.lines().collect();
    let found: BTreeSet<&str> = texts(&system["privileged"], "path").into_iter().collect();
    assert_eq!(found, judge);
}

#[test]
fn accounts_services_kernels_and_boot_loaders_are_found() {
    let made = Made::new();
    let report = made.report(&made.image());
    let system = &report["systems"][0];
    let accounts = system["accounts"].as_array().unwrap().iter();
    let logins: Vec<Value> = accounts
        .map(|it| json!([it["name"], it["login"]]))
        .collect();
    let expected = json!([
        ["root", ["password"]],
        ["daemon", []],
        ["pi", ["password", "ssh-key"]],
        ["open", ["without-password"]],
    ]);
    assert_eq!(json!(logins), expected);
    assert_eq!(
        system["accounts"][2]["password"],
        json!({ "hash": "yescrypt" })
    );
    assert_eq!(system["accounts"][2]["groups"], json!(["sudo"]));
    assert_eq!(
        texts(&system["services"], "address"),
        ["Port 2222", "*:8080"]
    );
    let kernel = &system["kernels"][0];
    assert_eq!(kernel["path"], "/boot/kernel8.img");
    assert_eq!(kernel["version"], "6.12.1-test");
    assert_eq!(kernel["modules"], true);
    let loaders = texts(&report["boot_loaders"], "name");
    assert_eq!(
        loaders,
        [
            "U-Boot SPL",
            "Raspberry Pi firmware",
            "configuration of the Raspberry Pi firmware",
        ]
    );
    assert_eq!(report["boot_loaders"][0]["version"], "2025.01 (Jan 06 202");
}

#[test]
fn secrets_are_named_and_never_printed() {
    let made = Made::new();
    let report = made.report(&made.image());
    let secrets = report["systems"][0]["secrets"].as_array().unwrap().iter();
    let mut found: Vec<String> = secrets
        .map(|it| {
            let of = it["of"]
                .as_str()
                .map(|of| format!(" {of}"))
                .unwrap_or_default();
            format!(
                "{}:{} {}{of}",
                it["path"].as_str().unwrap(),
                it["line"],
                it["kind"].as_str().unwrap()
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "/boot/userconf.txt:1 password-hash",
            "/boot/userconf.txt:1 well-known-password",
            "/etc/NetworkManager/system-connections/home.nmconnection:2 password psk",
            "/etc/shadow:1 password-hash root",
            "/etc/shadow:3 password-hash pi",
            "/etc/shadow:3 well-known-password pi",
            "/etc/shadow:4 no-password open",
            "/etc/ssh/ssh_host_ed25519_key:1 private-key",
        ]
    );
    let shadow = fs_err::read_to_string(made.root().join("etc/shadow")).unwrap();
    let hashes = shadow.lines().filter_map(|line| line.split(':').nth(1));
    let hashes: Vec<&str> = hashes.filter(|hash| hash.len() > 1).collect();
    for arguments in [&["--json"][..], &["--verbose"], &[]] {
        let finished = made.inspect(arguments).succeeded();
        let printed = finished.stdout + &finished.stderr;
        for secret in hashes.iter().chain([&SECRET]) {
            assert!(!printed.contains(secret), "{arguments:?} prints {secret}");
        }
    }
}

#[test]
fn every_packing_gives_the_same_report_and_leaves_nothing() {
    let made = Made::new();
    let whole = made.report(&made.image());
    let packed = |ending: &str| made.image().with_extension(format!("img.{ending}"));
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c"]).arg(packed("zip"));
    let mut programs = vec![("zip", "zip", zip)];
    for (program, arguments, ending) in [
        ("xz", ["-0", "-k"], "xz"),
        ("gzip", ["-1", "-k"], "gz"),
        ("zstd", ["-1", "-q"], "zst"),
    ] {
        let mut command = Command::new(program);
        command.args(arguments);
        programs.push((program, ending, command));
    }
    for (packing, ending, mut program) in programs {
        command::run(program.arg(made.image()));
        let packed = packed(ending);
        let mut report = made.report(&packed);
        assert_eq!(report["packing"], packing);
        let len = fs_err::metadata(&packed).unwrap().len();
        assert_eq!(report["file_size"], len);
        report["packing"] = whole["packing"].clone();
        report["file_size"] = whole["file_size"].clone();
        assert_eq!(report, whole);
        for folder in ["objects", "scratch", "partial"] {
            let folder = made.path("home/.cache/imgbuild").join(folder);
            assert!(names(&folder).is_empty(), "{folder:?}");
        }
    }
}

#[test]
fn a_disk_that_is_not_packed_needs_no_store() {
    let made = Made::new();
    made.inspect(&[]).succeeded();
    assert!(!made.path("home").exists());
}

#[test]
fn a_filesystem_without_a_table_is_inspected() {
    let made = Made::new();
    let report = made.report(&made.path("root.ext4"));
    assert_eq!(report["table"], Value::Null);
    assert_eq!(report["partitions"][0]["number"], 0);
    assert_eq!(report["systems"][0]["hostname"], "made");
    let fat = run(&mut made.command(&made.path("boot.fat"), &["/config.txt"]));
    assert_eq!(fat.succeeded().stdout, "arm_64bit=1\n");
}

#[test]
fn an_image_of_this_program_has_the_packages_that_dpkg_finds_in_it() {
    let (fixture, base) = bases::fixture();
    let report = run(fixture.bare(&["inspect", "--json"]).arg(&base))
        .succeeded()
        .stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let system = &report["systems"][0];
    let root = bases::root(&base);
    let folder = fixture.path("admin/var/lib");
    fs_err::create_dir_all(&folder).unwrap();
    let request = format!("rdump /var/lib/dpkg {}", folder.display());
    bases::output(
        "/usr/sbin/debugfs",
        &["-R", &request, root.path().to_str().unwrap()],
    );
    assert_eq!(packages(system), by_dpkg(&fixture.path("admin")));
    assert_eq!(report["faults"], json!([]));
}

/// Python's parser of XML is strict: each element is closed, and each name and text is escaped.
const PARSE: &str = "import re, sys, xml.etree.ElementTree as tree
page = open(sys.argv[1]).read()
svgs = re.findall('<svg.*?</svg>', page, re.S)
for svg in svgs: tree.fromstring(svg)
print(len(svgs), '<script' in page, 'http' in page)
";

#[test]
fn the_page_is_sound_and_needs_nothing_else() {
    let made = Made::new();
    let page = made.path("page.html");
    let printed = made
        .inspect(&["--html", page.to_str().unwrap()])
        .succeeded()
        .stdout;
    assert_eq!(printed, format!("{}\n", page.display()));
    let judge = stdout(Command::new("python3").args(["-c", PARSE]).arg(&page));
    // A map of the disk, and one of each filesystem.
    assert_eq!(judge, "3 False False\n");
    let page = fs_err::read_to_string(&page).unwrap();
    for part in [
        "BOOTFS",
        "Debian GNU/Linux 13 (trixie)",
        "/etc/shadow:4",
        "2:1.0-1",
    ] {
        assert!(page.contains(part), "`{part}` is not on the page");
    }
    assert!(!page.contains(SECRET));
}
