//! Filesystems of machines that lost power.

use super::super::kernel;
use super::{Base, Images, Read, base};
use crate::command::run;
use imgbuild::fs::ext4::read::{JournalLimit, ReadError, Unsupported};
use std::fmt::Write;
use std::os::unix::fs::FileExt;
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

/// The filesystems have the smallest journal, so that it is often full.
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

/// Turns off the kernel's timed write-back, so that only explicit syncs write.
const QUIET: &str = "echo 0 > /proc/sys/vm/dirty_writeback_centisecs\n";
const NO_COMMITS: &str = "commit=3000";

/// Runs `steps` for each base, mounted at `$at`, and then cuts the power.
fn cut_off(images: &Images, bases: &[Base], steps: impl Fn(&Base) -> String) {
    let mut script = QUIET.to_owned();
    for (base, letter) in bases.iter().zip('a'..) {
        let at = format!("at-{letter}");
        let options = format!("{},{NO_COMMITS}", base.mounted);
        writeln!(script, "at={at}; mkdir {at}").unwrap();
        writeln!(script, "mount -t ext4 -o {options} /dev/ubd{letter} {at}").unwrap();
        writeln!(script, "{}", steps(base)).unwrap();
    }
    let names: Vec<_> = bases.iter().map(|base| base.name.to_owned()).collect();
    images.run(&script, &names);
}

/// Checks that this program's reader, the kernel's replay and e2fsck's replay find the same.
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
        let path = images.path(base.name);
        let read = Read::expect(&path);
        read.assert(&both[0], &path, "the kernel after its replay");
        read.assert(&both[1], &path, "the kernel after e2fsck");
    }
}

fn debugfs(images: &Images, base: &Base, question: &str) -> String {
    let mut debugfs = Command::new("debugfs");
    let answer = run(debugfs
        .args(["-c", "-R", question])
        .arg(images.path(base.name)));
    String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned()
}

