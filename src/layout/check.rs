//! The rules of a layout. All violations are collected, each names what it is about, so that the
//! caller can point at the definition.

use super::claim::{Claim, Claimant};
use super::request::{BlobRequest, PartitionRequest, Request};
use crate::disk::table::{Entry, Kind, Partition, Table};
use crate::disk::{gpt, mbr};
use crate::units::Bytes;
use std::collections::BTreeSet;
use std::fmt;

/// The longest disk: file offsets are signed 64-bit numbers.
const MAX_LEN: u64 = i64::MAX.unsigned_abs();

/// One rule broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two claims share bytes. `second` is the one to move: never a table, and of two others the
    /// one that starts later.
    #[error("{} (bytes {} to {}) overlaps {} (bytes {} to {}){}",
        .second.by, .second.start.0, .second.end.0, .first.by, .first.start.0, .first.end.0,
        overlap_help(.first, .second))]
    Overlap {
        /// The one that stays.
        first: Claim,
        /// The other.
        second: Claim,
    },
    /// A partition starts off the alignment.
    #[error(
        "partition `{partition}` starts at {start}, which is no multiple of the alignment {alignment}"
    )]
    Misaligned {
        /// The partition.
        partition: String,
        /// Its start.
        start: Bytes,
        /// The alignment.
        alignment: Bytes,
    },
    /// A partition is empty or ends within a sector.
    #[error("partition `{partition}` has {size} bytes; expected a multiple of 512 above 0", size = .size.0)]
    BadSize {
        /// The partition.
        partition: String,
        /// Its size.
        size: Bytes,
    },
    /// The alignment is 0 or not whole sectors.
    #[error("the alignment is {} bytes; expected a multiple of 512 above 0", .0.0)]
    BadAlignment(Bytes),
    /// A partition of an existing disk has to be longer, and something that cannot move is in its way.
    #[error(
        "partition {number} has {len}, its filesystem needs {needed}, and it cannot become longer: it is a \
         logical partition, or one lies behind it"
    )]
    NoRoom {
        /// Number of the partition.
        number: u32,
        /// Its length.
        len: Bytes,
        /// What it needs.
        needed: Bytes,
    },
    /// A blob is longer than the room kept for it.
    #[error("blob `{blob}` has {} bytes, more than the {} that are kept for it", .len.0, .max_len.0)]
    BlobTooLong {
        /// The blob.
        blob: String,
        /// Its length.
        len: Bytes,
        /// The most that fits.
        max_len: Bytes,
    },
    /// A blob without content.
    #[error("blob `{blob}` is empty")]
    EmptyBlob {
        /// The blob.
        blob: String,
    },
    /// The table has no further entry.
    #[error("{found} partitions, but the table holds {max}; use `gpt` or fewer partitions")]
    TooManyPartitions {
        /// How many are wanted.
        found: usize,
        /// How many there can be.
        max: usize,
    },
    /// An MBR entry cannot address the partition.
    #[error("partition `{partition}` ends at {end}, but an MBR reaches only 2TiB; use `gpt`")]
    BeyondMbr {
        /// The partition.
        partition: String,
        /// Its end.
        end: Bytes,
    },
    /// The disk would be longer than a file can be.
    #[error("the disk would be longer than 2^63 bytes; reduce start or size of {by}")]
    TooLong {
        /// Who reaches furthest.
        by: Claimant,
    },
    /// The partition speaks of the other kind of table.
    #[error(
        "partition `{partition}` has the type of another table than the disk's; give a GUID for `gpt`, a byte for `mbr`"
    )]
    WrongTable {
        /// The partition.
        partition: String,
    },
    /// A type that marks an unused entry.
    #[error("partition `{partition}` has type 0, which marks an unused entry")]
    UnusedType {
        /// The partition.
        partition: String,
    },
    /// The label does not fit a GPT entry.
    #[error(
        "the label of partition `{partition}` has {units} UTF-16 units; a GPT holds {}",
        gpt::MAX_LABEL
    )]
    LabelTooLong {
        /// The partition.
        partition: String,
        /// Its length.
        units: usize,
    },
    /// Two partitions or two blobs of one name.
    #[error("two of one name: {0}")]
    SameName(Claimant),
    /// Two partitions of one GUID.
    #[error("partition `{partition}` has the GUID of another partition")]
    SameGuid {
        /// The later one.
        partition: String,
    },
}

