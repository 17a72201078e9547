//! `boards/<name>/board.toml`: what a hardware target needs. `boards/README.md` explains each key.

mod advice;
mod archive;
mod base;
mod blob;
mod disk;
mod draft;
mod file;
mod flow;
mod model;
mod overlap;
mod rules;
mod source;

pub use base::FROM_PACKAGES;
pub use disk::{Disk, Filesystem, Partition, PartitionType, Size, Table};
pub use file::TABLES;
pub use model::{
    Archive, ArchiveFile, Base, BaseRegion, Blob, BlobDownload, BlobPlace, BlobSource, Board,
    BoardFile, BoardPackages, Boot, BootFlow, ExtraSuite, PackageFile, Patch, PatchValue, Proof,
    RootBy, Suite,
};
pub use source::NotARegion;
