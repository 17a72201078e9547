//! Reads `[blob.source]`: a package, a third-party archive, this program, the network, or the base image.

use super::draft::{absolute, is_known};
use super::model::{ArchiveFile, BaseRegion, BlobDownload, BlobSource, PackageFile};
use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located};
use crate::units::{Bytes, NotASize};
use std::str::FromStr;

pub(super) static BLOB_SOURCE: Keys = Keys::of(
    "[blob.source]",
    "package path archive builtin modules url size sha256 base",
);

/// An error: the text is not a region of a disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARegion {
    /// The text does not have two ends.
    #[error(
        "`{0}` is no region: expected its first byte and the first behind it, as in `512..4MiB`"
    )]
    Form(String),
    /// An end is not a size.
    #[error(transparent)]
    Size(#[from] NotASize),
    /// The region is empty.
    #[error("`{0}` is empty: expected the first byte behind it above its first byte")]
    Empty(String),
}

impl FromStr for BaseRegion {
    type Err = NotARegion;

    fn from_str(text: &str) -> Result<Self, NotARegion> {
        let form = || NotARegion::Form(text.to_owned());
        let (start, end) = text.split_once("..").ok_or_else(form)?;
        let (start, end): (Bytes, Bytes) = (start.parse()?, end.parse()?);
        if end <= start {
            return Err(NotARegion::Empty(text.to_owned()));
        }
        Ok(Self { start, end })
    }
}

/// Reads the source. Its kind follows from the key that only this kind has.
pub(super) fn blob_source(section: &Section<'_>, archives: &[&str]) -> Option<BlobSource> {
    let kinds = ["archive", "url", "base", "builtin"];
    let named: Vec<&str> = (kinds.into_iter()).filter(|key| section.has(key)).collect();
    match named[..] {
        ["archive"] => archive_file(section, archives).map(BlobSource::Archive),
        ["url"] => download(section).map(BlobSource::Download),
        ["base"] => Some(BlobSource::Base(section.parsed("base")?.value)),
        ["builtin"] if !section.has("path") => grub_core(section),
        [] if section.has("path") => package_file(section).map(BlobSource::Package),
        _ => {
            let expected = "expected one of `package` with `path` and perhaps `archive`, `builtin`, `url`, `base`";
            section.report(
                Diagnostic::new("board::blob-source", "a blob has one source")
                    .label(section.span(), expected),
            );
            None
        }
    }
}

fn grub_core(section: &Section<'_>) -> Option<BlobSource> {
    let package = section.need("package", section.text("package"));
    section.choice("builtin", &[("grub-core", ())])?;
    let modules = (section.texts("modules").into_iter().map(|text| text.value)).collect();
    Some(BlobSource::GrubCore {
        package: package?.value,
        modules,
    })
}

pub(super) fn package_file(section: &Section<'_>) -> Option<PackageFile> {
    let package = section.need("package", section.text("package"));
    let path = section.need("path", section.text("path"))?;
    absolute(section, &path).then_some(())?;
    Some(PackageFile {
        package: package?.value,
        path: path.value,
    })
}

fn download(section: &Section<'_>) -> Option<BlobDownload> {
    let url = section.text("url");
    let url = url.filter(|url| fetchable(section, url));
    let size = section.need("size", section.size("size"));
    let sha256 = section.need("sha256", section.parsed("sha256"));
    let path = section.text("path");
    let sound_path = path.as_ref().is_none_or(|path| absolute(section, path));
    Some(BlobDownload {
        url: url?.value,
        size: size?.value,
        sha256: sha256?.value,
        path: sound_path.then(|| path.map(|path| path.value))?,
    })
}

/// Whether imgbuild can fetch from `url`. Plain HTTP will do, because the digest of the file is known.
fn fetchable(section: &Section<'_>, url: &Located<String>) -> bool {
    let schemes = ["https://", "http://", "file:///"];
    let sound = schemes.iter().any(|scheme| url.value.starts_with(scheme));
    if !sound {
        section.report(
            Diagnostic::new("board::blob-source", "not an address to fetch from")
                .label(&url.span, "expected `https://…`"),
        );
    }
    sound
}

/// Reads a file of a package of one of `archives`.
fn archive_file(section: &Section<'_>, archives: &[&str]) -> Option<ArchiveFile> {
    let archive = section.text("archive")?;
    let file = package_file(section);
    let kind = ("board::unknown-archive", "`[[archive]]`");
    is_known(section, &archive, kind, archives).then_some(ArchiveFile {
        archive: archive.value,
        file: file?,
    })
}
