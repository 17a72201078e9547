//! A boot test: starts an image in QEMU as it would start on a board, and runs its health checks.
//!
//! The test does not write to the image: the disk of the machine is a qcow2 overlay over it. The overlay has 8 GiB,
//! so that the growth of the root filesystem is tested too, or as many bytes as a longer image. An image in qcow2 is
//! tested by a raw copy of it.

mod checks;
mod convert;
mod disk;

pub use checks::{Check, Outcome};
pub use disk::MachineDiskError;

use crate::base::Opened;
use crate::boot::contents::Contents;
use crate::digest::Sha256;
use crate::fetch::Network;
use crate::qemu::{Console, ConsoleError, ErrorLines, Firmware, Interrupts, Machine, MachineError};
use crate::store::Store;
use crate::tree::Objects;
use checks::Examination;
use disk::Format;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The reason why an image was not tested or did not pass.
#[derive(Debug, thiserror::Error)]
pub enum BootTestError {
    /// A program is not installed on the host.
    #[error("`{program}` is not installed; on Debian it is in package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Its Debian package.
        package: &'static str,
    },
    /// No QEMU machine can start the image.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The folder for the overlay cannot be used.
    #[error("cannot prepare the machine")]
    Prepare(#[from] io::Error),
    /// The machine gets no disk.
    #[error(transparent)]
    Disk(#[from] MachineDiskError),
    /// The machine does not start or does not answer.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// Checks failed.
    #[error("{failed} of {all} checks failed")]
    Failed {
        /// The number of failed checks.
        failed: usize,
        /// The number of all checks.
        all: usize,
    },
}

/// An event in a boot test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The machine showed its login prompt, this long after its start.
    LoginPrompt(Duration),
    /// The machine has answered every question, this long after its start.
    Done(Duration),
    /// A line that QEMU printed on its standard error.
    Qemu(String),
}

/// A boot test of one image.
pub struct BootTest<'a> {
    /// The image's file, a raw disk or one in qcow2.
    pub image: &'a Path,
    /// The folder of the store. The machine's files are in its scratch folder until the test ends.
    pub store: &'a Path,
    /// The folders in which the test looks for QEMU's programs.
    pub program_folders: &'a [PathBuf],
    /// The firmware that starts the image of a PC, BIOS if not set.
    pub firmware: Option<Firmware>,
    /// Whether the machine reaches the network of the host. The machine itself cannot be reached.
    pub network: Network,
    /// The time that everything together may take.
    pub timeout: Duration,
    /// The file for the text of the console, if the caller wants to keep it.
    pub log: Option<&'a Path>,
    /// This function is called with the folder that must be removed if the process ends without unwinding.
    pub guard: fn(&Path),
    /// The requests that end the test early.
    pub interrupts: &'a dyn Interrupts,
    /// This function is called with each event.
    pub report: &'a (dyn Fn(Progress) + Sync),
}

/// The result of a boot test.
#[derive(Debug)]
pub struct Tested {
    /// The checks in the order in which they were made; empty if the machine was not started.
    pub checks: Vec<Check>,
    /// The error that ended the test early.
    pub end: Result<(), BootTestError>,
}

impl Tested {
    /// Whether no check failed.
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

    /// Succeeds if the image passed.
    ///
    /// # Errors
    /// The test ended early, or a check failed.
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

/// A store whose only object is the image.
struct ImageFile<'a>(&'a Path);

impl Objects for ImageFile<'_> {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        fs_err::File::open(self.0)
    }
}

impl BootTest<'_> {
    /// Starts the image and runs its checks.
    pub fn run(&self) -> Tested {
        let mut checks = Vec::new();
        let end = self.start(&mut checks);
        Tested { checks, end }
    }

    /// Starts the image and adds its checks to `checks`, also those before an error.
    fn start(&self, checks: &mut Vec<Check>) -> Result<(), BootTestError> {
        let format = Format::of(self.image)?;
        let store = Store::open(self.store)?;
        // The machine's files are scratch. Nothing that is stored is used.
        store.rely_on([]);
        (self.guard)(store.scratch());
        let folder = store.scratch_path();
        fs_err::create_dir(&folder)?;
        let qemu_img = || self.find("qemu-img", "qemu-utils");
        let (image, left) = match format {
            Format::Raw => (self.image.to_owned(), self.timeout),
            Format::Qcow2 => {
                let program = qemu_img()?;
                let copy = convert::convert(&program, self.image, &folder, &store, self.timeout)?;
                (copy.path, self.timeout.saturating_sub(copy.took))
            }
        };
        let file = ImageFile(&image);
        let opened = Opened::parse(&file, Sha256([0; 32])).map_err(MachineError::from)?;
        let contents = Contents {
            tree: &opened.tree,
            objects: &file,
        };
        let machine = Machine::of(&opened, contents, self.firmware)?;
        let overlay = disk::overlay(&qemu_img()?, &image, &folder)?;

        // The kernel ends the machine if this process is killed.
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
        let unkept = folder.join("console.log");
        let log = fs_err::File::create(self.log.unwrap_or(&unkept))?;
        self.watch(&mut command, log, left, checks)
    }

    /// Runs QEMU as `command` and examines the machine, which may take as long as `patience`.
    fn watch(
        &self,
        command: &mut Command,
        log: fs_err::File,
        patience: Duration,
        checks: &mut Vec<Check>,
    ) -> Result<(), BootTestError> {
        let (stderr, lines, end) = ErrorLines::new()?;
        command.stderr(stderr);
        std::thread::scope(|scope| {
            // This is dropped after the console, so that all lines of QEMU are reported.
            let _end = end;
            scope.spawn(|| lines.for_each(|line| (self.report)(Progress::Qemu(line.to_owned()))));
            let mut console = Console::start(command, log, patience, self.interrupts)?;
            self.examine(&mut console, checks)?;
            // All checks are done, so an error of this does not matter.
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
        // The kernel may have no module for a simulated radio.
        let radio = examination.ask("radio", "modprobe mac80211_hwsim radios=1")?;
        if radio.status != 0 {
            missing.push("radio");
        }
        examination.examine(&missing)?;
        (self.report)(Progress::Done(examination.console.uptime()));
        Ok(())
    }

    /// The path of `program`, which is in the Debian package `package`.
    fn find(&self, program: &'static str, package: &'static str) -> Result<PathBuf, BootTestError> {
        let mut files = self.program_folders.iter().map(|it| it.join(program));
        let found = files.find(|file| file.is_file());
        found.ok_or(BootTestError::Missing { program, package })
    }
}
