//! Fills a filesystem through the kernel's mount, so that the kernel decides where everything is.

use super::super::trees::acl_for_user;
use fs_err::os::unix::fs::symlink;
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[test]
#[ignore = "a part of other tests: they run it in User Mode Linux"]
fn everything_inside_the_guest() {
    everything(&asked());
}

#[test]
#[ignore = "a part of other tests: they run it in User Mode Linux"]
fn changes_inside_the_guest() {
    changes(&asked());
}

#[test]
#[ignore = "a part of other tests: they run it in User Mode Linux"]
fn laps_inside_the_guest() {
    laps(&asked());
}

#[test]
#[ignore = "a part of other tests: they run it in User Mode Linux"]
fn one_change_inside_the_guest() {
    write_synced(&asked().join("one-change"), b"one change");
}

/// The folder that the guest's script asks to fill.
fn asked() -> PathBuf {
    let folder = fs_err::read_to_string("asked").unwrap();
    PathBuf::from(folder.trim_end())
}

/// One file of every kind, with the lengths at which the format changes.
fn everything(at: &Path) {
    contents(&folder(at, "contents"));
    names(&folder(at, "names"));
    nodes(&folder(at, "nodes"));
    owners_and_times(&folder(at, "meta"));
    xattrs(&folder(at, "xattrs"));
    deleted_and_renamed(&folder(at, "moved"));
}

fn folder(at: &Path, name: &str) -> PathBuf {
    let path = at.join(name);
    fs_err::create_dir(&path).unwrap();
    path
}

/// Bytes in which no two blocks are equal.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| ((i / 7 + i / 1024 + seed) % 251) as u8)
        .collect()
}

fn create(path: &Path) -> fs_err::File {
    fs_err::File::create(path).unwrap()
}

fn write_synced(path: &Path, bytes: &[u8]) {
    let file = create(path);
    file.file().write_all_at(bytes, 0).unwrap();
    file.sync_all().unwrap();
}

fn contents(at: &Path) {
    for len in [
        0, 1, 59, 60, 61, 120, 155, 156, 157, 200, 1023, 1024, 1025, 4095, 4096, 4097,
    ] {
        fs_err::write(at.join(format!("of-{len}")), pattern(len, len)).unwrap();
    }
    // This is longer than the direct blocks of old inodes, and needs single and double indirect
    // ones.
    fs_err::write(at.join("large"), pattern(5 << 20, 3)).unwrap();
    // With small blocks this needs triple indirect ones.
    let is_far = rustix::fs::statvfs(at).unwrap().f_bsize == 1024;
    let far = if is_far { 69 << 20 } else { 5 << 20 };
    let sparse = create(&at.join("sparse"));
    for offset in [0, 300_000, 4_500_000, far] {
        let bytes = b"between holes";
        sparse.file().write_all_at(bytes, offset).unwrap();
    }
    sparse.set_len(far + (1 << 20)).unwrap();
    create(&at.join("hole")).set_len(1 << 20).unwrap();
    // This has more extents than a leaf has entries, even with large blocks.
    let comb = create(&at.join("comb"));
    for i in (0..400_u64).rev() {
        comb.file()
            .write_all_at(&pattern(4096, i as usize), i * 8192)
            .unwrap();
    }
    // The two files grow in turns, so that neither is in one piece.
    let turns = [create(&at.join("turn-0")), create(&at.join("turn-1"))];
    for i in 0..30 {
        for (seed, file) in turns.iter().enumerate() {
            let bytes = pattern(4096, seed + i);
            file.file().write_all_at(&bytes, i as u64 * 4096).unwrap();
            file.sync_data().unwrap();
        }
    }
    unwritten(at);
    let long = at.join("cut-short");
    fs_err::write(&long, pattern(100_000, 5)).unwrap();
    fs_err::OpenOptions::new()
        .write(true)
        .open(&long)
        .unwrap()
        .set_len(777)
        .unwrap();
}

