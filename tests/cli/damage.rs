//! Damage to the store: the image is right nevertheless, or there is no image and an error names
//! the damage.

use crate::command;
use crate::fixture::{Fixture, names, run};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// A way to damage a file of the store.
type Damage = fn(&Path, &Path);

/// The ways to damage a file. The second path is a file of the same kind with other content.
const DAMAGES: [Damage; 10] = [
    |path, _| flip(path),
    |path, _| change(path, |bytes| bytes.truncate(bytes.len() / 2)),
    |path, _| change(path, Vec::clear),
    |path, _| fs_err::remove_file(path).unwrap(),
    |path, other| replace(path, |path| symlink(other, path).unwrap()),
    |path, other| replace(path, |path| assert!(fs_err::copy(other, path).is_ok())),
    |path, _| {
        replace(path, |path| {
            fs_err::create_dir_all(path.join("deep")).unwrap()
        })
    },
    |path, _| replace(path, fifo),
    |path, _| replace(path, |path| drop(UnixListener::bind(path).unwrap())),
    |path, _| fs_err::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap(),
];

fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs_err::read(path).unwrap();
    change(&mut bytes);
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// Changes one bit in the middle of the file at `path`, as a failing disk or a faulty program does.
fn flip(path: &Path) {
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    let file = fs_err::OpenOptions::new().read(true).write(true).open(path);
    let file = file.unwrap();
    let (at, mut byte) = (file.metadata().unwrap().len() / 2, [0]);
    if file.file().read_at(&mut byte, at).unwrap() == 1 {
        file.file().write_at(&[byte[0] ^ 16], at).unwrap();
    }
}

/// Replaces `path` by what `make` makes at a short path, because the name of a socket must be
/// short.
fn replace(path: &Path, make: impl Fn(&Path)) {
    fs_err::remove_file(path).unwrap();
    let short = tempfile::tempdir().unwrap();
    let made = short.path().join("x");
    make(&made);
    command::run(Command::new("mv").arg(&made).arg(path));
}

fn fifo(path: &Path) {
    command::run(Command::new("mkfifo").arg(path));
}

/// All files below `folder`, sorted by path.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = names(folder).into_iter().map(|name| folder.join(name));
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.flat_map(below).collect()
}

impl Fixture {
    /// The bytes of the image that a build makes. The build must not wait for anything.
    fn built(&self) -> Vec<u8> {
        self.built_as("x.img")
    }

    /// The bytes of the image that a build writes as `name`.
    fn built_as(&self, name: &str) -> Vec<u8> {
        let path = self.path("out").join(name);
        let mut command = self.bare(&[]);
        run(command.args(self.inputs()).arg("--output").arg(&path)).succeeded();
        fs_err::read(path).unwrap()
    }

    /// Damages each file below `folder` of the store in every way, some files at a time, and
    /// expects the right image after each build.
    fn survives_damage_of(&self, folder: &str) {
        self.survives_damage_as(folder, "x.img");
    }

    fn survives_damage_as(&self, folder: &str, name: &str) {
        let good = self.built_as(name);
        let folder = self.path("store").join(folder);
        for round in 0..DAMAGES.len() {
            // A file that no build needs any more stays damaged.
            let is_whole = |path: &PathBuf| fs_err::symlink_metadata(path).unwrap().is_file();
            let all: Vec<PathBuf> = files(&folder).into_iter().filter(is_whole).collect();
            for (index, path) in all.iter().enumerate() {
                let other = &all[(index + 1) % all.len()];
                let damage = DAMAGES[(index + round) % DAMAGES.len()];
                // A damaged neighbour cannot serve as the other file of the kind, and a user who is
                // not root cannot read every one.
                let readable = other.is_file() && fs_err::File::open(other).is_ok();
                let other = if readable {
                    other.as_path()
                } else {
                    Path::new("/etc/passwd")
                };
                damage(path, other);
            }
            assert!(
                self.built_as(name) == good,
                "round {round} in {}",
                folder.display()
            );
        }
        assert_eq!(self.scratch(), [""; 0]);
    }
}

#[test]
fn no_damaged_object_reaches_an_image() {
    Fixture::warm().survives_damage_of("objects");
}

#[test]
fn no_damaged_memo_reaches_an_image() {
    Fixture::warm().survives_damage_of("memo");
}

#[test]
fn no_damaged_note_of_an_inode_reaches_an_image() {
    Fixture::warm().survives_damage_of("inodes");
}

/// The oracles damage parts in xz, which takes longer to compress (`disk::formats`).
#[test]
fn no_damage_reaches_a_packed_image() {
    let fixture = Fixture::warm();
    fixture.survives_damage_as("objects", "x.img.zst");
    fixture.survives_damage_as("memo", "x.img.zst");
}

