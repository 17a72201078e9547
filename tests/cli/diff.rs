//! `imgbuild diff` on images that this program and others have made, and on locks. The programs that made the
//! difference, and those that find differences in what others take out of the images, say what it has to say.

mod damage;
mod images;
mod page;

use crate::command::{self, stdout};
use crate::fixture::{Finished, PROGRAM, names, run};
use crate::inspect::by_dpkg;
use crate::inspect::made::{FAT, Made, ROOT, SECRET};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

impl Made {
    /// `imgbuild diff` of `images` with `arguments`, in an environment without anything.
    fn diff(&self, images: [&Path; 2], arguments: &[&str]) -> Finished {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.path("home"));
        run(command.arg("diff").args(images).args(arguments))
    }

    /// The difference of `images` as JSON.
    fn json(&self, images: [&Path; 2]) -> Value {
        let diff = self.diff(images, &["--json"]).ended(1);
        serde_json::from_str(&diff.stdout).unwrap()
    }

    /// A copy of the image, with the bytes of the filesystems in the files of this test.
    fn copy(&self, name: &str) -> PathBuf {
        let mut disk = fs_err::read(self.image()).unwrap();
        disk[FAT].copy_from_slice(&fs_err::read(self.path("boot.fat")).unwrap());
        disk[ROOT].copy_from_slice(&fs_err::read(self.path("root.ext4")).unwrap());
        let copy = self.path(name);
        fs_err::write(&copy, disk).unwrap();
        copy
    }

    /// Runs requests of debugfs on the root filesystem.
    fn debugfs(&self, requests: &[&str]) {
        let file = self.path("requests");
        fs_err::write(&file, requests.join("\n") + "\n").unwrap();
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        debugfs
            .env("TZ", "UTC")
            .arg("-w")
            .arg("-f")
            .arg(&file)
            .arg(self.path("root.ext4"));
        command::run(&mut debugfs);
    }
}

/// A change of a file as `PATH: CHANGE FIELD…`.
fn shown(file: &Value) -> String {
    let fields = file["fields"].as_array().unwrap().iter();
    let fields: String = fields
        .map(|it| format!(" {}", it["name"].as_str().unwrap()))
        .collect();
    let text = |key: &str| file[key].as_str().unwrap();
    format!("{}: {}{fields}", text("path"), text("change"))
}

fn files(diff: &Value) -> Vec<String> {
    diff["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(shown)
        .collect()
}

/// `diff` without the lists in `but`, which must be empty otherwise.
#[track_caller]
fn is_empty_but(diff: &Value, but: &[&str]) {
    for (key, value) in diff.as_object().unwrap() {
        assert!(
            but.contains(&key.as_str()) || *value == json!([]) || *value == json!(0),
            "{key}: {value:#}"
        );
    }
}

#[test]
fn the_same_disk_has_no_difference_however_it_is_packed() {
    let made = Made::new();
    for (program, ending) in [("xz", "xz"), ("zstd", "zst")] {
        let packed = made.image().with_extension(format!("img.{ending}"));
        command::run(
            Command::new(program)
                .args(["-1", "-q", "-k"])
                .arg(made.image()),
        );
        let finished = made.diff([&made.image(), &packed], &["--json"]).ended(0);
        let diff: Value = serde_json::from_str(&finished.stdout).unwrap();
        is_empty_but(&diff, &[]);
    }
    let finished = made
        .diff([&made.image(), &made.copy("copy.img")], &[])
        .ended(0);
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("no difference\n", "")
    );
    for folder in ["objects", "scratch", "partial"] {
        let folder = made.path("home/.cache/imgbuild").join(folder);
        assert!(names(&folder).is_empty(), "{folder:?}");
    }
}

