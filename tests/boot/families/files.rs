//! What the root filesystem holds, as the kernel shows it to find, stat, sha256sum and getfattr.

use super::disk;
use super::family::Family;
use crate::support::said;
use crate::uml::{self, Disk};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Asks for everything in the folder `at`, into files of the working folder.
const ASK: &str = r#"mkdir at
mount -t ext4 -o ro,noload "$root" at
cd at
find . -xdev -printf '%P\t%M %U:%G %y %l\t%T@\t%n\n' > ../nodes
find . -xdev \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + > ../devices
find . -xdev -type f -exec sha256sum {} + > ../digests
getfattr -R -P -h -d -m - -e hex . > ../xattrs
cat etc/fstab boot/*Env.txt > ../words || true
cat var/lib/dpkg/status > ../packages
cat var/lib/dpkg/diversions > ../diversions
cat var/lib/dpkg/statoverride > ../statoverride
(cd var/lib/dpkg/info; grep -H '' *.list) > ../lists
cp -r var/lib/dpkg ../database
cd ..
umount at
# What is installed is of another architecture than this machine's dpkg.
printf 'amd64\narm64\narmhf\n' > database/arch
dpkg --admindir="$PWD/database" --audit > audit
"#;

/// Everything in a root filesystem.
pub(super) struct Files {
    nodes: BTreeMap<String, Node>,
    /// Every path of a package, by package.
    lists: BTreeMap<String, BTreeSet<String>>,
    /// What the start of the system reads.
    words: String,
    packages: String,
    diversions: String,
    statoverride: String,
    audit: String,
}

/// Everything about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    /// Mode, owner, type, target or numbers of a device, digest and extended attributes.
    facts: String,
    mtime: String,
    links: String,
}

impl Node {
    fn is_directory(&self) -> bool {
        self.facts.starts_with('d')
    }
}

impl Files {
    /// What partition `root` of `disk` holds.
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
            words: text("words"),
            packages: text("packages"),
            diversions: text("diversions"),
            statoverride: text("statoverride"),
            audit: text("audit"),
        }
    }
}

/// Judges the root filesystem of `image`, made of the base of `family` with a profile.
pub(super) fn judge(family: &Family, image: &Path) {
    let (before, after) = (family.files(), &Files::read(image, family.root));
    assert_eq!((&*before.audit, &*after.audit), ("", ""));
    let reasons = Reasons::of(before, after);
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
    for (old, new) in [
        (&before.diversions, &after.diversions),
        (&before.statoverride, &after.statoverride),
    ] {
        assert!(new.starts_with(&**old), "{old}\n{new}");
    }
    let stanzas = |files: &'_ Files| -> BTreeSet<String> {
        files.packages.split("\n\n").map(str::to_owned).collect()
    };
    let (old, new) = (stanzas(before), stanzas(after));
    let lost: Vec<_> = old.difference(&new).collect();
    assert!(
        lost.is_empty(),
        "packages of the base are other ones: {lost:#?}"
    );
    assert!(
        new.iter()
            .any(|stanza| stanza.starts_with("Package: less\nStatus: hold ok installed\n"))
    );
    let keepsakes = after
        .nodes
        .keys()
        .filter(|path| path.starts_with("opt/vendor/"));
    assert_eq!(keepsakes.count(), 7);
    assert!(
        disk::references_are_true(&after.words, image) > 0,
        "{}",
        after.words
    );
}

/// Why a name may have changed.
struct Reasons<'a> {
    before: &'a Files,
    after: &'a Files,
    /// Packages that the base did not have, and their paths.
    packages: BTreeMap<&'a str, &'a BTreeSet<String>>,
    /// Files of overlays, and what profiles set.
    overlays: BTreeSet<String>,
}

/// What changes whenever packages are installed.
const USUAL: [&str; 11] = [
    "var/lib/dpkg",
    "var/lib/apt/",
    "var/lib/systemd/deb-systemd-",
    "var/cache/debconf/",
    "etc/ld.so.cache",
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/subuid",
    "etc/subgid",
];

/// What every profile decides.
const OURS: [&str; 5] = [
    "etc/hostname",
    "etc/hosts",
    "etc/machine-id",
    "var/lib/imgbuild",
    "etc/haproxy/certs",
];

impl<'a> Reasons<'a> {
    fn of(before: &'a Files, after: &'a Files) -> Self {
        let new = after
            .lists
            .iter()
            .filter(|(name, _)| !before.lists.contains_key(*name));
        // Of several architectures: `NAME:ARCHITECTURE`.
        let plain = |name: &'a String| name.split(':').next().expect("a first part");
        let packages = new.map(|(name, list)| (plain(name), list)).collect();
        let overlays = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays");
        let mut find = Command::new("find");
        find.arg(overlays)
            .args(["-path", "*/root/*", "-printf", "%P\n"]);
        let file = |line: &str| {
            let (_, path) = line.split_once("/root/")?;
            Some(path.trim_end_matches(".hbs").to_owned())
        };
        let overlays = said(&mut find).lines().filter_map(file).collect();
        Self {
            before,
            after,
            packages,
            overlays,
        }
    }

    fn has(&self, path: &str) -> bool {
        self.packages.values().any(|list| list.contains(path))
            || self.overlays.contains(path)
            || OURS.contains(&path)
            || USUAL.iter().any(|usual| path.starts_with(usual))
            || self.is_made_by_a_script(path)
    }

    /// Whether the path is new, and one that scripts of new packages make.
    fn is_made_by_a_script(&self, path: &str) -> bool {
        let (None, Some(node)) = (self.before.nodes.get(path), self.after.nodes.get(path)) else {
            return false;
        };
        let is_link = node.facts.starts_with('l');
        let named = path
            .strip_prefix("var/lib/")
            .or(path.strip_prefix("var/log/"));
        let named = named.and_then(|path| path.split('/').next());
        named.is_some_and(|name| self.packages.contains_key(name))
            || is_link && node.facts.contains(" /etc/alternatives/")
            || is_link && path.starts_with("etc/alternatives/")
            || is_link && path.starts_with("etc/systemd/system/")
            || is_link && path.starts_with("etc/rc")
            || self.packages.contains_key("apparmor") && path.starts_with("etc/apparmor.d/")
    }
}

/// The names whose facts changed. A directory's time and links change with its entries.
fn changed(before: &Files, after: &Files) -> BTreeSet<String> {
    let names = |files: &Files| files.nodes.keys().cloned().collect::<BTreeSet<_>>();
    let (old, new) = (names(before), names(after));
    let parents: BTreeSet<&str> = old
        .symmetric_difference(&new)
        .map(|path| path.rsplit_once('/').map_or("", |(parent, _)| parent))
        .collect();
    let is_same = |path: &&String| match (before.nodes.get(*path), after.nodes.get(*path)) {
        (Some(old), Some(new)) if old.is_directory() && parents.contains(path.as_str()) => {
            old.facts == new.facts
        }
        (old, new) => old == new,
    };
    old.union(&new)
        .filter(|path| !is_same(path))
        .cloned()
        .collect()
}
