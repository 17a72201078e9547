//! Overlays, laid over the tree in their order: templates rendered, owners looked up.

use super::layer::{Layer, LayerError};
use super::template::{TemplateError, Templates};
use crate::define::Overlay;
use crate::define::overlay::{OverlayFile, Ownership};
use crate::diag::nearest;
use crate::specification::Settings;
use crate::tree::{Content, Kind, NodeId, TreePath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why an overlay could not be laid over the tree.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// A template cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A template is no text.
    #[error("template `{0}` is not UTF-8 text")]
    NotText(String),
    /// A file is to belong to somebody whom no package makes.
    #[error(
        "`{source_file}` is to belong to {role} `{name}`, who is not in the image's account files{}",
        .near.as_ref().map_or_else(String::new, |near| format!("; there is `{near}`"))
    )]
    NoSuchOwner {
        /// File of the overlay.
        source_file: String,
        /// `user` or `group`.
        role: &'static str,
        /// The name.
        name: String,
        /// The nearest that is there.
        near: Option<String>,
    },
    /// The tree does not take it.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// What is to belong to somebody whom the scripts of packages are still to make; until then it is
/// root's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    /// Where it is.
    pub path: TreePath,
    /// Whose it will be.
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

/// The names of users and groups of a tree, with their ids.
pub struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the account files under `layer`.
    pub fn read(layer: &Layer<'_>) -> Result<Self, LayerError> {
        let ids = |text: &str| text.lines().filter_map(id_of_line).collect();
        Ok(Self {
            users: ids(&layer.text("/etc/passwd")?),
            groups: ids(&layer.text("/etc/group")?),
        })
    }
}

/// Name and id: the first and the third field in both files.
fn id_of_line(line: &str) -> Option<(String, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    Some((name.to_owned(), fields.nth(1)?.parse().ok()?))
}

/// Lays overlays over a tree.
pub struct Overlayer<'a> {
    /// What the conditions of files ask about.
    pub settings: &'a Settings,
    /// What templates see.
    pub context: &'a serde_json::Value,
    /// Whom files may belong to.
    pub accounts: &'a Accounts,
    /// Whether scripts of packages are still to run, and may make more of them.
    pub accounts_to_come: bool,
}

impl Overlayer<'_> {
    /// Lays directories, files and symlinks of `overlay` over the tree under `layer`; gives
    /// back what nobody owns yet.
    pub fn write(
        &self,
        layer: &mut Layer<'_>,
        overlay: &Overlay,
    ) -> Result<Vec<Unowned>, OverlayError> {
        let templates = Templates::new();
        let mut unowned = Vec::new();
        let wanted = |when| self.wanted(when);
        for directory in overlay
            .directories
            .iter()
            .filter(|directory| wanted(&directory.when))
        {
            let kind = Kind::Directory(BTreeMap::new());
            let id = layer.put(&directory.path, kind, directory.ownership.mode)?;
            let (path, ownership) = (&directory.path, &directory.ownership);
            if !self.own(layer, id, ownership, &path.to_string())? {
                unowned.push(Unowned::new(path, ownership));
            }
        }
        for file in overlay.files.iter().filter(|file| wanted(&file.when)) {
            let content = Kind::File(Content::Inline(self.content(&templates, file)?));
            let id = layer.put(&file.path, content, file.ownership.mode)?;
            if !self.own(layer, id, &file.ownership, &file.source)? {
                unowned.push(Unowned::new(&file.path, &file.ownership));
            }
        }
        for symlink in overlay
            .symlinks
            .iter()
            .filter(|symlink| wanted(&symlink.when))
        {
            let target = Kind::Symlink(symlink.target.as_bytes().into());
            layer.put(&symlink.path, target, 0o777)?;
        }
        Ok(unowned)
    }

    fn wanted(&self, when: &Option<crate::define::condition::Condition>) -> bool {
        when.as_ref()
            .is_none_or(|condition| self.settings.holds(condition))
    }

    fn content(
        &self,
        templates: &Templates,
        file: &OverlayFile,
    ) -> Result<Arc<[u8]>, OverlayError> {
        if !file.template {
            return Ok(file.bytes.clone());
        }
        let text = std::str::from_utf8(&file.bytes);
        let text = text.map_err(|_| OverlayError::NotText(file.source.clone()))?;
        let rendered = templates.render(&file.source, text, self.context)?;
        Ok(rendered.into_bytes().into())
    }

    /// Gives node `id` to whom it is to belong to; says whether they exist.
    fn own(
        &self,
        layer: &mut Layer<'_>,
        id: NodeId,
        ownership: &Ownership,
        source_file: &str,
    ) -> Result<bool, OverlayError> {
        let Ownership { owner, group, .. } = ownership;
        let (uid, gid) = (
            self.accounts.users.get(owner),
            self.accounts.groups.get(group),
        );
        let (role, name, known) = match (uid, gid) {
            (Some(uid), Some(gid)) => {
                layer.own(id, *uid, *gid);
                return Ok(true);
            }
            _ if self.accounts_to_come => return Ok(false),
            (None, _) => ("user", owner, &self.accounts.users),
            (_, None) => ("group", group, &self.accounts.groups),
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
        assert_eq!(
            id_of_line("tor:x:101:104::/:"),
            Some(("tor".to_owned(), 101))
        );
        assert_eq!(
            id_of_line("haproxy:x:105:"),
            Some(("haproxy".to_owned(), 105))
        );
        assert_eq!(id_of_line("+::::::"), None);
    }
}
