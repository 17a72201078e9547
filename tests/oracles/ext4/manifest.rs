//! The content of a filesystem as a tree and debugfs show it. The kernel is the third witness.

use super::image::{EPOCH, Objects};
use crate::command::run;
use imgbuild::digest::Sha256;
use imgbuild::tree::{Kind, Tree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The facts about every path.
pub(super) type Manifest = BTreeMap<String, Facts>;

/// All facts about one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Type and permissions.
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: (i64, u32),
    pub(super) links: u32,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Body {
    Directory,
    File(Sha256),
    Symlink(String),
    Device(u32, u32),
    Nothing,
}

/// Bytes as text, in the form in which they are compared.
pub(super) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// The manifest of a tree.
pub(super) fn expected(tree: &Tree, objects: &Objects) -> Manifest {
    let counts = tree.link_counts();
    let mut manifest = Manifest::new();
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let (file_type, body) = match &node.kind {
            Kind::Directory(_) => (0o040_000, Body::Directory),
            Kind::File(content) => (0o100_000, Body::File(Sha256::of(&objects.read(content)))),
            Kind::Symlink(target) => (0o120_000, Body::Symlink(text(target))),
            Kind::BlockDevice { major, minor } => (0o060_000, Body::Device(*major, *minor)),
            Kind::CharDevice { major, minor } => (0o020_000, Body::Device(*major, *minor)),
            Kind::Fifo => (0o010_000, Body::Nothing),
            Kind::Socket => (0o140_000, Body::Nothing),
        };
        let n_directories = tree
            .entries(id)
            .filter(|(_, id)| tree.node(*id).is_directory())
            .count();
        let links = match n_directories + 2 {
            _ if !node.is_directory() => counts[&id],
            links @ ..=65_000 => links as u32,
            _ => 1,
        };
        let facts = Facts {
            mode: file_type | u32::from(node.meta.mode),
            owner: (node.meta.uid, node.meta.gid),
            mtime: (node.meta.mtime.seconds, node.meta.mtime.nanoseconds),
            links,
            xattrs: node
                .xattrs
                .iter()
                .map(|(name, value)| (text(name), value.clone()))
                .collect(),
            body,
        };
        manifest.insert(text(&path.to_bytes()), facts);
    }
    if let Entry::Vacant(vacant) = manifest.entry("/lost+found".to_owned()) {
        vacant.insert(lost_found());
        manifest.get_mut("/").unwrap().links += 1;
    }
    manifest
}

/// The directory `lost+found`, which every filesystem of this program has.
fn lost_found() -> Facts {
    Facts {
        mode: 0o040_700,
        owner: (0, 0),
        mtime: (EPOCH as i64, 0),
        links: 2,
        xattrs: BTreeMap::new(),
        body: Body::Directory,
    }
}

/// The manifest by debugfs, which any user can run.
pub(super) fn debugfs(image: &Path) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    let names = debugfs_names(image);
    let commands: String = names
        .values()
        .map(|ino| format!("stat <{ino}>\n"))
        .collect();
    let mut stats = BTreeMap::new();
    for answer in ask(image, &commands).split("debugfs: stat <").skip(1) {
        let (ino, stat) = answer.split_once(">\n").unwrap();
        stats.insert(ino.parse().unwrap(), stat.to_owned());
    }
    let mut commands = String::new();
    for (ino, stat) in &stats {
        let in_blocks = stat.contains("Type: symlink") && !stat.contains("Fast link dest: ");
        if stat.contains("Type: regular") || in_blocks {
            writeln!(
                commands,
                "dump <{ino}> {}",
                dumped(folder.path(), *ino).display()
            )
            .unwrap();
        }
    }
    ask(image, &commands);
    let xattrs = debugfs_xattrs(image, folder.path(), &stats);
    let facts = |ino: &u32| debugfs_facts(&stats[ino], &xattrs[ino], &dumped(folder.path(), *ino));
    names
        .iter()
        .map(|(name, ino)| (name.clone(), facts(ino)))
        .collect()
}

fn dumped(folder: &Path, ino: u32) -> PathBuf {
    folder.join(ino.to_string())
}

