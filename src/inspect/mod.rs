//! Says what an image is, whoever made it, and reads and copies its files, without root and without mounting it.
//!
//! ```text
//! Image   the file: a disk, read where it lies, or unpacked into scratch space
//! Disk    its table, and its partitions with their filesystems and files
//! Report  everything that is known about it, as a value: for people, as JSON, and for comparisons
//! Place   a path in it, which leads to a file or a directory
//! ```
//!
//! Nothing in an image is trusted. A filesystem that is damaged is a fault in the report, which names its partition,
//! and does not keep the rest from being read. Memory is bounded by the number of files: their content is read in
//! parts, and files that are parsed have a greatest length. A report never has a secret in it, only the place of one.

mod accounts;
mod entry;
mod error;
mod extract;
mod files;
mod filesystem;
mod html;
mod image;
mod kernels;
mod loaders;
mod origins;
mod owners;
mod packages;
mod password;
mod place;
mod report;
mod secrets;
mod services;
mod space;
mod system;
mod table;
mod text;
mod treemap;
mod units;
mod volume;

pub(crate) use entry::{kind, time};
pub(crate) use files::Files;
pub(crate) use html::STYLE;
pub(crate) use owners::owners;
pub(crate) use space::escape;
pub(crate) use text::Lines;

pub use accounts::{Account, Login, Password};
pub use entry::{Entry, to_text};
pub use error::InspectError;
pub use extract::{Extracted, extract, print};
pub use filesystem::{Filesystem, Inodes};
pub use image::Image;
pub use kernels::Kernel;
pub use loaders::BootLoader;
pub use origins::{NoOrigins, Origins, OriginsReport};
pub use packages::Package;
pub use password::Scheme;
pub use place::{Found, Place};
pub use report::{PartitionReport, Report};
pub use secrets::{Secret, SecretKind};
pub use services::Service;
pub use system::{Privileged, System};
pub use table::{PartitionEntry, TableReport};
pub use units::Unit;
pub use volume::{Disk, Volume};