#[test]
fn what_only_the_journal_has_is_read() {
    let images = Images::new(&BASES);
    let steps = "fill everything $at; sync -f $at; fill changes $at";
    cut_off(&images, &BASES, |_| steps.to_owned());
    for base in &BASES {
        let as_it_lies = debugfs(&images, base, "stat /last-commit");
        assert!(
            as_it_lies.contains("File not found"),
            "{} {as_it_lies}",
            base.name
        );
        // If data is in the journal too, no block has to be revoked.
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

/// The journal has 1024 blocks of 1 KiB, and each transaction takes about eight.
const MOMENTS: [(&str, u32); 8] = [
    ("105", 105),
    ("125", 125),
    ("145", 145),
    ("170", 170),
    ("190", 190),
    ("231", 231),
    ("300", 300),
    ("400", 400),
];

#[test]
fn a_log_that_goes_around_is_read_at_any_moment() {
    let bases = MOMENTS.map(|(name, count)| {
        let features = if count % 2 == 0 {
            ""
        } else {
            "^64bit,^metadata_csum"
        };
        base(name, features, "-b 1024 -J size=1")
    });
    let images = Images::new(&bases);
    cut_off(&images, &bases, |base| {
        format!("echo {} > laps; fill laps $at", base.name)
    });
    let goes_around = bases.iter().filter(|base| {
        let log = debugfs(&images, base, "logdump -a");
        let blocks = log_blocks(&log);
        blocks.windows(2).any(|two| two[0].block > two[1].block)
    });
    assert!(goes_around.count() >= 3);
    assert_replayed(&images, &bases, &[]);
}

/// A block of the log that is not a copy of another block.
#[derive(Clone, Debug)]
struct LogBlock {
    kind: String,
    block: u32,
}

/// The blocks that the output of debugfs about a log names.
fn log_blocks(log: &str) -> Vec<LogBlock> {
    let lines = log
        .lines()
        .filter(|line| line.starts_with("Found expected sequence"));
    lines
        .map(|line| {
            let (_, kind) = line.split_once('(').unwrap();
            let (kind, block) = kind.split_once(") at block ").unwrap();
            LogBlock {
                kind: kind.to_owned(),
                block: block.parse().unwrap(),
            }
        })
        .collect()
}

#[test]
fn what_was_open_and_deleted_is_gone() {
    let bases = [
        base("orphan-list", "", "-J size=4"),
        base("orphan-file", "orphan_file", "-J size=4"),
    ];
    let images = Images::new(&bases);
    let delete = "cat $at/contents/large > $at/open; exec 9< $at/open; rm $at/open";
    let steps = format!("fill everything $at; sync -f $at; {delete}; fill one_change $at");
    cut_off(&images, &bases, |_| steps.clone());
    assert_replayed(&images, &bases, &[("/one-change", true), ("/open", false)]);
}

#[test]
fn fast_commits_are_refused_and_what_is_left_of_them_is_not() {
    let bases = [
        base("there", "fast_commit", "-J size=8"),
        base("left-over", "fast_commit", "-J size=8"),
    ];
    let images = Images::new(&bases);
    let steps = "fill everything $at; sync -f $at; fill one_change $at";
    cut_off(&images, &bases, |base| match base.name {
        "left-over" => format!("{steps}; touch $at/full-commit; sync -f $at"),
        _ => steps.to_owned(),
    });
    let error = Read::new(&images.path("there")).err().unwrap();
    let is_refused = matches!(
        error,
        ReadError::Unsupported(Unsupported::Replay(JournalLimit::FastCommits { .. }))
    );
    assert!(is_refused, "{error}");
    assert!(error.to_string().contains("`fast_commit`"), "{error}");
    assert_replayed(
        &images,
        &bases[1..],
        &[("/one-change", true), ("/full-commit", true)],
    );
}

/// One byte of one block of the log is changed. The kernel must mount a log that this program reads
/// and find the same in it, and must refuse a log that this program refuses.
#[test]
fn a_damaged_log_is_read_or_refused_as_by_the_kernel() {
    let base = base("base", "", "-J size=4");
    let images = Images::new(&[base]);
    let steps = "fill everything $at; sync -f $at; fill changes $at";
    cut_off(&images, &[base], |_| steps.to_owned());
    let log = log_blocks(&debugfs(&images, &base, "logdump -a"));
    let mut damaged = Vec::new();
    for kind in ["descriptor block", "commit block", "revoke table"] {
        let all: Vec<_> = log.iter().filter(|block| block.kind == kind).collect();
        for index in [0, all.len() - 1] {
            // A block without its magic number ends the log. A descriptor is followed by a copy.
            let copy = (kind == "descriptor block").then_some((1, 100));
            for (behind, byte) in [(0, 0), (0, 24)].into_iter().chain(copy) {
                let name = format!("{index}-{behind}-{byte}-{}", kind.replace(' ', "-"));
                let path = images.copy(base.name, &name);
                flip(&images, &base, &path, all[index].block + behind, byte);
                damaged.push(name);
            }
        }
    }
    let mut script = String::new();
    for (name, letter) in damaged.iter().zip('a'..) {
        writeln!(script, "if mount -t ext4 -o ro /dev/ubd{letter} at").unwrap();
        writeln!(script, "then manifest at {name}; umount at").unwrap();
        writeln!(script, "else touch {name}; fi").unwrap();
    }
    let copies: Vec<_> = damaged
        .iter()
        .map(|name| format!("{name}-mounted"))
        .collect();
    for (name, copy) in damaged.iter().zip(&copies) {
        images.copy(name, copy);
    }
    let left = images.run(&script, &copies);
    let mut n_refused = 0;
    for name in &damaged {
        let (path, found) = (images.path(name), left.file(name));
        match Read::new(&path) {
            Ok(read) if !found.is_empty() => {
                read.assert(&kernel::parse(&found), &path, "the kernel");
            }
            Err(ReadError::Corrupt(_)) if found.is_empty() => n_refused += 1,
            ours => panic!(
                "{name}: the kernel mounts it: {}; we say {:?}",
                !found.is_empty(),
                ours.err()
            ),
        }
    }
    // All are refused except those in which the log ends early.
    assert_eq!((n_refused, damaged.len()), (8, 14));
}

/// Inverts a byte of block `block` of the journal in the image at `path`.
fn flip(images: &Images, base: &Base, path: &std::path::Path, block: u32, byte: u64) {
    let answer = debugfs(images, base, &format!("bmap <8> {block}"));
    let answer = answer.lines().find_map(|line| line.parse::<u64>().ok());
    let at = answer.unwrap() * 4096 + byte;
    let file = fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.file().read_exact_at(&mut byte, at).unwrap();
    file.file().write_all_at(&[!byte[0]], at).unwrap();
}
