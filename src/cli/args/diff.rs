//! The arguments of `imgbuild diff`.

use clap::Args;
use std::path::PathBuf;

/// What to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first image, as `imgbuild inspect` takes it, or the first lock.
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,
    /// The second image or lock. A file whose name ends in `.lock`, or a pipe, is a lock.
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,
    /// Write the differences as one page for a browser.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) html: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder of the store, which holds the unpacked disks of packed images until the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
}
