//! Names and absolute paths of a tree, as bytes.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest name that ext4 and the Linux VFS take, in bytes.
pub(crate) const MAX_NAME: usize = 255;

/// A name of a directory entry: 1 to 255 bytes without `/` and NUL, neither `.` nor `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

/// Bytes that cannot name a directory entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be a file name: expected 1 to 255 bytes without `/` and NUL, neither `.` nor `..`", .0.escape_ascii())]
pub struct BadName(pub Vec<u8>);

impl Name {
    /// Takes `bytes` as a name.
    ///
    /// # Errors
    ///
    /// The bytes cannot name a directory entry.
    pub fn new(bytes: &[u8]) -> Result<Self, BadName> {
        let sound = !bytes.is_empty()
            && bytes.len() <= MAX_NAME
            && bytes != b"."
            && bytes != b".."
            && !bytes.iter().any(|byte| matches!(byte, b'/' | 0));
        if sound {
            Ok(Self(bytes.into()))
        } else {
            Err(BadName(bytes.to_vec()))
        }
    }

    /// A name that is spelled out in the source code.
    ///
    /// # Panics
    ///
    /// `text` is not a name.
    pub fn constant(text: &str) -> Self {
        Self::new(text.as_bytes()).expect("a name in the source is sound")
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A directory's entry can be looked up by bytes, because a name and its bytes have the same order.
impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// An absolute path of a tree: names only, no `.`, no `..`, no trailing slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<Name>);

impl TreePath {
    /// `/`.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a path in any of the spellings of tar, dpkg and definitions: `/etc/x`, `./etc/x`,
    /// `etc/x/`. Empty components and `.` are left out.
    ///
    /// # Errors
    ///
    /// A component is `..`, has more than 255 bytes, or holds NUL.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadName> {
        let components = bytes
            .split(|byte| *byte == b'/')
            .filter(|c| !matches!(*c, b"" | b"."));
        components
            .map(Name::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A path that is spelled out in the source code.
    ///
    /// # Panics
    ///
    /// `text` is not a path that [`TreePath::parse`] takes.
    pub fn constant(text: &str) -> Self {
        Self::parse(text.as_bytes()).expect("a path in the source has no `..` and no NUL")
    }

    /// The path of `names` below the root.
    pub fn from_names(names: Vec<Name>) -> Self {
        Self(names)
    }

    /// The path of entry `name` below this directory.
    pub fn join(&self, name: &Name) -> Self {
        let mut names = self.0.clone();
        names.push(name.clone());
        Self(names)
    }

    /// The path that `other` is when this directory is taken for its root.
    pub fn append(&self, other: &TreePath) -> Self {
        Self([self.names(), other.names()].concat())
    }

    /// The names as a slice.
    pub(super) fn names(&self) -> &[Name] {
        &self.0
    }

    /// The names from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator {
        self.0.iter()
    }

    /// The path of the directory and the last name. The root has neither.
    pub fn split_last(&self) -> Option<(TreePath, Name)> {
        let (last, parents) = self.0.split_last()?;
        Some((Self(parents.to_vec()), last.clone()))
    }

    /// Appends `name` to the path.
    pub(crate) fn push(&mut self, name: &Name) {
        self.0.push(name.clone());
    }

    /// Removes the last name of the path.
    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// Every path from the first component down to this one; the root is not among them.
    pub fn ancestors(&self) -> impl Iterator<Item = TreePath> {
        (1..=self.0.len()).map(|n| Self(self.0[..n].to_vec()))
    }

    /// Whether this is `other` or lies below it.
    pub fn starts_with(&self, other: &TreePath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The bytes with a leading slash: `/etc/x`, and `/` for the root.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return b"/".to_vec();
        }
        self.0
            .iter()
            .flat_map(|name| [b"/", name.as_bytes()].concat())
            .collect()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.to_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_a_path_are_one() {
        for text in ["/etc/tor", "./etc/tor/", "etc//tor/."] {
            assert_eq!(
                TreePath::parse(text.as_bytes()).unwrap().to_string(),
                "/etc/tor"
            );
        }
        assert_eq!(TreePath::parse(b"./").unwrap(), TreePath::root());
    }

    #[test]
    fn a_path_that_climbs_is_refused() {
        assert_eq!(
            TreePath::parse(b"etc/../../x"),
            Err(BadName(b"..".to_vec()))
        );
        assert_eq!(TreePath::parse(&[b'a'; 256]), Err(BadName(vec![b'a'; 256])));
    }

    #[test]
    fn a_neighbour_with_a_longer_name_is_not_below() {
        let path = |text: &str| TreePath::parse(text.as_bytes()).unwrap();
        assert!(path("/boot/firmware/x").starts_with(&path("/boot/firmware")));
        assert!(!path("/boot/firmware2").starts_with(&path("/boot/firmware")));
    }
}
