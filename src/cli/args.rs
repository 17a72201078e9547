//! The command line as it was typed. Other modules decide what it means.

mod build;
mod cache;
mod diff;
mod inspect;

pub(super) use build::{
    BuildArgs, Configuration, DefinitionArgs, InputArgs, SourceArgs, TargetArgs,
};
pub(super) use cache::{CacheAction, CacheArgs, CollectArgs};
pub(super) use diff::DiffArgs;
pub(super) use inspect::InspectArgs;

use crate::qemu::Firmware;
use crate::sink::Format;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    value_parser,
};
use std::ffi::OsString;
use std::path::PathBuf;

/// Builds ready-to-flash disk images, without root.
#[derive(Debug, Parser)]
#[command(
    name = "imgbuild",
    version = env!("IMGBUILD_VERSION"),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: imgbuild --board rpi4 --profile tor-hotspot\n\n\
        Exit codes: 0 done, 1 definitions or settings (of diff: a difference), 2 usage, 3 lock missing or stale,\n\
        4 input unavailable or not genuine, 5 output, 6 image check failed, 70 bug,\n\
        130 interrupted."
)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    talk: TalkArgs,
}

/// A whole command line.
#[derive(Debug)]
pub(crate) struct Cli {
    /// The command.
    pub(crate) task: Task,
    /// How much the command prints to standard error.
    pub(crate) talk: TalkArgs,
}

/// The command.
#[derive(Debug)]
pub(crate) enum Task {
    /// Build an image, which is the command without the name of a subcommand.
    Build(BuildArgs),
    /// Run a subcommand.
    Other(Command),
}

impl Cli {
    /// Parses the command line `arguments`.
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::grammar().try_get_matches_from(arguments)?;
        let options = Options::from_arg_matches(&matches)?;
        // A subcommand excludes all arguments of a build, also the required ones. clap's derive cannot express
        // this by an optional field.
        let task = match options.command {
            Some(command) => Task::Other(command),
            None => Task::Build(BuildArgs::from_arg_matches(&matches)?),
        };
        Ok(Self {
            task,
            talk: options.talk,
        })
    }

    /// The values of `--secret`, of a command that has it.
    pub(crate) fn secrets(&self) -> &[String] {
        match &self.task {
            Task::Build(args) => &args.source.target.secret,
            Task::Other(Command::Lock(args)) => &args.target.secret,
            Task::Other(Command::Plan(args)) => &args.build.source.target.secret,
            Task::Other(Command::Release(args)) => &args.source.target.secret,
            Task::Other(Command::Verify(args)) => &args.secret,
            Task::Other(Command::Test(args)) => match &args.tested {
                Tested::Built(args) => &args.source.target.secret,
                Tested::Image { .. } => &[],
            },
            Task::Other(_) => &[],
        }
    }

    /// Every flag and subcommand, for completions and the manual page.
    pub(crate) fn grammar() -> clap::Command {
        let about = Options::command().get_about().cloned();
        BuildArgs::augment_args(Options::command()).about(about.unwrap_or_default())
    }
}

/// What to do other than build.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose and pin every input of a build, and write the lock.
    Lock(LockArgs),
    /// Say what would be built, and build nothing.
    Plan(PlanArgs),
    /// Look for mistakes in board files, and build nothing.
    Check {
        /// A board's name, or a file `board.toml`; otherwise every board.
        #[arg(value_name = "BOARD|FILE")]
        boards: Vec<String>,
        #[command(flatten)]
        definitions: DefinitionArgs,
    },
    /// Build an image into a folder, with everything that is published with it: lists of its
    /// components, a manifest, checksums, signatures.
    Release(Box<ReleaseArgs>),
    /// Build a published image again from the inputs that its manifest names, and say whether it is
    /// identical or what differs.
    Verify(Box<VerifyArgs>),
    /// Start an image in QEMU and run the health checks that its profile carries.
    Test(TestArgs),
    /// Say what an image is, whoever made it, or list, print and copy its files.
    Inspect(InspectArgs),
    /// Say what differs between two images, whoever made them, or between two locks.
    Diff(DiffArgs),
    /// List boards or profiles.
    List {
        /// What to list.
        #[arg(value_enum, value_name = "boards|profiles")]
        what: Listed,
        #[command(flatten)]
        definitions: DefinitionArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one definition.
    Show {
        #[command(subcommand)]
        what: Shown,
    },
    /// Say what the store holds, make it smaller, or check it.
    Cache(CacheArgs),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// What `list` lists.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Listed {
    /// Every board there is a definition of.
    Boards,
    /// Every profile there is a definition of.
    Profiles,
}

