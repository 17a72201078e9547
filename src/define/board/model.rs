//! A board and its parts, except for its disk.

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
    /// The names of the models.
    pub title: String,
    /// Notes for a person who uses the board; may be empty.
    pub notes: String,
    /// The architecture of its packages.
    pub architecture: Architecture,
    /// The partition table.
    pub disk: Disk,
    /// The partitions by rising address.
    pub partitions: Vec<Partition>,
    /// Third-party archives that provide files for blobs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
    /// Raw bytes outside of filesystems.
    pub blobs: Vec<Blob>,
    /// Files in the image that come from packages that are not installed.
    pub files: Vec<BoardFile>,
    /// The source of its packages.
    pub suite: Suite,
    /// Its packages.
    pub packages: BoardPackages,
    /// The way in which it boots.
    pub boot: Boot,
    /// The images that a build can start from instead of from packages.
    pub bases: Vec<Base>,
    /// The tags by which Raspberry Pi Imager knows the board's devices. They have no influence on the image.
    #[serde(skip)]
    pub imager_tags: Vec<String>,
}

/// An image that a build can start from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Base {
    /// The value of `--base` for it: `raspberry-pi-os`.
    pub name: String,
    /// The addresses of the image; the preferred one comes first.
    pub urls: Vec<String>,
    /// The way in which the image is authenticated.
    pub proof: Proof,
}

/// The way in which a file is authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// By its digest.
    Sha256(Sha256),
    /// By a detached signature of a key with one of these fingerprints.
    Signature {
        /// The fingerprints of primary keys, each of 40 or 64 hexadecimal digits.
        fingerprints: Vec<String>,
        /// The addresses of the keys, which may be unknown; only keys with one of the fingerprints are used.
        keys: Vec<String>,
        /// The address of the signature: of the list `checksums` if there is one, else of the file.
        signature: String,
        /// The address of a list of SHA-256 sums, if that list is signed and not the file.
        checksums: Option<String>,
    },
}

impl Proof {
    /// The digest, if the file is authenticated by it.
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
    /// The name, for messages and origins.
    pub name: String,
    /// The place on the disk.
    pub place: BlobPlace,
    /// The number of bytes that are skipped at the start of the source.
    pub skip: Bytes,
    /// The number of bytes that are written after that; without it, all.
    pub take: Option<Bytes>,
    /// The number of bytes that are reserved for the blob; it must not be longer.
    pub max_size: Option<Bytes>,
    /// Whether the blob lies around the partition table in sector 0; the bytes of the table are then left out.
    pub around_table: bool,
    /// The source.
    pub source: BlobSource,
    /// Whether its licence allows redistribution; a blob that may not be redistributed is never part of imgbuild.
    pub redistributable: bool,
    /// The bytes that are replaced before the blob is written.
    pub patches: Vec<Patch>,
}

/// The place of a blob.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobPlace {
    /// An offset on the disk.
    Offset(Bytes),
    /// The start of the partition of this name.
    Partition(String),
}

/// The source of a blob.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobSource {
    /// A file of a package.
    Package(PackageFile),
    /// A file of a package of a third-party archive.
    Archive(ArchiveFile),
    /// GRUB's core image for BIOS, assembled from the images and modules of a package.
    GrubCore {
        /// The package, `grub-pc-bin`.
        package: String,
        /// The modules in it, without those that they depend on.
        modules: Vec<String>,
    },
    /// A file that is downloaded when an image is built.
    Download(BlobDownload),
    /// Bytes of the base image.
    Base(BaseRegion),
}

/// A file on the network, pinned by size and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BlobDownload {
    /// Its address: `https://…`.
    pub url: String,
    /// Its length.
    pub size: Bytes,
    /// Its digest.
    pub sha256: Sha256,
    /// The absolute path of the file in the archive, if the download is a .deb.
    pub path: Option<String>,
}

/// A span of the base image, from the start of its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseRegion {
    /// Its first byte.
    pub start: Bytes,
    /// The byte after its last byte.
    pub end: Bytes,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageFile {
    /// The package.
    pub package: String,
    /// The absolute path of the file in the package.
    pub path: String,
}

/// A replacement of bytes of a blob.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Patch {
    /// Offset in the source.
    pub at: u64,
    /// The new bytes.
    pub value: PatchValue,
}

/// The new bytes of a patch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchValue {
    /// The first LBA of the partition of this name, 64 bits, little-endian.
    PartitionLba(String),
    /// Fixed bytes.
    Bytes(Vec<u8>),
}

