//! A path in an image: `/etc/hostname` in the root filesystem with everything that its fstab mounts, or
//! `1:/config.txt` in the filesystem of partition 1 alone.

use super::error::InspectError;
use super::image::Image;
use super::system::{Mounted, root_tree};
use super::volume::{Disk, Volume};
use crate::diag::visible_name;
use crate::tree::{NodeId, Tree, TreePath};
use std::borrow::Cow;

/// A path in an image, as a person gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path as it was given.
    pub text: String,
    /// The number of the partition, if it was given.
    pub partition: Option<u32>,
    /// The path in the filesystem.
    pub path: TreePath,
}

/// A node of an image, with the tree in which it is.
#[derive(Debug)]
pub struct Found<'d> {
    /// The path as it was given.
    pub text: String,
    /// The number of the partition, if it was given.
    pub partition: Option<u32>,
    /// The tree.
    pub tree: Cow<'d, Tree>,
    /// The path of the node, with all symlinks followed.
    pub path: TreePath,
    /// The node.
    pub id: NodeId,
}

impl Found<'_> {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.tree.node(self.id).is_directory()
    }
}

impl Place {
    /// Parses `[N:]/path`.
    ///
    /// # Errors
    ///
    /// A name of the path cannot be one.
    pub fn parse(given: &[u8]) -> Result<Self, InspectError> {
        let text = visible_name(given);
        let n_digits = given
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = given.split_at(n_digits);
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        let (partition, path) = match (digits.parse().ok(), rest.strip_prefix(b":")) {
            (Some(number), Some(path)) => (Some(number), path),
            _ => (None, given),
        };
        let parsed = TreePath::parse(path);
        let path = parsed.map_err(|source| InspectError::BadPath {
            path: text.clone(),
            source,
        })?;
        Ok(Self {
            text,
            partition,
            path,
        })
    }

    /// Finds the node in `image`, whose partitions are in `disk`. Symlinks are followed in the image.
    ///
    /// # Errors
    ///
    /// There is no such partition or node, or the partition cannot be read.
    pub fn find<'d>(&self, image: &Image, disk: &'d Disk) -> Result<Found<'d>, InspectError> {
        let tree = self.tree(image, disk)?;
        let found = tree.real_path(&self.path).or_else(|| {
            // A symlink that leads nowhere is still there itself.
            tree.at(&self.path).map(|_| self.path.clone())
        });
        let node = found.and_then(|path| Some((tree.at(&path)?, path)));
        let (id, path) = node.ok_or_else(|| self.missing(&tree))?;
        Ok(Found {
            text: self.text.clone(),
            partition: self.partition,
            tree,
            path,
            id,
        })
    }

    fn tree<'d>(&self, image: &Image, disk: &'d Disk) -> Result<Cow<'d, Tree>, InspectError> {
        if let Some(number) = self.partition {
            let volume = disk.volume(number).ok_or_else(|| {
                let numbers = disk.volumes.iter().map(|it| it.entry.number.to_string());
                InspectError::NoPartition {
                    path: self.text.clone(),
                    number,
                    expected: one_of(numbers.collect()),
                }
            })?;
            let tree = volume.tree.as_ref();
            return tree
                .map(Cow::Borrowed)
                .ok_or_else(|| self.unreadable(volume));
        }
        let roots = disk
            .volumes
            .iter()
            .filter_map(|it| Some((it, root_tree(it)?)));
        let roots: Vec<(&Volume, &Tree)> = roots.collect();
        let readable = || disk.volumes.iter().filter(|it| it.tree.is_some());
        match (roots.as_slice(), readable().collect::<Vec<_>>().as_slice()) {
            ([(root, tree)], _) => {
                let mounted = Mounted::new(image, disk, root, (*tree).clone());
                Ok(Cow::Owned(mounted.tree))
            }
            ([], [only]) => match &only.tree {
                Some(tree) => Ok(Cow::Borrowed(tree)),
                None => Err(self.unreadable(only)),
            },
            (roots, readable) => {
                let found = match roots.len() {
                    0 => "no partition has the root filesystem".to_owned(),
                    _ => {
                        let numbers = roots.iter().map(|(it, _)| it.entry.number.to_string());
                        let numbers: Vec<String> = numbers.collect();
                        format!("partitions {} have root filesystems", numbers.join(" and "))
                    }
                };
                let first = roots.first().map(|(root, _)| *root);
                let first = first.or(readable.first().copied()).or(disk.volumes.first());
                Err(InspectError::NoRoot {
                    path: self.text.clone(),
                    found,
                    example: first.map_or(1, |it| it.entry.number),
                })
            }
        }
    }

    fn unreadable(&self, volume: &Volume) -> InspectError {
        let contents = volume.contents.map(|contents| format!("it is {contents}"));
        let fault = volume.fault.clone().or(contents);
        InspectError::Unreadable {
            path: self.text.clone(),
            number: volume.entry.number,
            fault: fault.unwrap_or_else(|| "it has no filesystem that is known".to_owned()),
        }
    }

    fn missing(&self, tree: &Tree) -> InspectError {
        let mut there = self
            .path
            .ancestors()
            .filter(|path| tree.resolve(path).is_some());
        let near = there.next().and_then(|first| there.last().or(Some(first)));
        let near = near.map(|path| format!("; it has `{path}`"));
        InspectError::Missing {
            path: self.text.clone(),
            near: near.unwrap_or_default(),
        }
    }
}

fn one_of(mut words: Vec<String>) -> String {
    let last = words.pop();
    match (words.is_empty(), last) {
        (_, None) => "none, because it is empty".to_owned(),
        (true, Some(only)) => only,
        (false, Some(last)) => format!("{} or {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_colon_name_a_partition() {
        for (text, partition, path) in [
            ("/etc/hostname", None, "/etc/hostname"),
            ("etc", None, "/etc"),
            ("1:/config.txt", Some(1), "/config.txt"),
            ("12:", Some(12), "/"),
            ("/1:/x", None, "/1:/x"),
            ("1/x", None, "/1/x"),
            ("99999999999:/x", None, "/99999999999:/x"),
        ] {
            let place = Place::parse(text.as_bytes()).unwrap();
            assert_eq!(
                (place.partition, place.path.to_string().as_str()),
                (partition, path)
            );
        }
        let refused = Place::parse(b"1:/../x").unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("`1:/../x` is not a path in an image")
        );
    }
}