/// debugfs and mtools change one thing at a time, and nothing else may be found.
#[test]
fn each_change_of_a_file_has_its_name() {
    let made = Made::new();
    let before = made.copy("before.img");
    let mode = format!("set_inode_field /etc/fstab mode 0{:o}", 0o100_600);
    made.debugfs(&[
        "set_inode_field /etc/hostname uid 5",
        "set_inode_field /etc/group gid 70000",
        "set_inode_field /etc/passwd mtime 20200102030405",
        &mode,
        "ea_set /etc/os-release user.note hello",
    ]);
    let after = made.copy("after.img");
    let diff = made.json([&before, &after]);
    is_empty_but(&diff, &["files"]);
    assert_eq!(
        files(&diff),
        [
            "/etc/fstab: changed mode",
            "/etc/group: changed gid",
            "/etc/hostname: changed uid",
            "/etc/os-release: changed xattr user.note",
            "/etc/passwd: changed mtime",
        ]
    );
    let field = |index: usize| {
        let field = &diff["files"][index]["fields"][0];
        json!([field["before"], field["after"]])
    };
    assert_eq!(field(0), json!(["0644", "0600"]));
    assert_eq!(field(1)[1], 70000);
    assert_eq!(field(3), json!([null, hex::encode("hello")]));
    let time = field(4)[1].as_str().unwrap().to_owned();
    assert!(time.starts_with("2020-01-02T03:04:05Z"), "{time}");

    fs_err::write(made.path("to-copy"), "arm_64bit=0\n").unwrap();
    let mut copy = Command::new("mcopy");
    copy.args(["-o", "-m", "-i"])
        .arg(made.path("boot.fat"))
        .arg(made.path("to-copy"));
    command::run(copy.arg("::config.txt"));
    let diff = made.json([&after, &made.copy("last.img")]);
    is_empty_but(&diff, &["files"]);
    assert_eq!(diff["files"][0]["path"], "/boot/config.txt");
    assert_eq!(
        diff["files"][0]["fields"][0],
        json!({ "name": "content", "before": 12, "after": 12 })
    );
}

#[test]
fn types_targets_and_links_are_compared() {
    let before = Made::new();
    let after = Made::with(|root| {
        let path = |name: &str| root.join(name);
        for name in ["usr/bin/ls", "second-name", "lib", "etc/hostname"] {
            fs_err::remove_file(path(name)).unwrap();
        }
        fs_err::create_dir(path("usr/bin/ls")).unwrap();
        fs_err::write(path("second-name"), "x").unwrap();
        fs_err::os::unix::fs::symlink("usr/lib64", path("lib")).unwrap();
        command::run(Command::new("mkfifo").arg(path("etc/hostname")));
    });
    let diff = before.json([&before.image(), &after.image()]);
    let text: Vec<String> = files(&diff)
        .iter()
        .map(|it| it.replace(" mtime", ""))
        .collect();
    for expected in [
        "/etc/hostname: changed type",
        "/usr/bin/ls: changed type",
        "/lib: changed target",
        "/second-name: changed link",
    ] {
        assert!(
            text.contains(&expected.to_owned()),
            "{expected} is not in {text:#?}"
        );
    }
    assert_eq!(diff["systems"][0]["system"][0]["before"], "made");
}

/// The files that diff(1) finds different in what debugfs takes out of two images.
fn by_diff(made: &Made, images: [&Made; 2]) -> BTreeSet<String> {
    let folders = [made.path("one"), made.path("two")];
    for (folder, image) in folders.iter().zip(images) {
        fs_err::create_dir_all(folder).unwrap();
        let request = format!("rdump / {}", folder.display());
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        command::run(debugfs.args(["-R", &request]).arg(image.path("root.ext4")));
    }
    let mut diff = Command::new("diff");
    diff.env("LC_ALL", "C")
        .args(["-rq", "--no-dereference"])
        .args(&folders);
    let text = String::from_utf8(diff.output().unwrap().stdout).unwrap();
    let [one, two] = folders.map(|it| it.to_str().unwrap().to_owned());
    let path = |line: &str| {
        if let Some(rest) = line.strip_prefix("Only in ") {
            let (folder, name) = rest.split_once(": ").unwrap();
            let folder = folder.trim_start_matches(&one).trim_start_matches(&two);
            return format!("{}/{name}", folder.trim_end_matches('/'));
        }
        let at = line.find(&one).unwrap() + one.len();
        line[at..].split(' ').next().unwrap().to_owned()
    };
    text.lines().map(path).collect()
}

