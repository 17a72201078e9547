//! Files of overlays that no program would read, and names that cannot be seen or typed. They are
//! refused before anything is built.

use crate::fixture::{Finished, Fixture, run};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

fn root(fixture: &Fixture) -> PathBuf {
    fixture.path("definitions/overlays/greeter/root")
}

fn put(fixture: &Fixture, path: &str) {
    let path = root(fixture).join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, "# mine\n").unwrap();
}

/// Adds `rule` to the overlay's definition.
fn rule(fixture: &Fixture, rule: &str) {
    let path = fixture.path("definitions/overlays/greeter/overlay.toml");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, format!("{text}\n{rule}\n")).unwrap();
}

/// A build that is refused before it asks the archive for anything.
fn refused(fixture: &Fixture) -> Finished {
    let finished = run(&mut fixture.build()).ended(1);
    assert_eq!(fixture.server.requests(), []);
    assert!(fixture.outputs().is_empty());
    finished
}

/// Files that no program reads: the path, a part of the message, and a name that would be read.
const UNREAD: [(&str, &str, &str); 14] = [
    (
        "etc/cron.d/my.job",
        "in `/etc/cron.d`, cron reads only names of letters, digits, `_` and `-`",
        "`my` is read",
    ),
    (
        "etc/cron.daily/backup.sh",
        "in `/etc/cron.daily`, run-parts reads only names of letters",
        "`backup` is read",
    ),
    (
        "etc/cron.weekly/plain",
        "run-parts runs only what is executable, and this has mode 0644",
        "begin it with `#!`",
    ),
    (
        "etc/sudoers.d/90-ops.conf",
        "sudo reads only names without a dot",
        "`90-ops` is read",
    ),
    (
        "etc/nftables.d/input/40-x.nft.off",
        "nft reads only names that end in `.nft`",
        "`40-x.nft` is read",
    ),
    (
        "etc/ssh/sshd_config.d/mine",
        "sshd reads only names that end in `.conf`",
        "`mine.conf` is read",
    ),
    (
        "usr/lib/udev/rules.d/70-x.rule",
        "udev reads only names that end in `.rules`",
        "`70-x.rules` is read",
    ),
    (
        "etc/sysctl.d/00-x.conf.bak",
        "systemd reads only names that end in `.conf`",
        "`00-x.conf` is read",
    ),
    (
        "etc/apt/sources.list.d/x.source",
        "that end in `.list` or `.sources`",
        "`x.sources` is read",
    ),
    (
        "etc/apt/preferences.d/x.conf",
        "that end in `.pref`, or have no dot",
        "`x.pref` is read",
    ),
    (
        "etc/logrotate.d/x.disabled",
        "logrotate reads only names that end in none of `~`, `,v`",
        "`x` is read",
    ),
    (
        "etc/profile.d/x",
        "the login shell reads only names that end in `.sh`",
        "`x.sh` is read",
    ),
    (
        "etc/systemd/system/x.servce",
        "systemd reads only names that end in `.automount`",
        "`x.service` is read",
    ),
    (
        "etc/systemd/network/x.network.d/y.cfg",
        "systemd reads only names that end in `.conf`",
        "`y.conf` is read",
    ),
];

#[test]
fn a_file_that_its_folders_reader_passes_over_is_refused_with_a_name_that_would_do() {
    let fixture = Fixture::new();
    UNREAD.iter().for_each(|(path, _, _)| put(&fixture, path));
    let link = "[[symlink]]\npath = \"/etc/systemd/system/y.servce\"\ntarget = \"/dev/null\"";
    rule(&fixture, link);
    let finished = refused(&fixture).says(&[
        "overlays/greeter/overlay.toml: /etc/systemd/system/y.servce` would not be read: in `/etc/systemd/system`",
        "15 mistakes found",
    ]);
    for (path, why, name) in UNREAD {
        let source = format!("overlays/greeter/root/{path}` would not be read: ");
        let at = finished
            .stderr
            .find(&source)
            .unwrap_or_else(|| panic!("{path}:\n{}", finished.stderr));
        let rest = &finished.stderr[at..];
        let end = rest.find("\n\n").unwrap_or(rest.len());
        let shown = rest[..end].replace("\n          ", " ");
        assert!(
            shown.contains(why) && shown.contains(name),
            "{path}: {why}: {name}:\n{shown}"
        );
    }
}

#[test]
fn what_is_read_what_is_meant_and_what_tells_people_is_taken() {
    let fixture = Fixture::new();
    for path in [
        "etc/cron.d/README",
        "etc/cron.daily/.placeholder",
        "etc/sysctl.d/README.local.md",
        "etc/cron.d/my-job_2",
        "etc/udev/hwdb.d/60-x.hwdb",
        "etc/systemd/system/getty.target.wants/x@y.service",
        "etc/nftables.d/input/x.txt",
        "srv/cron.d/a.b",
    ] {
        put(&fixture, path);
    }
    refused(&fixture).says(&["etc/nftables.d/input/x.txt`", "1 mistake found"]);
    rule(
        &fixture,
        "[[file]]\npath = \"/etc/nftables.d/*/*\"\nverbatim = true",
    );
    run(&mut fixture.build()).succeeded();
}

#[test]
fn a_name_that_nobody_sees_or_writes_is_refused_and_shown() {
    let fixture = Fixture::new();
    let root = root(&fixture);
    for name in [
        b"a\nb".as_slice(),
        b"c\x1b[2Jd",
        b"caf\xe9.conf",
        "x\u{202e}y".as_bytes(),
    ] {
        fs_err::write(root.join("etc").join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let folder = root.join("etc").join(OsStr::from_bytes(b"f\xff"));
    fs_err::create_dir_all(folder.join("below")).unwrap();
    let link = |target: &[u8], name: &str| {
        fs_err::os::unix::fs::symlink(OsStr::from_bytes(target), root.join("etc").join(name))
            .unwrap();
    };
    link(b"\x07", "bell");
    link(b"caf\xe9", "coffee");
    let finished = refused(&fixture).says(&[
        "overlays/greeter/root/etc/a\\u{a}b` has a control character or one that hides in its name; rename it",
        "overlays/greeter/root/etc/c\\u{1b}[2Jd` has a control character",
        "overlays/greeter/root/etc/x\\u{202e}y` has a control character",
        "overlays/greeter/root/etc/caf\\xe9.conf` is not UTF-8, and cannot be written in a definition; rename it",
        "overlays/greeter/root/etc/f\\xff` is not UTF-8",
        "overlays/greeter/root/etc/bell` links to what has a control character",
        "overlays/greeter/root/etc/coffee (a link to caf\\xe9)` is not UTF-8",
        "7 mistakes found",
    ]);
    assert!(
        !finished.stderr.contains('\u{1b}') && !finished.stderr.contains('\u{202e}'),
        "{}",
        finished.stderr
    );
}
