//! The arguments of `imgbuild inspect`.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// How to inspect an image.
#[derive(Clone, Debug, Args)]
pub(crate) struct InspectArgs {
    /// The image: a disk, as it is or packed with xz, gzip, zstd, bzip2 or zip.
    pub(crate) image: PathBuf,
    /// A file to print or a directory to list: `/etc/hostname`, or `1:/config.txt` in partition 1.
    pub(crate) path: Option<OsString>,
    /// Copy the file or directory at PATH to here, without root.
    #[arg(
        long,
        value_name = "FILE|DIR",
        requires = "path",
        conflicts_with = "json"
    )]
    pub(crate) extract: Option<PathBuf>,
    /// Write the report as one page for a browser, with maps of the disk and of what takes the space.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "path"])]
    pub(crate) html: Option<PathBuf>,
    /// The manifest of the image, which says who wrote each file; otherwise manifest.json beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder of the store, which holds the unpacked disk of a packed image until the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
}