#[test]
fn the_files_are_those_of_diff() {
    let before = Made::new();
    let after = Made::with(|root| {
        fs_err::write(root.join("etc/hostname"), "eman\n").unwrap();
        fs_err::write(root.join("etc/group"), "root:x:0:\n").unwrap();
        fs_err::remove_file(root.join("etc/machine-id")).unwrap();
        fs_err::create_dir_all(root.join("opt/new/folder")).unwrap();
        fs_err::write(root.join("opt/new/folder/file"), "x").unwrap();
        fs_err::remove_file(root.join("lib")).unwrap();
        fs_err::os::unix::fs::symlink("/usr/lib", root.join("lib")).unwrap();
        // A long file differs in its last byte, and one of zeros in nothing.
        let mut long = vec![7_u8; 3 << 20];
        long[(3 << 20) - 1] = 8;
        fs_err::write(root.join("usr/bin/ls"), long).unwrap();
    });
    let judge = by_diff(&before, [&before, &after]);
    assert!(judge.len() >= 6, "{judge:?}");
    let diff = before.json([&before.image(), &after.image()]);
    // diff(1) names the top of what only one has, and neither owners nor times.
    let mut found: BTreeSet<String> = BTreeSet::new();
    for file in diff["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let fields = file["fields"].as_array().unwrap().iter();
        let differs = fields
            .filter(|it| ["content", "target", "type"].contains(&it["name"].as_str().unwrap()));
        let is_there = file["change"] != "changed" || differs.count() > 0;
        let is_below = found.iter().any(|top| path.starts_with(&format!("{top}/")));
        if is_there && !is_below && !path.starts_with("/boot/") {
            found.insert(path.to_owned());
        }
    }
    assert_eq!(found, judge);
}

/// The packages that only one of `lists` has, by comm(1).
fn by_comm(made: &Made, lists: [Vec<String>; 2]) -> [BTreeSet<String>; 2] {
    let files = [made.path("list-1"), made.path("list-2")];
    for (file, list) in files.iter().zip(lists) {
        fs_err::write(file, list.join("\n") + "\n").unwrap();
    }
    ["-23", "-13"].map(|columns| {
        let mut comm = Command::new("comm");
        let text = stdout(comm.env("LC_ALL", "C").arg(columns).args(&files));
        let packages = text.lines().map(|line| line.rsplit_once(' ').unwrap().0);
        packages.map(str::to_owned).collect()
    })
}

/// The packages that differ, as lines of dpkg-query: those that the first has, and those that the second has.
fn packages(diff: &Value) -> [BTreeSet<String>; 2] {
    let packages = diff["systems"][0]["packages"].as_array().unwrap();
    ["before", "after"].map(|side| {
        let line = |package: &Value| {
            let version = package[side].as_str()?;
            let text = |key: &str| package[key].as_str().unwrap();
            Some(format!(
                "{} {version} {}",
                text("name"),
                text("architecture")
            ))
        };
        packages.iter().filter_map(line).collect()
    })
}

