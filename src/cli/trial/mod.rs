//! `imgbuild test`: an image starts in QEMU as it would on a board, and says whether it does its job.
//!
//! The image itself is not written to: the machine's disk is an overlay of 8 GiB, so that the growth of
//! the root filesystem is tried too.

mod checks;
mod console;
mod machine;

pub(crate) use console::ConsoleError;
pub(crate) use machine::{Firmware, MachineError};

use super::args::{TalkArgs, TestArgs, Tested};
use super::failure::Failure;
use super::progress::say;
use super::{build, environment, print, signals};
use crate::base::Opened;
use crate::boot::contents::Contents;
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::Objects;
use checks::{Check, Outcome};
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
    let checks = run(&image, &store, args, talk)?;
    let failed = checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .count();
    print(match args.json {
        true => format!(
            "{}\n",
            json!({ "image": image, "passed": failed == 0, "checks": checks })
        ),
        false => table(&checks),
    })?;
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
        let word = match check.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "FAIL",
            Outcome::Skipped => "skipped",
        };
        let line = format!("{:<width$}  {word:<7}  {}", check.name, check.detail);
        format!("{}\n", line.trim_end())
    };
    checks.iter().map(row).collect()
}

fn run(
    image: &Path,
    store: &Path,
    args: &TestArgs,
    talk: TalkArgs,
) -> Result<Vec<Check>, TrialError> {
    let file = ImageFile(image);
    let opened = Opened::parse(&file, Sha256([0; 32])).map_err(MachineError::from)?;
    let contents = Contents {
        tree: &opened.tree,
        objects: &file,
    };
    let machine = Machine::of(&opened, contents, args.firmware)?;
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
    let network = if args.network {
        "user,id=net"
    } else {
        "user,id=net,restrict=on"
    };
    command.args(["-netdev", network]);
    let log = args
        .log
        .clone()
        .unwrap_or_else(|| folder.join("console.log"));
    let log = fs_err::File::create(log)?;
    let mut console = Console::start(&mut command, log, Duration::from_secs(args.timeout))?;
    let stage = |what: &str, console: &Console| {
        if !talk.quiet {
            say(&format!(
                "{what} after {:.0} s",
                console.uptime().as_secs_f64()
            ));
        }
    };
    checks::log_in(&mut console)?;
    stage("login prompt", &console);
    let mut missing = Vec::new();
    if !args.network {
        missing.push("network");
    }
    // A simulated radio, where the kernel has one.
    if console.run("modprobe mac80211_hwsim radios=1")?.status != 0 {
        missing.push("radio");
    }
    let checks = checks::checks(&mut console, &missing)?;
    stage("done", &console);
    // It may not get that far, which is no fault of the image.
    let _ = console.type_line("systemctl poweroff");
    Ok(checks)
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