/// What `show` shows.
#[derive(Debug, Subcommand)]
pub(crate) enum Shown {
    /// A profile: its settings with help and defaults.
    Profile {
        /// Name of the profile.
        name: String,
        #[command(flatten)]
        definitions: DefinitionArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// How to lock.
#[derive(Clone, Debug, Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The lock to write; otherwise BOARD.lock beside the profile.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How to show the plan.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) build: BuildArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to make a release.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The new folder of the release; otherwise BOARD-PROFILE here.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the image; otherwise img.xz. Repeat it to publish several; a person downloads the first.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Vec<Format>,
    /// Compress as much as possible, which takes several times as long.
    #[arg(long)]
    pub(crate) max_compression: bool,
    /// The address of the folder in which the files will be published; Raspberry Pi Imager then gets
    /// a whole list of images, `os_list.json`.
    #[arg(long, value_name = "URL")]
    pub(crate) url_base: Option<String>,
    /// Sign the checksums and the block map by your own gpg, with this key: a fingerprint or an address.
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<String>,
    /// Sign the same files by your own minisign, with the secret key in this file; minisign itself asks for the
    /// password of the key.
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_minisign: Option<PathBuf>,
    /// Make a release of an image that holds secrets, which is then not for the public.
    #[arg(long)]
    pub(crate) allow_secrets: bool,
}

/// How to verify an image.
#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The image, as it is or packed with xz, zstd, gzip, bzip2 or zip.
    pub(crate) image: PathBuf,
    /// Its manifest; otherwise manifest.json beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Its lock; otherwise the one that the manifest names, beside the manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// The image that it was built on, if that was a file of its maker.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// A secret that the image holds, from a file; or set `IMGBUILD_SECRET_<KEY>` in the environment.
    #[arg(long, value_name = "KEY=@FILE")]
    pub(crate) secret: Vec<String>,
    #[command(flatten)]
    pub(crate) definitions: DefinitionArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Only compare checksums, and build nothing. Signatures are for gpg and minisign to verify.
    #[arg(long)]
    pub(crate) sums_only: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to test an image.
#[derive(Clone, Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) tested: Tested,
    /// What starts the image of a PC.
    #[arg(long, value_enum)]
    pub(crate) firmware: Option<Firmware>,
    /// Let the machine reach the network of this one, for checks that need it. Nobody can reach it.
    #[arg(long)]
    pub(crate) network: bool,
    /// How long it may take until all checks pass, in seconds. Nothing is quick under emulation.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    pub(crate) timeout: u64,
    /// Keep what the console showed.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The image of a test.
#[derive(Clone, Debug)]
pub(crate) enum Tested {
    /// An existing image, which is tested as it is.
    Image {
        /// The file.
        path: PathBuf,
        /// The folder of the store, which also holds temporary files of a test.
        store: Option<PathBuf>,
    },
    /// An image that is built before the test.
    Built(Box<BuildArgs>),
}

/// This is written by hand because clap's derive cannot express an argument that replaces all others.
impl Args for Tested {
    fn augment_args(command: clap::Command) -> clap::Command {
        let image = Arg::new("image")
            .value_name("IMAGE")
            .value_parser(value_parser!(PathBuf));
        let image =
            image.help("The image (.img or .qcow2); without, one is built as by `imgbuild --board B --profile P`");
        let mut command = BuildArgs::augment_args(command).arg(image);
        for name in ["board", "profile"] {
            command = command.mut_arg(name, |it| it.required(false));
        }
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Tested {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some(path) = matches.get_one::<PathBuf>("image").cloned() else {
            if !["board", "profile"]
                .into_iter()
                .all(|name| matches.contains_id(name))
            {
                let words = "give an IMAGE, or --board and --profile to build one first";
                return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, words));
            }
            return Ok(Self::Built(Box::new(BuildArgs::from_arg_matches(matches)?)));
        };
        let is_given = |flag: &Arg| {
            let source = matches.value_source(flag.get_id().as_str());
            flag.get_id() != "store" && source == Some(ValueSource::CommandLine)
        };
        let build = BuildArgs::augment_args(clap::Command::new("build"));
        let given = build.get_arguments().filter(|flag| is_given(flag));
        let given: Vec<String> = given
            .filter_map(|flag| Some(format!("`--{}`", flag.get_long()?)))
            .collect();
        if !given.is_empty() {
            let words = format!(
                "{} cannot change `{}`: an image that exists is tested as it is; leave these flags out, or \
                 leave the image out to build another one",
                given.join(", "),
                path.display()
            );
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, words));
        }
        let store = matches.get_one::<PathBuf>("store").cloned();
        Ok(Self::Image { path, store })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// How much to say.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TalkArgs {
    /// Say nothing but warnings and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say also what is built: every setting and package.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}
