//! What overlays have written into a tree, to be compared with what is there when the tree is finished.
//!
//! Behind overlays come units, the image's identity and the board's boot files. What one of these writes over, takes
//! away or mounts over would be lost without a word. The law: **a file of an overlay is in the image as the
//! overlay has it, or the build ends.** It is held by comparing, and not by a list of what the build writes.

use crate::specification::Spec;
use crate::tree::{Content, Kind, NodeId, Origin, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files and symlinks of overlays, by their paths.
#[derive(Clone, Debug, Default)]
pub struct OverlayFiles {
    items: BTreeMap<TreePath, Item>,
}

#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    /// What the path leads to, symlinks followed.
    leads_to: Option<NodeId>,
}

impl OverlayFiles {
    /// What the overlays of `spec` have in `tree`, into which they were written just now.
    pub(super) fn of(spec: &Spec, tree: &Tree) -> Self {
        let mut items = BTreeMap::new();
        for overlay in &spec.overlays {
            let files = overlay.files.iter().map(|file| &file.path);
            let symlinks = overlay.symlinks.iter().map(|symlink| &symlink.path);
            for path in files.chain(symlinks) {
                let node = tree.at(path).map(|id| tree.node(id));
                let node = node.filter(|node| matches!(node.origin, Origin::Overlay(_)));
                let item = node.map(|node| Item {
                    kind: node.kind.clone(),
                    leads_to: tree.resolve(path),
                });
                items.extend(item.map(|item| (path.clone(), item)));
            }
        }
        Self { items }
    }

    /// The paths at which `tree`, the same when it is finished, has something else, or nothing.
    pub fn displaced(&self, tree: &Tree) -> Vec<&TreePath> {
        let lost = |(path, item): &(&TreePath, &Item)| {
            let now = tree.at(path).map(|id| &tree.node(id).kind);
            !now.is_some_and(|now| item.is_preserved(now, tree.resolve(path)))
        };
        let lost = self.items.iter().filter(lost);
        lost.map(|(path, _)| path).collect()
    }
}

impl Item {
    /// Whether it still is what it was, with `now` in its place, which leads to `leads_to`.
    fn is_preserved(&self, now: &Kind, leads_to: Option<NodeId>) -> bool {
        match (&self.kind, now) {
            (before, after) if before == after => true,
            // The build links a unit that is enabled, and may lead to the same file by another way.
            (Kind::Symlink(_), Kind::Symlink(_)) => leads_to.is_some() && leads_to == self.leads_to,
            // Lines were added, as the name of the device is to /etc/hosts.
            (Kind::File(Content::Inline(before)), Kind::File(Content::Inline(after))) => {
                let lines = |bytes: &Arc<[u8]>| -> BTreeSet<Vec<u8>> {
                    let lines = bytes.split(|byte| *byte == b'\n');
                    lines.map(<[u8]>::to_vec).collect()
                };
                lines(before).is_subset(&lines(after))
            }
            _ => false,
        }
    }
}
