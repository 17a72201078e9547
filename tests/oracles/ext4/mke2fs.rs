//! Filesystems that mke2fs and debugfs write, with every feature that they know: this program's
//! reader must find their content, and so must ext4-view if it knows the features.

mod sample;

use super::image::Objects;
use super::{assert_manifest, manifest, reader, view};
use crate::command::run;
use imgbuild::fs::ext4::read::{ReadError, Unsupported};
use imgbuild::tree::{Content, Kind, Piece, Tree};
use sample::sample;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Options of mke2fs, and the size of the image in MiB.
const FORMATS: [(&str, u32); 22] = [
    ("", 64),
    ("-b 1024", 32),
    ("-b 2048", 32),
    ("-b 65536", 512),
    ("-t ext2 -b 1024", 32),
    ("-t ext3", 64),
    ("-O ^extent,^64bit -b 1024", 32),
    ("-O ^64bit,^metadata_csum", 64),
    ("-O ^metadata_csum,uninit_bg", 64),
    ("-O ^64bit,^metadata_csum,uninit_bg -I 128", 64),
    ("-O meta_bg,^resize_inode -b 1024 -N 2048", 320),
    ("-O sparse_super2,^resize_inode", 300),
    ("-O inline_data", 64),
    ("-O inline_data -I 512 -b 1024", 64),
    ("-O bigalloc -C 16384", 64),
    ("-O bigalloc,meta_bg,^resize_inode -b 1024 -C 4096", 64),
    ("-O metadata_csum_seed,orphan_file", 64),
    ("-O large_dir,ea_inode -b 1024", 64),
    ("-O ea_inode,^metadata_csum -I 1024", 64),
    ("-O ^has_journal,^dir_index,^flex_bg", 64),
    ("-O quota,project,encrypt,verity,mmp -I 512", 64),
    (
        "-O ^filetype,^sparse_super,^resize_inode,^huge_file -I 128",
        64,
    ),
];

/// The formats in which a file of 64 MiB has all kinds of indirect blocks.
const INDIRECT: [&str; 2] = ["-t ext2 -b 1024", "-O ^extent,^64bit -b 1024"];

/// A filesystem that mke2fs made of a folder.
struct Made {
    image: PathBuf,
    _folder: TempDir,
}

impl Made {
    /// Makes a filesystem with `options`. debugfs sets what mke2fs cannot take from a folder of an
    /// ordinary user.
    fn new(tree: &Tree, options: &str, mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, image) = (folder.path().join("root"), folder.path().join("ext4"));
        write_tree(tree, &root);
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-F", "-d"]).arg(&root);
        if !options.contains("-t ") {
            mke2fs.args(["-t", "ext4"]);
        }
        if !options.contains("-b ") {
            // These are the block sizes of large filesystems.
            mke2fs.args(["-b", "4096"]);
        }
        mke2fs.args(options.split_whitespace()).arg(&image);
        run(mke2fs.arg(format!("{mebibytes}M")));
        let (first, second) = (devices(tree), owners_and_xattrs(tree, folder.path()));
        for commands in [first, second] {
            debugfs(&image, &commands, folder.path());
        }
        Self {
            image,
            _folder: folder,
        }
    }

    /// Lets e2fsck count the blocks of large attributes, which debugfs does not do.
    fn repair(&self) {
        self.e2fsck("-fp");
    }

    /// Lets e2fsck give an index to every directory of more than one block.
    fn index_directories(&self) {
        self.e2fsck("-fyD");
    }

    fn e2fsck(&self, options: &str) {
        let mut e2fsck = Command::new("e2fsck");
        let output = e2fsck.arg(options).arg(&self.image).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    }
}

fn debugfs(image: &Path, commands: &str, folder: &Path) {
    let script = folder.join("commands");
    fs_err::write(&script, commands).unwrap();
    let output = run(Command::new("debugfs")
        .arg("-w")
        .arg("-f")
        .arg(script)
        .arg(image));
    let complaints = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = complaints.lines().skip(1).collect();
    assert_eq!(complaints, [""; 0], "debugfs -w on {}", image.display());
}

/// Writes everything but devices to the host.
fn write_tree(tree: &Tree, root: &Path) {
    let mut names = Vec::new();
    for (path, id) in tree.walk() {
        let host = root.join(OsStr::from_bytes(&path.to_bytes()[1..]));
        let node = tree.node(id);
        let first: Option<&(_, PathBuf)> = names.iter().find(|(seen, _)| *seen == id);
        match (&node.kind, first) {
            (_, Some((_, first))) => fs_err::hard_link(first, &host).unwrap(),
            (Kind::Directory(_), _) => fs_err::create_dir(&host).unwrap(),
            (Kind::Symlink(target), _) => {
                std::os::unix::fs::symlink(OsStr::from_bytes(target), &host).unwrap();
            }
            (Kind::File(content), _) => write_file(content, &host),
            (Kind::Fifo, _) => {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    &host,
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::from_raw_mode(0o600),
                    0,
                )
                .unwrap();
            }
            _ => continue,
        }
        names.push((id, host));
    }
    // The times of directories are set last, because making entries changes them.
    for (id, host) in names.iter().rev() {
        let node = tree.node(*id);
        if !matches!(node.kind, Kind::Symlink(_)) {
            let mode = std::fs::Permissions::from_mode(u32::from(node.meta.mode));
            fs_err::set_permissions(host, mode).unwrap();
        }
        let time = rustix::fs::Timespec {
            tv_sec: node.meta.mtime.seconds,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, host, &times, flags).unwrap();
    }
}

