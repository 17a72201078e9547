//! The packages that dpkg lists as installed.

use super::error::InventoryError;
use crate::dpkg::control::{self, Stanza};
use crate::dpkg::status::{self, Status};
use crate::tree::{Objects, Tree};

/// A package that is installed in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPackage {
    /// The name.
    pub name: String,
    /// The field `Architecture`.
    pub architecture: String,
    /// The version.
    pub version: String,
    /// The source package and its version, where these differ from the binary's: advisories are about sources.
    pub source: Option<(String, String)>,
    /// The field `Maintainer`: a name and an address.
    pub maintainer: Option<String>,
}

/// The packages of `tree`, sorted by name and architecture.
pub(super) fn packages(
    tree: &Tree,
    objects: &dyn Objects,
) -> Result<Vec<InstalledPackage>, InventoryError> {
    listed(&status::text(tree, objects)?)
}

fn listed(text: &str) -> Result<Vec<InstalledPackage>, InventoryError> {
    let mut packages = Vec::new();
    for stanza in control::parse(text) {
        let stanza = stanza?;
        if Status::of(&stanza).is_some_and(|status| status.state.is_there()) {
            packages.push(package(&stanza)?);
        }
    }
    // A base image may hold anything, also a package twice.
    let key = |package: &InstalledPackage| {
        let InstalledPackage {
            name,
            architecture,
            version,
            ..
        } = package.clone();
        (name, architecture, version)
    };
    packages.sort_by_key(key);
    packages.dedup_by_key(|package| key(package));
    Ok(packages)
}

fn package(stanza: &Stanza<'_>) -> Result<InstalledPackage, InventoryError> {
    let (name, version) = (stanza.required("Package")?, stanza.required("Version")?);
    let source = stanza.get("Source").map(|source| {
        // `attr (1:2.4.47-2)`, or only a name if the versions are equal.
        let (source, rest) = source.split_once(' ').unwrap_or((source, ""));
        let rest = rest.trim().trim_start_matches('(').trim_end_matches(')');
        let version = if rest.is_empty() { version } else { rest };
        (source.to_owned(), version.to_owned())
    });
    Ok(InstalledPackage {
        name: name.to_owned(),
        architecture: stanza.get("Architecture").unwrap_or("all").to_owned(),
        version: version.to_owned(),
        source,
        maintainer: stanza.folded("Maintainer").map(|text| text.into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_listed_with_their_sources_and_removed_ones_are_not() {
        let text = "Package: libattr1\nStatus: install ok installed\nMaintainer: A <a@example.org>\n\
             Architecture: amd64\nSource: attr (1:2.5.2-3)\nVersion: 1:2.5.2-3+b1\n\n\
             Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
             Package: bash\nStatus: install ok unpacked\nArchitecture: amd64\nSource: shells\nVersion: 5\n";
        let found = listed(text).unwrap();
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["bash", "libattr1"]);
        let source = |at: usize| found[at].source.clone().unwrap();
        assert_eq!(source(0), ("shells".to_owned(), "5".to_owned()));
        assert_eq!(source(1), ("attr".to_owned(), "1:2.5.2-3".to_owned()));
    }

    #[test]
    fn a_malformed_list_is_an_error_and_no_shorter_list() {
        assert!(listed("Package: bash\nStatus: install ok installed\n").is_err());
        assert!(listed("Package bash\n").is_err());
    }
}