/// What to do about an overlap.
fn overlap_help(first: &Claim, second: &Claim) -> String {
    match (&first.by, &second.by) {
        (Claimant::MbrTable, Claimant::Blob(_)) => {
            "; split it: its first 440 bytes at offset 0, and what follows byte 512 at 512".into()
        }
        (Claimant::GptPrimary, Claimant::Blob(_)) => {
            "; a blob in sectors 1 to 33 needs an `mbr` table".into()
        }
        (_, Claimant::Partition(_)) => format!("; start it at {} or later", first.end),
        (Claimant::Partition(_), _) => format!("; start the partition at {} or later", second.end),
        _ => String::new(),
    }
}

impl Violation {
    /// Whom it is about, the most concerned first; nobody where it concerns the whole disk.
    pub fn subjects(&self) -> Vec<Claimant> {
        match self {
            Self::Overlap { first, second } => vec![second.by.clone(), first.by.clone()],
            Self::BlobTooLong { blob, .. } | Self::EmptyBlob { blob } => {
                vec![Claimant::Blob(blob.clone())]
            }
            Self::Misaligned { partition, .. }
            | Self::BadSize { partition, .. }
            | Self::BeyondMbr { partition, .. }
            | Self::WrongTable { partition }
            | Self::UnusedType { partition }
            | Self::LabelTooLong { partition, .. }
            | Self::SameGuid { partition } => vec![Claimant::Partition(partition.clone())],
            Self::NoRoom { number, .. } => vec![Claimant::Partition(number.to_string())],
            Self::TooLong { by } | Self::SameName(by) => vec![by.clone()],
            Self::BadAlignment(_) | Self::TooManyPartitions { .. } => Vec::new(),
        }
    }
}

/// Everything that is wrong with a request; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutErrors(pub Vec<Violation>);

impl fmt::Display for LayoutErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Violation::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for LayoutErrors {}

