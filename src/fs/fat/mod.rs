//! Reads FAT12, FAT16 and FAT32 ([`read`]), and writes them with long names, in one pass and
//! reproducibly: with a geometry that imgbuild chooses ([`seal`]), or with that of a filesystem
//! that was read ([`reseal`]).
//!
//! ```text
//! reserved sectors | FAT | FAT | root (FAT12/16) | directories | files
//! ```
//!
//! Everything is decided before the first byte is written: directories come first, then files, each
//! in one run of clusters, ascending. File content is passed on and never read. FAT has no owners,
//! modes, links and devices: owners and modes are dropped, a file with two names becomes two files,
//! and all other kinds of nodes are refused. Facts: Microsoft, "FAT: General Overview of On-Disk
//! Format" 1.03, and what fsck.fat and mtools say of the result.

mod allocation;
mod boot;
mod catalogue;
mod codepage;
mod directory;
mod error;
mod format;
mod geometry;
mod name;
pub mod read;
mod shape;
mod table;

pub use error::FatError;
pub use format::FatBits;
pub use shape::{Label, Shape, Volume};

use crate::disk::image::{Image, Region};
use crate::epoch::Epoch;
use crate::tree::{ALIGNMENT, Content, Piece, Tree};
use crate::units::{Bytes, Lba};
use allocation::Allocation;
use catalogue::Catalogue;
use geometry::Geometry;

/// The parameters of a filesystem besides its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Length of the partition.
    pub len: Bytes,
    /// The width; if it is not set, the largest that the length allows.
    pub bits: Option<FatBits>,
    /// The volume id, shown as `XXXX-XXXX`: the filesystem UUID of a FAT.
    pub volume_id: u32,
    /// The filesystem label: up to 11 bytes of ASCII, or empty for no label.
    pub label: String,
    /// The time of the label; files have their own.
    pub epoch: Epoch,
    /// Where the partition starts on the disk; some BIOSes boot by it.
    pub start: Lba,
}

/// Returns the filesystem that holds `tree`, with offsets from the start of the partition.
///
/// # Errors
/// Fails if FAT cannot hold a node of `tree`, or if `params` allow no filesystem that is large
/// enough.
pub fn seal(tree: &Tree, params: &Params) -> Result<Image, FatError> {
    let label = boot::label(&params.label)?;
    let geometry = Geometry::choose(params.len, params.bits)?;
    let time = params.epoch.into();
    let volume = Volume {
        shape: boot::shape(geometry, params.start),
        volume_id: Some(params.volume_id),
        boot_label: Some(label.unwrap_or(*b"NO NAME    ")),
        label: label.map(|bytes| Label { bytes, time }),
    };
    reseal(tree, &volume)
}

/// Returns the filesystem that holds `tree` and is like `volume`, which was read, in everything
/// else, also in its length.
///
/// # Errors
/// Fails if FAT cannot hold a node of `tree`, or if the files do not fit.
pub fn reseal(tree: &Tree, volume: &Volume) -> Result<Image, FatError> {
    let geometry = &volume.shape.geometry;
    let catalogue = Catalogue::of(tree, volume.label.is_some())?;
    let allocation = Allocation::of(&catalogue, geometry)?;
    let mut regions = boot::regions(volume, &allocation);
    regions.extend(table::regions(geometry, volume.shape.media, &allocation));
    let label = volume.label.map(|label| (label.bytes, label.time));
    for (index, run) in allocation.directories.iter().enumerate() {
        let bytes = directory::encode(&catalogue, &allocation, index, label);
        let start = match run.first {
            // The root of FAT12 and FAT16 lies before the clusters.
            0 => geometry.root_start(),
            first => geometry.cluster_start(first),
        };
        regions.push(Region::bytes(start, bytes));
    }
    for (file, run) in catalogue.files.iter().zip(&allocation.files) {
        if run.n_clusters > 0 {
            let start = geometry.cluster_start(run.first);
            regions.extend(pieces(start, &file.content, geometry));
        }
    }
    regions.push(Region::free(
        geometry.cluster_start(allocation.next)..geometry.clusters_end(),
    ));
    Ok(Image::new(geometry.end(), regions).expect("every run has its own clusters"))
}

/// Returns the length of the shortest partition, in whole MiB, that holds `tree` and leaves at
/// least `free` bytes.
///
/// # Errors
/// Fails if FAT cannot hold a node of `tree`, or if no filesystem of the width is large enough.
pub fn measure(tree: &Tree, bits: Option<FatBits>, free: Bytes) -> Result<Bytes, FatError> {
    let catalogue = Catalogue::of(tree, true)?;
    let mut len = geometry::shortest(bits);
    loop {
        let geometry = Geometry::choose(len, bits)?;
        match catalogue.check_root(&geometry) {
            // The root of FAT32 can grow, so the shortest FAT32 is tried.
            Err(_) if bits.is_none() => {
                len = geometry::shortest(Some(FatBits::Fat32));
                continue;
            }
            checked => checked?,
        }
        let needed = geometry.len_for(catalogue.clusters(&geometry), free)?;
        if needed <= len {
            return Ok(len);
        }
        len = needed;
    }
}

/// The regions of `content`, whose clusters begin at `start`. Zeros that follow it in its object are a
/// part of them if its last cluster has room for them, so that the next file can continue the region.
fn pieces(mut start: u64, content: &Content, geometry: &Geometry) -> Vec<Region> {
    let pieces: Vec<Piece> = match geometry.cluster() % ALIGNMENT {
        0 => content.padded_pieces().collect(),
        _ => content.pieces().collect(),
    };
    let regions = pieces.into_iter().map(|piece| {
        let region = Region::piece(start, piece);
        start = region.end();
        region
    });
    regions.collect()
}

#[cfg(test)]
mod tests;
