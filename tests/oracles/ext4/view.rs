//! The reader of the crate ext4-view as a witness: it shares no code with this program, mkext4 or
//! e2fsprogs.
//!
//! It cannot read the special and the generated trees: ext4-view 1.0.0 refuses every inode with a
//! time before 1970 or with the epoch bits of 2038 and later. Nor can it read a real root
//! filesystem: if hashes of names are unsigned, as this program writes them, it does not find names
//! that are not ASCII.

use super::manifest::{Body, Facts, Manifest, text};
use ext4_view::{Ext4, Ext4Error, FileType, Metadata, PathBuf};
use imgbuild::digest::Sha256;
use std::collections::BTreeMap;
use std::path::Path;

/// What ext4-view finds, reduced as by [`as_shown`]; `None` if it does not know a feature.
pub(super) fn manifest(image: &Path) -> Option<Manifest> {
    let ext4 = match Ext4::load_from_path(image) {
        Ok(ext4) => ext4,
        Err(Ext4Error::Incompatible(_)) => return None,
        Err(error) => panic!("{}: {error}", image.display()),
    };
    let mut manifest = Manifest::new();
    let mut ahead = vec![PathBuf::new("/")];
    while let Some(path) = ahead.pop() {
        let facts = facts(&ext4, &path);
        if facts.body == Body::Directory {
            for entry in ext4.read_dir(&path).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name();
                if name.as_ref() != b"." && name.as_ref() != b".." {
                    ahead.push(entry.path());
                }
            }
        }
        manifest.insert(text(path.as_ref()), facts);
    }
    Some(manifest)
}

/// `manifest` without the parts that ext4-view does not show: attributes, numbers of links and of
/// devices, and targets in which a name is too long.
pub(super) fn as_shown(mut manifest: Manifest) -> Manifest {
    for facts in manifest.values_mut() {
        facts.links = 0;
        facts.xattrs.clear();
        let is_shown = match &facts.body {
            Body::Device(..) => false,
            Body::Symlink(target) => target.split('/').all(|name| name.len() <= 255),
            _ => true,
        };
        if !is_shown {
            facts.body = Body::Nothing;
        }
    }
    manifest
}

fn facts(ext4: &Ext4, path: &PathBuf) -> Facts {
    let metadata = ext4.symlink_metadata(path).unwrap();
    let (file_type, body) = match metadata.file_type() {
        FileType::Directory => (0o040_000, Body::Directory),
        FileType::Regular => (0o100_000, Body::File(Sha256::of(&ext4.read(path).unwrap()))),
        FileType::Symlink => {
            let target = ext4.read_link(path).ok();
            let body = target.map(|target| Body::Symlink(text(target.as_ref())));
            (0o120_000, body.unwrap_or(Body::Nothing))
        }
        FileType::BlockDevice => (0o060_000, Body::Nothing),
        FileType::CharacterDevice => (0o020_000, Body::Nothing),
        FileType::Fifo => (0o010_000, Body::Nothing),
        FileType::Socket => (0o140_000, Body::Nothing),
    };
    Facts {
        mode: file_type | u32::from(metadata.mode()),
        owner: (metadata.uid(), metadata.gid()),
        mtime: mtime(&metadata),
        links: 0,
        xattrs: BTreeMap::new(),
        body,
    }
}

fn mtime(metadata: &Metadata) -> (i64, u32) {
    let time = metadata.modified();
    (time.seconds(), time.nanoseconds())
}