/// Collects violations of one request.
pub(super) struct Checker<'a> {
    request: &'a Request,
    /// The table before.
    table: Table,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    /// Checks what needs no addresses.
    pub(super) fn new(request: &'a Request) -> Self {
        let mut checker = Self {
            request,
            table: request.start.table(),
            found: Vec::new(),
        };
        if request.alignment.0 == 0 || request.alignment.sectors().is_none() {
            checker
                .found
                .push(Violation::BadAlignment(request.alignment));
        }
        let max = match checker.table.kind {
            Kind::Gpt { .. } => gpt::MAX_PARTITIONS,
            Kind::Mbr { .. } => mbr::MAX_PARTITIONS,
        };
        let is_primary = |it: &&Partition| !matches!(it.entry, Entry::Logical { .. });
        let before = checker.table.partitions.iter().filter(is_primary).count();
        let found = before + request.partitions.len();
        if found > max && !request.partitions.is_empty() {
            checker
                .found
                .push(Violation::TooManyPartitions { found, max });
        }
        let mut guids = BTreeSet::new();
        for partition in &request.partitions {
            checker.partition(partition, &mut guids);
        }
        request.blobs.iter().for_each(|blob| checker.blob(blob));
        checker.grown();
        checker.names();
        checker
    }

    fn partition(&mut self, request: &PartitionRequest, guids: &mut BTreeSet<[u8; 16]>) {
        let partition = || request.name.clone();
        if request.size.0 == 0 || request.size.sectors().is_none() {
            let size = request.size;
            self.found.push(Violation::BadSize {
                partition: partition(),
                size,
            });
        }
        let (unused, label) = match (&request.entry, &self.table.kind) {
            (Entry::Gpt(entry), Kind::Gpt { .. }) => {
                if !guids.insert(entry.guid) {
                    self.found.push(Violation::SameGuid {
                        partition: partition(),
                    });
                }
                (entry.type_guid == [0; 16], entry.label.as_str())
            }
            (Entry::Primary(entry), Kind::Mbr { .. }) => (entry.type_byte == 0, ""),
            _ => {
                return self.found.push(Violation::WrongTable {
                    partition: partition(),
                });
            }
        };
        if unused {
            self.found.push(Violation::UnusedType {
                partition: partition(),
            });
        }
        let units = label.encode_utf16().count();
        if units > gpt::MAX_LABEL {
            self.found.push(Violation::LabelTooLong {
                partition: partition(),
                units,
            });
        }
    }

    fn blob(&mut self, request: &BlobRequest) {
        let blob = request.id.clone();
        if request.len.0 == 0 {
            self.found.push(Violation::EmptyBlob { blob: blob.clone() });
        }
        let len = request.len;
        if let Some(max_len) = request.max_len.filter(|max_len| len > *max_len) {
            self.found
                .push(Violation::BlobTooLong { blob, len, max_len });
        }
    }

    /// Logical partitions stay where they are, and so does what contains them.
    fn grown(&mut self) {
        let is_logical = |it: &Partition| matches!(it.entry, Entry::Logical { .. });
        for partition in &self.table.partitions {
            let Some(needed) = self.request.grown.get(&partition.number) else {
                continue;
            };
            let behind = |it: &&Partition| it.start >= partition.end();
            let mut behind = self.table.partitions.iter().filter(behind);
            let is_stuck = behind.any(|it| it.is_extended() || is_logical(it));
            if *needed > partition.len && (is_logical(partition) || is_stuck) {
                self.found.push(Violation::NoRoom {
                    number: partition.number,
                    len: partition.len,
                    needed: *needed,
                });
            }
        }
    }

    fn names(&mut self) {
        let partitions = self.request.partitions.iter();
        let blobs = self.request.blobs.iter();
        let all = partitions
            .map(|partition| Claimant::Partition(partition.name.clone()))
            .chain(blobs.map(|blob| Claimant::Blob(blob.id.clone())));
        let mut seen = BTreeSet::new();
        for name in all {
            if !seen.insert(name.clone()) {
                self.found.push(Violation::SameName(name));
            }
        }
    }

    /// Checks where everything came to lie: what is `fixed`, and the new partitions; `len` is the length of
    /// the disk, if it has one.
    pub(super) fn claims(&mut self, fixed: Vec<Claim>, placed: &[Claim], len: Option<Bytes>) {
        let alignment = self.request.alignment;
        let is_mbr = matches!(self.table.kind, Kind::Mbr { .. });
        for (claim, request) in placed.iter().zip(&self.request.partitions) {
            if alignment.0 != 0 && !claim.start.0.is_multiple_of(alignment.0) {
                self.found.push(Violation::Misaligned {
                    partition: request.name.clone(),
                    start: claim.start,
                    alignment,
                });
            }
        }
        let claims = [fixed.as_slice(), placed].concat();
        for claim in &claims {
            if let Claimant::Partition(name) = &claim.by
                && is_mbr
                && claim.end > mbr::END.bytes()
            {
                self.found.push(Violation::BeyondMbr {
                    partition: name.clone(),
                    end: claim.end,
                });
            }
        }
        self.overlaps(claims.clone());
        if len.is_none_or(|len| len.0 > MAX_LEN) {
            let furthest = claims.into_iter().max_by_key(|claim| claim.end);
            let by = furthest.expect("there is always a claim").by;
            self.found.push(Violation::TooLong { by });
        }
    }

    /// Compares each claim with every later one that starts before its end.
    fn overlaps(&mut self, mut claims: Vec<Claim>) {
        claims.sort_by_key(|claim| claim.start);
        for (n, first) in claims.iter().enumerate() {
            let later = claims[n + 1..].iter();
            for second in later.take_while(|second| second.start < first.end) {
                if second.meets(first) {
                    let (first, second) = (first.clone(), second.clone());
                    self.found.push(match second.by {
                        Claimant::MbrTable | Claimant::GptPrimary => Violation::Overlap {
                            first: second,
                            second: first,
                        },
                        _ => Violation::Overlap { first, second },
                    });
                }
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), LayoutErrors> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(LayoutErrors(self.found))
        }
    }
}
