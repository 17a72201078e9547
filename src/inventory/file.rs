//! The files that overlays wrote.

use crate::digest::Sha256;
use crate::specification::Spec;
use crate::tree::{Kind, Objects, Origin, Tree, TreePath};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::collections::BTreeSet;
use std::io;

/// A file that an overlay wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayFile {
    /// Its path in the image.
    pub path: TreePath,
    /// The overlay.
    pub overlay: String,
    /// The digest of its content.
    pub sha256: Sha256,
    /// The SHA-1 digest of its content in hexadecimal digits, which SPDX 2.3 demands of every file.
    pub sha1: String,
    /// Whether the file is copied as it is, so that no setting is in it.
    pub is_verbatim: bool,
}

/// The files of `tree` that the overlays of `spec` wrote.
pub(super) fn files(
    tree: &Tree,
    spec: &Spec,
    objects: &dyn Objects,
) -> io::Result<Vec<OverlayFile>> {
    let verbatim: BTreeSet<(&str, String)> = spec
        .overlays
        .iter()
        .flat_map(|overlay| {
            let files = overlay.files.iter().filter(|file| !file.template);
            files.map(|file| (overlay.name.as_str(), file.path.to_string()))
        })
        .collect();
    let mut files = Vec::new();
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let (Kind::File(content), Origin::Overlay(overlay)) = (&node.kind, &node.origin) else {
            continue;
        };
        let bytes = content.read(objects)?;
        files.push(OverlayFile {
            is_verbatim: verbatim.contains(&(&**overlay, path.to_string())),
            overlay: overlay.to_string(),
            sha256: Sha256::of(&bytes),
            sha1: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes)),
            path,
        });
    }
    Ok(files)
}
