//! Foreign filesystems as in base images: made by `mke2fs` with the features of many distributions
//! and filled through the kernel's mount. This program's reader must find in them what the kernel
//! finds, and its writer must lose nothing that e2fsck and the kernel keep.

mod clean;
mod fill;
mod unclean;

use super::image::{EPOCH, Objects};
use super::manifest::{Manifest, expected};
use super::{assert_manifest, kernel};
use crate::command::run;
use crate::uml::{self, Disk, Left};
use imgbuild::disk::device::FileDevice;
use imgbuild::epoch::Epoch;
use imgbuild::fs::ext4::Params;
use imgbuild::fs::ext4::read::{Filesystem, ReadError, Superblock};
use imgbuild::tree::Tree;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The way in which a filesystem is made and mounted.
#[derive(Clone, Copy, Debug)]
struct Base {
    name: &'static str,
    /// Features that are added to Debian's, or removed with `^`.
    features: &'static str,
    /// Further arguments of `mke2fs`.
    made: &'static str,
    /// Options of `mount`.
    mounted: &'static str,
}

const fn base(name: &'static str, features: &'static str, made: &'static str) -> Base {
    Base {
        name,
        features,
        made,
        mounted: "rw",
    }
}

/// Debian's features, written here so that `mke2fs.conf` does not matter.
const DEBIAN: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,\
    flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

/// The length of a filesystem, enough for its content.
const LEN: u64 = 128 << 20;

/// The beginning of a guest's script: defines `fill WHAT FOLDER`.
const SHELL: &str = "
fill() { echo \"$2\" > asked; itself \"ext4::bases::fill::$1_inside_the_guest\"; }
busybox insmod /usr/local/lib/imgbuild-oracles/uml/usr/lib/uml/modules/*/kernel/fs/quota/quota_tree.ko
busybox insmod /usr/local/lib/imgbuild-oracles/uml/usr/lib/uml/modules/*/kernel/fs/quota/quota_v2.ko
";

/// A folder with a sparse image for each of some bases, not filled yet.
struct Images {
    folder: TempDir,
}

impl Images {
    fn new(bases: &[Base]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = Self { folder };
        for base in bases {
            let path = images.path(base.name);
            let features = [DEBIAN, base.features].join(",");
            let mut mke2fs = Command::new("mke2fs");
            // The hash is the usual one, and a fixed seed makes a failure repeatable.
            let seed = "hash_seed=510fc300-6861-7368-2073-656564ff8000";
            mke2fs.args([
                "-q", "-F", "-t", "ext4", "-E", seed, "-m", "0", "-N", "6000",
            ]);
            // Such a small filesystem would get smaller blocks by default.
            mke2fs.args(["-b", "4096", "-I", "256"]);
            mke2fs
                .args(["-O", &features])
                .args(base.made.split_whitespace());
            run(mke2fs.arg(&path).arg("96M"));
        }
        images
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy of the image `name`, with the same holes.
    fn copy(&self, name: &str, copy: &str) -> PathBuf {
        let to = self.path(copy);
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(self.path(name))
            .arg(&to));
        to
    }

    fn run(&self, script: &str, names: &[String]) -> Left {
        let paths: Vec<_> = names.iter().map(|name| self.path(name)).collect();
        let disks: Vec<_> = paths.iter().map(|path| Disk::Writable(path)).collect();
        uml::run(&[kernel::SHELL, SHELL, script].concat(), &disks)
    }

    /// What the kernel finds in each of `names` after it has mounted them, which replays a log.
    fn looks(&self, names: &[String]) -> Vec<Manifest> {
        let mut script = String::new();
        for (name, letter) in names.iter().zip('a'..) {
            let mount = format!("mount -t ext4 -o ro /dev/ubd{letter} at");
            writeln!(script, "{mount}; manifest at {name}; umount at").unwrap();
        }
        let left = self.run(&script, names);
        names
            .iter()
            .map(|name| kernel::parse(&left.file(name)))
            .collect()
    }
}

/// A base as this program's reader finds it.
struct Read {
    /// The parameters for a filesystem like it.
    params: Params,
    superblock: Superblock,
    tree: Tree,
    /// The base itself, which holds the content of the files.
    objects: Objects,
}

impl Read {
    fn new(path: &Path) -> Result<Self, ReadError> {
        let device = FileDevice::new(fs_err::File::open(path).unwrap()).unwrap();
        let filesystem = Filesystem::open(&device)?;
        let mut objects = Objects::default();
        let place = objects.whole(fs_err::read(path).unwrap());
        let (params, _) = Params::like(&filesystem, LEN, Epoch(EPOCH))?;
        Ok(Self {
            params,
            superblock: filesystem.superblock().clone(),
            tree: filesystem.tree(&place)?,
            objects,
        })
    }

    /// Reads a filesystem that must be readable.
    fn expect(path: &Path) -> Self {
        Self::new(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Checks that `witness` found the same in `path`.
    fn assert(&self, found: &Manifest, path: &Path, witness: &str) {
        let ours = expected(&self.tree, &self.objects);
        let path = path.display();
        assert_manifest(
            &ours,
            found,
            &format!("our reader, and not {witness}, of {path}"),
        );
    }
}
