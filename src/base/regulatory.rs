//! Chooses the database of radio regulations that the kernel of a base image accepts.
//!
//! The package wireless-regdb has the database twice, signed by Debian and by its authors, and uses Debian's
//! by default. A kernel accepts signatures by the keys that are built into its cfg80211: those of Linux
//! itself, to which Debian adds its own. With Debian's file, any other kernel stays in the world domain
//! "00", in which no access point starts at 5 GHz.

use crate::dpkg::alternatives::{Alternative, AlternativesError};
use crate::epoch::Epoch;
use crate::tree::{Objects, Tree, TreePath};
use std::io::{self, Read};

/// The name of the alternative, and of the file that a kernel loads.
pub const NAME: &str = "regulatory.db";
/// The file of Debian's package that every kernel accepts.
pub const UPSTREAM: &str = "/lib/firmware/regulatory.db-upstream";
/// A part of the name of Debian's key, which the certificate has as text.
const DEBIAN: &[u8] = b"@debian.org";
/// The folder of the modules of all kernels.
const MODULES: &str = "/usr/lib/modules";
/// The same folder on a system without merged /usr.
const OLD_MODULES: &str = "/lib/modules";
/// The most bytes of a module. A cfg80211 with all its symbols has less.
const MAX_MODULE: u64 = 64 << 20;

/// Why the database cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum RegulatoryError {
    /// A module cannot be read.
    #[error("cannot read `{path}` of the base image")]
    Module {
        /// The module.
        path: TreePath,
        /// The error of the system.
        source: io::Error,
    },
    /// The alternative cannot be read or set.
    #[error("cannot choose the regulatory database of the base image")]
    Alternatives(#[from] AlternativesError),
}

/// The version of the first kernel in `tree` that does not have Debian's key.
///
/// # Errors
///
/// A module cannot be read.
pub fn vendor_kernel(
    tree: &Tree,
    objects: &dyn Objects,
) -> Result<Option<String>, RegulatoryError> {
    let mut folders = [MODULES, OLD_MODULES].map(TreePath::constant).into_iter();
    let found = folders.find_map(|path| Some((tree.resolve(&path)?, path)));
    let Some((id, folder)) = found else {
        return Ok(None);
    };
    let versions = tree
        .entries(id)
        .filter(|(_, id)| tree.node(*id).is_directory());
    for (version, _) in versions {
        let folder = folder.join(version);
        let accepts = accepts_debian(tree, objects, &folder);
        let path = folder;
        if !accepts.map_err(|source| RegulatoryError::Module { path, source })? {
            return Ok(Some(version.to_string()));
        }
    }
    Ok(None)
}

/// Makes `tree` use the database that every kernel accepts, if the alternative exists. Gives whether this
/// changes the choice.
///
/// # Errors
///
/// The alternative cannot be read or set.
pub fn choose_upstream(
    tree: &mut Tree,
    objects: &dyn Objects,
    epoch: Epoch,
) -> Result<bool, RegulatoryError> {
    let Some(alternative) = Alternative::read(tree, objects, NAME)? else {
        return Ok(false);
    };
    let Some(path) = alternative.choice(UPSTREAM) else {
        return Ok(false);
    };
    Ok(alternative.set(tree, path, epoch)?)
}

/// Whether the kernel with its modules in `folder` accepts Debian's signature, or has no support for radio.
fn accepts_debian(tree: &Tree, objects: &dyn Objects, folder: &TreePath) -> io::Result<bool> {
    let bytes = |name: &str| match tree.file(&folder.append(&TreePath::constant(name))) {
        Some(content) if content.len() <= MAX_MODULE => content.read(objects).map(Some),
        _ => Ok(None),
    };
    for ending in ["", ".xz", ".zst", ".gz"] {
        let name = format!("/kernel/net/wireless/cfg80211.ko{ending}");
        if let Some(bytes) = bytes(&name)? {
            let module = decompressed(&bytes, ending)?;
            return Ok(module.windows(DEBIAN.len()).any(|part| part == DEBIAN));
        }
    }
    // Debian's kernels have cfg80211 as a module.
    let builtin = bytes("/modules.builtin")?.unwrap_or_default();
    Ok(!String::from_utf8_lossy(&builtin).contains("/cfg80211.ko"))
}

fn decompressed(bytes: &[u8], ending: &str) -> io::Result<Vec<u8>> {
    let reader: Box<dyn Read + '_> = match ending {
        ".xz" => Box::new(liblzma::read::XzDecoder::new(bytes)),
        ".zst" => Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        _ => Box::new(bytes),
    };
    let mut plain = Vec::new();
    reader.take(MAX_MODULE).read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::generated::NoObjects;
    use crate::tree::{Content, Kind, Meta, Node, Origin};
    use std::io::Write;

    /// The kernel without Debian's key of a base with these files.
    fn vendor(files: &[(&str, &[u8])]) -> Option<String> {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for (name, bytes) in files {
            let path = TreePath::constant(&format!("/usr/lib/modules/{name}"));
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Base).unwrap();
            let file = Kind::File(Content::inline(bytes));
            tree.insert(&path, Node::new(file, meta, Origin::Base))
                .unwrap();
        }
        vendor_kernel(&tree, &NoObjects).unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_kernel_is_known_by_the_keys_that_it_holds() {
        let debian = b"\x7fELF sforshee benh@debian.org wens";
        let other = b"\x7fELF sforshee wens";
        let module = "6.12/kernel/net/wireless/cfg80211.ko";
        let packed = "6.12/kernel/net/wireless/cfg80211.ko.xz";
        assert_eq!(vendor(&[(module, debian)]), None);
        assert_eq!(vendor(&[(packed, &xz(debian))]), None);
        assert_eq!(vendor(&[(module, other)]), Some("6.12".to_owned()));
        assert_eq!(vendor(&[(packed, &xz(other))]), Some("6.12".to_owned()));
        let both = [
            ("6.1/kernel/net/wireless/cfg80211.ko", &debian[..]),
            (module, other),
        ];
        assert_eq!(vendor(&both), Some("6.12".to_owned()));
    }

    #[test]
    fn what_is_built_in_is_a_vendors_and_what_is_missing_nobodys() {
        let builtin = b"kernel/fs/ext4/ext4.ko\nkernel/net/wireless/cfg80211.ko\n";
        let found = vendor(&[("6.6/modules.builtin", builtin)]);
        assert_eq!(found, Some("6.6".to_owned()));
        assert_eq!(
            vendor(&[("6.6/modules.builtin", b"kernel/fs/ext4/ext4.ko\n")]),
            None
        );
        assert_eq!(vendor(&[]), None);
    }
}
