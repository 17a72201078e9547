//! The rules of radio that a base's kernel believes.
//!
//! wireless-regdb has each of them twice, signed by Debian and by those who wrote them, and offers
//! Debian's by default. A kernel takes what is signed by a key that is built into its cfg80211: those
//! of Linux itself, to which Debian adds its own. Any other kernel given Debian's file stays in the
//! world domain "00", in which no access point starts at 5 GHz.

use crate::dpkg::alternatives::{Alternative, AlternativesError};
use crate::epoch::Epoch;
use crate::tree::{Kind, NodeId, Objects, Tree, TreePath};
use std::io::{self, Read};

/// Both the name of the alternative and of the file that a kernel asks for.
pub const NAME: &str = "regulatory.db";
/// The file that every kernel takes, as Debian's package offers it.
pub const UPSTREAM: &str = "/lib/firmware/regulatory.db-upstream";
/// In the name of Debian's key, which its certificate holds as text.
const DEBIAN: &[u8] = b"@debian.org";
/// Where the kernels' modules lie.
const MODULES: &str = "/usr/lib/modules";
/// Before /usr was merged.
const OLD_MODULES: &str = "/lib/modules";
/// The largest cfg80211 with all its symbols has less.
const MAX_MODULE: u64 = 64 << 20;

/// Why the rules cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum RegulatoryError {
    /// A module cannot be read.
    #[error("cannot read `{path}` of the base image")]
    Module {
        /// The module.
        path: TreePath,
        /// Why not.
        source: io::Error,
    },
    /// The alternatives.
    #[error("cannot choose the regulatory database of the base image")]
    Alternatives(#[from] AlternativesError),
}

/// A kernel of the base that does not believe what Debian signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorKernel {
    /// Its version, as its folder of modules is called.
    pub version: String,
}

/// The first kernel in `tree` that does not know Debian's key.
pub fn vendor_kernel(
    tree: &Tree,
    objects: &dyn Objects,
) -> Result<Option<VendorKernel>, RegulatoryError> {
    let folder = [MODULES, OLD_MODULES].into_iter().find_map(|path| {
        let path = fixed(path);
        Some((tree.resolve(&path)?, path))
    });
    let Some((id, folder)) = folder else {
        return Ok(None);
    };
    for (version, id) in tree.entries(id) {
        let path = folder.join(version);
        let kernel = Kernel { tree, objects, id };
        let believes = kernel.believes_debian();
        if !believes.map_err(|source| RegulatoryError::Module { path, source })? {
            let version = version.to_string();
            return Ok(Some(VendorKernel { version }));
        }
    }
    Ok(None)
}

/// Lets `tree` use the rules that every kernel takes, if it can choose. Says whether that is another
/// choice than before.
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

/// The folder of one kernel's modules.
struct Kernel<'a> {
    tree: &'a Tree,
    objects: &'a dyn Objects,
    id: NodeId,
}

impl Kernel<'_> {
    /// Whether it takes what Debian signed, or has nothing to do with radio.
    fn believes_debian(&self) -> io::Result<bool> {
        for ending in ["", ".xz", ".zst", ".gz"] {
            let name = format!("/kernel/net/wireless/cfg80211.ko{ending}");
            if let Some(bytes) = self.bytes(&name)? {
                let module = decompressed(&bytes, ending)?;
                return Ok(module.windows(DEBIAN.len()).any(|part| part == DEBIAN));
            }
        }
        // In Debian's kernels it is a module.
        let builtin = self.bytes("/modules.builtin")?.unwrap_or_default();
        let builtin = String::from_utf8_lossy(&builtin).contains("/cfg80211.ko");
        Ok(!builtin)
    }

    /// The file `name` of the folder.
    fn bytes(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut id = self.id;
        for part in fixed(name).components() {
            let next = self.tree.entries(id).find(|(entry, _)| *entry == part);
            match next {
                Some((_, next)) => id = next,
                None => return Ok(None),
            }
        }
        match &self.tree.node(id).kind {
            Kind::File(content) if content.len() <= MAX_MODULE => {
                Ok(Some(content.read(self.objects)?.to_vec()))
            }
            _ => Ok(None),
        }
    }
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

fn fixed(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a plain path")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::store::Store;
    use crate::tree::{Content, Meta, Node, Origin};
    use std::io::Write;

    /// Whether a base with these files has a kernel that does not know Debian's key.
    fn vendor(files: &[(&str, &[u8])]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for (name, bytes) in files {
            let path = fixed(&format!("/usr/lib/modules/{name}"));
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Base).unwrap();
            let file = Kind::File(Content::inline(bytes));
            tree.insert(&path, Node::new(file, meta, Origin::Base))
                .unwrap();
        }
        vendor_kernel(&tree, &store)
            .unwrap()
            .map(|kernel| kernel.version)
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
