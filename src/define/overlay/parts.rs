//! The files, directories and symlinks of an overlay.

use super::ownership::Ownership;
use crate::define::condition::Condition;
use crate::tree::TreePath;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The prefix of the name of a setting in a template.
const SETTINGS: &str = "settings.";

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayFile {
    /// The path in the image.
    pub path: TreePath,
    /// The path of the file in the overlay, for messages: `overlays/hotspot/root/etc/hotspot/env.hbs`.
    pub source: String,
    /// The bytes of the file or of its template.
    pub bytes: Arc<[u8]>,
    /// Whether the file is a template, which is rendered.
    pub template: bool,
    /// The permissions and the owner.
    pub ownership: Ownership,
    /// The condition under which it is in the image.
    pub when: Option<Condition>,
}

impl OverlayFile {
    /// The settings on which its content or its presence depends. Settings on which it does not depend may be among them.
    pub fn settings(&self) -> BTreeSet<&str> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let text = if self.template { text } else { "" };
        let named = text.match_indices(SETTINGS).map(|(at, found)| {
            let rest = &text[at + found.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            &rest[..end.unwrap_or(rest.len())]
        });
        let condition = self.when.iter().map(|when| when.setting.value.as_str());
        named.chain(condition).collect()
    }
}

/// One directory.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayDirectory {
    /// The path in the image.
    pub path: TreePath,
    /// The permissions and the owner.
    pub ownership: Ownership,
    /// The condition under which it is in the image.
    pub when: Option<Condition>,
}

/// One symlink.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlaySymlink {
    /// The path in the image.
    pub path: TreePath,
    /// The target.
    pub target: String,
    /// The condition under which it is in the image.
    pub when: Option<Condition>,
}
