//! The address of the changelog of a Debian package.
//!
//! Debian's archives name it in the field `Changelogs` of their Release files, and `apt-get changelog --print-uris`
//! makes the same address of it. Debian keeps the changelogs of the versions that its archives have. The tracker has a
//! page of every source package, for any time.

use crate::inspect::{Package, System};
use crate::lock::LockedPackage;

const CHANGELOGS: &str = "https://metadata.ftp-master.debian.org/changelogs";
const TRACKER: &str = "https://tracker.debian.org/pkg";
/// What others put into the versions of packages that they have changed.
const OTHERS: [&str; 4] = ["+rpt", "ubuntu", "armbian", "dietpi"];
/// The first parts of the names that locks give to Debian's archives. A base image's own sources are called by their
/// addresses.
const ARCHIVES: [&str; 2] = ["debian", "debian-security"];
/// The end of the hosts of Debian's archives.
const HOSTS: &str = ".debian.org";

/// The changelog of `package` in `system`, if the package is Debian's as far as one can see.
pub(super) fn of_installed(package: &Package, system: &System) -> Option<String> {
    let is_debian = system.os_release.get("ID").is_some_and(|id| id == "debian");
    if !is_debian || is_others(&package.version) || package.name.is_empty() {
        return None;
    }
    let (source, version) = source(package);
    let component = package.section.as_deref().and_then(|it| it.split_once('/'));
    let component = component.map_or("main", |(component, _)| component);
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let path = format!("{component}/{}/{source}/{source}_{version}", prefix(source));
    Some(format!("{CHANGELOGS}/{}_changelog", quoted(&path)))
}

/// The page of the source package of `package`, if its archive is Debian's as far as one can see. A lock does not have
/// the version of the source, which is another one than that of some packages.
pub(super) fn of_locked(package: &LockedPackage) -> Option<String> {
    let (archive, _) = package.repository.split_once('/')?;
    let is_debian = ARCHIVES.contains(&archive) || archive.ends_with(HOSTS);
    let is_debian = is_debian && !is_others(&package.version);
    is_debian.then(|| of_pool(&package.path)).flatten()
}

/// Whether somebody else than Debian has changed the package with this `version`.
fn is_others(version: &str) -> bool {
    OTHERS.iter().any(|mark| version.contains(mark))
}

/// The page of the source package of the file at `path` of a Debian archive, `pool/main/t/tor/tor_…`.
fn of_pool(path: &str) -> Option<String> {
    let mut names = path.rsplit('/');
    let (_file, source, prefix_of, component) =
        (names.next()?, names.next()?, names.next()?, names.next()?);
    let is_pool = path.starts_with("pool/") && !component.is_empty() && prefix_of == prefix(source);
    is_pool.then(|| format!("{TRACKER}/{}", quoted(source)))
}

/// The name and the version of the source package of `package`.
fn source(package: &Package) -> (&str, &str) {
    let Some(source) = &package.source else {
        return (&package.name, &package.version);
    };
    match source.split_once(" (") {
        Some((name, version)) => (name, version.trim_end_matches(')')),
        None => (source, &package.version),
    }
}

/// The folder of a pool in which the source package `source` lies.
fn prefix(source: &str) -> &str {
    let n = if source.starts_with("lib") { 4 } else { 1 };
    source.get(..n).unwrap_or(source)
}

