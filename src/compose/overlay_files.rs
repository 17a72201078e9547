//! The files that overlays have written into a tree, for a comparison with the finished tree.
//!
//! After the overlays, the build writes units, the identity of the image and the boot files of the board. Any of these
//! could replace, remove or hide a file of an overlay without a message. The rule is: **a file of an overlay is in the
//! image as the overlay has it, or the build fails.** The comparison needs no list of the files that the build writes.

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
    /// The node of the path, with symlinks followed.
    leads_to: Option<NodeId>,
}

impl OverlayFiles {
    /// The files of the overlays of `spec` in `tree`, into which they were just written.
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

    /// The paths at which `tree`, which is finished now, has another file or none.
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
    /// Whether the node `now` has the content of this item. With symlinks followed, its path leads to `leads_to`.
    fn is_preserved(&self, now: &Kind, leads_to: Option<NodeId>) -> bool {
        match (&self.kind, now) {
            (before, after) if before == after => true,
            // The build writes the link of an enabled unit, whose target may be another path of the same file.
            (Kind::Symlink(_), Kind::Symlink(_)) => leads_to.is_some() && leads_to == self.leads_to,
            // The build adds lines, such as the host name in /etc/hosts.
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
