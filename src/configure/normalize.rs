//! Removes from a configured tree the files that differ from run to run, or must differ from device
//! to device.
//!
//! The list was made by comparing two runs of the same scripts file by file, and a run as real
//! root. It has the files that differed, those that would differ on another day, and backups that
//! an image does not need.

use crate::epoch::Epoch;
use crate::per_device::{HOST_KEY_PREFIX, IDENTITIES, MACHINE_ID, SSH_FOLDER, UNINITIALIZED};
use crate::tree::{Content, Kind, Node, NodeId, Objects, Origin, Tree, TreePath};
use std::io;

/// The files that are made anew if they are missing, or are only backups.
const REMOVED: &[&str] = &[
    // dpkg, debconf and shadow keep the state before the last change.
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/subgid-",
    "/etc/subuid-",
    "/var/cache/debconf/config.dat-old",
    "/var/cache/debconf/passwords.dat-old",
    "/var/cache/debconf/templates.dat-old",
    "/var/lib/dpkg/available-old",
    "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/statoverride-old",
    "/var/lib/dpkg/status-old",
    // Caches that hold inode numbers and times of the building host.
    "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/srcpkgcache.bin",
    "/var/cache/ldconfig/aux-cache",
];

/// Gives `tree`, which is `before` after scripts have run, in the form that every run gives.
pub(super) fn normalized(
    before: &Tree,
    tree: &Tree,
    objects: &dyn Objects,
    epoch: Epoch,
) -> io::Result<Tree> {
    let mut tree = tree.clone();
    for path in REMOVED.iter().chain(&IDENTITIES) {
        let path = fixed(path);
        // debconf makes a backup by renaming the file, so the backup is a file of the base under a
        // new name.
        let is_new = |node: &Node| node.origin != Origin::Base || before.at(&path).is_none();
        // A symlink to the file that holds the device's id is kept, because it holds no id itself.
        let node = tree.at(&path).map(|id| tree.node(id));
        if node.is_some_and(|node| matches!(node.kind, Kind::File(_)) && is_new(node)) {
            remove(&mut tree, &path);
        }
    }
    normalize(&mut tree, objects, epoch)?;
    Ok(tree)
}

fn normalize(tree: &mut Tree, objects: &dyn Objects, epoch: Epoch) -> io::Result<()> {
    remove_below(tree, SSH_FOLDER, |path, _| {
        let name = path.components().next_back();
        name.is_some_and(|name| name.as_bytes().starts_with(HOST_KEY_PREFIX.as_bytes()))
    });
    // No two devices may have the same key of Debian's self-signed certificate (package ssl-cert).
    // The certificate also has a symlink that is named after its contents.
    remove_below(tree, "/etc/ssl", |path, kind| match kind {
        Kind::Symlink(to) => **to == *b"ssl-cert-snakeoil.pem",
        _ => {
            let name = path.components().next_back();
            name.is_some_and(|name| name.as_bytes().starts_with(b"ssl-cert-snakeoil."))
        }
    });
    // Empty logs stay: they have the owner and mode that a service needs, and are the same in every
    // run.
    remove_below(tree, "/var/log", |_, kind| match kind {
        Kind::File(content) => !content.is_empty(),
        _ => false,
    });
    remove_below(tree, "/var/tmp", |_, _| true);
    forget_machine_id(tree, objects)?;
    clamp_password_days(tree, objects, epoch)
}

/// Empties the machine-id, which is then filled at the next boot, unless it is [`UNINITIALIZED`].
fn forget_machine_id(tree: &mut Tree, objects: &dyn Objects) -> io::Result<()> {
    let Some(id) = file(tree, MACHINE_ID) else {
        return Ok(());
    };
    let Kind::File(content) = &tree.node(id).kind else {
        return Ok(());
    };
    if content.read(objects)?.trim_ascii_end() != UNINITIALIZED.trim_end().as_bytes() {
        tree.node_mut(id).kind = Kind::File(Content::inline(b""));
    }
    Ok(())
}

/// Removes the files below `folder` that scripts made or changed and that are `unwanted`.
/// Directories stay.
fn remove_below(tree: &mut Tree, folder: &str, unwanted: impl Fn(&TreePath, &Kind) -> bool) {
    let folder = fixed(folder);
    let found: Vec<TreePath> = tree
        .walk()
        .into_iter()
        .filter(|(path, id)| {
            let node = tree.node(*id);
            path.starts_with(&folder)
                && !node.is_directory()
                && node.origin == Origin::Script
                && unwanted(path, &node.kind)
        })
        .map(|(path, _)| path)
        .collect();
    for path in found {
        remove(tree, &path);
    }
}

fn remove(tree: &mut Tree, path: &TreePath) {
    let removed = tree.remove(path);
    debug_assert!(removed.is_ok(), "the path was just found");
}

/// Makes the day of the last change of each password no later than the epoch. It is counted in days
/// since 1970 (field 3 of shadow(5)).
fn clamp_password_days(tree: &mut Tree, objects: &dyn Objects, epoch: Epoch) -> io::Result<()> {
    let Some(id) = file(tree, "/etc/shadow") else {
        return Ok(());
    };
    let Kind::File(content) = &tree.node(id).kind else {
        return Ok(());
    };
    let text = content.read(objects)?;
    let latest = epoch.0 / 86_400;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| clamp_day(line, latest))
        .collect();
    let clamped = lines.join(&b'\n');
    if clamped != *text {
        tree.node_mut(id).kind = Kind::File(Content::inline(&clamped));
    }
    Ok(())
}

