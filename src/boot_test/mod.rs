//! A boot test: an image starts in QEMU as it would on a board, and says whether it does its job.
//!
//! The image itself is not written to: the machine's disk is an overlay of 8 GiB, so that the growth of
//! the root filesystem is tried too.

mod checks;

pub use checks::{Check, Outcome};

use crate::base::Opened;
use crate::boot::contents::Contents;
use crate::digest::Sha256;
use crate::fetch::Network;
use crate::qemu::{Console, ConsoleError, ErrorLines, Firmware, Interrupts, Machine, MachineError};
use crate::store::Store;
use crate::tree::Objects;
use checks::Examination;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the image is flashed to.
const DISK: &str = "8G";

/// Why an image was not tested, or did not pass.
#[derive(Debug, thiserror::Error)]
pub enum BootTestError {
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

/// One thing that happened in a boot test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The machine showed its login prompt, so long after its start.
    LoginPrompt(Duration),
    /// It has answered everything, so long after its start.
    Done(Duration),
    /// A line that QEMU printed on its standard error.
    Qemu(String),
}

/// How an image is tested.
pub struct BootTest<'a> {
    /// The image's file.
    pub image: &'a Path,
    /// The folder of the store: the machine's files lie in its scratch, and are removed.
    pub store: &'a Path,
    /// The folders that QEMU's programs are looked for in.
    pub program_folders: &'a [PathBuf],
    /// What starts the image of a PC; its BIOS if not set.
    pub firmware: Option<Firmware>,
    /// Whether the machine reaches the network of this one. Nobody can reach it.
    pub network: Network,
    /// How long everything together may take.
    pub timeout: Duration,
    /// The file that keeps what the console showed, if that is wanted.
    pub log: Option<&'a Path>,
    /// Is called with the folder that has to be removed if the process ends without unwinding.
    pub guard: fn(&Path),
    /// What ends the test before its time.
    pub interrupts: &'a dyn Interrupts,
    /// Is called with each thing that happens.
    pub report: &'a (dyn Fn(Progress) + Sync),
}

/// What is known of an image.
#[derive(Debug)]
pub struct Tested {
    /// What the machine was asked, in this order; empty where it was not started.
    pub checks: Vec<Check>,
    /// Whether it was asked everything.
    pub end: Result<(), BootTestError>,
}

impl Tested {
    /// Whether nothing is wrong with what is known.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.outcome.passed())
    }

    /// The checks as a table for a person, one a line.
    pub fn table(&self) -> String {
        let widths = self.checks.iter().map(|check| check.name.len());
        let width = widths.max().unwrap_or(0);
        let row = |check: &Check| {
            let word = check.outcome.word();
            let line = format!("{:<width$}  {word:<8}  {}", check.name, check.detail);
            format!("{}\n", line.trim_end())
        };
        self.checks.iter().map(row).collect()
    }

    /// Whether the image passed.
    ///
    /// # Errors
    /// Where the test came to no end, or a check failed.
    pub fn verdict(self) -> Result<(), BootTestError> {
        self.end?;
        let passed = |check: &&Check| check.outcome.passed();
        let all = self.checks.len();
        match all - self.checks.iter().filter(passed).count() {
            0 => Ok(()),
            failed => Err(BootTestError::Failed { failed, all }),
        }
    }
}

/// The image in the place of a store.
struct ImageFile<'a>(&'a Path);

impl Objects for ImageFile<'_> {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        fs_err::File::open(self.0)
    }
}

impl BootTest<'_> {
    /// Starts the image and asks it how it is.
    pub fn run(&self) -> Tested {
        let mut checks = Vec::new();
        let end = self.start(&mut checks);
        Tested { checks, end }
    }

    /// Starts the image and notes in `checks` what it says of itself, also where it does not come to an end.
    fn start(&self, checks: &mut Vec<Check>) -> Result<(), BootTestError> {
        let file = ImageFile(self.image);
        let opened = Opened::parse(&file, Sha256([0; 32])).map_err(MachineError::from)?;
        let contents = Contents {
            tree: &opened.tree,
            objects: &file,
        };
        let machine = Machine::of(&opened, contents, self.firmware)?;
        let store = Store::open(self.store)?;
        (self.guard)(store.scratch());
        let folder = store.scratch_path();
        fs_err::create_dir(&folder)?;
        let overlay = self.overlay(&folder)?;

        // A machine does not outlive the one who watches it.
        let mut command = Command::new("setpriv");
        let (program, package) = machine.program();
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(self.find(program, package)?);
        machine.arguments(&mut command, &folder, &overlay)?;
        let network = match self.network {
            Network::Online => "user,id=net",
            Network::Offline => "user,id=net,restrict=on",
        };
        command.args(["-netdev", network]);
        let kept = folder.join("console.log");
        let log = fs_err::File::create(self.log.unwrap_or(&kept))?;
        self.watch(&mut command, log, checks)
    }

    /// Runs QEMU as `command` and examines the machine.
    fn watch(
        &self,
        command: &mut Command,
        log: fs_err::File,
        checks: &mut Vec<Check>,
    ) -> Result<(), BootTestError> {
        let (stderr, lines, end) = ErrorLines::new()?;
        command.stderr(stderr);
        std::thread::scope(|scope| {
            // Dropped behind the machine, so that all of its lines are reported.
            let _end = end;
            scope.spawn(|| lines.for_each(|line| (self.report)(Progress::Qemu(line.to_owned()))));
            let mut console = Console::start(command, log, self.timeout, self.interrupts)?;
            self.examine(&mut console, checks)?;
            // It may not get that far, which is no fault of the image.
            let _ = console.type_line("systemctl poweroff");
            Ok(())
        })
    }

    fn examine(
        &self,
        console: &mut Console<'_>,
        checks: &mut Vec<Check>,
    ) -> Result<(), BootTestError> {
        let mut examination = Examination { console, checks };
        examination.log_in()?;
        (self.report)(Progress::LoginPrompt(examination.console.uptime()));
        let mut missing = Vec::new();
        if self.network == Network::Offline {
            missing.push("network");
        }
        // A simulated radio, where the kernel has one.
        let radio = examination.ask("radio", "modprobe mac80211_hwsim radios=1")?;
        if radio.status != 0 {
            missing.push("radio");
        }
        examination.examine(&missing)?;
        (self.report)(Progress::Done(examination.console.uptime()));
        Ok(())
    }

    /// A disk of [`DISK`] that begins with what the image holds.
    fn overlay(&self, folder: &Path) -> Result<PathBuf, BootTestError> {
        let overlay = folder.join("disk");
        let image = fs_err::canonicalize(self.image)?;
        let mut command = Command::new(self.find("qemu-img", "qemu-utils")?);
        command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
        let made = command
            .arg(image)
            .arg(&overlay)
            .arg(DISK)
            .stdin(Stdio::null())
            .output()?;
        match made.status.success() {
            true => Ok(overlay),
            false => Err(BootTestError::Disk(
                String::from_utf8_lossy(&made.stderr).trim().to_owned(),
            )),
        }
    }

    /// The file of `program`.
    fn find(&self, program: &'static str, package: &'static str) -> Result<PathBuf, BootTestError> {
        let mut files = self.program_folders.iter().map(|it| it.join(program));
        let found = files.find(|file| file.is_file());
        found.ok_or(BootTestError::Missing { program, package })
    }
}
