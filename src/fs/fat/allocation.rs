//! The clusters of each directory and file: one run each, without a gap, from the first cluster on.

use super::FatError;
use super::catalogue::{Catalogue, Target};
use super::format::{FIRST_CLUSTER, Run};
use super::geometry::Geometry;
use crate::units::Bytes;

/// One run for each directory and each file of a catalogue.
pub(super) struct Allocation {
    pub(super) directories: Vec<Run>,
    pub(super) files: Vec<Run>,
    /// The first free cluster; all behind it are free too.
    pub(super) next: u32,
}

impl Allocation {
    /// Gives every directory, then every file its clusters.
    pub(super) fn of(catalogue: &Catalogue, geometry: &Geometry) -> Result<Self, FatError> {
        let needed = catalogue.clusters(geometry);
        if needed > u128::from(geometry.n_clusters) {
            return Err(FatError::Full {
                needed: u64::try_from(needed).unwrap_or(u64::MAX),
                found: geometry.n_clusters,
                cluster: Bytes(geometry.cluster()),
                len: Bytes(geometry.end()),
            });
        }
        catalogue.check_root(geometry)?;
        let mut next = FIRST_CLUSTER;
        let mut take = |n_clusters: u64| {
            let n_clusters = u32::try_from(n_clusters).expect("all of them fit");
            let first = if n_clusters == 0 { 0 } else { next };
            next += n_clusters;
            Run { first, n_clusters }
        };
        let directories = 0..catalogue.directories.len();
        let directories: Vec<Run> = directories
            .map(|index| take(catalogue.directory_clusters(index, geometry)))
            .collect();
        let lens = catalogue.files.iter().map(|file| file.content.len());
        let files = lens.map(|len| take(geometry.clusters_for(len))).collect();
        Ok(Self {
            directories,
            files,
            next,
        })
    }

    /// The run of `target`.
    pub(super) fn run(&self, target: Target) -> Run {
        match target {
            Target::Directory(index) => self.directories[index],
            Target::File(index) => self.files[index],
        }
    }
}
