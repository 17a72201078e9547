//! The contents of the root filesystem, as the kernel shows them to find, stat, sha256sum and getfattr.

use super::disk;
use super::family::Family;
use super::profile::Profile;
use super::reasons::Reasons;
use super::texts;
use crate::uml::{self, Disk};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Writes the facts about everything in the folder `at` to files in the working folder.
const ASK: &str = r#"mkdir at
mount -t ext4 -o ro,noload "$root" at
cd at
find . -xdev -printf '%P\t%M %U:%G %y %l\t%T@\t%n\n' > ../nodes
find . -xdev \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + > ../devices
find . -xdev -type f -exec sha256sum {} + > ../digests
getfattr -R -P -h -d -m - -e hex . > ../xattrs
mkdir ../texts
cat etc/fstab boot/*Env.txt > ../texts/words || true
cp etc/passwd etc/group etc/shadow etc/gshadow etc/hosts etc/hostname ../texts
cp var/lib/dpkg/status var/lib/dpkg/diversions var/lib/dpkg/statoverride ../texts
cp var/lib/apt/extended_states var/cache/debconf/config.dat ../texts
(cd var/lib/dpkg/info; grep -H '' *.list) > ../lists
cp -r var/lib/dpkg ../database
cd ..
umount at
# What is installed is of another architecture than this machine's dpkg.
printf 'amd64\narm64\narmhf\n' > database/arch
dpkg --admindir="$PWD/database" --audit > audit
"#;

const TEXTS: [&str; 12] = [
    "words",
    "passwd",
    "group",
    "shadow",
    "gshadow",
    "hosts",
    "hostname",
    "status",
    "diversions",
    "statoverride",
    "extended_states",
    "config.dat",
];

/// Everything in a root filesystem.
pub(super) struct Files {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Every path of a package, by package.
    pub(super) lists: BTreeMap<String, BTreeSet<String>>,
    /// Files with lines of many packages, by last name, and the `words` that the start of the system reads.
    texts: BTreeMap<&'static str, String>,
    audit: String,
}

/// All facts about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Mode, owner, type, target or numbers of a device, digest and extended attributes.
    facts: String,
    mtime: String,
    links: String,
}

impl Node {
    fn is_directory(&self) -> bool {
        self.facts.starts_with('d')
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self) -> Option<&str> {
        Some(self.facts.split_once(" l ")?.1)
    }
}

impl Files {
    pub(super) fn has_directory(&self, path: &str) -> bool {
        self.nodes.get(path).is_some_and(Node::is_directory)
    }

    /// Reads partition `root` of `disk`.
    pub(super) fn read(disk: &Path, root: usize) -> Self {
        let script = format!("root=/dev/ubda{root}\n{ASK}");
        let left = uml::run(&script, &[Disk::ReadOnly(disk)]);
        let text = |name: &str| String::from_utf8(left.file(name)).expect("UTF-8");
        let mut nodes = BTreeMap::new();
        for line in text("nodes").lines() {
            let [path, facts, mtime, links] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("find printed {line:?}");
            };
            let [facts, mtime, links] = [facts, mtime, links].map(str::to_owned);
            nodes.insert(
                path.to_owned(),
                Node {
                    facts,
                    mtime,
                    links,
                },
            );
        }
        let mut add = |path: &str, fact: &str| {
            let path = path.trim_start_matches("./").trim_start_matches('.');
            let node = nodes.get_mut(path).unwrap_or_else(|| panic!("no {path:?}"));
            node.facts += &format!(" {fact}");
        };
        for line in text("devices").lines() {
            let (path, numbers) = line.rsplit_once(' ').unwrap();
            add(path, numbers);
        }
        for line in text("digests").lines() {
            let (digest, path) = line.split_once("  ").unwrap();
            add(path, digest);
        }
        for block in text("xattrs")
            .split("\n\n")
            .filter(|block| !block.is_empty())
        {
            let (path, values) = block.split_once('\n').unwrap();
            add(path.trim_start_matches("# file: "), values);
        }
        let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in text("lists").lines() {
            let (package, path) = line.split_once(".list:/").unwrap();
            lists
                .entry(package.to_owned())
                .or_default()
                .insert(path.to_owned());
        }
        Self {
            nodes,
            lists,
            texts: TEXTS
                .map(|name| (name, text(&format!("texts/{name}"))))
                .into(),
            audit: text("audit"),
        }
    }
}

/// Checks the root filesystem of `image`, made of the base of `family` with `profile`.
pub(super) fn judge(family: &Family, image: &Path, profile: &str) {
    let (before, after) = (family.files(), &Files::read(image, family.root));
    assert_eq!((&*before.audit, &*after.audit), ("", ""));
    let profile = Profile::read(profile);
    let reasons = Reasons::of(before, after, &profile);
    let wrong: Vec<String> = changed(before, after)
        .into_iter()
        .filter(|path| !reasons.has(path))
        .map(|path| {
            let at = |files: &Files| files.nodes.get(&*path).cloned();
            format!("{path}: {:?}, then {:?}", at(before), at(after))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "changed without reason:\n{}",
        wrong.join("\n")
    );
    texts::judge(&before.texts, &after.texts);
    let keepsakes = after
        .nodes
        .keys()
        .filter(|path| path.starts_with("opt/vendor/"));
    assert_eq!(keepsakes.count(), 7);
    let words = &after.texts["words"];
    assert!(disk::references_are_true(words, image) > 0, "{words}");
}

/// The names whose facts changed. A directory's time and links change with its entries.
fn changed(before: &Files, after: &Files) -> BTreeSet<String> {
    let names: BTreeSet<&String> = before.nodes.keys().chain(after.nodes.keys()).collect();
    let differ = |path: &&&String| before.nodes.get(**path) != after.nodes.get(**path);
    let (directories, others): (Vec<&String>, Vec<&String>) = names
        .iter()
        .filter(differ)
        .partition(|path| before.has_directory(path) && after.has_directory(path));
    let parent = |path: &&String| {
        path.rsplit_once('/')
            .map_or("", |(parent, _)| parent)
            .to_owned()
    };
    let parents: BTreeSet<String> = others.iter().map(parent).collect();
    let other_facts = |path: &&String| before.nodes[*path].facts != after.nodes[*path].facts;
    let directories = directories
        .into_iter()
        .filter(|path| !parents.contains(*path) || other_facts(path));
    directories.chain(others).cloned().collect()
}
