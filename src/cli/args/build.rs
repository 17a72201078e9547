//! The arguments that say what is built and of what.

use crate::digest::Sha256;
use crate::sink::Format;
use clap::{Args, ValueEnum, value_parser};
use std::path::PathBuf;

/// Where definitions are found.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DefinitionArgs {
    /// A folder with boards/, profiles/ and overlays/ that goes before all others.
    #[arg(long, value_name = "DIR")]
    pub(crate) definitions: Vec<PathBuf>,
}

/// What is meant to be built.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArgs {
    /// The board the image is for (`imgbuild list boards`).
    #[arg(long, short, required = true)]
    pub(crate) board: String,
    /// What the image should do (`imgbuild list profiles`); repeat it to combine
    /// profiles.
    #[arg(long, short, required = true)]
    pub(crate) profile: Vec<String>,
    /// An image to start from instead of from packages: one that the board names, a file, or a URL
    /// with --base-sha256.
    #[arg(long, value_name = "NAME|FILE|URL")]
    pub(crate) base: Option<String>,
    /// The SHA-256 of the base image's file.
    #[arg(long, value_name = "DIGEST", requires = "base")]
    pub(crate) base_sha256: Option<Sha256>,
    /// The OpenPGP key that signs the base image, for use when none of the board's addresses of it
    /// answers; it must have the fingerprint that the board names.
    #[arg(
        long,
        value_name = "FILE",
        requires = "base",
        conflicts_with = "base_sha256"
    )]
    pub(crate) base_key: Option<PathBuf>,
    /// Take nothing but the boot loader from the base image; everything else is made of packages.
    #[arg(long, requires = "base")]
    pub(crate) boot_loader_only: bool,
    /// Where packages are configured. `first-boot` needs --base, and works without user
    /// namespaces.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Configuration::Build)]
    pub(crate) configure: Configuration,
    #[command(flatten)]
    pub(crate) definitions: DefinitionArgs,
    /// Set a setting of the profile (`imgbuild show profile NAME`).
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<PathBuf>,
    /// Read a secret setting from a file; or set `IMGBUILD_SECRET_<KEY>` in the environment, with KEY
    /// in capitals and `_` for `-` (`IMGBUILD_SECRET_WIFI_PASSPHRASE`).
    #[arg(long, value_name = "KEY=@FILE")]
    pub(crate) secret: Vec<String>,
}

/// Where the scripts of packages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Configuration {
    /// Here, in a sandbox, when the image is built.
    Build,
    /// On the device, when it starts for the first time.
    FirstBoot,
}

/// Where inputs come from and where they are kept.
#[derive(Clone, Debug, Args)]
pub(crate) struct InputArgs {
    /// The Debian archive to fetch from; otherwise `IMGBUILD_MIRROR`, the configuration file, or
    /// the apt sources of this machine.
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Never touch the network: everything must be in the store.
    #[arg(long)]
    pub(crate) offline: bool,
    /// The folder that keeps what was fetched and made (`IMGBUILD_STORE`).
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Trust these OpenPGP keys instead of Debian's for the archive.
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
    /// Accept an archive whose Valid-Until has passed.
    #[arg(long)]
    pub(crate) allow_expired: bool,
    /// How long one script of a package may go on; otherwise 10 minutes, or 60 where the image's programs
    /// are emulated.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..))]
    pub(crate) script_timeout: Option<u64>,
}

/// What is built, and of what.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The lock to use; otherwise BOARD.lock beside the profile, if it is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Insist on a lock that fits the definitions and settings.
    #[arg(long)]
    pub(crate) locked: bool,
}

/// How to build.
#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The image to write; otherwise BOARD-PROFILE.img here. The name says the format: .img, .img.xz,
    /// .img.zst or .qcow2; `-` is standard output. Repeat it to write several at once.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// The format of an output whose name says none.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Also write a block map beside each .img, .img.xz and .img.zst, as FILE.bmap, with which bmaptool writes a card
    /// faster and checks it.
    #[arg(long)]
    pub(crate) bmap: bool,
    /// Compress as much as possible, which takes several times as long.
    #[arg(long)]
    pub(crate) max_compression: bool,
}
