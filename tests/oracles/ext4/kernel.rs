//! The kernel as a witness: what it finds in filesystems that it has mounted.

use super::manifest::{Body, Facts, Manifest, text};
use crate::uml::{self, Disk, MOST_DISKS};
use imgbuild::digest::Sha256;
use imgbuild::listing;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What the kernel finds in each of `images`, mounted read-only as they are.
pub(super) fn manifests(images: &[&Path]) -> Vec<Manifest> {
    let mut found = Vec::new();
    for images in images.chunks(MOST_DISKS) {
        let mut script = SHELL.to_owned();
        for (index, letter) in (0..images.len()).zip('a'..) {
            writeln!(script, "mount -t ext4 -o ro,noload /dev/ubd{letter} at").unwrap();
            writeln!(script, "manifest at {index}; umount at").unwrap();
        }
        let disks: Vec<_> = images.iter().map(|path| Disk::ReadOnly(path)).collect();
        let left = uml::run(&script, &disks);
        found.extend((0..images.len()).map(|index| parse(&left.file(&index.to_string()))));
    }
    found
}

/// The beginning of a guest's script: defines the mount point `at`, and `manifest FOLDER FILE`,
/// which writes the content of `FOLDER` in the form that [`parse`] reads.
pub(super) const SHELL: &str = "mkdir at
manifest() { echo \"$1\" > asked; itself ext4::kernel::inside_the_guest; mv answered \"$2\"; }
";

/// Reads what `manifest` wrote in a guest.
pub(super) fn parse(answer: &[u8]) -> Manifest {
    serde_json::from_slice(answer).unwrap()
}

#[test]
#[ignore = "a part of other tests: they run it in User Mode Linux"]
fn inside_the_guest() {
    let folder = fs_err::read_to_string("asked").unwrap();
    let manifest = walk(Path::new(folder.trim_end()));
    fs_err::write("answered", serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// Describes everything below `root`. System calls are slow in a guest, so an inode with many names
/// is read once.
fn walk(root: &Path) -> Manifest {
    let mut manifest = Manifest::new();
    let mut known: BTreeMap<u64, Facts> = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(path) = ahead.pop() {
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
        let metadata = fs_err::symlink_metadata(&path).unwrap();
        let facts = match known.get(&metadata.ino()) {
            Some(known) => known.clone(),
            None => facts(&path, &metadata),
        };
        if facts.body == Body::Directory {
            let names = listing::sorted(&path).unwrap();
            ahead.extend(names.into_iter().map(|name| path.join(name)));
        } else if facts.links > 1 {
            known.insert(metadata.ino(), facts.clone());
        }
        manifest.insert(text(&[b"/", name].concat()), facts);
    }
    manifest
}

fn facts(path: &Path, metadata: &Metadata) -> Facts {
    let file_type = metadata.file_type();
    let body = if file_type.is_dir() {
        Body::Directory
    } else if file_type.is_symlink() {
        let target = fs_err::read_link(path).unwrap().into_os_string();
        Body::Symlink(text(&target.into_vec()))
    } else if file_type.is_file() && metadata.len() == 0 {
        Body::File(Sha256::of(b""))
    } else if file_type.is_file() {
        let file = fs_err::File::open(path).unwrap();
        Body::File(Sha256::of_reader(file).unwrap().0)
    } else if file_type.is_block_device() || file_type.is_char_device() {
        let device = metadata.rdev();
        Body::Device(rustix::fs::major(device), rustix::fs::minor(device))
    } else {
        Body::Nothing
    };
    Facts {
        mode: metadata.mode(),
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec() as u32),
        links: metadata.nlink() as u32,
        xattrs: xattrs(path),
        body,
    }
}

/// The attributes of `path` itself.
pub(super) fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 65_536];
    let len = rustix::fs::llistxattr(path, &mut names).unwrap();
    names.truncate(len);
    let mut xattrs = BTreeMap::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0; 65_536];
        let len = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
        value.truncate(len);
        xattrs.insert(text(name), value);
    }
    xattrs
}
