//! A board, and everything that it is made of but its disk.

use super::disk::{Disk, Partition};
use crate::architecture::Architecture;
use crate::diag::Located;
use crate::digest::Sha256;
use crate::units::Bytes;
use serde::Serialize;
use std::collections::BTreeSet;

/// A hardware target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Board {
    /// Name of its folder: `rpi4`.
    pub name: String,
    /// The models, as their makers call them.
    pub title: String,
    /// What a person should know before using it; may be empty.
    pub notes: String,
    /// The architecture of its packages.
    pub architecture: Architecture,
    /// The partition table.
    pub disk: Disk,
    /// The partitions by rising address.
    pub partitions: Vec<Partition>,
    /// Archives with keys of their own, of which blobs take files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
    /// Raw bytes outside of filesystems.
    pub blobs: Vec<Blob>,
    /// Files of packages that stand in the image although the package does not.
    pub files: Vec<BoardFile>,
    /// Where its packages come from.
    pub suite: Suite,
    /// Its packages.
    pub packages: BoardPackages,
    /// How it starts.
    pub boot: Boot,
    /// Images that a build may start from instead of from packages.
    pub bases: Vec<Base>,
}

/// An image that a build may start from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Base {
    /// What `--base` takes: `raspberry-pi-os`.
    pub name: String,
    /// Where it may be had, best first.
    pub urls: Vec<String>,
    /// How it is known to be genuine.
    pub proof: Proof,
}

/// How a file is known to be genuine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// By its digest.
    Sha256(Sha256),
    /// By a detached signature of a key with one of these fingerprints.
    Signature {
        /// The fingerprints of primary keys, each of 40 or 64 hexadecimal digits.
        fingerprints: Vec<String>,
        /// Where the keys may be had; only those with a fingerprint count. None where nobody knows.
        keys: Vec<String>,
        /// Where the signature lies, beside the file or, where there are `checksums`, for them.
        signature: String,
        /// Where a list of SHA-256 sums lies beside the file, if it is that which is signed.
        checksums: Option<String>,
    },
}

impl Proof {
    /// The digest, where that is the proof.
    pub fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Sha256(sha256) => Some(*sha256),
            Self::Signature { .. } => None,
        }
    }
}

/// Raw bytes at a fixed place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Blob {
    /// Its name, for messages and origins.
    pub name: String,
    /// Where it goes.
    pub place: BlobPlace,
    /// This many bytes of the source are passed over.
    pub skip: Bytes,
    /// Only this many bytes of the rest are written.
    pub take: Option<Bytes>,
    /// Room that is kept for it, and the longest that it may be.
    pub max_size: Option<Bytes>,
    /// Whether it lies across the table in sector 0, whose bytes it then leaves out.
    pub around_table: bool,
    /// Where it comes from.
    pub source: BlobSource,
    /// Whether its owner lets others pass it on; what may not be is never shipped with imgbuild.
    pub redistributable: bool,
    /// Bytes that are replaced before it is written, by offset in the source.
    pub patches: Vec<Patch>,
}

/// Where a blob goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobPlace {
    /// To this offset of the disk.
    Offset(Bytes),
    /// To the start of the partition of this name.
    Partition(String),
}

/// Where a blob comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobSource {
    /// A file of a package.
    Package(PackageFile),
    /// A file of a package of an archive with a key of its own.
    Archive(ArchiveFile),
    /// GRUB's core image for BIOS, assembled from the images and modules of a package.
    GrubCore {
        /// The package, `grub-pc-bin`.
        package: String,
        /// The modules built into it, without those they depend on.
        modules: Vec<String>,
    },
    /// A file that is fetched from its maker when an image is built.
    Download(BlobDownload),
    /// Bytes of the base image.
    Base(BaseRegion),
}

/// A file of the network, pinned by size and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BlobDownload {
    /// Its address: `https://…`.
    pub url: String,
    /// Its length.
    pub size: Bytes,
    /// Its digest.
    pub sha256: Sha256,
    /// The file in it, as an absolute path, where it is a .deb.
    pub path: Option<String>,
}

/// A span of the base image, from the start of its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseRegion {
    /// Its first byte.
    pub start: Bytes,
    /// The first byte behind.
    pub end: Bytes,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageFile {
    /// The package.
    pub package: String,
    /// The file in it, as an absolute path.
    pub path: String,
}

/// Bytes of a blob that are replaced.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Patch {
    /// Offset in the source.
    pub at: u64,
    /// What is put there.
    pub value: PatchValue,
}

/// What a patch puts in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchValue {
    /// The first LBA of the partition of this name, 64 bits, little-endian.
    PartitionLba(String),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// A file of a package that stands in the image although the package does not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoardFile {
    /// Where it stands, as an absolute path of the root tree.
    pub path: String,
    /// Where it comes from.
    pub source: PackageFile,
}

