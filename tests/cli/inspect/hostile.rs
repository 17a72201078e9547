//! Images that want an inspection to take for ever, to take all memory, or to print something else than it means.

use super::made::Made;
use crate::command;
use crate::fixture::{Finished, PROGRAM, run};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The most memory in KiB that an inspection may take, of an image with a few files.
const MAX_MEMORY: u64 = 400 << 10;

/// The report about `image` in JSON, which may not take much memory.
fn measured(made: &Made, image: &Path, arguments: &[&str]) -> (Finished, Value) {
    let memory = made.path("memory");
    let mut command = Command::new("/usr/bin/time");
    command.env_clear().env("HOME", made.path("home"));
    command.args(["--format", "%M", "--output"]).arg(&memory);
    command
        .args([PROGRAM, "inspect"])
        .arg(image)
        .args(arguments);
    let finished = run(&mut command);
    let text = fs_err::read_to_string(memory).unwrap();
    let memory: u64 = text.lines().last().unwrap().parse().unwrap();
    assert!(memory < MAX_MEMORY, "it took {memory} KiB");
    let report = serde_json::from_str(&finished.stdout).unwrap_or(Value::Null);
    (finished, report)
}

#[test]
fn absurd_numbers_end_at_a_bound_that_is_named() {
    let made = Made::with(|root| {
        let mut status = String::new();
        for index in 0..150_000 {
            let _ = write!(
                status,
                "Package: p{index}\nStatus: install ok installed\nVersion: 1\n\n"
            );
        }
        fs_err::write(root.join("var/lib/dpkg/status"), status).unwrap();
        let folder = root.join("srv");
        fs_err::create_dir(&folder).unwrap();
        for index in 0..20 {
            fs_err::write(
                folder.join(index.to_string()),
                "psk=abcdefgh\n".repeat(5000),
            )
            .unwrap();
        }
        let listening = "bind *:80\n".repeat(100_000);
        fs_err::write(root.join("etc/haproxy/haproxy.cfg"), listening).unwrap();
        let mut group = String::from("root:x:0:");
        (0..100_000).for_each(|_| group += "pi,");
        fs_err::write(root.join("etc/group"), group).unwrap();
    });
    let (finished, report) = measured(&made, &made.image(), &["--json"]);
    let finished = finished.ended(4);
    finished.says(&["more than 100000 packages"]);
    let faults = report["faults"].to_string();
    assert!(faults.contains("more than 10000 secrets"), "{faults}");
    let system = &report["systems"][0];
    assert_eq!(system["packages"].as_array().unwrap().len(), 100_000);
    assert!(system["services"].as_array().unwrap().len() < 3000);
    assert_eq!(system["accounts"][2]["groups"], serde_json::json!(["root"]));
}

/// Puts folders into the root filesystem that are as deep as Linux allows, with many nodes at the end. mke2fs cannot.
pub(crate) fn deepen(made: &Made) {
    let mut requests = "mkdir d\ncd d\n".repeat(1900);
    for index in 0..4000 {
        let _ = writeln!(requests, "mknod {index} p");
    }
    fs_err::write(made.path("requests"), requests).unwrap();
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    debugfs.arg("-w").arg("-f").arg(made.path("requests"));
    command::run(debugfs.arg(made.path("root.ext4")));
}

/// The paths of all nodes would take a gigabyte.
#[test]
fn deep_folders_cost_nothing() {
    let made = Made::new();
    deepen(&made);
    let image = made.path("root.ext4");
    let (finished, report) = measured(&made, &image, &["--json"]);
    finished.succeeded();
    let nodes = report["partitions"][0]["nodes"].as_u64().unwrap();
    assert!(nodes > 5900, "{nodes}");
    let page = made.path("page.html");
    let html = ["--html", page.to_str().unwrap()];
    measured(&made, &image, &html).0.succeeded();
}

#[test]
fn symlinks_in_circles_lead_nowhere() {
    let made = Made::with(|root| {
        for (path, target) in [
            ("etc/passwd", "passwd"),
            ("etc/shadow", "../etc/shadow"),
            ("var/lib/dpkg/status", "/var/lib/dpkg/status"),
            ("etc/fstab", "/etc/mtab"),
            ("etc/mtab", "fstab"),
            ("usr/lib/self", "."),
        ] {
            let _ = fs_err::remove_file(root.join(path));
            fs_err::os::unix::fs::symlink(target, root.join(path)).unwrap();
        }
    });
    let report = made.report(&made.image());
    let system = &report["systems"][0];
    assert_eq!(system["hostname"], "made");
    for key in ["packages", "accounts"] {
        assert_eq!(system[key], serde_json::json!([]), "{key}");
    }
    made.inspect(&["/etc/passwd"])
        .ended(2)
        .says(&["is a symlink"]);
    let deep = format!("/usr/lib/{}systemd/system/idle.service", "self/".repeat(30));
    made.inspect(&[&deep]).succeeded();
    let deeper = format!("/usr/lib/{}systemd/system/idle.service", "self/".repeat(50));
    made.inspect(&[&deeper])
        .ended(2)
        .says(&["the image has no"]);
}

