//! Trees that are hard on a writer.

use std::os::unix::fs::FileExt;
use std::path::Path;

const N: u32 = 120_000;

/// Makes one of these trees in `folder`, which is new.
pub(super) fn make(kind: &str, folder: &Path) {
    fs_err::create_dir_all(folder).unwrap();
    match kind {
        "small" => small(folder),
        "wide" => wide(folder),
        "sparse" => sparse(folder),
        "special" => special(folder),
        other => panic!("`{other}` is no tree: expected small, wide, sparse or special"),
    }
}

/// Files of 0 to 12 KB, 200 in a directory.
fn small(folder: &Path) {
    let bytes: Vec<u8> = (0..12_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    for i in 0..N {
        let directory = folder.join(format!("directory-{}", i / 200));
        if i % 200 == 0 {
            fs_err::create_dir(&directory).unwrap();
        }
        let len = (i as usize).wrapping_mul(2_654_435_761) % bytes.len();
        fs_err::write(directory.join(format!("file-{i}")), &bytes[..len]).unwrap();
    }
}

/// One directory with as many entries.
fn wide(folder: &Path) {
    for i in 0..N {
        fs_err::write(folder.join(format!("an-entry-of-some-length-{i}")), "").unwrap();
    }
}

/// One file of 20 GiB with a megabyte in every gigabyte.
fn sparse(folder: &Path) {
    let file = fs_err::File::create(folder.join("sparse")).unwrap();
    file.set_len(20 << 30).unwrap();
    for i in 0..20 {
        file.file()
            .write_all_at(&vec![b'x'; 1 << 20], i << 30)
            .unwrap();
    }
}

/// Structures that are common in real systems and rare in most folders: wide directories, long names and
/// targets, files with many names, scattered data, a named pipe.
fn special(folder: &Path) {
    let sub = |name: &str| {
        let made = folder.join(name);
        fs_err::create_dir(&made).unwrap();
        made
    };
    let (files, directories, names) = (sub("files"), sub("directories"), sub("names"));
    for i in 0..5000 {
        fs_err::write(files.join(format!("a-file-of-five-thousand-{i}")), "x").unwrap();
    }
    for i in 0..3000 {
        fs_err::create_dir(directories.join(format!("directory-{i}"))).unwrap();
    }
    fs_err::write(names.join("0"), "one of many names").unwrap();
    for i in 1..20 {
        fs_err::hard_link(names.join("0"), names.join(i.to_string())).unwrap();
    }
    fs_err::write(names.join("n".repeat(255)), "").unwrap();
    for len in [5, 59, 60, 1000, 4000] {
        fs_err::os::unix::fs::symlink("t".repeat(len), folder.join(format!("symlink-{len}")))
            .unwrap();
    }
    let scattered = fs_err::File::create(folder.join("scattered")).unwrap();
    for i in 0..1500 {
        scattered
            .file()
            .write_all_at(&[b'x'; 4096], i * 8192)
            .unwrap();
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), mode).unwrap();
}
