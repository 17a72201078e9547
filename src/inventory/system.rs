//! The operating system of a tree, by os-release(5).

use crate::tree::{Objects, Tree, TreePath};
use std::collections::BTreeMap;
use std::io;

/// The places of the file; the first one that is there counts.
pub(crate) const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// The operating system of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatingSystem {
    /// The field `ID`: `debian`.
    pub id: String,
    /// The field `VERSION_ID`: `13`. It is absent in a development release.
    pub version: Option<String>,
    /// The codename of the release: `trixie`.
    pub codename: String,
}

impl OperatingSystem {
    /// The operating system of `tree`, whose suite is called `suite` unless the file has another codename.
    pub(super) fn of_tree(tree: &Tree, suite: &str, objects: &dyn Objects) -> io::Result<Self> {
        let mut found = OS_RELEASE
            .iter()
            .map(|path| tree.file(&TreePath::constant(path)));
        let text = match found.find_map(|content| content) {
            Some(content) => String::from_utf8_lossy(&content.read(objects)?).into_owned(),
            None => String::new(),
        };
        Ok(Self::parse(&text, suite))
    }

    fn parse(text: &str, suite: &str) -> Self {
        let fields = assignments(text);
        let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
        Self {
            id: field("ID").unwrap_or_else(|| "debian".to_owned()),
            version: field("VERSION_ID"),
            codename: field("VERSION_CODENAME").unwrap_or_else(|| suite.to_owned()),
        }
    }

    /// The version, or the codename of a release that has no version yet.
    pub fn release(&self) -> &str {
        self.version.as_ref().unwrap_or(&self.codename)
    }
}

/// The assignments in `text`, which has the form of os-release(5).
pub(crate) fn assignments(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let assignments = lines.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        Some((key.trim().to_owned(), value.to_owned()))
    });
    assignments.collect()
}

#[cfg(test)]
mod tests {
    use super::OperatingSystem;

    #[test]
    fn a_release_has_its_version_and_a_development_release_its_codename() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nID=debian\n";
        let debian = OperatingSystem::parse(debian, "trixie");
        assert_eq!((debian.id.as_str(), debian.release()), ("debian", "13"));
        let forky = OperatingSystem::parse("ID=raspbian\nVERSION_CODENAME=forky\n", "trixie");
        assert_eq!((forky.id.as_str(), forky.release()), ("raspbian", "forky"));
        let bare = OperatingSystem::parse("", "trixie");
        assert_eq!((bare.id.as_str(), bare.release()), ("debian", "trixie"));
    }
}
