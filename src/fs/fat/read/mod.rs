//! Reads FAT12, FAT16 and FAT32 filesystems of any origin. No number in them is trusted.
//!
//! ```text
//! boot sector → shape → directories, from the root down → chain of each file → pieces of the disk
//! ```
//!
//! A tree that was read is complete: every chain is as long as its file and leads to clusters that
//! exist, each of which has one owner; any other filesystem is refused with the numbers that are
//! wrong. Every chain and every tree has an end, and memory is bounded by the size of the
//! filesystem. Names are those that Linux shows: long ones as UTF-8, 8.3 ones in code page 437.
//! Files belong to root and have mode 0755, as Debian mounts a boot partition. The width follows
//! from the number of clusters, except for FAT32, which the boot sector names, as for Linux. FSInfo,
//! the second table, the mark of an unclean unmount, hidden and system files are not looked at.

mod boot;
mod chain;
mod directory;
mod error;
mod survey;

pub use error::{Corrupt, ReadError, Unsupported};
pub use survey::Survey;

use super::FatBits;
use super::format::{ENTRY_SIZE, MAX_ENTRIES, Run};
use super::shape::Volume;
use crate::disk::device::Device;
use crate::epoch::Timestamp;
use crate::tree::{Content, Kind, Meta, Node, Origin, Piece, Slice, Tree, TreePath};
use boot::Boot;
use chain::Table;
use directory::Entry;
use error::read_at;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// Bytes of the largest directory.
const MAX_DIRECTORY: u64 = (MAX_ENTRIES * ENTRY_SIZE) as u64;
/// Windows goes 130 levels deep, in paths of 260 characters.
const MAX_DEPTH: usize = 130;
/// A boot partition has some hundred files; more than this is an attack on the memory.
const MAX_NODES: usize = 1 << 20;

/// The offset and length of each span of the device in which a file or a directory lies.
type Spans = [(u64, u64)];

/// A FAT filesystem whose boot sector is sound.
pub struct Filesystem<'a> {
    device: &'a dyn Device,
    boot: Boot,
}

impl<'a> Filesystem<'a> {
    /// Reads the boot sector of `device`, which is as long as the partition.
    ///
    /// # Errors
    /// Fails if `device` cannot be read, or if it has no boot sector of a sound FAT filesystem.
    pub fn open(device: &'a dyn Device) -> Result<Self, ReadError> {
        let boot = boot::read(device)?;
        Ok(Self { device, boot })
    }

    /// Returns the filesystem apart from its files.
    ///
    /// # Errors
    /// Fails if the root directory, which has the label, cannot be read.
    pub fn volume(&self) -> Result<Volume, ReadError> {
        let mut table = Table::new(self.device, &self.boot);
        let root = self.directory(&mut table, &TreePath::root(), self.boot.root_cluster)?;
        Ok(Volume {
            shape: self.boot.shape.clone(),
            volume_id: self.boot.volume_id,
            boot_label: self.boot.label,
            label: root.label,
        })
    }

    /// Returns the bytes of all clusters, and of the free ones.
    ///
    /// # Errors
    /// Fails if the allocation table cannot be read.
    pub fn space(&self) -> Result<(u64, u64), ReadError> {
        let geometry = &self.boot.shape.geometry;
        let free = Table::new(self.device, &self.boot).free()?;
        let n_free: u64 = free.iter().map(|run| u64::from(run.n_clusters)).sum();
        let cluster = geometry.cluster();
        Ok((geometry.n_clusters * cluster, n_free * cluster))
    }

    /// Returns the bytes of a cluster.
    pub fn cluster(&self) -> u64 {
        self.boot.shape.geometry.cluster()
    }

    /// Returns all files. Their content is not read: it becomes slices of `place`, which is the
    /// device's slice of a stored object.
    ///
    /// # Errors
    /// Fails if the filesystem is not sound, or beyond the limits of this reader.
    pub fn tree(&self, place: &Slice) -> Result<Tree, ReadError> {
        self.walk(place, &mut |_, _| {})
    }

    /// Returns all files, as [`Filesystem::tree`] does. `found` is called with each directory and
    /// the spans of the device in which its entries lie.
    fn walk(
        &self,
        place: &Slice,
        found: &mut dyn FnMut(&TreePath, &Spans),
    ) -> Result<Tree, ReadError> {
        let mut table = Table::new(self.device, &self.boot);
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        let root = tree.root();
        tree.node_mut(root).origin = Origin::Base;
        let mut n_nodes = 0;
        let mut ahead = VecDeque::from([(TreePath::root(), self.boot.root_cluster)]);
        while let Some((path, cluster)) = ahead.pop_front() {
            let spans = self.directory_spans(&mut table, &path, cluster)?;
            found(&path, &spans);
            let listing = self.listing(&path, &spans)?;
            let mut seen = BTreeSet::new();
            for entry in listing.entries {
                let name = entry.name.as_ref().map_err(|name| Unsupported::Name {
                    directory: path.clone(),
                    name: name.clone(),
                })?;
                let at = path.join(name);
                if !seen.insert(name.clone()) {
                    return Err(Corrupt::Twice { path: at }.into());
                }
                n_nodes += 1;
                if n_nodes > MAX_NODES {
                    return Err(Unsupported::Nodes { max: MAX_NODES }.into());
                }
                let kind = match entry.is_directory {
                    true => Kind::Directory(BTreeMap::new()),
                    false => Kind::File(self.content(&mut table, &at, &entry, place)?),
                };
                if entry.is_directory {
                    ahead.push_back((self.deeper(&at, &entry)?, entry.first_cluster));
                }
                let mode = match entry.is_read_only && !entry.is_directory {
                    true => 0o555,
                    false => 0o755,
                };
                let node = Node::new(kind, Meta::root(mode, entry.mtime), Origin::Base);
                tree.insert(&at, node)
                    .expect("its directory came before it, and has no such name");
            }
        }
        Ok(tree)
    }