fn write_file(content: &Content, host: &Path) {
    let file = fs_err::File::create(host).unwrap();
    file.set_len(content.len()).unwrap();
    let mut at = 0;
    for piece in content.pieces() {
        if let Piece::Bytes(bytes) = &piece {
            file.file().write_all_at(bytes, at).unwrap();
        }
        at += piece.len();
    }
}

/// Commands of debugfs that make the devices. debugfs cannot read names with spaces and the like,
/// so the tree has none.
fn devices(tree: &Tree) -> String {
    let mut commands = String::new();
    for (path, id) in tree.walk() {
        let (letter, major, minor) = match tree.node(id).kind {
            Kind::BlockDevice { major, minor } => ('b', major, minor),
            Kind::CharDevice { major, minor } => ('c', major, minor),
            _ => continue,
        };
        let (parent, name) = path.split_last().unwrap();
        writeln!(
            commands,
            "cd {parent}\nmknod {name} {letter} {major} {minor}"
        )
        .unwrap();
    }
    commands
}

/// Commands that set what only root could set in the folder. Times come last, because every change
/// updates them.
fn owners_and_xattrs(tree: &Tree, folder: &Path) -> String {
    let mut commands = String::new();
    let mut n_values = 0;
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        for (name, value) in &node.xattrs {
            let file = folder.join(format!("value-{n_values}"));
            n_values += 1;
            fs_err::write(&file, value).unwrap();
            let (name, file) = (String::from_utf8_lossy(name), file.display());
            writeln!(commands, "ea_set -f {file} {path} {name}").unwrap();
        }
        writeln!(commands, "sif {path} uid {}", node.meta.uid).unwrap();
        writeln!(commands, "sif {path} gid {}", node.meta.gid).unwrap();
        writeln!(commands, "sif {path} mtime @{}", node.meta.mtime.seconds).unwrap();
        if matches!(
            node.kind,
            Kind::BlockDevice { .. } | Kind::CharDevice { .. }
        ) {
            let letter = if matches!(node.kind, Kind::BlockDevice { .. }) {
                0o060_000
            } else {
                0o020_000
            };
            writeln!(commands, "sif {path} mode 0{:o}", letter | node.meta.mode).unwrap();
        }
    }
    commands
}

/// mke2fs 1.47.0 keeps whole seconds only.
fn expected(tree: &Tree) -> manifest::Manifest {
    let mut expected = manifest::expected(tree, &Objects::default());
    for facts in expected.values_mut() {
        facts.mtime.1 = 0;
    }
    expected
}

fn assert_found(made: &Made, expected: &manifest::Manifest, witness: &str) {
    let mut found = reader::found(&made.image);
    // The times of `lost+found` and of the root directory are those at which mke2fs ran.
    let lost_found = found.remove("/lost+found").unwrap();
    assert_eq!(lost_found.body, manifest::Body::Directory);
    assert_manifest(&found, expected, witness);
}

/// Checks that ext4-view finds the same, if it knows the features.
fn assert_shown(made: &Made, expected: &manifest::Manifest, options: &str) {
    if let Some(mut shown) = view::manifest(&made.image) {
        shown.remove("/lost+found");
        let witness = format!("ext4-view of mke2fs {options}");
        assert_manifest(&shown, &view::as_shown(expected.clone()), &witness);
    }
}

#[test]
fn filesystems_of_mke2fs_are_read_with_all_features() {
    for (options, mebibytes) in FORMATS {
        let tree = sample(options);
        let made = Made::new(&tree, options, mebibytes);
        made.repair();
        let mut expected = expected(&tree);
        expected.remove("/lost+found");
        assert_found(&made, &expected, &format!("mke2fs {options}"));
        // ext4-view 1.0.0 reads holes between indirect blocks as block 0.
        if !["^extent", "-t ext"]
            .iter()
            .any(|old| options.contains(old))
        {
            assert_shown(&made, &expected, options);
        }
        made.index_directories();
        assert_found(&made, &expected, &format!("mke2fs {options}, indexed"));
    }
}

#[test]
fn features_that_are_not_read_are_named() {
    for (options, name) in [
        ("-O casefold", "casefold"),
        ("-O journal_dev", "journal_dev"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("ext4");
        let mut mke2fs = Command::new("mke2fs");
        run(mke2fs
            .args(["-q", "-F"])
            .args(options.split(' '))
            .arg(&image)
            .arg("16M"));
        let refused = reader::tree(&image).unwrap_err();
        let ReadError::Unsupported(Unsupported::Features(features)) = refused else {
            panic!("{refused}")
        };
        let [feature] = features.as_slice() else {
            panic!("{features:?}")
        };
        assert_eq!(feature.to_string(), name);
    }
}
