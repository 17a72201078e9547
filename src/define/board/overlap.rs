//! What a board says of addresses must leave room for each other, as far as its file alone decides
//! it. Where a length is known only once an image is built, `layout` looks again.

use super::draft::Draft;
use super::{Blob, BlobPlace, BlobSource, Disk, Partition, Size, Table};
use crate::diag::{Diagnostic, Span};
use crate::units::{Bytes, SECTOR_SIZE};

/// Where disk id, entries and signature of an MBR start; a GPT has a protective one there.
const TABLE_START: u64 = 440;
/// The sectors that a GPT's first copy takes behind the first (UEFI 2.10 §5.3.1).
const GPT_END: u64 = 34 * SECTOR_SIZE;

/// A span of the disk, and the words that ask for it; none for the table's own.
struct Claim<'s> {
    what: String,
    start: u64,
    end: u64,
    of: Option<&'s Span>,
}

/// No two things share a byte of the disk.
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
                .expect("somebody claims these bytes")
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

/// A partition that says where it starts; of one that grows with its content only the first sector.
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

/// A blob at an offset: one claim, or two around the table.
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

/// The room that `blob` is known to take: what is kept for it, or what comes of its source.
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
