//! Filesystems of machines that lost power.

use super::{Base, Images, assert_read};
use crate::support::judge;
use std::fmt::Write;
use std::process::Command;

const fn cut(
    name: &'static str,
    features: &'static str,
    made: &'static str,
    mounted: &'static str,
) -> Base {
    Base {
        name,
        features,
        made,
        mounted,
    }
}

/// The smallest journal, so that it is full often.
const BASES: [Base; 8] = [
    cut("debian", "", "-J size=4", "rw"),
    cut(
        "raspberry-pi-os",
        "^metadata_csum,^64bit,^huge_file",
        "-J size=4",
        "rw",
    ),
    cut("data-too", "", "-J size=8", "data=journal"),
    cut("data-too-1k", "", "-b 1024 -J size=4", "data=journal"),
    cut(
        "journal-checksum",
        "^metadata_csum",
        "-b 1024 -J size=1",
        "journal_checksum",
    ),
    cut(
        "async-commit",
        "^metadata_csum",
        "-J size=4",
        "data=writeback,journal_async_commit",
    ),
    cut(
        "orphan-file",
        "orphan_file,metadata_csum_seed",
        "-b 2048 -J size=2",
        "rw",
    ),
    cut(
        "like-ext3",
        "^extent,^flex_bg,^64bit,^metadata_csum",
        "-b 1024 -J size=1",
        "rw",
    ),
];

/// Nothing is written but what is asked for: no commits and no write-back by the clock.
const QUIET: &str = "echo 0 > /proc/sys/vm/dirty_writeback_centisecs\n";
const NO_COMMITS: &str = "commit=3000";

/// For each base, `steps` with the mount at `$at`; then the power is gone.
fn cut_off(images: &Images, bases: &[Base], steps: &str) {
    let mut script = QUIET.to_owned();
    for (base, letter) in bases.iter().zip('a'..) {
        let at = format!("at-{letter}");
        let options = format!("{},{NO_COMMITS}", base.mounted);
        writeln!(script, "at={at}; mkdir {at}").unwrap();
        writeln!(script, "mount -t ext4 -o {options} /dev/ubd{letter} {at}").unwrap();
        writeln!(script, "{steps}").unwrap();
    }
    let names: Vec<_> = bases.iter().map(|base| base.name.to_owned()).collect();
    images.run(&script, &names);
}

/// Our reader, the kernel's replay and e2fsck's find the same.
fn assert_replayed(images: &Images, bases: &[Base], marks: &[(&str, bool)]) {
    let mut copies = Vec::new();
    for base in bases {
        images.copy(base.name, &format!("{}-kernel", base.name));
        let checked = images.copy(base.name, &format!("{}-e2fsck", base.name));
        let e2fsck = Command::new("e2fsck")
            .arg("-fy")
            .arg(checked)
            .output()
            .unwrap();
        assert!(
            matches!(e2fsck.status.code(), Some(0 | 1)),
            "{} {e2fsck:?}",
            base.name
        );
        copies.extend(["kernel", "e2fsck"].map(|by| format!("{}-{by}", base.name)));
    }
    let found = images.looks(&copies);
    for (base, both) in bases.iter().zip(found.chunks(2)) {
        for (mark, is_there) in marks {
            assert_eq!(
                both[0].contains_key(*mark),
                *is_there,
                "{mark} of {}",
                base.name
            );
        }
        assert_read(&images.path(base.name), &both[0], "the kernel after replay");
        assert_read(&images.path(base.name), &both[1], "the kernel after e2fsck");
    }
}

fn debugfs(images: &Images, base: &Base, question: &str) -> String {
    let mut debugfs = Command::new("debugfs");
    let answer = judge(
        debugfs
            .args(["-c", "-R", question])
            .arg(images.path(base.name)),
    );
    String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned()
}

#[test]
fn what_only_the_journal_has_is_read() {
    let images = Images::new(&BASES);
    cut_off(
        &images,
        &BASES,
        "fill everything $at; sync -f $at; fill changes $at",
    );
    for base in &BASES {
        let as_it_lies = debugfs(&images, base, "stat /last-commit");
        assert!(
            as_it_lies.contains("File not found"),
            "{} {as_it_lies}",
            base.name
        );
        // Nothing has to be revoked where data is in the journal too.
        let log = debugfs(&images, base, "logdump -a");
        let revokes = log.contains("revoke block") || base.mounted == "data=journal";
        assert!(revokes, "{} {log}", base.name);
    }
    let marks = [
        ("/last-commit", true),
        ("/commit-1", true),
        ("/never-committed", false),
    ];
    assert_replayed(&images, &BASES, &marks);
}
