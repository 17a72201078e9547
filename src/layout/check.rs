//! The rules of a layout. All violations are collected, and each says what breaks the rule.

use super::claim::{Claim, Claimant};
use super::request::{BlobRequest, PartitionRequest, Request};
use crate::disk::table::{Entry, Kind, Partition, Table};
use crate::disk::{gpt, mbr};
use crate::units::Bytes;
use std::collections::BTreeSet;

/// The longest disk: file offsets are signed 64-bit numbers.
const MAX_LEN: u64 = i64::MAX.unsigned_abs();

/// Everything that is wrong with a request, a sentence for each; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct LayoutErrors(pub Vec<String>);

/// The help in the message about an overlap.
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

/// Collects the violations of one request.
pub(super) struct Checker<'a> {
    request: &'a Request,
    /// The table before anything is placed.
    table: Table,
    found: Vec<String>,
}

impl<'a> Checker<'a> {
    /// Checks the rules that need no addresses.
    pub(super) fn new(request: &'a Request) -> Self {
        let mut checker = Self {
            request,
            table: request.start.table(),
            found: Vec::new(),
        };
        let alignment = request.alignment;
        if alignment.0 == 0 || alignment.sectors().is_none() {
            checker.found.push(format!(
                "the alignment is {} bytes; expected a multiple of 512 above 0",
                alignment.0
            ));
        }
        let max = match checker.table.kind {
            Kind::Gpt { .. } => gpt::MAX_PARTITIONS,
            Kind::Mbr { .. } => mbr::MAX_PARTITIONS,
        };
        let partitions = checker.table.partitions.iter();
        let found = partitions.filter(|it| !it.is_logical()).count() + request.partitions.len();
        if found > max && !request.partitions.is_empty() {
            checker.found.push(format!(
                "{found} partitions, but the table holds {max}; use `gpt` or fewer partitions"
            ));
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
        let (name, size) = (&request.name, request.size);
        if size.0 == 0 || size.sectors().is_none() {
            self.found.push(format!(
                "partition `{name}` has {} bytes; expected a multiple of 512 above 0",
                size.0
            ));
        }
        let (unused, label) = match (&request.entry, &self.table.kind) {
            (Entry::Gpt(entry), Kind::Gpt { .. }) => {
                if !guids.insert(entry.guid) {
                    self.found.push(format!(
                        "partition `{name}` has the GUID of another partition"
                    ));
                }
                (entry.type_guid == [0; 16], entry.label.as_str())
            }
            (Entry::Primary(entry), Kind::Mbr { .. }) => (entry.type_byte == 0, ""),
            _ => {
                return self.found.push(format!(
                    "partition `{name}` has the type of another table than the disk's; \
                     give a GUID for `gpt`, a byte for `mbr`"
                ));
            }
        };
        if unused {
            self.found.push(format!(
                "partition `{name}` has type 0, which marks an unused entry"
            ));
        }
        let units = label.encode_utf16().count();
        if units > gpt::MAX_LABEL {
            self.found.push(format!(
                "the label of partition `{name}` has {units} UTF-16 units; a GPT holds {}",
                gpt::MAX_LABEL
            ));
        }
    }

    fn blob(&mut self, request: &BlobRequest) {
        let (id, len) = (&request.id, request.len);
        if len.0 == 0 {
            self.found.push(format!("blob `{id}` is empty"));
        }
        if let Some(max_len) = request.max_len.filter(|max_len| len > *max_len) {
            self.found.push(format!(
                "blob `{id}` has {} bytes, more than the {} that are kept for it",
                len.0, max_len.0
            ));
        }
    }

    /// Checks that partitions which have to be longer have room behind them. Logical partitions and the
    /// extended partition that contains them cannot move.
    fn grown(&mut self) {
        for partition in &self.table.partitions {
            let Some(needed) = self.request.grown.get(&partition.number) else {
                continue;
            };
            let behind = |it: &&Partition| it.start >= partition.end();
            let mut behind = self.table.partitions.iter().filter(behind);
            let is_stuck = behind.any(|it| it.is_extended() || it.is_logical());
            if *needed > partition.len && (partition.is_logical() || is_stuck) {
                self.found.push(format!(
                    "partition {} has {}, its filesystem needs {needed}, and it cannot become longer: \
                     it is a logical partition, or one lies behind it",
                    partition.number, partition.len
                ));
            }
        }
    }

    fn names(&mut self) {
        let partitions = self.request.partitions.iter();
        let partitions = partitions.map(|it| Claimant::Partition(it.name.clone()));
        let blobs = self.request.blobs.iter();
        let blobs = blobs.map(|blob| Claimant::Blob(blob.id.clone()));
        let mut seen = BTreeSet::new();
        for name in partitions.chain(blobs) {
            if !seen.insert(name.clone()) {
                self.found.push(format!("two of one name: {name}"));
            }
        }
    }

    /// Checks the addresses: the claims that are `fixed`, and those of the new partitions in `placed`.
    /// `len` is the length of the disk, or `None` if that does not fit 64 bits.
    pub(super) fn claims(&mut self, fixed: Vec<Claim>, placed: &[Claim], len: Option<Bytes>) {
        let alignment = self.request.alignment;
        let is_mbr = matches!(self.table.kind, Kind::Mbr { .. });
        for (claim, request) in placed.iter().zip(&self.request.partitions) {
            if alignment.0 != 0 && !claim.start.0.is_multiple_of(alignment.0) {
                self.found.push(format!(
                    "partition `{}` starts at {}, which is no multiple of the alignment {alignment}",
                    request.name, claim.start
                ));
            }
        }
        let claims = [fixed.as_slice(), placed].concat();
        for claim in &claims {
            if let Claimant::Partition(name) = &claim.by
                && is_mbr
                && claim.end > mbr::END.bytes()
            {
                self.found.push(format!(
                    "partition `{name}` ends at {}, but an MBR reaches only 2TiB; use `gpt`",
                    claim.end
                ));
            }
        }
        self.overlaps(claims.clone());
        if len.is_none_or(|len| len.0 > MAX_LEN) {
            let furthest = claims.into_iter().max_by_key(|claim| claim.end);
            self.found.push(format!(
                "the disk would be longer than 2^63 bytes; reduce start or size of {}",
                furthest.expect("there is always a claim").by
            ));
        }
    }

    /// Compares each claim with every later one that starts before its end. The message is about the
    /// claim that has to move: never a table, and of two others the one that starts later.
    fn overlaps(&mut self, mut claims: Vec<Claim>) {
        claims.sort_by_key(|claim| claim.start);
        for (n, first) in claims.iter().enumerate() {
            let later = claims[n + 1..].iter();
            for second in later.take_while(|second| second.start < first.end) {
                if second.meets(first) {
                    let (first, second) = match second.by {
                        Claimant::MbrTable | Claimant::GptPrimary => (second, first),
                        _ => (first, second),
                    };
                    let help = overlap_help(first, second);
                    self.found.push(format!("{second} overlaps {first}{help}"));
                }
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), LayoutErrors> {
        match self.found.is_empty() {
            true => Ok(()),
            false => Err(LayoutErrors(self.found)),
        }
    }
}
