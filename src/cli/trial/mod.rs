//! `imgbuild test`: an image starts in QEMU as it would on a board, and says whether it does its job.
//!
//! The image itself is not written to: the machine's disk is an overlay of 8 GiB, so that the growth of
//! the root filesystem is tried too.

mod checks;
mod console;
mod errors;
mod machine;

pub(crate) use console::ConsoleError;
pub(crate) use machine::{Firmware, MachineError};

use super::args::{TalkArgs, TestArgs, Tested};
use super::failure::Failure;
use super::progress::say;
use super::{build, environment, print_json, print_text, signals};
use crate::base::Opened;
use crate::boot::contents::Contents;
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::Objects;
use checks::{Check, Examination};
use console::Console;
use machine::Machine;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the image is flashed to.
const DISK: &str = "8G";

/// Why an image was not tested, or did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    /// A program that this machine lacks.
    #[error("`{program}` is not installed; on Debian it is in package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Its package.
        package: &'static str,
    },
    /// No machine for this image.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The folder for the overlay cannot be used.
    #[error("cannot prepare the machine")]
    Prepare(#[from] io::Error),
    /// The overlay cannot be made.
    #[error("`qemu-img` cannot make the machine's disk: {0}")]
    Disk(String),
    /// It does not start, or does not answer.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// It answers that something is wrong.
    #[error("{failed} of {all} checks failed")]
    Failed {
        /// How many failed.
        failed: usize,
        /// Of how many.
        all: usize,
    },
}

/// The image in the place of a store.
struct ImageFile<'a>(&'a Path);

impl Objects for ImageFile<'_> {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        fs_err::File::open(self.0)
    }
}

/// Starts the image and prints what it says of itself.
pub(super) fn test(args: &TestArgs, talk: TalkArgs) -> Result<(), Failure> {
    let image = match &args.tested {
        Tested::Image(path) => path.clone(),
        Tested::Built(args) => build::write(args, talk)?,
    };
    let store = match &args.tested {
        Tested::Image(_) => environment::store_folder(None)?,
        Tested::Built(args) => environment::store_folder(args.input.store.as_deref())?,
    };
    let mut checks = Vec::new();
    let ended = BootTest { args, talk }.run(&image, &store, &mut checks);
    if ended.is_err() && checks.is_empty() {
        // The machine was never started.
        return Ok(ended?);
    }
    let failed = checks
        .iter()
        .filter(|check| !check.outcome.passed())
        .count();
    match args.json {
        true => print_json(&json!({ "image": image, "passed": failed == 0, "checks": checks })),
        false => print_text(&table(&checks)),
    }?;
    ended?;
    match failed {
        0 => Ok(()),
        _ => Err(TrialError::Failed {
            failed,
            all: checks.len(),
        }
        .into()),
    }
}

fn table(checks: &[Check]) -> String {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    let row = |check: &Check| {
        let word = check.outcome.word();
        let line = format!("{:<width$}  {word:<8}  {}", check.name, check.detail);
        format!("{}\n", line.trim_end())
    };
    checks.iter().map(row).collect()
}

/// How an image is tested.
struct BootTest<'a> {
    args: &'a TestArgs,
    talk: TalkArgs,
}

impl BootTest<'_> {
    /// Starts the image and notes in `checks` what it says of itself, also where it does not come to an end.
    fn run(&self, image: &Path, store: &Path, checks: &mut Vec<Check>) -> Result<(), TrialError> {
        let file = ImageFile(image);
        let opened = Opened::parse(&file, Sha256([0; 32])).map_err(MachineError::from)?;
        let contents = Contents {
            tree: &opened.tree,
            objects: &file,
        };
        let machine = Machine::of(&opened, contents, self.args.firmware)?;
        let store = Store::open(store)?;
        signals::guard(store.scratch());
        let folder = store.scratch_path();
        fs_err::create_dir(&folder)?;
        let overlay = overlay(image, &folder)?;

        // A machine does not outlive the one who watches it.
        let mut command = Command::new("setpriv");
        let (program, package) = machine.program();
        command.args(["--pdeathsig", "KILL", "--", find(program, package)?]);
        machine.arguments(&mut command, &folder, &overlay)?;
        let network = match self.args.network {
            true => "user,id=net",
            false => "user,id=net,restrict=on",
        };
        command.args(["-netdev", network]);
        let log = self.args.log.clone();
        let log = fs_err::File::create(log.unwrap_or_else(|| folder.join("console.log")))?;
        let patience = Duration::from_secs(self.args.timeout);
        let mut console = Console::start(&mut command, log, patience)?;
        self.examine(&mut console, checks)?;
        // It may not get that far, which is no fault of the image.
        let _ = console.type_line("systemctl poweroff");
        Ok(())
    }

    fn examine(&self, console: &mut Console, checks: &mut Vec<Check>) -> Result<(), TrialError> {
        let mut examination = Examination { console, checks };
        examination.log_in()?;
        self.stage("login prompt", examination.console);
        let mut missing = Vec::new();
        if !self.args.network {
            missing.push("network");
        }
        // A simulated radio, where the kernel has one.
        let radio = examination.ask("radio", "modprobe mac80211_hwsim radios=1")?;
        if radio.status != 0 {
            missing.push("radio");
        }
        examination.examine(&missing)?;
        self.stage("done", examination.console);
        Ok(())
    }

    fn stage(&self, what: &str, console: &Console) {
        if !self.talk.quiet {
            let seconds = console.uptime().as_secs_f64();
            say(&format!("{what} after {seconds:.0} s"));
        }
    }
}

/// A disk of [`DISK`] that begins with what `image` holds.
fn overlay(image: &Path, folder: &Path) -> Result<PathBuf, TrialError> {
    let overlay = folder.join("disk");
    let image = fs_err::canonicalize(image)?;
    let mut command = Command::new(find("qemu-img", "qemu-utils")?);
    command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
    let made = command
        .arg(image)
        .arg(&overlay)
        .arg(DISK)
        .stdin(Stdio::null())
        .output()?;
    match made.status.success() {
        true => Ok(overlay),
        false => Err(TrialError::Disk(
            String::from_utf8_lossy(&made.stderr).trim().to_owned(),
        )),
    }
}

/// `program`, which must be on the path.
fn find(program: &'static str, package: &'static str) -> Result<&'static str, TrialError> {
    match environment::has_program(program) {
        true => Ok(program),
        false => Err(TrialError::Missing { program, package }),
    }
}
