//! What is published with an image: lists of its components for scanners (CycloneDX and SPDX), a manifest, the lock,
//! checksums, signatures, and the files from which Raspberry Pi Imager offers it.
//!
//! ```text
//! Plan + Inventory + Images → documents → Folder, which appears whole or not at all
//! ```
//!
//! The same image has the same documents: their identifiers come from the build id and their times from the epoch of
//! the lock. Two things are left out of manifest and checksums: the files for Imager, which say where a release is
//! published, and signatures, which are made of the checksums; those of gpg also have the time at which they were made.

mod blob;
mod component;
mod contents;
mod cyclonedx;
mod documents;
mod error;
mod folder;
mod imager;
mod manifest;
mod minisign;
mod purl;
mod sign;
mod spdx;
mod sums;
mod url;

pub use contents::{Artifact, BLOCK_MAP_ENDING, Contents, Document, Images, stem};
pub use documents::{Expected, documents};
pub use error::ReleaseError;
pub use folder::Folder;
pub use manifest::{MANIFEST, MANIFEST_VERSION, OTHERWISE_COMPARED};
pub use minisign::{Minisign, MinisignError};
pub use sign::{SignError, Signer};
pub use sums::SUMS;
pub use url::{BadUrlBase, UrlBase};
