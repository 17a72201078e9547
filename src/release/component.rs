//! The components of an image as both lists of components have them: packages, with what the lock knows of them.

use super::blob::BlobComponent;
use super::contents::Contents;
use super::purl::Purl;
use crate::digest::Sha256;
use crate::inventory::{InstalledPackage, OverlayFile};
use crate::lock::{LockedPackage, LockedRepository};
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// The components of an image.
pub(super) struct Components<'a> {
    /// The packages: those that are installed, and then those of which the image has only some files.
    pub(super) packages: Vec<Package<'a>>,
    pub(super) blobs: Vec<BlobComponent<'a>>,
    /// The files that overlays wrote. If the image holds secrets, those are left out in which a setting may be: their
    /// digests would tell whether a secret was guessed right.
    pub(super) files: Vec<&'a OverlayFile>,
}

/// A package of an image.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) architecture: &'a str,
    pub(super) purl: String,
    pub(super) supplier: Supplier,
    /// The digest of its file; a package of a base image has none.
    pub(super) sha256: Option<Sha256>,
    /// The address from which its file was fetched.
    pub(super) url: Option<String>,
    /// Whether dpkg lists it on the device. Of the other packages, the image has some files, such as a boot loader.
    pub(super) is_installed: bool,
}

/// Who supplies a package.
pub(super) struct Supplier {
    pub(super) name: String,
    pub(super) email: Option<String>,
}

/// What identifies a package file.
type Key<'a> = (&'a str, &'a str, &'a str);

impl<'a> Components<'a> {
    pub(super) fn new(contents: &Contents<'a>) -> Self {
        let (plan, inventory) = (contents.plan, contents.inventory);
        let system = &inventory.system;
        let distro = format!("{}-{}", system.id, system.release());
        let lock = &plan.lock;
        let locked: BTreeMap<Key<'_>, &LockedPackage> =
            lock.packages.iter().map(|it| (key(it), it)).collect();
        let mut packages: Vec<Package<'a>> = (inventory.packages.iter())
            .map(|package| installed(package, plan, &locked, &system.id, &distro))
            .collect();
        let mut known: BTreeSet<Key<'a>> = (packages.iter())
            .map(|package| (package.name, package.architecture, package.version))
            .collect();
        let third_party = lock.third_party_packages.iter();
        let third_party = third_party.map(|package| (package, Some(maker(&package.repository))));
        let used = lock.file_packages.iter().map(|package| (package, None));
        for (package, maker) in used.chain(third_party) {
            if known.insert(key(package)) {
                let namespace = maker.unwrap_or(&system.id);
                packages.push(of_files(package, plan, namespace, &distro));
            }
        }
        let has_secrets = plan.spec.has_secrets();
        let files = inventory.files.iter();
        let blobs = inventory.blobs.iter();
        Self {
            packages,
            blobs: blobs
                .map(|blob| BlobComponent::new(contents, blob))
                .collect(),
            files: files
                .filter(|file| file.is_verbatim || !has_secrets)
                .collect(),
        }
    }
}

fn key(package: &LockedPackage) -> Key<'_> {
    (&package.name, &package.architecture, &package.version)
}

fn installed<'a>(
    package: &'a InstalledPackage,
    plan: &Plan,
    locked: &BTreeMap<Key<'_>, &LockedPackage>,
    namespace: &str,
    distro: &str,
) -> Package<'a> {
    let InstalledPackage {
        name,
        architecture,
        version,
        ..
    } = package;
    let source = package.source.as_ref();
    let locked = locked.get(&(&**name, &**architecture, &**version));
    Package {
        name,
        version,
        architecture,
        purl: Purl {
            namespace,
            name,
            version,
            architecture,
            distro,
            source: source.map(|(name, version)| (name.as_str(), version.as_str())),
        }
        .text(),
        supplier: Supplier::new(package.maintainer.as_deref().unwrap_or(namespace)),
        sha256: locked.map(|locked| locked.sha256),
        url: locked.and_then(|locked| url(locked, plan)),
        is_installed: true,
    }
}

/// A package of which the image has some files.
fn of_files<'a>(
    package: &'a LockedPackage,
    plan: &Plan,
    namespace: &str,
    distro: &str,
) -> Package<'a> {
    let LockedPackage {
        name,
        architecture,
        version,
        ..
    } = package;
    Package {
        name,
        version,
        architecture,
        purl: Purl {
            namespace,
            name,
            version,
            architecture,
            distro,
            source: None,
        }
        .text(),
        supplier: Supplier::new(namespace),
        sha256: Some(package.sha256),
        url: url(package, plan),
        is_installed: false,
    }
}

/// The part of the name of a repository that says whose it is: `armbian/trixie`.
fn maker(repository: &str) -> &str {
    repository.split('/').next().unwrap_or(repository)
}

/// The address of the file of `package` in the archive that the lock names.
fn url(package: &LockedPackage, plan: &Plan) -> Option<String> {
    let lock = &plan.lock;
    let mut archives = lock.repositories.iter().chain(&lock.third_party_archives);
    let is_its = |archive: &&LockedRepository| archive.name == package.repository;
    let archive = archives.find(is_its)?;
    Some(format!(
        "{}/{}",
        archive.url.trim_end_matches('/'),
        package.path
    ))
}

impl Supplier {
    /// Reads `NAME <ADDRESS>`, the form of the field `Maintainer`.
    fn new(text: &str) -> Self {
        let (name, rest) = text.split_once('<').unwrap_or((text, ""));
        let email = rest.trim().trim_end_matches('>').trim();
        // SPDX puts the address in parentheses behind the name.
        let name: String = name.chars().filter(|c| !"()\"".contains(*c)).collect();
        let name = name.trim();
        let is_plain = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,<>()".contains(c))
        };
        let is_address = (email.split_once('@'))
            .is_some_and(|(user, domain)| is_plain(user) && is_plain(domain));
        Self {
            name: if name.is_empty() { "unknown" } else { name }.to_owned(),
            email: is_address.then(|| email.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Supplier;

    #[test]
    fn a_maintainer_has_a_name_and_perhaps_an_address() {
        let read = |text: &str| {
            let Supplier { name, email } = Supplier::new(text);
            (name, email.unwrap_or_default())
        };
        let pair = |name: &str, email: &str| (name.to_owned(), email.to_owned());
        let team = "Debian GCC Maintainers <debian-gcc@lists.debian.org>";
        assert_eq!(
            read(team),
            pair("Debian GCC Maintainers", "debian-gcc@lists.debian.org")
        );
        assert_eq!(read("\"A. (B) C\" <a@b.org>"), pair("A. B C", "a@b.org"));
        assert_eq!(read("debian"), pair("debian", ""));
        assert_eq!(read("A <a@b.org, c@d.org>"), pair("A", ""));
        assert_eq!(read(""), pair("unknown", ""));
    }
}