#[test]
fn the_packages_are_those_of_dpkg_and_comm() {
    let before = Made::new();
    let after = Made::with(|root| {
        let path = root.join("var/lib/dpkg/status");
        let status = fs_err::read_to_string(&path).unwrap();
        let status = status
            .replace(
                "Version: 1.22\n",
                "Version: 1.22.1+b1\nSource: dpkg (1.22.1)\nSection: admin\n",
            )
            .replace("Version: 2:1.0-1\n", "Version: 1:9\n")
            .replace("Package: held\n", "Package: new\n");
        fs_err::write(&path, status).unwrap();
    });
    let judge = by_comm(&before, [&before, &after].map(|it| by_dpkg(&it.root())));
    let diff = before.json([&before.image(), &after.image()]);
    assert_eq!(packages(&diff), judge);
    let packages = diff["systems"][0]["packages"].as_array().unwrap();
    let kinds: Vec<_> = packages
        .iter()
        .map(|it| it["change"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["upgraded", "downgraded", "removed", "added"]);
    let changelog =
        "https://metadata.ftp-master.debian.org/changelogs/main/d/dpkg/dpkg_1.22.1_changelog";
    assert_eq!(packages[0]["changelog"], changelog);
    let text = before
        .diff([&before.image(), &after.image()], &[])
        .ended(1)
        .stdout;
    let line = format!("~ dpkg:amd64: 1.22 → 1.22.1+b1  {changelog}");
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains("packages       1 upgraded, 1 downgraded, 1 added, 1 removed"),
        "{text}"
    );
}

#[test]
fn units_are_compared_and_no_secret_is_printed() {
    let before = Made::new();
    let after = Made::with(|root| {
        let units = root.join("etc/systemd/system");
        fs_err::remove_file(units.join("multi-user.target.wants/ssh.service")).unwrap();
        fs_err::remove_file(units.join("hidden.service")).unwrap();
        let idle = "/usr/lib/systemd/system/idle.service";
        fs_err::os::unix::fs::symlink(idle, units.join("multi-user.target.wants/idle.service"))
            .unwrap();
        let shadow = root.join("etc/shadow");
        let text = fs_err::read_to_string(&shadow).unwrap();
        fs_err::write(&shadow, text.replace("root:", "root:x")).unwrap();
    });
    let images = [before.image(), after.image()];
    let images = [&*images[0], &*images[1]];
    let diff = before.json(images);
    let units = diff["systems"][0]["units"].as_array().unwrap().iter();
    let units: Vec<_> = units.map(|it| json!([it["name"], it["change"]])).collect();
    let expected = json!([
        ["hidden.service", "removed"],
        ["idle.service", "added"],
        ["ssh.service", "removed"],
    ]);
    assert_eq!(json!(units), expected);
    let services = &diff["systems"][0]["services"];
    assert_eq!(services[0]["name"], "ssh.service at Port 2222");
    let shadow = fs_err::read_to_string(before.root().join("etc/shadow")).unwrap();
    let hashes = shadow.lines().filter_map(|line| line.split(':').nth(1));
    let hashes: Vec<&str> = hashes.filter(|hash| hash.len() > 1).collect();
    for arguments in [&["--json"][..], &["--verbose"], &[]] {
        let finished = before.diff(images, arguments).ended(1);
        for secret in hashes.iter().chain([&SECRET]) {
            assert!(
                !finished.stdout.contains(secret),
                "{arguments:?} prints {secret}"
            );
        }
    }
}

#[test]
fn a_command_line_that_compares_nothing_is_refused() {
    let made = Made::new();
    let missing = made.path("missing");
    made.diff([&made.image(), &missing], &[])
        .ended(4)
        .says(&["missing"]);
    made.diff([&made.image(), &made.root()], &[])
        .ended(4)
        .says(&["it is a folder"]);
    let lock = made.path("x.lock");
    made.diff([&lock, &made.image()], &[])
        .ended(3)
        .says(&["x.lock"]);
    fs_err::write(&lock, "version = 1\n").unwrap();
    made.diff([&lock, &lock], &[])
        .ended(3)
        .says(&["version 1, expected 2"]);
    let page = made.path("nowhere/x.html");
    let copy = made.copy("copy.img");
    let arguments = ["--html", page.to_str().unwrap()];
    made.diff([&made.image(), &copy], &arguments)
        .ended(5)
        .says(&["x.html"]);
}
