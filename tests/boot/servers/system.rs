//! A root filesystem as the kernel shows it, and one as mmdebstrap packed it, for comparison.

use crate::support;
use crate::uml::{self, Disk};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every path of a root filesystem, with its mode, its owner by name and, below /etc, its digest; and the
/// state of each package.
pub(super) struct System {
    pub(super) paths: BTreeMap<String, String>,
    pub(super) packages: BTreeMap<String, String>,
}

impl System {
    /// Reads lines `MODE UID:GID PATH`, lines of sha256sum(1), and the three files.
    fn new(lines: &str, digests: &str, [passwd, group, status]: [&str; 3]) -> Self {
        let digests: BTreeMap<&str, &str> = digests
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| (path, digest))
            .collect();
        let (users, groups) = (names(passwd), names(group));
        let name = |names: &BTreeMap<String, String>, id: &str| {
            names.get(id).cloned().unwrap_or_else(|| id.to_owned())
        };
        let path = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (mode, owner) = (words.next()?, words.next()?);
            let path = words.next()?.trim_matches('/');
            let (uid, gid) = owner.split_once([':', '/'])?;
            let owner = format!("{}:{}", name(&users, uid), name(&groups, gid));
            let digest = digests.get(path).copied().unwrap_or_default();
            Some((path.to_owned(), format!("{mode} {owner} {digest}")))
        };
        let package = |stanza: &str| {
            let field = |name: &str| {
                let mut lines = stanza.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            Some((
                field("Package")?.to_owned(),
                format!("{} {}", field("Status")?, field("Version")?),
            ))
        };
        Self {
            paths: lines.lines().filter_map(path).collect(),
            packages: status.split("\n\n").filter_map(package).collect(),
        }
    }

    /// The root filesystem of `image`, its last partition, as the kernel shows it.
    pub(super) fn of_image(image: &Path) -> Self {
        let root = support::partitions(image).len();
        let script = format!(
            "set -e; mkdir at; mount -t ext4 -o ro,noload /dev/ubda{root} at; cd at
            find . -xdev -printf '%M %U:%G %P\\n' > ../paths
            find etc -type f -exec sha256sum {{}} + > ../digests
            cp etc/passwd etc/group ..; cp var/lib/dpkg/status ../packages; cd ..; umount at"
        );
        let left = uml::run(&script, &[Disk::ReadOnly(image)]);
        let text = |name: &str| String::from_utf8_lossy(&left.file(name)).into_owned();
        let (passwd, group, packages) = (text("passwd"), text("group"), text("packages"));
        Self::new(
            &text("paths"),
            &text("digests"),
            [&passwd, &group, &packages],
        )
    }

    /// The result of mmdebstrap for `packages`, from the same suites.
    pub(super) fn of_mmdebstrap(packages: &[String], folder: &Path) -> Self {
        let tar = folder.join("peer.tar");
        let mirror = support::mirror();
        let mirror = mirror.trim_end_matches('/');
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap
            .args([
                "--quiet",
                "--variant=essential",
                "--aptopt=APT::Install-Recommends false",
            ])
            .arg(format!("--include={}", packages.join(",")))
            .args(["--aptopt=APT::Get::AllowUnauthenticated false", "trixie"])
            .arg(&tar)
            .arg(format!("deb {mirror} trixie main"))
            .arg(format!("deb {mirror} trixie-updates main"))
            .arg(format!("deb {mirror}-security trixie-security main"));
        crate::command::run(&mut mmdebstrap);
        let list = crate::command::stdout(
            Command::new("tar")
                .args(["--numeric-owner", "-tvf"])
                .arg(&tar),
        );
        // `-rw-r--r-- 0/0  123 2026-11-01 00:00 ./etc/x -> target`
        let lines: Vec<String> = list
            .lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (_, path) = line.split_once(&format!(" {} ./", words.get(4)?))?;
                let path = path.split(" -> ").next()?.split(" link to ").next()?;
                // A further name of a file counts as a file.
                let mode = words[0].replacen('h', "-", 1);
                Some(format!("{mode} {} {path}", words[1]))
            })
            .collect();
        let text = |path: &str| {
            crate::command::stdout(Command::new("tar").arg("-xOf").arg(&tar).arg(path))
        };
        let files = ["./etc/passwd", "./etc/group", "./var/lib/dpkg/status"].map(text);
        let etc = folder.join("peer");
        fs_err::create_dir(&etc).unwrap();
        crate::command::run(
            Command::new("tar")
                .arg("-xf")
                .arg(&tar)
                .arg("-C")
                .arg(&etc)
                .arg("./etc"),
        );
        let mut digests = Command::new("find");
        digests
            .current_dir(&etc)
            .args(["etc", "-type", "f", "-exec", "sha256sum", "{}", "+"]);
        let digests = crate::command::stdout(&mut digests);
        let system = Self::new(
            &lines.join("\n"),
            &digests,
            files.each_ref().map(String::as_str),
        );
        fs_err::remove_file(&tar).unwrap();
        fs_err::remove_dir_all(&etc).unwrap();
        system
    }
}

/// The names in passwd(5) or group(5) by number.
fn names(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.to_owned(), name.to_owned()))
        })
        .collect()
}