/// A partition that an fstab mounts a thousand times is shown once.
#[test]
fn a_partition_is_mounted_once() {
    let made = Made::with(|root| {
        let mut text = String::new();
        for index in 0..1000 {
            let _ = writeln!(text, "UUID=1234-ABCD /m{index} vfat defaults 0 0");
            fs_err::create_dir(root.join(format!("m{index}"))).unwrap();
        }
        fs_err::write(root.join("etc/fstab"), text).unwrap();
    });
    let report = made.report(&made.image());
    assert_eq!(
        report["systems"][0]["mounts"],
        serde_json::json!({ "/m0": 1 })
    );
}

#[test]
fn a_disk_of_a_terabyte_of_nothing_is_refused_by_its_length() {
    let made = Made::new();
    let sparse = made.path("sparse.img");
    fs_err::copy(made.image(), &sparse).unwrap();
    command::resize(&sparse, 200 << 30);
    let (finished, report) = measured(&made, &sparse, &["--json"]);
    finished.succeeded();
    assert_eq!(report["disk_size"], 200_u64 << 30);
    command::resize(&sparse, 1 << 40);
    let (finished, _) = measured(&made, &sparse, &[]);
    finished.ended(4).says(&["1099511627776 bytes"]);
    // A packed disk may not be much longer than it is packed.
    let packed = made.path("zeros.img.zst");
    let line = "head -c 1200M /dev/zero | zstd -q -1 -o";
    let shell = format!("{line} '{}'", packed.display());
    command::run(Command::new("sh").args(["-c", &shell]));
    let (finished, _) = measured(&made, &packed, &[]);
    finished.ended(4).says(&["it unpacks to more than"]);
}

/// Every byte of dpkg's list can be damaged, and dpkg-query judges only some of that.
#[test]
fn a_damaged_list_of_packages_is_a_fault_or_another_list() {
    let made = Made::new();
    let status = made.root().join("var/lib/dpkg/status");
    let good = fs_err::read(&status).unwrap();
    for at in (0..good.len()).step_by(29) {
        let mut damaged = good.clone();
        damaged[at] = [0, b'\n', 0xff, b':'][at % 4];
        fs_err::write(&status, damaged).unwrap();
        let file = made.path("root.ext4");
        let request = format!("write {} status", status.display());
        let requests = format!("cd /var/lib/dpkg\nrm status\n{request}\n");
        fs_err::write(made.path("requests"), requests).unwrap();
        let mut debugfs = Command::new("/usr/sbin/debugfs");
        command::run(
            debugfs
                .arg("-w")
                .arg("-f")
                .arg(made.path("requests"))
                .arg(&file),
        );
        let finished = run(&mut made.command(&file, &["--json"]));
        assert!(
            matches!(finished.code, Some(0 | 4)),
            "{at}: {}",
            finished.stderr
        );
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["systems"][0]["hostname"], "made", "{at}");
    }
}

#[test]
fn a_name_in_an_image_is_no_command_of_a_terminal() {
    let hostile = "x\nforged \u{1b}]0;y\u{7}\u{202e}<script>alert(1)</script>";
    let made = Made::with(|root| {
        fs_err::write(root.join("usr/bin").join(hostile.replace('/', "|")), "x").unwrap();
        let folder = root.join("etc/systemd/system/multi-user.target.wants");
        let unit = format!("{}.service", hostile.replace('/', "|"));
        fs_err::os::unix::fs::symlink("/dev/zero", folder.join(unit)).unwrap();
        fs_err::write(root.join("etc/hostname"), hostile).unwrap();
        let passwd = format!("{}:x:0:0::/root:/bin/sh\n", hostile.replace('\n', ""));
        fs_err::write(root.join("etc/passwd"), passwd).unwrap();
    });
    let page = made.path("page.html");
    let html = page.to_str().unwrap();
    for arguments in [
        &["--verbose"][..],
        &["/usr/bin"],
        &["--json"],
        &["--html", html],
    ] {
        let finished = made.inspect(arguments).succeeded();
        let printed = finished.stdout + &finished.stderr;
        for hidden in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!printed.contains(hidden), "{arguments:?}: {printed}");
        }
        assert!(
            !printed.lines().any(|line| line.starts_with("forged")),
            "{printed}"
        );
    }
    let page = fs_err::read_to_string(page).unwrap();
    assert!(
        !page.contains("<script") && !page.contains('\u{1b}'),
        "{page}"
    );
}
