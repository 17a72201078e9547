//! Checks that no two regions of the disk overlap, as far as the board file alone tells. If a length is known only when an
//! image is built, `layout` checks again.

use super::draft::Draft;
use super::{Blob, BlobPlace, BlobSource, Disk, Partition, Size, Table};
use crate::diag::{Diagnostic, Span};
use crate::units::{Bytes, SECTOR_SIZE};

/// The offset of the disk id, entries and signature of an MBR; a disk with a GPT has a protective MBR there.
const TABLE_START: u64 = 440;
/// The end of the first copy of a GPT, which begins in sector 1 (UEFI 2.10 §5.3.1).
const GPT_END: u64 = 34 * SECTOR_SIZE;

/// A region of the disk and the place that claims it; the regions of the partition table itself have no place.
struct Claim<'s> {
    what: String,
    start: u64,
    end: u64,
    of: Option<&'s Span>,
}

/// Reports each region that overlaps an earlier one.
pub(super) fn overlaps(
    disk: &Disk,
    partitions: &[Draft<'_, Partition>],
    blobs: &[Draft<'_, Blob>],
) {
    let mut claims = vec![table("the table in sector 0", TABLE_START, SECTOR_SIZE)];
    if disk.table == Table::Gpt {
        claims.push(table("the GPT", SECTOR_SIZE, GPT_END));
    }
    for draft in partitions {
        claims.extend(of_partition(draft));
    }
    for draft in blobs {
        claims.extend(of_blob(draft));
    }
    for (index, later) in claims.iter().enumerate() {
        let mut before = claims[..index].iter();
        let meets = |earlier: &&Claim<'_>| later.start < earlier.end && earlier.start < later.end;
        if let (Some(earlier), Some(span)) = (before.find(meets), later.of) {
            let section = (partitions.iter().map(|draft| draft.section))
                .chain(blobs.iter().map(|draft| draft.section))
                .next();
            let problem = report(later, earlier, span);
            section
                .expect("a claim with a place is that of a partition or a blob")
                .report(problem);
        }
    }
}

fn report(later: &Claim<'_>, earlier: &Claim<'_>, span: &Span) -> Diagnostic {
    let title = format!("{} overlaps {}", later.what, earlier.what);
    let bytes = |claim: &Claim<'_>| format!("bytes {} to {}", claim.start, claim.end);
    let problem = Diagnostic::new("board::overlap", title).label(span, bytes(later));
    match earlier.of {
        Some(span) => problem.label(span, bytes(earlier)),
        None if earlier.start == TABLE_START => problem.help(
            "a boot loader that lies across it says `around-table = true`: bytes 440 to 511 are left out",
        ),
        None => problem.help("use `table = \"mbr\"`"),
    }
}

fn table(what: &str, start: u64, end: u64) -> Claim<'static> {
    let what = what.to_owned();
    Claim {
        what,
        start,
        end,
        of: None,
    }
}

/// The region of a partition with a `start`. If its size follows from its content, only the first sector counts.
fn of_partition<'s>(draft: &Draft<'s, Partition>) -> Option<Claim<'s>> {
    let partition = draft.value.as_ref()?;
    let start = partition.start?.0;
    let len = match partition.size {
        Size::Fixed(len) => len.0,
        Size::Content => SECTOR_SIZE,
    };
    Some(Claim {
        what: format!("partition `{}`", partition.name),
        start,
        end: start.saturating_add(len),
        of: Some(draft.section.span()),
    })
}

/// The region of a blob at an offset, or the two regions around the table.
fn of_blob<'s>(draft: &Draft<'s, Blob>) -> Vec<Claim<'s>> {
    let Some(blob) = &draft.value else {
        return Vec::new();
    };
    let BlobPlace::Offset(offset) = &blob.place else {
        return Vec::new();
    };
    let claim = |start: u64, end: u64| Claim {
        what: format!("blob `{}`", blob.name),
        start,
        end,
        of: Some(draft.section.span()),
    };
    let end = offset.0.saturating_add(room(blob).0);
    if blob.around_table {
        let behind = (end > SECTOR_SIZE).then(|| claim(SECTOR_SIZE, end));
        return [claim(0, TABLE_START.min(end))]
            .into_iter()
            .chain(behind)
            .collect();
    }
    vec![claim(offset.0, end)]
}

/// The number of bytes that `blob` is known to take: its `max-size`, or what follows from its source.
fn room(blob: &Blob) -> Bytes {
    if let Some(room) = blob.max_size {
        return room;
    }
    let source = match &blob.source {
        BlobSource::Download(download) if download.path.is_none() => Some(download.size),
        BlobSource::Base(region) => Some(Bytes(region.end.0.saturating_sub(region.start.0))),
        _ => None,
    };
    let rest = source.map(|len| Bytes(len.0.saturating_sub(blob.skip.0)));
    match (rest, blob.take) {
        (Some(rest), Some(take)) => rest.min(take),
        (Some(len), None) | (None, Some(len)) => len,
        (None, None) => Bytes(1),
    }
}