/// `path` with every byte written out that an address cannot have, and with those that apt writes out.
fn quoted(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
                quoted.push(byte.into());
            }
            _ => quoted += &format!("%{byte:02x}"),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    fn package(name: &str, version: &str, source: Option<&str>, section: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            source: source.map(str::to_owned),
            section: Some(section.to_owned()),
            configured: true,
            held: false,
        }
    }

    fn system(id: &str) -> System {
        System {
            os_release: [("ID".to_owned(), id.to_owned())].into(),
            ..System::default()
        }
    }

    /// These addresses are what `apt-get changelog --print-uris` of Debian 12 prints for these packages.
    #[test]
    fn the_changelog_of_an_installed_package_is_where_apt_looks() {
        for (name, version, source, section, expected) in [
            ("apt", "2.6.2", None, "admin", "main/a/apt/apt_2.6.2"),
            (
                "bash",
                "5.2.15-2+b8",
                Some("bash (5.2.15-2)"),
                "shells",
                "main/b/bash/bash_5.2.15-2",
            ),
            (
                "libc6",
                "2.36-9+deb12u14",
                Some("glibc"),
                "libs",
                "main/g/glibc/glibc_2.36-9%2bdeb12u14",
            ),
            (
                "gcc",
                "4:12.2.0-3",
                Some("gcc-defaults (1.203)"),
                "devel",
                "main/g/gcc-defaults/gcc-defaults_1.203",
            ),
            (
                "firefox-esr",
                "153.8.0esr-1~deb12u1",
                None,
                "web",
                "main/f/firefox-esr/firefox-esr_153.8.0esr-1%7edeb12u1",
            ),
            (
                "firmware-brcm80211",
                "20230210-5",
                Some("firmware-nonfree"),
                "non-free-firmware/kernel",
                "non-free-firmware/f/firmware-nonfree/firmware-nonfree_20230210-5",
            ),
            (
                "libssl3",
                "3.0.17-1",
                Some("libssl"),
                "libs",
                "main/libs/libssl/libssl_3.0.17-1",
            ),
        ] {
            let package = package(name, version, source, section);
            let expected = format!("{CHANGELOGS}/{expected}_changelog");
            assert_eq!(of_installed(&package, &system("debian")), Some(expected));
        }
    }

    #[test]
    fn what_is_not_debians_has_no_changelog_there() {
        let debian = package("bash", "5.2", None, "shells");
        let others = package("bash", "5.2+rpt1", None, "shells");
        assert_eq!(of_installed(&debian, &system("ubuntu")), None);
        assert_eq!(of_installed(&others, &system("debian")), None);
        let hostile = package("a\"><x>", "1", None, "shells");
        let address = of_installed(&hostile, &system("debian")).unwrap();
        assert!(!address.contains(['"', '<', '>']), "{address}");
    }

    #[test]
    fn a_locked_package_of_another_archive_leads_nowhere() {
        for (repository, version, is_debian) in [
            ("debian/trixie", "1.0-1", true),
            ("debian-security/trixie-security", "1.0-1", true),
            ("deb.debian.org/debian/trixie", "1.0-1", true),
            ("deb.debian.org/debian/trixie", "1.0-1+rpt2", false),
            ("archive.raspberrypi.com/debian/trixie", "1.0-1", false),
            ("armbian/trixie", "1.0-1", false),
        ] {
            let package = LockedPackage {
                name: "tor".to_owned(),
                architecture: "arm64".to_owned(),
                version: version.to_owned(),
                repository: repository.to_owned(),
                path: "pool/main/t/tor/tor_1.0-1_arm64.deb".to_owned(),
                size: 1,
                sha256: Sha256::of(b""),
                automatic: false,
            };
            let expected = is_debian.then(|| format!("{TRACKER}/tor"));
            assert_eq!(of_locked(&package), expected, "{repository} {version}");
        }
    }

    #[test]
    fn a_file_of_a_pool_leads_to_its_source_package() {
        for (path, expected) in [
            ("pool/main/t/tor/tor_0.4.8.16-1_amd64.deb", Some("tor")),
            (
                "pool/updates/main/o/openssl/libssl3_3.0_amd64.deb",
                Some("openssl"),
            ),
            (
                "pool/main/libx/libxml2/libxml2_2_amd64.deb",
                Some("libxml2"),
            ),
            ("pool/main/g/g++/x_2_amd64.deb", Some("g%2b%2b")),
            ("dists/x/binary/tor/tor_1.deb", None),
            ("tor_1.deb", None),
        ] {
            let expected = expected.map(|name| format!("{TRACKER}/{name}"));
            assert_eq!(of_pool(path), expected, "{path}");
        }
    }
}