/// A file in the image that comes from a package that is not installed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoardFile {
    /// The absolute path in the image.
    pub path: String,
    /// The source.
    pub source: PackageFile,
}

/// The Debian suite of a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suite {
    /// The name of the suite: `trixie`. Its updates and security fixes are used too.
    pub name: String,
    /// The components: `main`.
    pub components: Vec<String>,
    /// Other suites of the same archive, from which only the named packages are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraSuite>,
}

/// A suite beside the board's own, such as its backports.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraSuite {
    /// Its name: `trixie-backports`.
    pub name: String,
    /// The packages that are taken from it, with those dependencies that only this suite has.
    pub packages: Vec<String>,
}

/// A board's packages.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoardPackages {
    /// The kernel.
    pub kernel: String,
    /// The other packages that the board needs.
    pub install: Vec<String>,
    /// The packages that no profile may install, because their scripts would break the image.
    pub never: Vec<String>,
}

/// The boot configuration of a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// The boot flow.
    pub flow: BootFlow,
    /// The identifier by which the kernel's command line names the root filesystem.
    pub root: RootBy,
    /// The values of `console=`; the last console becomes `/dev/console`.
    pub consoles: Vec<String>,
    /// The other words of the command line.
    pub command_line: Vec<String>,
    /// Files of `/usr/lib/raspi-firmware` that the firmware reads from its partition.
    pub firmware_files: Vec<String>,
    /// Lines of `config.txt`, before those that name the kernel and the initramfs.
    pub config_txt: Vec<String>,
    /// The device tree that U-Boot loads, as a path in the device tree folder of the kernel; without it, U-Boot chooses.
    pub device_tree: Option<String>,
}

/// A boot flow: the chain of programs that starts the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootFlow {
    /// The firmware of a Raspberry Pi reads config.txt, cmdline.txt and the kernel from FAT.
    RpiFirmware,
    /// GRUB, started by BIOS from the boot sector and by UEFI through shim.
    GrubHybrid,
    /// U-Boot, or another boot loader that reads `/boot/extlinux/extlinux.conf`.
    Extlinux,
}

/// An identifier of the root filesystem that is unique to each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootBy {
    /// `PARTUUID=`.
    Partuuid,
    /// `UUID=`.
    Uuid,
}

impl Board {
    /// The third-party archive `name`, which a blob uses.
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

    /// The packages whose files are used by blobs and `[[file]]`; they need not be installed.
    pub fn file_packages(&self) -> BTreeSet<&str> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Package(file) => Some(file.package.as_str()),
            BlobSource::GrubCore { package, .. } => Some(package.as_str()),
            BlobSource::Archive(_) | BlobSource::Download(_) | BlobSource::Base(_) => None,
        });
        let files = self.files.iter().map(|file| file.source.package.as_str());
        blobs.chain(files).collect()
    }

    /// The archive and the name of each third-party package that a blob is taken from.
    pub fn third_party_packages(&self) -> BTreeSet<(&str, &str)> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Archive(from) => Some((&*from.archive, &*from.file.package)),
            _ => None,
        });
        blobs.collect()
    }

    /// The files that blobs are downloaded from.
    pub fn downloads(&self) -> BTreeSet<&BlobDownload> {
        let blobs = self.blobs.iter().filter_map(|blob| match &blob.source {
            BlobSource::Download(download) => Some(download),
            _ => None,
        });
        blobs.collect()
    }

    /// Whether the board needs bytes of a base image to boot.
    pub fn needs_base(&self) -> bool {
        let mut blobs = self.blobs.iter();
        blobs.any(|blob| matches!(blob.source, BlobSource::Base(_)))
    }
}

/// A third-party archive: it has its own key, and no package of it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    /// The name by which blobs refer to it.
    pub name: String,
    /// The address of its root.
    pub url: String,
    /// The suite or its codename.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// The fingerprint of the primary key that signs, 40 or 64 hexadecimal digits.
    pub fingerprint: String,
    /// The key, in ASCII armor. It has no influence on the image, because the fingerprint decides whom to trust.
    #[serde(skip)]
    pub key: Located<String>,
}

/// A file of a package of a third-party archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArchiveFile {
    /// The name of the [`Archive`].
    pub archive: String,
    /// The package and the file in it.
    pub file: PackageFile,
}

impl Archive {
    /// The name of its repository in locks and messages: `armbian/trixie`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.name, self.suite)
    }
}