/// Where a board's packages come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suite {
    /// Debian's suite: `trixie`; its updates and security fixes come along.
    pub name: String,
    /// The components: `main`.
    pub components: Vec<String>,
    /// Other suites of the same archive, of which only single packages are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraSuite>,
}

/// A suite beside the board's own, such as its backports.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraSuite {
    /// Its name: `trixie-backports`.
    pub name: String,
    /// What is taken from it, with what only it has of their dependencies.
    pub packages: Vec<String>,
}

/// A board's packages.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoardPackages {
    /// The kernel.
    pub kernel: String,
    /// What the board needs beside it.
    pub install: Vec<String>,
    /// What no profile may bring in, because its scripts would spoil the image.
    pub never: Vec<String>,
}

/// How a board starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// The family of boot chains.
    pub flow: BootFlow,
    /// How the kernel's command line names the root filesystem.
    pub root: RootBy,
    /// The values of `console=`; the last one is `/dev/console`.
    pub consoles: Vec<String>,
    /// The other words of the command line.
    pub command_line: Vec<String>,
    /// Files of `/usr/lib/raspi-firmware` that the firmware reads from its partition.
    pub firmware_files: Vec<String>,
    /// Lines of `config.txt`, before those that name the kernel and the initramfs.
    pub config_txt: Vec<String>,
    /// The device tree that U-Boot loads, below the kernel's folder of them; without, U-Boot's choice.
    pub device_tree: Option<String>,
}

/// A family of boot chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootFlow {
    /// The Raspberry Pi's firmware reads config.txt, cmdline.txt and the kernel from FAT.
    RpiFirmware,
    /// GRUB, started by BIOS from the boot sector and by UEFI through shim.
    GrubHybrid,
    /// U-Boot, or what reads its menu: `/boot/extlinux/extlinux.conf`.
    Extlinux,
}

/// A name for the root filesystem that no second card shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootBy {
    /// `PARTUUID=`.
    Partuuid,
    /// `UUID=`.
    Uuid,
}

impl Board {
    /// The archive that a blob calls `name`.
    pub fn archive(&self, name: &str) -> &Archive {
        let mut archives = self.archives.iter();
        let archive = archives.find(|archive| archive.name == name);
        archive.expect("a board was refused unless it has the archives that its blobs name")
    }

    /// The partition that is mounted at `/`.
    pub fn root(&self) -> &Partition {
        let mut partitions = self.partitions.iter();
        let root = partitions.find(|partition| partition.mount.as_deref() == Some("/"));
        root.expect("a board was refused unless one partition is mounted at `/`")
    }

    /// The packages whose files blobs and files use; none of them need be installed.
    pub fn file_packages(&self) -> BTreeSet<&str> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Package(file) => Some(file.package.as_str()),
            BlobSource::GrubCore { package, .. } => Some(package.as_str()),
            BlobSource::Archive(_) | BlobSource::Download(_) | BlobSource::Base(_) => None,
        });
        let files = self.files.iter().map(|file| file.source.package.as_str());
        blobs.chain(files).collect()
    }

    /// The packages of archives with keys of their own whose files blobs are, each once.
    pub fn third_party_packages(&self) -> BTreeSet<(&str, &str)> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Archive(from) => Some((&*from.archive, &*from.file.package)),
            _ => None,
        });
        blobs.collect()
    }

    /// The files that blobs are fetched from.
    pub fn downloads(&self) -> BTreeSet<&BlobDownload> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Download(download) => Some(download),
            _ => None,
        });
        blobs.collect()
    }

    /// Whether it cannot start without bytes of a base image.
    pub fn needs_base(&self) -> bool {
        let mut blobs = self.blobs.iter();
        blobs.any(|blob| matches!(blob.source, BlobSource::Base(_)))
    }
}

/// An archive that is not the suite's, with a key of its own. Nothing is installed from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    /// How blobs refer to it.
    pub name: String,
    /// The address of its root.
    pub url: String,
    /// The suite or its codename.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// The fingerprint of the primary key that signs, 40 or 64 hexadecimal digits.
    pub fingerprint: String,
    /// That key, armored. The fingerprint decides whom to trust, so this decides no byte.
    #[serde(skip)]
    pub key: Located<String>,
}

/// A file of a package of such an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArchiveFile {
    /// The name of the [`Archive`].
    pub archive: String,
    /// The package and the file in it.
    pub file: PackageFile,
}

impl Archive {
    /// Its suite, as locks and messages name it: `armbian/trixie`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.name, self.suite)
    }
}
