//! What differs between two locks.

use super::change::{Change, Field, changes, fields};
use super::packages::{self, PackageChange};
use crate::lock::{Lock, LockedPackage, LockedRepository};
use serde::Serialize;
use std::collections::BTreeMap;

/// What differs between two locks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LockDiff {
    /// The fields of the whole lock: its epoch, the digest of what decides the packages, and base images.
    pub lock: Vec<Field>,
    /// The archives, by name.
    pub archives: Vec<Change>,
    /// The packages that are installed, by name.
    pub packages: Vec<PackageChange>,
    /// The packages that are not installed, by name: those whose files become boot blobs, and tools of the build.
    pub other_packages: Vec<PackageChange>,
}

impl LockDiff {
    /// Compares two locks.
    pub fn of(before: &Lock, after: &Lock) -> Self {
        let epoch = Field::of("epoch", before.epoch.0, after.epoch.0);
        let spec = Field::of("spec", before.spec.to_string(), after.spec.to_string());
        let mut lock: Vec<Field> = epoch.into_iter().chain(spec).collect();
        for (name, one, other) in [
            ("base", &before.base, &after.base),
            ("loader", &before.loader, &after.loader),
        ] {
            let fields = fields(one.as_ref(), other.as_ref()).into_iter();
            lock.extend(fields.map(|field| Field {
                name: format!("{name}.{}", field.name),
                ..field
            }));
        }
        let mut others = Vec::new();
        for (one, other) in pairs(others_of(before), others_of(after)) {
            others.extend(packages::of_locks(
                one.iter().copied(),
                other.iter().copied(),
            ));
        }
        Self {
            lock,
            archives: changes(&archives(before), &archives(after), |it| it.name.clone()),
            packages: packages::of_locks(before.packages.iter(), after.packages.iter()),
            other_packages: others,
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self {
            lock,
            archives,
            packages,
            other_packages,
        } = self;
        lock.is_empty() && archives.is_empty() && packages.is_empty() && other_packages.is_empty()
    }
}

fn archives(lock: &Lock) -> Vec<LockedRepository> {
    let third_party = lock.third_party_archives.iter();
    lock.repositories
        .iter()
        .chain(third_party)
        .cloned()
        .collect()
}

/// The packages that are not installed, by what they are for.
type Others<'l> = BTreeMap<String, Vec<&'l LockedPackage>>;

fn others_of(lock: &Lock) -> Others<'_> {
    let files = ("files".to_owned(), lock.file_packages.iter().collect());
    let third_party = lock.third_party_packages.iter().collect();
    let third_party = ("files of other archives".to_owned(), third_party);
    let tools = lock.tools.iter();
    let tools = tools.map(|(host, tools)| (format!("tools on {host}"), tools.iter().collect()));
    tools.chain([files, third_party]).collect()
}

fn pairs<'l>(
    mut before: Others<'l>,
    mut after: Others<'l>,
) -> Vec<(Vec<&'l LockedPackage>, Vec<&'l LockedPackage>)> {
    let names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    let pair = |name: &String| {
        let (one, other) = (before.remove(name), after.remove(name));
        (one.unwrap_or_default(), other.unwrap_or_default())
    };
    names.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LOCK: &str = "\
version = 2
spec = \"0000000000000000000000000000000000000000000000000000000000000000\"
epoch = 1000

[[repositories]]
name = \"debian/trixie\"
url = \"http://deb.example/debian\"
in-release = \"1111111111111111111111111111111111111111111111111111111111111111\"
date = 1000

[[packages]]
name = \"tor\"
architecture = \"amd64\"
version = \"0.4.8.16-1\"
repository = \"debian/trixie\"
path = \"pool/main/t/tor/tor_0.4.8.16-1_amd64.deb\"
size = 10
sha256 = \"2222222222222222222222222222222222222222222222222222222222222222\"
";

    #[test]
    fn a_lock_of_a_later_day_has_newer_packages() {
        let before = Lock::parse(LOCK).unwrap();
        assert!(LockDiff::of(&before, &before).is_empty());
        let later = LOCK.replace("1000", "2000").replace("8.16", "8.17");
        let diff = json!(LockDiff::of(&before, &Lock::parse(&later).unwrap()));
        let field = |name: &str| json!({ "name": name, "before": 1000, "after": 2000 });
        let expected = json!({
            "lock": [field("epoch")],
            "archives": [{ "name": "debian/trixie", "change": "changed", "fields": [field("date")] }],
            "packages": [{
                "name": "tor",
                "architecture": "amd64",
                "change": "upgraded",
                "before": "0.4.8.16-1",
                "after": "0.4.8.17-1",
                "fields": [],
                "changelog": "https://tracker.debian.org/pkg/tor",
            }],
            "other_packages": [],
        });
        assert_eq!(diff, expected);
    }

    #[test]
    fn a_file_of_the_same_version_with_other_bytes_is_a_change() {
        let before = Lock::parse(LOCK).unwrap();
        let other = Lock::parse(&LOCK.replace("2222", "3333")).unwrap();
        let diff = LockDiff::of(&before, &other);
        let fields: Vec<&str> = diff.packages[0]
            .fields
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(fields, ["sha256"]);
    }
}
