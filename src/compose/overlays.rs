//! Writes overlays into the tree in their order, with rendered templates and the ids of owners.

use super::layer::{Layer, LayerError};
use crate::define::Overlay;
use crate::define::condition::Condition;
use crate::define::overlay::{OverlayFile, Ownership};
use crate::diag::nearest;
use crate::specification::Settings;
use crate::template::{self, TemplateError};
use crate::tree::{Content, Kind, NodeId, TreePath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why an overlay cannot be written into the tree.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// A template cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The owner of a file is an account that no package makes.
    #[error(
        "`{source_file}` is to belong to {role} `{name}`, who is not in the image's account files{}",
        .near.as_ref().map_or_else(String::new, |near| format!("; there is `{near}`"))
    )]
    NoSuchOwner {
        /// The file of the overlay.
        source_file: String,
        /// `user` or `group`.
        role: &'static str,
        /// The name of the owner.
        name: String,
        /// The most similar name in the account files.
        near: Option<String>,
    },
    /// The tree does not take it.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// A file or directory whose owner the scripts of packages make on the device; until then it belongs to
/// root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    /// Its path.
    pub path: TreePath,
    /// Its owner and mode.
    pub ownership: Ownership,
}

impl Unowned {
    fn new(path: &TreePath, ownership: &Ownership) -> Self {
        Self {
            path: path.clone(),
            ownership: ownership.clone(),
        }
    }
}

/// The users and groups of a tree by name, with their ids.
pub struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the account files of the tree of `layer`.
    ///
    /// # Errors
    ///
    /// An account file cannot be read.
    pub fn read(layer: &Layer<'_>) -> Result<Self, LayerError> {
        let ids = |text: &str| text.lines().filter_map(id_of_line).collect();
        Ok(Self {
            users: ids(&layer.text("/etc/passwd")?),
            groups: ids(&layer.text("/etc/group")?),
        })
    }
}

/// Name and id, the first and the third field in passwd and group.
fn id_of_line(line: &str) -> Option<(String, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    Some((name.to_owned(), fields.nth(1)?.parse().ok()?))
}

/// Writes overlays into a tree.
pub struct Overlayer<'a> {
    /// The settings to which the conditions of files refer.
    pub settings: &'a Settings,
    /// The values that templates can use.
    pub context: &'a serde_json::Value,
    /// The owners that files can have.
    pub accounts: &'a Accounts,
    /// Whether scripts of packages run on the device, and may make more accounts there.
    pub accounts_to_come: bool,
}

impl Overlayer<'_> {
    /// Writes directories, files and symlinks of `overlay` into the tree of `layer`, and gives those whose
    /// owner does not exist yet.
    ///
    /// # Errors
    ///
    /// A template cannot be rendered, an owner is unknown, or the tree does not take a file.
    pub fn write(
        &self,
        layer: &mut Layer<'_>,
        overlay: &Overlay,
    ) -> Result<Vec<Unowned>, OverlayError> {
        let mut unowned = Vec::new();
        let directories = overlay.directories.iter();
        for directory in directories.filter(|it| self.wanted(&it.when)) {
            let kind = Kind::Directory(BTreeMap::new());
            let id = layer.put(&directory.path, kind, directory.ownership.mode)?;
            let (path, ownership) = (&directory.path, &directory.ownership);
            if !self.own(layer, id, ownership, &path.to_string())? {
                unowned.push(Unowned::new(path, ownership));
            }
        }
        for file in overlay.files.iter().filter(|it| self.wanted(&it.when)) {
            let content = Kind::File(Content::Inline(self.content(file)?));
            let id = layer.put(&file.path, content, file.ownership.mode)?;
            if !self.own(layer, id, &file.ownership, &file.source)? {
                unowned.push(Unowned::new(&file.path, &file.ownership));
            }
        }
        for symlink in overlay.symlinks.iter().filter(|it| self.wanted(&it.when)) {
            let target = Kind::Symlink(symlink.target.as_bytes().into());
            layer.put(&symlink.path, target, 0o777)?;
        }
        Ok(unowned)
    }

    fn wanted(&self, when: &Option<Condition>) -> bool {
        when.as_ref().is_none_or(|it| self.settings.holds(it))
    }

    fn content(&self, file: &OverlayFile) -> Result<Arc<[u8]>, OverlayError> {
        if !file.template {
            return Ok(file.bytes.clone());
        }
        let rendered = template::render(&file.source, &file.bytes, self.context)?;
        Ok(rendered.into_bytes().into())
    }

    /// Gives node `id` to its owner and group. False if these do not exist yet.
    fn own(
        &self,
        layer: &mut Layer<'_>,
        id: NodeId,
        ownership: &Ownership,
        source_file: &str,
    ) -> Result<bool, OverlayError> {
        let Ownership { owner, group, .. } = ownership;
        let Accounts { users, groups } = self.accounts;
        let (role, name, known) = match (users.get(owner), groups.get(group)) {
            (Some(uid), Some(gid)) => {
                layer.own(id, *uid, *gid);
                return Ok(true);
            }
            _ if self.accounts_to_come => return Ok(false),
            (None, _) => ("user", owner, users),
            (_, None) => ("group", group, groups),
        };
        let near = nearest(name, known.keys().map(String::as_str));
        Err(OverlayError::NoSuchOwner {
            source_file: source_file.to_owned(),
            role,
            name: name.clone(),
            near: near.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_and_group_lines_both_have_the_id_third() {
        for (line, name, id) in [
            ("tor:x:101:104::/:", "tor", 101),
            ("haproxy:x:105:", "haproxy", 105),
        ] {
            assert_eq!(id_of_line(line), Some((name.to_owned(), id)));
        }
        assert_eq!(id_of_line("+::::::"), None);
    }
}