    /// Returns the ascending spans of the device, in bytes, that belong to no file and no directory, as the table says.
    ///
    /// # Errors
    /// Fails if the table cannot be read.
    pub fn free(&self) -> Result<Vec<Range<u64>>, ReadError> {
        let runs = Table::new(self.device, &self.boot).free()?;
        let spans = self.spans(&runs).into_iter();
        Ok(spans.map(|(start, len)| start..start + len).collect())
    }

    /// Refuses the directory `entry` at `path` if it lies too deep or has no cluster.
    fn deeper(&self, path: &TreePath, entry: &Entry) -> Result<TreePath, ReadError> {
        let path = path.clone();
        if path.components().len() > MAX_DEPTH {
            let max = MAX_DEPTH;
            return Err(Unsupported::Depth { path, max }.into());
        }
        if entry.first_cluster == 0 {
            return Err(Corrupt::NoCluster { path }.into());
        }
        Ok(path)
    }

    /// Reads the directory at `cluster`, as [`Filesystem::directory_spans`] finds it.
    fn directory(
        &self,
        table: &mut Table<'_>,
        path: &TreePath,
        cluster: u32,
    ) -> Result<directory::Listing, ReadError> {
        let spans = self.directory_spans(table, path, cluster)?;
        self.listing(path, &spans)
    }

    /// The offset and length of each span of the directory at `cluster`, which is 0 for the root of FAT12 and FAT16.
    fn directory_spans(
        &self,
        table: &mut Table<'_>,
        path: &TreePath,
        cluster: u32,
    ) -> Result<Vec<(u64, u64)>, ReadError> {
        let geometry = &self.boot.shape.geometry;
        Ok(match (cluster, geometry.bits) {
            (0, FatBits::Fat12 | FatBits::Fat16) => {
                vec![(geometry.root_start(), geometry.root_len())]
            }
            _ => self.spans(&table.claim(path, cluster)?),
        })
    }

    /// The entries in `spans`, which are those of the directory `path`.
    fn listing(&self, path: &TreePath, spans: &Spans) -> Result<directory::Listing, ReadError> {
        let bytes = self.entries(path, spans)?;
        let is_fat32 = self.boot.shape.geometry.bits == FatBits::Fat32;
        Ok(directory::list(&bytes, is_fat32))
    }

    /// The bytes in `spans`, which are those of the directory `path`.
    fn entries(&self, path: &TreePath, spans: &Spans) -> Result<Vec<u8>, ReadError> {
        let found = spans.iter().map(|(_, len)| len).sum();
        if found > MAX_DIRECTORY {
            let path = path.clone();
            return Err(Corrupt::LongDirectory { path, found }.into());
        }
        let mut bytes = vec![0; usize::try_from(found).expect("at most 2 MiB")];
        let mut rest = bytes.as_mut_slice();
        for (start, len) in spans {
            let (part, behind) = rest.split_at_mut(usize::try_from(*len).expect("at most 2 MiB"));
            read_at(self.device, *start, part)?;
            rest = behind;
        }
        Ok(bytes)
    }

    fn content(
        &self,
        table: &mut Table<'_>,
        path: &TreePath,
        entry: &Entry,
        place: &Slice,
    ) -> Result<Content, ReadError> {
        let runs = match entry.first_cluster {
            0 => Vec::new(),
            first => table.claim(path, first)?,
        };
        let spans = self.spans(&runs);
        let (len, found) = (u64::from(entry.len), spans.iter().map(|(_, len)| len).sum());
        if len > found {
            let path = path.clone();
            return Err(Corrupt::ShortChain { path, len, found }.into());
        }
        // A chain may be longer than its file, if room was reserved.
        let mut left = len;
        let pieces = spans.into_iter().map(|(start, len)| {
            let len = len.min(left);
            left -= len;
            Piece::Stored(Slice {
                object: place.object,
                offset: place.offset + start,
                len,
            })
        });
        Ok(Content::from_pieces(pieces))
    }

    /// Returns the offset and length of each of `runs` on the device.
    fn spans(&self, runs: &[Run]) -> Vec<(u64, u64)> {
        let geometry = &self.boot.shape.geometry;
        let span = |run: &Run| {
            let len = u64::from(run.n_clusters) * geometry.cluster();
            (geometry.cluster_start(run.first), len)
        };
        runs.iter().map(span).collect()
    }
}

#[cfg(test)]
mod tests;