/// Runs `commands`. Bytes that are no UTF-8 become the characters of Latin-1.
pub(super) fn ask(image: &Path, commands: &str) -> String {
    let script = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(script.path(), commands).unwrap();
    let output = run(Command::new("debugfs")
        .arg("-f")
        .arg(script.path())
        .arg(image));
    let complaints = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = complaints
        .lines()
        .filter(|line| !line.starts_with("debugfs "))
        .collect();
    assert_eq!(complaints, [""; 0], "debugfs on {}", image.display());
    output.stdout.into_iter().map(char::from).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

/// Every path and its inode.
fn debugfs_names(image: &Path) -> BTreeMap<String, u32> {
    let mut names = BTreeMap::from([("/".to_owned(), 2)]);
    let mut level = vec![(String::new(), 2)];
    while !level.is_empty() {
        let commands: String = level
            .iter()
            .map(|(_, ino)| format!("ls -p <{ino}>\n"))
            .collect();
        let answers = ask(image, &commands);
        let mut below = Vec::new();
        for ((directory, _), answer) in level.iter().zip(answers.split("debugfs: ls -p <").skip(1))
        {
            // A name has no slash, so a line can be split at slashes: /ino/mode/uid/gid/name/size/
            // newline.
            let fields: Vec<_> = answer.split('/').skip(1).collect();
            for entry in fields.chunks_exact(7) {
                let (ino, mode, name) = (entry[0].parse().unwrap(), entry[1], latin1(entry[4]));
                let path = format!("{directory}/{}", text(&name));
                if ino == 0 || name == b"." || name == b".." {
                    continue;
                }
                if mode.starts_with("04") {
                    below.push((path.clone(), ino));
                }
                names.insert(path, ino);
            }
        }
        level = below;
    }
    names
}

fn debugfs_xattrs(
    image: &Path,
    folder: &Path,
    stats: &BTreeMap<u32, String>,
) -> BTreeMap<u32, BTreeMap<String, Vec<u8>>> {
    let mut commands = String::new();
    let mut names = Vec::new();
    for (ino, stat) in stats {
        let listed = stat
            .split("Extended attributes:\n")
            .nth(1)
            .unwrap_or_default();
        for line in listed.lines().map_while(|line| line.strip_prefix("  ")) {
            let name = line.split(" (").next().unwrap().to_owned();
            let file = folder.join(format!("xattr-{}", names.len()));
            writeln!(commands, "ea_get -f {} <{ino}> {name}", file.display()).unwrap();
            names.push((*ino, name, file));
        }
    }
    ask(image, &commands);
    let mut xattrs: BTreeMap<_, BTreeMap<_, _>> =
        stats.keys().map(|ino| (*ino, BTreeMap::new())).collect();
    for (ino, name, file) in names {
        let mut value = fs_err::read(file).unwrap();
        if name.starts_with("system.posix_acl") {
            // For an entry without an id, debugfs shows 0 and the kernel -1.
            let unnamed = value[4..]
                .chunks_exact_mut(8)
                .filter(|entry| !matches!(entry[0], 2 | 8));
            unnamed.for_each(|entry| entry[4..].fill(0xff));
        }
        xattrs.get_mut(&ino).unwrap().insert(name, value);
    }
    xattrs
}

fn debugfs_facts(stat: &str, xattrs: &BTreeMap<String, Vec<u8>>, dumped: &Path) -> Facts {
    let word = |label: &str| {
        let rest = stat
            .split(label)
            .nth(1)
            .unwrap_or_else(|| panic!("no {label} in {stat}"));
        rest.split_whitespace().next().unwrap()
    };
    // Owners above 2^31 are shown as negative.
    let number = |label: &str| word(label).parse::<i64>().unwrap() as u32;
    let size: usize = word("Size: ").parse().unwrap();
    let device = || {
        let (major, minor) = word("major/minor number: ").split_once(':').unwrap();
        Body::Device(major.parse().unwrap(), minor.parse().unwrap())
    };
    let (file_type, body) = match word("Type: ") {
        "directory" => (0o040_000, Body::Directory),
        "regular" => (
            0o100_000,
            Body::File(Sha256::of(&fs_err::read(dumped).unwrap())),
        ),
        "symlink" => (
            0o120_000,
            Body::Symlink(text(&symlink_target(stat, size, dumped))),
        ),
        "block" => (0o060_000, device()),
        "character" => (0o020_000, device()),
        "FIFO" => (0o010_000, Body::Nothing),
        "socket" => (0o140_000, Body::Nothing),
        other => panic!("{other}"),
    };
    let (low, extra) = word("mtime: 0x").split_once(':').unwrap();
    let hex = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
    let (low, extra) = (hex(low), hex(extra));
    Facts {
        mode: file_type | u32::from_str_radix(word("Mode:  "), 8).unwrap(),
        owner: (number("User: "), number("Group: ")),
        mtime: (
            i64::from(low.cast_signed()) + (i64::from(extra & 3) << 32),
            extra >> 2,
        ),
        links: number("Links: "),
        xattrs: xattrs.clone(),
        body,
    }
}

fn symlink_target(stat: &str, size: usize, dumped: &Path) -> Vec<u8> {
    match stat.split("Fast link dest: \"").nth(1) {
        Some(rest) => latin1(rest)[..size].to_vec(),
        None => fs_err::read(dumped).unwrap(),
    }
}
