//! The paths of an image: lists, files and copies, compared with those that the image was made of.

use super::made::Made;
use crate::command::{self, stdout};
use crate::fixture::run;
use std::process::Command;

#[test]
fn a_file_is_printed_as_it_is() {
    let made = Made::new();
    for (path, expected) in [
        ("/etc/hostname", "made\n"),
        ("etc/hostname", "made\n"),
        ("2:/etc/hostname", "made\n"),
        (
            "/lib/systemd/system/idle.service",
            "[Service]\n[Install]\nWantedBy=multi-user.target\n",
        ),
        ("/boot/config.txt", "arm_64bit=1\n"),
        ("1:/config.txt", "arm_64bit=1\n"),
    ] {
        assert_eq!(made.inspect(&[path]).succeeded().stdout, expected, "{path}");
    }
}

#[test]
fn a_directory_is_listed() {
    let made = Made::new();
    let text = made.inspect(&["/usr/bin"]).succeeded().stdout;
    let line = |name: &str| text.lines().find(|line| line.ends_with(name)).unwrap();
    assert!(line(" su").starts_with("-rwsr-xr-x "), "{text}");
    assert!(line(" write").starts_with("-rwxr-sr-x "), "{text}");
    let json = made
        .inspect(&["/etc/systemd/system/hidden.service", "--json"])
        .succeeded()
        .stdout;
    let entry: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(entry["target"], "/dev/null");
    let mut find = Command::new("find");
    find.arg(made.root().join("etc")).args([
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
        "-printf",
        "%f %m\n",
    ]);
    let judge = stdout(&mut find);
    let mut judge: Vec<String> = judge.lines().map(str::to_owned).collect();
    judge.sort();
    let json = made.inspect(&["/etc", "--json"]).succeeded().stdout;
    let entries: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let mut found: Vec<String> = entries
        .iter()
        .map(|it| {
            let mode = it["mode"].as_str().unwrap().trim_start_matches('0');
            format!("{} {mode}", it["name"].as_str().unwrap())
        })
        .collect();
    found.sort();
    assert_eq!(found, judge);
}

#[test]
fn a_file_has_the_package_that_dpkg_says() {
    let made = Made::new();
    for path in ["/usr/bin/su", "/usr/bin/write"] {
        let json = made.inspect(&[path, "--json"]).succeeded().stdout;
        let entry: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut query = Command::new("dpkg-query");
        query
            .arg("--admindir")
            .arg(made.root().join("var/lib/dpkg"));
        let judge = query.args(["--search", path]).output().unwrap().stdout;
        let judge = String::from_utf8(judge).unwrap();
        let judge = judge.split_once(": ").map(|(package, _)| package);
        assert_eq!(entry["package"].as_str(), judge, "{path}");
    }
}

#[test]
fn a_diverted_file_has_the_package_that_dpkg_divert_says() {
    let (path, moved) = ("/usr/bin/tool", "/usr/bin/tool.distrib");
    let made = Made::with(|root| {
        let dpkg = root.join("var/lib/dpkg");
        let mut status = fs_err::read_to_string(dpkg.join("status")).unwrap();
        for package in ["aaa", "zzz"] {
            let fields = "Status: install ok installed\nMaintainer: A <a@example.org>\n\
                          Architecture: all\nVersion: 1\nDescription: one\n";
            status += &format!("\nPackage: {package}\n{fields}");
            let list = dpkg.join(format!("info/{package}.list"));
            fs_err::write(list, format!("/.\n/usr\n/usr/bin\n{path}\n")).unwrap();
        }
        fs_err::write(dpkg.join("status"), status).unwrap();
        let diversions = format!("{path}\n{moved}\naaa\n");
        fs_err::write(dpkg.join("diversions"), diversions).unwrap();
        for (path, text) in [(path, "aaa"), (moved, "zzz")] {
            fs_err::write(root.join(&path[1..]), text).unwrap();
        }
    });
    let divert = |question: &str| {
        let mut divert = Command::new("dpkg-divert");
        let folder = made.root().join("var/lib/dpkg");
        divert.arg("--admindir").arg(folder);
        stdout(divert.args([question, path])).trim().to_owned()
    };
    assert_eq!(divert("--truename"), moved);
    let by = divert("--listpackage");
    for (path, package) in [(path, by.as_str()), (moved, "zzz")] {
        let json = made.inspect(&[path, "--json"]).succeeded().stdout;
        let entry: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(entry["package"], package, "{path}");
    }
}

