//! Says what differs between two images, whoever made them, or between two locks.
//!
//! ```text
//! ImageDiff   what differs between two images: table, partitions, boot loaders, systems, files, and other bytes
//! LockDiff    what differs between two locks: packages, archives, base images
//! Change      one thing that is in one of them, or in both with different fields
//! Section     the changes of one kind as rows, from which text and page are made
//! ```
//!
//! Everything that [`inspect`](crate::inspect) knows about an image is compared, then the content and the metadata of
//! every file, and then the bytes that belong to no file. So two images without a difference have the same bytes in
//! every place that is looked at, and a byte that differs has a name. Content is compared only where both sizes are
//! equal, in parts, so that memory is bounded by the number of files. No secret is printed: a file, a password or a
//! secret setting differs, and nothing is said about how.

mod bytes;
mod change;
mod changelog;
mod content;
mod files;
mod html;
mod image;
mod lock;
mod packages;
mod section;
mod settings;
mod system;
mod text;

pub use bytes::BytesChange;
pub use change::{Change, ChangeKind, Field};
pub use files::FileChange;
pub use html::to_html;
pub use image::{ImageDiff, Side};
pub use lock::LockDiff;
pub use packages::{PackageChange, PackageChangeKind};
pub use section::{Row, Section};
pub use system::SystemDiff;
pub use text::to_text;