/// The text that the store notes for the inode of `path`.
fn inode(path: &Path) -> String {
    let found = fs_err::metadata(path).unwrap();
    let born = found.created().unwrap();
    let born = born.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!(
        "{} {} {}.{:09} {}.{:09} {}.{:09}\n",
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
        born.as_secs(),
        born.subsec_nanos()
    )
}

/// Flips a bit of every object whose inode the store of `fixture` has noted, and notes the new
/// inode, so that the inode does not show the damage.
fn rot(fixture: &Fixture) -> usize {
    let objects = files(&fixture.path("store/objects"));
    for path in &objects {
        let digest: String = path.iter().rev().take(2).collect::<Vec<_>>()[1]
            .to_str()
            .unwrap()
            .to_owned()
            + path.file_name().unwrap().to_str().unwrap();
        let note = fixture.path("store/inodes").join(digest);
        let before = fs_err::read_to_string(&note).unwrap();
        assert_eq!(before, inode(path), "the format of a note");
        flip(path);
        fs_err::write(&note, inode(path)).unwrap();
    }
    objects.len()
}

#[test]
fn bits_that_a_disk_loses_in_silence_are_found_with_the_same_and_with_other_inputs() {
    let fixture = Fixture::new();
    let other = || {
        run(fixture.build().args(["--set", "greeting=good morning"])).succeeded();
        fs_err::read(fixture.image()).unwrap()
    };
    let (changed, good) = (other(), fixture.built());
    assert!(changed != good);
    assert!(rot(&fixture) > 30);
    let finished = run(&mut fixture.build()).succeeded();
    finished.says(&["its content has changed since it was stored; it is now fetched or made anew"]);
    assert!(fs_err::read(fixture.image()).unwrap() == good);

    // The memo of the image is removed, as if these inputs were new.
    fs_err::remove_dir_all(fixture.path("store/memo/image-2")).unwrap();
    rot(&fixture);
    assert!(other() == changed);
}

/// What is packed anew is read by other code than what is hashed, and after the digest of the image is known.
#[test]
fn bits_that_a_disk_loses_in_silence_are_found_before_they_are_packed() {
    let fixture = Fixture::new();
    let files = ["x.img", "x.img.zst", "x.qcow2"].map(|name| fixture.path("out").join(name));
    let build = |files: &[&PathBuf]| {
        let mut command = fixture.bare(&[]);
        command.args(fixture.inputs());
        files.iter().for_each(|file| {
            command.arg("--output").arg(file);
        });
        let finished = run(&mut command).succeeded();
        let read = |file: &&PathBuf| fs_err::read(file).unwrap();
        (finished, files.iter().map(read).collect::<Vec<_>>())
    };
    let [raw, zst, qcow2] = &files;
    let (_, good) = build(&[raw, zst, qcow2]);
    for (wanted, forgotten) in [
        (&[raw, zst][..], &["zstd-12-1"][..]),
        (&[zst], &["zstd-12-1"]),
        (&[zst], &["zstd-12-1", "image-of-spans-1"]),
        (&[zst], &["zstd-12-1", "image-of-spans-1", "image-2"]),
        (&[raw, qcow2], &[]),
        (&[qcow2], &["image-2"]),
    ] {
        for stage in forgotten {
            fs_err::remove_dir_all(fixture.path("store/memo").join(stage)).unwrap();
        }
        assert!(rot(&fixture) > 30);
        let (finished, found) = build(wanted);
        finished
            .says(&["its content has changed since it was stored; it is now fetched or made anew"]);
        let expected = files.iter().zip(&good);
        let expected = expected.filter(|(file, _)| wanted.contains(file));
        let expected: Vec<&Vec<u8>> = expected.map(|(_, bytes)| bytes).collect();
        assert!(
            found.iter().eq(expected),
            "{wanted:?} without {forgotten:?}"
        );
    }
}

#[test]
fn a_damaged_package_that_cannot_be_fetched_again_is_named() {
    let fixture = Fixture::warm();
    for path in files(&fixture.path("store/objects")) {
        flip(&path);
    }
    let finished = run(fixture.build().arg("--offline")).ended(4);
    finished.says(&[
        "object ",
        "its content has changed since it was stored",
        "offline",
    ]);
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn a_store_in_which_others_can_write_is_refused() {
    let fixture = Fixture::warm();
    for part in ["store", "store/objects", "store/memo"] {
        let path = fixture.path(part);
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        run(&mut fixture.build())
            .ended(5)
            .says(&[part, "can be written by everybody"]);
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let memo = fixture.path("store/memo");
    fs_err::rename(&memo, fixture.path("elsewhere")).unwrap();
    symlink(fixture.path("elsewhere"), &memo).unwrap();
    run(&mut fixture.build())
        .ended(5)
        .says(&["store/memo", "is no folder"]);
}
