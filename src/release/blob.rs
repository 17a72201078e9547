//! Where the board's blobs come from, in words.

use super::contents::Contents;
use crate::define::board::{Blob, BlobSource};
use crate::inventory::WrittenBlob;
use crate::lock::LockedPackage;

/// A blob of an image, with its origin.
pub(super) struct BlobComponent<'a> {
    pub(super) written: &'a WrittenBlob,
    /// The place that its bytes come from.
    pub(super) origin: String,
    /// Who supplies it.
    pub(super) supplier: String,
    /// The address that it is fetched from, if it has one of its own.
    pub(super) url: Option<String>,
}

impl<'a> BlobComponent<'a> {
    pub(super) fn new(contents: &Contents<'a>, written: &'a WrittenBlob) -> Self {
        let url = match &written.blob.source {
            BlobSource::Download(download) => Some(download.url.clone()),
            _ => None,
        };
        Self {
            written,
            origin: origin(contents, &written.blob),
            supplier: supplier(contents, &written.blob),
            url,
        }
    }
}

fn origin(contents: &Contents<'_>, blob: &Blob) -> String {
    let lock = &contents.plan.lock;
    match &blob.source {
        BlobSource::Package(file) => {
            let package = locked(&lock.file_packages, &lock.packages, &file.package);
            format!("`{}` of {package}", file.path)
        }
        BlobSource::GrubCore { package, .. } => {
            let package = locked(&lock.file_packages, &lock.packages, package);
            format!("modules of {package}")
        }
        BlobSource::Archive(wanted) => {
            let package = locked(&lock.third_party_packages, &[], &wanted.file.package);
            format!(
                "`{}` of {package} of `{}`",
                wanted.file.path, wanted.archive
            )
        }
        BlobSource::Download(download) => match &download.path {
            Some(path) => format!("`{path}` of {}", download.url),
            None => download.url.clone(),
        },
        BlobSource::Base(region) => {
            let image = lock
                .loader
                .as_ref()
                .map_or("a base image", |loader| &loader.name);
            format!("bytes {} to {} of {image}", region.start.0, region.end.0)
        }
    }
}

/// The package `name` with its version in one of the two lists.
fn locked(first: &[LockedPackage], second: &[LockedPackage], name: &str) -> String {
    let mut packages = first.iter().chain(second);
    match packages.find(|package| package.name == name) {
        Some(package) => format!("package {name} {}", package.version),
        None => format!("package {name}"),
    }
}

fn supplier(contents: &Contents<'_>, blob: &Blob) -> String {
    match &blob.source {
        BlobSource::Package(_) | BlobSource::GrubCore { .. } => {
            contents.inventory.system.id.clone()
        }
        BlobSource::Archive(wanted) => wanted.archive.clone(),
        BlobSource::Download(download) => {
            let (_, rest) = download
                .url
                .split_once("://")
                .unwrap_or(("", &download.url));
            let host = rest.split('/').next().unwrap_or_default();
            if host.is_empty() { "unknown" } else { host }.to_owned()
        }
        BlobSource::Base(_) => {
            let loader = contents.plan.lock.loader.as_ref();
            loader.map_or("unknown", |loader| &loader.name).to_owned()
        }
    }
}
