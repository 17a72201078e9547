//! Reads the blobs and files that a board takes from packages and from elsewhere: `[[blob]]` and `[[file]]`.

use super::draft::{Draft, absolute, is_known};
use super::model::{Blob, BlobPlace, BoardFile, Patch, PatchValue};
use super::source::{BLOB_SOURCE, blob_source, package_file};
use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located};
use crate::units::Bytes;

pub(super) static BLOB: Keys = Keys::of(
    "[[blob]]",
    "name offset partition skip take max-size around-table source redistributable patches",
);
pub(super) static PATCH: Keys = Keys::of("[[blob.patches]]", "at bytes partition-lba");
pub(super) static FILE: Keys = Keys::of("[[file]]", "path source");
pub(super) static FILE_SOURCE: Keys = Keys::of("[file.source]", "package path");

pub(super) fn blob<'s>(
    section: &'s Section<'s>,
    partitions: &[&str],
    archives: &[&str],
) -> Draft<'s, Blob> {
    let name = section.need("name", section.text("name"));
    let place = blob_place(section, partitions);
    let source = section.need("source", section.section("source", &BLOB_SOURCE));
    let source = source.and_then(|source| blob_source(&source, archives));
    let [skip, take, max_size] = ["skip", "take", "max-size"].map(|key| size(section, key));
    let around_table = around_table(section, place.as_ref());
    let redistributable = section.flag("redistributable");
    let patches = section.sections("patches", &PATCH);
    let patches: Vec<_> = (patches.iter())
        .map(|section| patch(section, partitions))
        .collect();
    let patches: Option<Vec<_>> = patches.into_iter().collect();
    Draft::of(section, name, |name| {
        Some(Blob {
            name,
            place: place?,
            skip: skip?.unwrap_or_default(),
            take: take?,
            max_size: max_size?,
            around_table: around_table?,
            source: source?,
            redistributable: redistributable.is_none_or(|flag| flag.value),
            patches: patches?,
        })
    })
}

/// A size that may be missing; `None` if the text is not a size.
fn size(section: &Section<'_>, key: &str) -> Option<Option<Bytes>> {
    match section.size(key) {
        Some(size) => Some(Some(size.value)),
        None => (!section.has(key)).then_some(None),
    }
}

/// Reads `around-table`. Only a blob that starts in sector 0 can lie around the table there.
fn around_table(section: &Section<'_>, place: Option<&BlobPlace>) -> Option<bool> {
    let Some(flag) = section.flag("around-table") else {
        return (!section.has("around-table")).then_some(false);
    };
    if flag.value && place.is_some_and(|place| *place != BlobPlace::Offset(Bytes(0))) {
        section.report(
            Diagnostic::new("board::blob-place", "there is no table to lie around")
                .label(&flag.span, "expected `offset = \"0\"` with it"),
        );
        return None;
    }
    Some(flag.value)
}

fn blob_place(section: &Section<'_>, partitions: &[&str]) -> Option<BlobPlace> {
    let offset = section.size("offset");
    let partition = section.text("partition");
    if section.has("offset") == section.has("partition") {
        section.report(
            Diagnostic::new("board::blob-place", "a blob goes to one place")
                .label(section.span(), "expected either `offset` or `partition`"),
        );
        return None;
    }
    match (offset, partition) {
        (Some(offset), _) => Some(BlobPlace::Offset(offset.value)),
        (_, Some(name)) => known_partition(section, name, partitions).map(BlobPlace::Partition),
        _ => None,
    }
}

fn known_partition(
    section: &Section<'_>,
    name: Located<String>,
    partitions: &[&str],
) -> Option<String> {
    let kind = ("board::unknown-partition", "partition");
    is_known(section, &name, kind, partitions).then_some(name.value)
}

fn patch(section: &Section<'_>, partitions: &[&str]) -> Option<Patch> {
    let at = section.need("at", section.number("at"));
    let bytes = section.texts("bytes");
    let lba = section.text("partition-lba");
    if section.has("bytes") == section.has("partition-lba") {
        section.report(
            Diagnostic::new("board::patch", "a patch puts in one thing")
                .label(section.span(), "expected either `bytes` or `partition-lba`"),
        );
        return None;
    }
    let bytes: Vec<_> = bytes.iter().map(|text| byte(section, text)).collect();
    let value = match lba {
        Some(name) => PatchValue::PartitionLba(known_partition(section, name, partitions)?),
        None => PatchValue::Bytes(bytes.into_iter().collect::<Option<_>>()?),
    };
    let at = at?;
    let Ok(offset) = u64::try_from(at.value) else {
        section
            .report(Diagnostic::new("board::patch", "the offset is negative").label(&at.span, ""));
        return None;
    };
    Some(Patch { at: offset, value })
}

fn byte(section: &Section<'_>, text: &Located<String>) -> Option<u8> {
    let byte = (text.value.len() == 2)
        .then(|| u8::from_str_radix(&text.value, 16).ok())
        .flatten();
    if byte.is_none() {
        section.report(
            Diagnostic::new("board::patch", format!("`{}` is no byte", text.value))
                .label(&text.span, "expected two hexadecimal digits"),
        );
    }
    byte
}

pub(super) fn file(section: &Section<'_>) -> Option<BoardFile> {
    let path = section.need("path", section.text("path"));
    let path = path.filter(|path| absolute(section, path));
    let source = section.need("source", section.section("source", &FILE_SOURCE));
    let source = source.and_then(|source| package_file(&source));
    Some(BoardFile {
        path: path?.value,
        source: source?,
    })
}
