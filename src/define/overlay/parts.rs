//! What an overlay is made of.

use super::ownership::Ownership;
use crate::define::condition::Condition;
use crate::tree::TreePath;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a template names a setting.
const SETTINGS: &str = "settings.";

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayFile {
    /// Where it goes.
    pub path: TreePath,
    /// The file in the overlay, for messages: `overlays/hotspot/root/etc/hotspot/env.hbs`.
    pub source: String,
    /// Its bytes, or the text of its template.
    pub bytes: Arc<[u8]>,
    /// Whether it is rendered.
    pub template: bool,
    /// Permissions and owner.
    pub ownership: Ownership,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}

impl OverlayFile {
    /// The settings that decide what is in it or whether it is there; more than that may be named.
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
    /// Where it is.
    pub path: TreePath,
    /// Permissions and owner.
    pub ownership: Ownership,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}

/// One symlink.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlaySymlink {
    /// Where it is.
    pub path: TreePath,
    /// What it points to.
    pub target: String,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}