fn clamp_day(line: &[u8], latest: u64) -> Vec<u8> {
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let day = fields
        .get(2)
        .and_then(|day| std::str::from_utf8(day).ok()?.parse::<u64>().ok());
    let latest_text = latest.to_string();
    if day.is_some_and(|day| day > latest) {
        fields[2] = latest_text.as_bytes();
    }
    fields.join(&b':')
}

fn file(tree: &Tree, path: &str) -> Option<NodeId> {
    let id = tree.at(&fixed(path))?;
    matches!(tree.node(id).kind, Kind::File(_)).then_some(id)
}

fn fixed(path: &str) -> TreePath {
    TreePath::parse(path.as_bytes()).expect("a plain path")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::Meta;
    use crate::tree::generated::NoObjects;

    fn normal(files: &[(&str, &str, Origin)]) -> Tree {
        let of_base = |file: &&(&str, &str, Origin)| file.2 == Origin::Base;
        let before: Vec<_> = files.iter().filter(of_base).cloned().collect();
        after(&tree(&before), &tree(files))
    }

    fn after(before: &Tree, tree: &Tree) -> Tree {
        let epoch = Epoch(20_000 * 86_400 + 5);
        normalized(before, tree, &NoObjects, epoch).unwrap()
    }

    fn tree(files: &[(&str, &str, Origin)]) -> Tree {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for (path, text, origin) in files {
            let path = fixed(path);
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Base).unwrap();
            let kind = match text.strip_prefix("-> ") {
                Some(to) => Kind::Symlink(to.as_bytes().into()),
                None => Kind::File(Content::inline(text.as_bytes())),
            };
            tree.insert(&path, Node::new(kind, meta, origin.clone()))
                .unwrap();
        }
        tree
    }

    fn has(tree: &Tree, path: &str) -> bool {
        tree.at(&fixed(path)).is_some()
    }

    #[test]
    fn what_names_one_device_or_one_run_is_gone() {
        let tree = normal(&[
            ("/etc/machine-id", "0123\n", Origin::Script),
            ("/etc/ssh/ssh_host_rsa_key", "secret", Origin::Script),
            ("/etc/ssh/sshd_config", "x", Origin::Script),
            (
                "/etc/ssl/private/ssl-cert-snakeoil.key",
                "x",
                Origin::Script,
            ),
            (
                "/etc/ssl/certs/0a1b2c3d.0",
                "-> ssl-cert-snakeoil.pem",
                Origin::Script,
            ),
            (
                "/etc/ssl/certs/4e5f6a7b.0",
                "-> Root_CA.pem",
                Origin::Script,
            ),
            ("/var/log/alternatives.log", "2026\n", Origin::Script),
            ("/var/log/btmp", "", Origin::Script),
            ("/var/log/README", "-> ../x", Origin::Script),
            ("/var/log/packaged", "x", Origin::Package("p".into())),
            ("/var/lib/dpkg/status-old", "x", Origin::Script),
        ]);
        assert!(!has(&tree, "/etc/ssh/ssh_host_rsa_key") && has(&tree, "/etc/ssh/sshd_config"));
        assert!(!has(&tree, "/etc/ssl/private/ssl-cert-snakeoil.key"));
        assert!(
            !has(&tree, "/etc/ssl/certs/0a1b2c3d.0") && has(&tree, "/etc/ssl/certs/4e5f6a7b.0")
        );
        assert!(!has(&tree, "/var/log/alternatives.log") && has(&tree, "/var/log/btmp"));
        assert!(has(&tree, "/var/log/README") && has(&tree, "/var/log/packaged"));
        assert!(!has(&tree, "/var/lib/dpkg/status-old") && has(&tree, "/var/lib/dpkg"));
        let id = tree.at(&fixed("/etc/machine-id")).unwrap();
        assert_eq!(tree.node(id).kind, Kind::File(Content::inline(b"")));
    }

    #[test]
    fn a_backup_is_one_also_where_it_is_the_file_of_the_base() {
        let (file, backup) = (
            "/var/cache/debconf/config.dat",
            "/var/cache/debconf/config.dat-old",
        );
        let before = tree(&[(file, "1", Origin::Base)]);
        let renamed = tree(&[(file, "2", Origin::Script), (backup, "1", Origin::Base)]);
        let found = after(&before, &renamed);
        assert!(has(&found, file) && !has(&found, backup));
        assert!(has(&normal(&[(backup, "1", Origin::Base)]), backup));
    }

    #[test]
    fn a_base_that_was_never_started_still_says_so() {
        let text = "uninitialized\n";
        let tree = normal(&[("/etc/machine-id", text, Origin::Base)]);
        let id = tree.at(&fixed("/etc/machine-id")).unwrap();
        let kind = Kind::File(Content::inline(text.as_bytes()));
        assert_eq!(tree.node(id).kind, kind);
    }

    #[test]
    fn a_link_to_the_name_of_the_device_stays() {
        let link = (
            "/var/lib/dbus/machine-id",
            "-> /etc/machine-id",
            Origin::Script,
        );
        assert!(has(&normal(&[link]), "/var/lib/dbus/machine-id"));
        let file = ("/var/lib/dbus/machine-id", "0123", Origin::Script);
        assert!(!has(&normal(&[file]), "/var/lib/dbus/machine-id"));
    }

    #[test]
    fn passwords_changed_no_later_than_the_epoch() {
        let text = "root:*:20001:0:99999:7:::\nold:!:19999:0\nodd\n";
        let tree = normal(&[("/etc/shadow", text, Origin::Script)]);
        let id = tree.at(&fixed("/etc/shadow")).unwrap();
        let wanted = "root:*:20000:0:99999:7:::\nold:!:19999:0\nodd\n";
        assert_eq!(
            tree.node(id).kind,
            Kind::File(Content::inline(wanted.as_bytes()))
        );
    }
}