#[test]
fn a_copy_is_what_the_image_was_made_of() {
    let made = Made::new();
    let copy = made.path("copy");
    made.inspect(&["2:/", "--extract", copy.to_str().unwrap()])
        .succeeded();
    let list = |folder: &std::path::Path| {
        let mut find = Command::new("find");
        find.arg(folder)
            .args(["-mindepth", "1", "-printf", "%P %y %n %l %Ts\n"]);
        let mut lines: Vec<String> = stdout(&mut find)
            .lines()
            // mke2fs adds this folder; the number of links of a folder depends on the filesystem.
            .filter(|line| !line.starts_with("lost+found"))
            .map(|line| match line.split_once(" d ") {
                Some((path, rest)) => format!("{path} d {}", rest.split_once(' ').unwrap().1),
                None => line.to_owned(),
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(list(&copy), list(&made.root()));
    command::run(
        Command::new("diff")
            .args(["--recursive", "--no-dereference", "--exclude=lost+found"])
            .args([&copy, &made.root()]),
    );
    let mode = |path: &str| {
        let path = copy.join(path);
        stdout(Command::new("stat").args(["--format", "%a"]).arg(path))
    };
    // A setuid bit of a copy would be that of the person who made it.
    assert_eq!(mode("usr/bin/su"), "755\n");
    assert_eq!(mode("etc/ssh/ssh_host_ed25519_key"), "600\n");
}

#[test]
fn a_file_is_copied_to_a_name_or_into_a_folder() {
    let made = Made::new();
    let folder = made.path("copies");
    fs_err::create_dir(&folder).unwrap();
    for to in [&folder, &folder.join("other"), &folder.join("other")] {
        made.inspect(&["1:/config.txt", "--extract", to.to_str().unwrap()])
            .succeeded();
    }
    assert_eq!(crate::fixture::names(&folder), ["config.txt", "other"]);
    let full = folder.to_str().unwrap();
    made.inspect(&["/etc", "--extract", full])
        .ended(5)
        .says(&["there is something already"]);
    assert_eq!(crate::fixture::names(&folder), ["config.txt", "other"]);
    made.inspect(&["/etc", "--extract", "/nowhere/x"])
        .ended(5)
        .says(&["/nowhere/x"]);
}

#[test]
fn a_path_that_is_not_there_is_named_with_what_is() {
    let made = Made::new();
    for (path, words) in [
        (
            "/etc/hostnam",
            &["the image has no `/etc/hostnam`; it has `/etc`"][..],
        ),
        ("3:/x", &["the image has no partition 3, expected 1 or 2"]),
        ("/../x", &["`/../x` is not a path in an image"]),
    ] {
        made.inspect(&[path]).ended(2).says(words);
    }
    let refused = made.inspect(&["/lib/modules", "--extract", "x", "--json"]);
    refused.ended(2).says(&["--json"]);
}

#[test]
fn with_two_systems_a_path_names_its_partition() {
    let made = Made::new();
    let mut disk = fs_err::read(made.image()).unwrap();
    let root = disk[super::ROOT].to_vec();
    disk.extend(root);
    disk.resize(disk.len() + super::MIB, 0);
    fs_err::write(made.image(), disk).unwrap();
    made.partition("2048,16384,c\n18432,131072,83\n151552,131072,83\n");
    let report = made.report(&made.image());
    assert_eq!(report["systems"].as_array().unwrap().len(), 2);
    made.inspect(&["/etc/hostname"]).ended(2).says(&[
        "partitions 2 and 3 have root filesystems",
        "2:/etc/hostname",
    ]);
    assert_eq!(
        made.inspect(&["3:/etc/hostname"]).succeeded().stdout,
        "made\n"
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let made = Made::new();
    let command = made.command(&made.image(), &["/usr/bin"]);
    let mut shell = Command::new("sh");
    let line = format!(
        "'{}' inspect '{}' 1:/kernel8.img | head -c 1",
        command.get_program().display(),
        made.image().display()
    );
    let finished = run(shell.args(["-c", &line])).succeeded();
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("x", "")
    );
}

#[test]
fn what_a_killed_copy_left_is_removed_by_the_next_one() {
    let made = Made::new();
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("copy.1.partial");
    fs_err::create_dir_all(left.join("etc")).unwrap();
    let to = folder.path().join("copy");
    let to = to.to_str().unwrap();
    made.inspect(&["/etc", "--extract", to]).succeeded();
    assert_eq!(crate::fixture::names(folder.path()), ["copy"]);
    assert_eq!(
        fs_err::read_to_string(folder.path().join("copy/hostname")).unwrap(),
        "made\n"
    );
}
