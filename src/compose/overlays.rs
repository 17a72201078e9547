//! Overlays, laid over the tree in their order: templates rendered, owners looked up.

use super::layer::{Layer, LayerError};
use super::template::{TemplateError, Templates};
use crate::define::Overlay;
use crate::define::overlay::{OverlayFile, Ownership};
use crate::spec::Settings;
use crate::tree::{Content, Kind, NodeId};
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
        "`{source_file}` is to belong to {role} `{name}`, who is not in the image's account files"
    )]
    NoSuchOwner {
        /// File of the overlay.
        source_file: String,
        /// `user` or `group`.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// The tree does not take it.
    #[error(transparent)]
    Layer(#[from] LayerError),
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
}

impl Overlayer<'_> {
    /// Lays directories, files and symlinks of `overlay` over the tree under `layer`.
    pub fn lay(&self, layer: &mut Layer<'_>, overlay: &Overlay) -> Result<(), OverlayError> {
        let templates = Templates::new();
        let wanted = |when| self.wanted(when);
        for directory in overlay
            .directories
            .iter()
            .filter(|directory| wanted(&directory.when))
        {
            let kind = Kind::Directory(BTreeMap::new());
            let id = layer.put(&directory.path, kind, directory.ownership.mode)?;
            self.own(layer, id, &directory.ownership, &directory.path.to_string())?;
        }
        for file in overlay.files.iter().filter(|file| wanted(&file.when)) {
            let content = Kind::File(Content::Inline(self.content(&templates, file)?));
            let id = layer.put(&file.path, content, file.ownership.mode)?;
            self.own(layer, id, &file.ownership, &file.source)?;
        }
        for symlink in overlay
            .symlinks
            .iter()
            .filter(|symlink| wanted(&symlink.when))
        {
            let target = Kind::Symlink(symlink.target.as_bytes().into());
            layer.put(&symlink.path, target, 0o777)?;
        }
        Ok(())
    }

    fn wanted(&self, when: &Option<crate::define::overlay::Condition>) -> bool {
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

    fn own(
        &self,
        layer: &mut Layer<'_>,
        id: NodeId,
        ownership: &Ownership,
        source_file: &str,
    ) -> Result<(), OverlayError> {
        let find = |role, ids: &BTreeMap<String, u32>, name: &String| {
            ids.get(name)
                .copied()
                .ok_or_else(|| OverlayError::NoSuchOwner {
                    source_file: source_file.to_owned(),
                    role,
                    name: name.clone(),
                })
        };
        let uid = find("user", &self.accounts.users, &ownership.owner)?;
        let gid = find("group", &self.accounts.groups, &ownership.group)?;
        layer.own(id, uid, gid);
        Ok(())
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
