//! Errors around the programs of a sandbox.

use crate::architecture::Architecture;
use crate::tree::DumpError;
use serde::{Deserialize, Serialize};
use std::io;

/// Why programs could not be run in a sandbox, or why they failed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel, or the container in which this program runs, allows no user namespace.
    #[error("maintainer scripts need a user namespace, which this host refuses; {help}")]
    NoNamespace {
        /// The setting to change.
        help: &'static str,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// The numbers of this host's system calls are not known.
    #[error(
        "maintainer scripts can be run on amd64 and arm64 hosts, this is `{host}`; \
         build there, or configure on first boot"
    )]
    Host {
        /// The architecture of this host.
        host: &'static str,
    },
    /// This host cannot run programs of the target.
    #[error(
        "programs of {architecture} cannot be run here: {reason}; use Linux 6.7 or newer, or \
         install `qemu-user-static` and `binfmt-support` on this host, or configure on first boot"
    )]
    Emulation {
        /// The architecture of the image.
        architecture: Architecture,
        /// The missing condition.
        reason: &'static str,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// The sandbox could not be set up or read back.
    #[error("cannot {doing} for the sandbox")]
    Setup {
        /// The action that failed.
        doing: String,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// A script or program failed.
    #[error("{step} failed in the sandbox: {ending}\n{output}")]
    Script {
        /// The step, such as `preinst of base-passwd` or `dpkg --configure`.
        step: String,
        /// The way in which the step ended.
        ending: Ending,
        /// The last lines it printed.
        output: String,
    },
    /// The sandbox ended without a result.
    #[error("the sandbox was killed ({status}); most often memory or disk space ran out\n{output}")]
    Lost {
        /// The exit status of its process.
        status: std::process::ExitStatus,
        /// The last lines printed in it.
        output: String,
    },
    /// The store or the scratch folder failed.
    #[error("cannot keep the sandbox in the store")]
    Store(#[from] io::Error),
    /// The result cannot be read.
    #[error("the sandbox gave back a tree that cannot be read")]
    Result(#[from] DumpError),
}

/// The way in which a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Ending {
    /// It exited.
    #[error("exit status {0}")]
    Exit(i32),
    /// It was killed.
    #[error("killed by signal {0}")]
    Signal(i32),
    /// It printed something although it should be silent.
    #[error("it reported problems")]
    NotSilent,
    /// It could not be started.
    #[error("it cannot be started: {}", not_started(*.0))]
    NotStarted(i32),
    /// It went on for too long.
    #[error(
        "it made no progress for {} seconds{}. Its processes, and what each waits for:\n{}",
        .0.seconds, .0.during, .0.processes.join("\n")
    )]
    TimeLimit(Box<TimeLimit>),
    /// It printed too much.
    #[error("it printed more than {} bytes{}", .0.bytes, .0.during)]
    OutputLimit(Box<OutputLimit>),
}

fn not_started(errno: i32) -> String {
    let words = io::Error::from_raw_os_error(errno);
    match errno {
        // The documentation of `identities` says why.
        libc::EMFILE => format!(
            "{words}: the sandbox keeps one open for each file that belongs to another account than root; \
             `ulimit -Hn` says how many may be open, raise it"
        ),
        _ => words.to_string(),
    }
}

/// A time limit, and the state of the step when it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeLimit {
    /// The limit.
    pub seconds: u64,
    /// The current action of dpkg, as ` during configure of …`; empty for another program.
    pub during: String,
    /// The processes, one a line.
    pub processes: Vec<String>,
}

/// An output limit, and the state of the step when it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLimit {
    /// The limit.
    pub bytes: u64,
    /// The current action of dpkg, as ` during configure of …`; empty for another program.
    pub during: String,
}

/// A failed step whose failure is an answer ([`Step::verdict`](super::Step::verdict)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The index of the step.
    pub index: usize,
    /// The way in which the step ended.
    pub ending: Ending,
    /// The beginning of what it printed.
    pub output: String,
}

/// The report of the sandbox to the process that started it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Every step ran. The result is in the scratch folder, unless it was to be discarded.
    Done {
        /// The failed steps whose failure is an answer.
        refusals: Vec<Refusal>,
    },
    /// Step `index` failed.
    Step { index: usize, ending: Ending },
    /// Something around the steps failed.
    Failure(Failure),
}

/// A failure inside the sandbox, on its way out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) area: Area,
    pub(super) doing: String,
    pub(super) errno: i32,
}

/// The part of the set-up in which a failure happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Area {
    Namespace,
    Emulation,
    Other,
}

impl Failure {
    pub(super) fn about(self, area: Area) -> Self {
        Self { area, ..self }
    }

    pub(super) fn source(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

/// Adds a description of the action to the error of a system call.
pub(super) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let error: io::Error = error.into();
            let number = error.raw_os_error();
            Failure {
                area: Area::Other,
                doing: match number {
                    Some(_) => what(),
                    // An error without a number is shown by its own text.
                    None => format!("{} ({error})", what()),
                },
                errno: number.unwrap_or(libc::EIO),
            }
        })
    }
}
