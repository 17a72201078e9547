//! Which part of a build wrote each file of an image.
//!
//! Files of packages and of a base are left out: dpkg's lists in the image say which package has which file, and all
//! other files that nobody wrote are the base's.

use super::unpacked::unpacked;
use crate::specification::Spec;
use crate::tree::{NodeId, Objects, Origin, Tree, TreePath};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

/// The part of a build that wrote a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum FileOrigin {
    /// The base image.
    Base,
    /// A package, by name.
    Package(String),
    /// A maintainer script of a package, or dpkg, which ran it and kept its own database.
    Script,
    /// A file of an overlay that is copied as it is, by the name of the overlay.
    Overlay(String),
    /// A template of an overlay, by the name of the overlay.
    Template(String),
    /// A setting.
    Setting,
    /// The wish to enable, disable or mask a unit.
    Unit,
    /// imgbuild itself.
    Imgbuild,
}

/// The files with one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFiles {
    /// The origin.
    pub by: FileOrigin,
    /// Their paths. A path that ends in `/` stands for everything in this folder.
    pub paths: Vec<String>,
}

impl FileOrigin {
    /// The name of the package or overlay.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Package(name) | Self::Overlay(name) | Self::Template(name) => Some(name),
            _ => None,
        }
    }

    /// The kind of origin.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Package(_) => "package",
            Self::Script => "script",
            Self::Overlay(_) => "overlay",
            Self::Template(_) => "template",
            Self::Setting => "setting",
            Self::Unit => "unit",
            Self::Imgbuild => "imgbuild",
        }
    }
}

impl fmt::Display for FileOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

/// The files of `tree`, the finished root filesystem for `spec`, that no package and no base brought, by origin.
pub(super) fn written(
    tree: &Tree,
    spec: &Spec,
    objects: &dyn Objects,
) -> io::Result<Vec<WrittenFiles>> {
    let templates = spec.overlays.iter().flat_map(|overlay| {
        let files = overlay.files.iter().filter(|file| file.template);
        files.map(|file| (overlay.name.as_str(), file.path.to_string()))
    });
    let sources = Sources {
        tree,
        templates: templates.collect(),
        unpacked: match spec.base {
            Some(_) => unpacked(tree, objects)?,
            None => BTreeMap::new(),
        },
    };
    Ok(sources.grouped())
}

/// What tells where the files of a tree are from.
struct Sources<'a> {
    tree: &'a Tree,
    /// The overlay and path of each template.
    templates: BTreeSet<(&'a str, String)>,
    /// The files that dpkg unpacked in the sandbox, with their packages.
    unpacked: BTreeMap<NodeId, String>,
}

impl Sources<'_> {
    fn grouped(&self) -> Vec<WrittenFiles> {
        let nodes = self.tree.walk();
        let folders = self.folders(&nodes);
        let mut groups: BTreeMap<FileOrigin, Vec<String>> = BTreeMap::new();
        let mut done: Option<&TreePath> = None;
        for (path, id) in &nodes {
            if done.is_some_and(|folder| path.starts_with(folder)) {
                continue;
            }
            let (origin, text) = if self.tree.node(*id).is_directory() {
                let Some(Some(origin)) = folders.get(path) else {
                    continue;
                };
                done = Some(path);
                let text = path.to_string();
                (origin.clone(), format!("{}/", text.trim_end_matches('/')))
            } else {
                (self.origin(path, *id), path.to_string())
            };
            if !matches!(origin, FileOrigin::Base | FileOrigin::Package(_)) {
                groups.entry(origin).or_default().push(text);
            }
        }
        let groups = groups.into_iter();
        groups
            .map(|(by, paths)| WrittenFiles { by, paths })
            .collect()
    }

    /// The origin of everything in each folder, or `None` where origins differ. Folders with no files are left out.
    fn folders(&self, nodes: &[(TreePath, NodeId)]) -> BTreeMap<TreePath, Option<FileOrigin>> {
        let mut folders: BTreeMap<TreePath, Option<FileOrigin>> = BTreeMap::new();
        // What is in a directory comes behind it.
        for (path, id) in nodes.iter().rev() {
            let found = match (self.tree.node(*id).is_directory(), folders.get(path)) {
                (false, _) => Some(self.origin(path, *id)),
                (true, Some(found)) => found.clone(),
                (true, None) => continue,
            };
            let Some((parent, _)) = path.split_last() else {
                continue;
            };
            match folders.entry(parent) {
                Entry::Vacant(entry) => {
                    entry.insert(found);
                }
                Entry::Occupied(mut entry) if *entry.get() != found => {
                    entry.insert(None);
                }
                Entry::Occupied(_) => {}
            }
        }
        folders
    }

    fn origin(&self, path: &TreePath, id: NodeId) -> FileOrigin {
        let is_template = |overlay: &str| self.templates.contains(&(overlay, path.to_string()));
        match &self.tree.node(id).origin {
            Origin::Base => FileOrigin::Base,
            Origin::Package(name) => FileOrigin::Package(name.to_string()),
            Origin::Script => match self.unpacked.get(&id) {
                Some(package) => FileOrigin::Package(package.clone()),
                None => FileOrigin::Script,
            },
            Origin::Overlay(name) if is_template(name) => FileOrigin::Template(name.to_string()),
            Origin::Overlay(name) => FileOrigin::Overlay(name.to_string()),
            Origin::Setting => FileOrigin::Setting,
            Origin::Unit => FileOrigin::Unit,
            Origin::Builtin => FileOrigin::Imgbuild,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::{Epoch, Timestamp};
    use crate::tree::{Content, Kind, Meta, Node};

    #[test]
    fn a_folder_with_one_origin_is_one_path_and_files_of_packages_are_left_out() {
        let meta = Meta::root(0o755, Timestamp::from(Epoch(0)));
        let mut tree = Tree::new(meta);
        for (path, origin) in [
            ("/etc/a", Origin::Overlay("web".into())),
            ("/etc/b", Origin::Overlay("web".into())),
            ("/etc/c", Origin::Package("c".into())),
            ("/var/deep/one", Origin::Script),
            ("/var/two", Origin::Script),
            ("/usr/base", Origin::Base),
        ] {
            let path = TreePath::constant(path);
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Builtin)
                .unwrap();
            let file = Kind::File(Content::inline(b"x"));
            tree.insert(&path, Node::new(file, meta, origin)).unwrap();
        }
        let sources = Sources {
            tree: &tree,
            templates: BTreeSet::from([("web", "/etc/b".to_owned())]),
            unpacked: BTreeMap::new(),
        };
        let groups = sources.grouped().into_iter();
        let groups: Vec<_> = groups
            .map(|group| (group.by.to_string(), group.paths))
            .collect();
        let group = |by: &str, path: &str| (by.to_owned(), vec![path.to_owned()]);
        assert_eq!(
            groups,
            [
                group("script", "/var/"),
                group("overlay web", "/etc/a"),
                group("template web", "/etc/b"),
            ]
        );
    }
}
