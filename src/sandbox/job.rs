//! The job of a sandbox, and the names of the files in its scratch folder.
//!
//! ```text
//! <scratch>/job      the job, as JSON
//! <scratch>/tree     the tree to write to disk, as a dump   (tools: the native tools)
//! <scratch>/root     the folder to which it is written      (native: the native tools)
//! <scratch>/stubs/   programs that stand in for others
//! <scratch>/outcome  the report, as JSON
//! <scratch>/result   the tree afterwards, as a dump; its new contents are in …
//! <scratch>/bundle   … this one object
//! ```

use crate::architecture::Architecture;
use crate::epoch::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All that one sandbox does.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The folder of the store.
    pub(crate) store: PathBuf,
    pub(crate) epoch: Epoch,
    /// The steps, which run one after the other. The first failure ends the job, except for steps
    /// whose failure is an answer.
    pub(crate) steps: Vec<Step>,
    /// The complete environment of every step.
    pub(crate) environment: BTreeMap<String, String>,
    /// The time limit of a script. It has no influence on the result.
    pub(crate) script_timeout: Duration,
    /// Programs that stand in for others while steps run.
    pub(crate) stubs: Vec<Stub>,
    /// The host name that uname(2) gives.
    pub(crate) host_name: String,
    /// The way in which programs of a foreign architecture run; absent for a native target.
    pub(crate) emulation: Option<Emulation>,
    /// Whether the changed tree is discarded without being read.
    pub(crate) discard: bool,
}

impl Job {
    /// The files that must exist while steps run, and are removed afterwards.
    pub(crate) fn added_files(&self) -> impl Iterator<Item = &str> {
        let placed = self.stubs.iter().filter(|stub| stub.placed);
        let loaded = self.emulation.iter().flat_map(|native| &native.files);
        placed
            .map(|stub| &stub.path)
            .chain(loaded)
            .map(String::as_str)
    }

    /// The folders that must exist while steps run, and are removed afterwards.
    pub(crate) fn added_folders(&self) -> impl Iterator<Item = &str> {
        let loaded = self.emulation.iter().flat_map(|native| &native.folders);
        loaded.map(String::as_str)
    }
}

/// A program that stands in for the one at `path`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stub {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether it is put there even if the tree has no such program.
    pub(crate) placed: bool,
}

/// The way in which programs of another architecture run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Emulation {
    pub(crate) target: Architecture,
    /// The path of qemu below the tools; absent if the host runs the target's programs already.
    pub(crate) interpreter: Option<String>,
    /// The programs that are replaced by their native builds.
    pub(crate) overlaid: Vec<String>,
    /// The folders of the tools that the target lacks and native programs need, such as those of
    /// libraries.
    pub(crate) folders: Vec<String>,
    /// The files of the tools that the target lacks and native programs need.
    pub(crate) files: Vec<String>,
}

/// One program to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The name for messages, such as `preinst of base-passwd`.
    pub name: String,
    /// The package to which it belongs.
    pub package: Option<String>,
    /// The program and its arguments. The program is looked up in the sandbox's `PATH`.
    pub command: Vec<String>,
    /// Variables that are added to the environment.
    pub environment: BTreeMap<String, String>,
    /// The text that it reads from standard input.
    pub input: String,
    /// The number of further attempts after a failure.
    pub retries: u32,
    /// Whether it counts as failed if it prints anything.
    pub silent: bool,
    /// Whether the program is dpkg, which reports its progress (`--status-fd`).
    pub reports: bool,
    /// Whether a failure is an answer. It is then noted with the printed text, and the next step
    /// runs.
    pub verdict: bool,
    /// Whether it may change the sandbox's own network, which is connected to nothing.
    pub network: bool,
}

impl Step {
    /// A step that runs `command` once, without input.
    pub fn new(name: &str, command: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..Self::default()
        }
    }
}

/// A scratch folder, with the paths of its files.
pub(crate) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// The path of the file `name`, one of [`GIVEN`] or [`MADE`].
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The scratch folder in which the processes of a sandbox start. They know it by no other name,
    /// because the sandbox's user may not be able to enter the folders above it.
    pub(crate) fn here() -> Self {
        Self(PathBuf::from("."))
    }
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }
    pub(crate) fn native(&self) -> PathBuf {
        self.0.join("native")
    }
    pub(crate) fn stubs(&self) -> PathBuf {
        self.0.join("stubs")
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

pub(crate) const JOB: &str = "job";
pub(crate) const TREE: &str = "tree";
pub(crate) const TOOLS: &str = "tools";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const RESULT: &str = "result";
pub(crate) const BUNDLE: &str = "bundle";

/// The names of the files that a sandbox reads.
pub(crate) const GIVEN: [&str; 3] = [JOB, TREE, TOOLS];
/// The names of the files that a sandbox makes.
pub(crate) const MADE: [&str; 3] = [OUTCOME, RESULT, BUNDLE];
