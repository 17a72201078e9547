//! The arguments of `imgbuild cache`.

use crate::units::{Age, Bytes};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with the store.
#[derive(Clone, Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) action: Option<CacheAction>,
    /// The folder that keeps what was fetched and made (`IMGBUILD_STORE`).
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) store: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A change of the store; without one, its contents are listed.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CacheAction {
    /// Remove what is not needed, beside running builds.
    Gc(CollectArgs),
    /// Read every object, and remove those that are damaged; a build fetches or makes them anew.
    Verify,
}

/// What may be removed from the store.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct CollectArgs {
    /// Remove what was not used for the longest time, until the store takes at most this much (10GiB).
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<Bytes>,
    /// Remove what no build has used for this long (30d, 12h).
    #[arg(long, value_name = "DURATION")]
    pub(crate) older_than: Option<Age>,
    /// Keep what builds by these locks need, and, without another flag, nothing else.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) keep_lock: Vec<PathBuf>,
}