/// Blocks that are allocated and not written, which old inodes do not have.
fn unwritten(at: &Path) {
    let file = create(&at.join("unwritten"));
    let keep = FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 1 << 20) {
        Err(Errno::OPNOTSUPP) => return,
        result => result.unwrap(),
    }
    file.file().write_all_at(b"written", 500_000).unwrap();
    file.sync_all().unwrap();
    let behind = create(&at.join("behind-the-end"));
    behind.file().write_all_at(b"short", 0).unwrap();
    rustix::fs::fallocate(&behind, keep, 0, 1 << 20).unwrap();
    let punched = create(&at.join("punched"));
    punched
        .file()
        .write_all_at(&pattern(200_000, 9), 0)
        .unwrap();
    punched.sync_all().unwrap();
    let punch = keep | FallocateFlags::PUNCH_HOLE;
    rustix::fs::fallocate(&punched, punch, 10_000, 100_000).unwrap();
}

fn names(at: &Path) {
    let all_bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    for name in [
        b"caf\xe9".as_slice(),
        "Größe 漢字".as_bytes(),
        b"new\nline",
        &[b'x'; 255],
        &all_bytes,
    ] {
        fs_err::write(at.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let file = at.join("many-links");
    fs_err::write(&file, b"many names").unwrap();
    for (n, width) in [(5000, 1), (300, 255), (10, 30)] {
        let directory = folder(at, &format!("with-{n}"));
        for i in 0..n {
            fs_err::hard_link(&file, directory.join(format!("{i:0>width$}"))).unwrap();
        }
    }
    let mut deep = at.to_owned();
    for _ in 0..40 {
        deep = folder(&deep, "deep");
    }
    let wide = folder(at, "wide");
    for i in 0..60 {
        folder(&wide, &format!("{i}"));
    }
}

fn nodes(at: &Path) {
    for len in [1, 59, 60, 61, 150, 1000, 1023, 4094] {
        match rustix::fs::symlink("t".repeat(len), at.join(format!("symlink-{len}"))) {
            // The target of a symlink must fit into a block.
            Err(Errno::NAMETOOLONG) => {}
            result => result.unwrap(),
        }
    }
    for (major, minor) in [
        (1, 3),
        (255, 255),
        (256, 0),
        (259, 70_000),
        (4095, 0xf_ffff),
    ] {
        for (letter, kind) in [
            ('b', FileType::BlockDevice),
            ('c', FileType::CharacterDevice),
        ] {
            let path = at.join(format!("{letter}-{major}-{minor}"));
            rustix::fs::mknodat(CWD, &path, kind, mode(0o640), makedev(major, minor)).unwrap();
        }
    }
    for (name, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
        rustix::fs::mknodat(CWD, at.join(name), kind, mode(0o600), 0).unwrap();
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits)
}

fn owners_and_times(at: &Path) {
    for bits in [0, 0o1777, 0o2755, 0o4755, 0o7777] {
        let path = at.join(format!("mode-{bits:o}"));
        fs_err::write(&path, b"#!").unwrap();
        own(&path, 70_000 + bits, 3_000_000_000);
        rustix::fs::chmod(&path, mode(bits)).unwrap();
    }
    for seconds in [
        -0x8000_0000,
        -1,
        0,
        0x7fff_ffff,
        0x8000_0000,
        0x1_0000_0000,
        0x2_7fff_ffff_i64,
    ] {
        let path = at.join(format!("at{seconds}"));
        symlink("nowhere", &path).unwrap();
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: 999_999_999,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

fn own(path: &Path, uid: u32, gid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
}

fn xattrs(at: &Path) {
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    let acl = acl_for_user(1000);
    let one = |name: &str, value: Vec<u8>| vec![(name.to_owned(), value)];
    for (name, list) in [
        ("empty", one("user.empty", vec![])),
        ("short", one("user.short", b"value".to_vec())),
        ("block", one("user.block", vec![7; 700])),
        ("large", one("user.large", vec![8; 3500])),
        ("huge", one("user.huge", pattern(20_000, 1))),
        ("largest", one("trusted.largest", pattern(65_536, 2))),
        ("capability", one("security.capability", capability)),
        ("acl", one("system.posix_acl_access", acl.clone())),
        (
            "long-name",
            one(&format!("user.{}", "n".repeat(250)), b"v".to_vec()),
        ),
        (
            "many",
            (0..20)
                .map(|i| (format!("trusted.{i}"), vec![i; i.into()]))
                .collect(),
        ),
        (
            "several-large",
            (0..4)
                .map(|i| (format!("user.{i}"), pattern(5000, i)))
                .collect(),
        ),
    ] {
        fs_err::write(at.join(name), name).unwrap();
        set(&at.join(name), &list);
        // A directory and a symlink with the same attributes, if they may have them.
        let directory = folder(at, &format!("{name}-directory"));
        set(&directory, &list);
        let link = at.join(format!("{name}-symlink"));
        symlink("l".repeat(100), &link).unwrap();
        let list = list.into_iter();
        let list: Vec<_> = list
            .filter(|(name, _)| name.starts_with("trusted"))
            .collect();
        set(&link, &list);
    }
    set(
        &folder(at, "acl-default"),
        &one("system.posix_acl_default", acl),
    );
    // The kernel notices that the block is the same and shares it.
    for i in 0..10 {
        let path = at.join(format!("shared-{i}"));
        fs_err::write(&path, [i]).unwrap();
        set(&path, &one("user.shared", vec![9; 600]));
    }
}

fn set(path: &Path, list: &[(String, Vec<u8>)]) {
    for (name, value) in list {
        match rustix::fs::lsetxattr(path, name.as_str(), value, XattrFlags::empty()) {
            // All attributes of a node must fit into a block if values have no inodes of their own.
            Err(Errno::NOSPC) => {}
            result => result.unwrap(),
        }
    }
}

fn deleted_and_renamed(at: &Path) {
    let files = folder(at, "files");
    for i in 0..400 {
        fs_err::write(files.join(format!("file-number-{i}")), pattern(i * 10, i)).unwrap();
    }
    for i in (0..400).filter(|i| i % 7 != 0) {
        fs_err::remove_file(files.join(format!("file-number-{i}"))).unwrap();
    }
    let (from, to) = (folder(at, "from"), folder(at, "to"));
    fs_err::write(folder(&from, "directory").join("file"), b"moved").unwrap();
    fs_err::rename(from.join("directory"), to.join("renamed")).unwrap();
    fs_err::rename(files.join("file-number-0"), to.join("file-number-0")).unwrap();
    let gone = folder(at, "gone");
    fs_err::write(gone.join("file"), b"gone").unwrap();
    fs_err::remove_dir_all(gone).unwrap();
}

/// Makes changes that are in the journal alone: committed, but not written to their places when the
/// machine stops. Metadata blocks become blocks of files, which revokes them.
fn changes(at: &Path) {
    write_synced(&at.join("contents/large"), &pattern(3 << 20, 77));
    let metadata = folder(at, "becomes-data");
    for i in 0..300 {
        fs_err::write(metadata.join(format!("{i:0>200}")), b"").unwrap();
    }
    write_synced(&at.join("commit-1"), b"1");
    fs_err::remove_dir_all(&metadata).unwrap();
    fs_err::remove_dir_all(at.join("names/with-300")).unwrap();
    write_synced(&at.join("commit-2"), b"2");
    for i in 0..30 {
        write_synced(&at.join(format!("takes-blocks-{i}")), &pattern(40_000, i));
    }
    // This block begins as those of the journal do.
    let magic = [0xc0, 0x3b, 0x39, 0x98];
    write_synced(&at.join("magic"), &magic.repeat(3000));
    fs_err::rename(at.join("moved/to"), at.join("moved/elsewhere")).unwrap();
    set(
        &at.join("xattrs/acl"),
        &[("user.late".to_owned(), vec![1; 500])],
    );
    write_synced(&at.join("last-commit"), b"3");
    // This is written too late to be kept.
    fs_err::write(at.join("never-committed"), b"never").unwrap();
    fs_err::remove_file(at.join("commit-1")).unwrap();
}

/// Makes as many transactions as the guest's script asks for.
fn laps(at: &Path) {
    let count = fs_err::read_to_string("laps").unwrap();
    let directory = folder(at, "laps");
    for i in 0..count.trim_end().parse().unwrap() {
        let path = directory.join(format!("{:0>100}", i % 90));
        write_synced(&path, &pattern(i * 5, i));
        if i % 3 == 0 {
            fs_err::remove_file(&path).unwrap();
        }
    }
}
