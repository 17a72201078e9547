//! What the sandbox is told, and the names of the files around it.
//!
//! ```text
//! <scratch>/job      this, as JSON
//! <scratch>/tree     the tree to lay out, as a dump      (tools: the native tools)
//! <scratch>/root     where it is laid out                (native: the native tools)
//! <scratch>/stubs/   programs that stand in for others
//! <scratch>/outcome  how it went, as JSON
//! <scratch>/result   the tree afterwards, as a dump whose new contents lie in …
//! <scratch>/bundle   … one object
//! ```

use crate::architecture::Architecture;
use crate::epoch::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that one sandbox does.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The folder of the store.
    pub(crate) store: PathBuf,
    pub(crate) epoch: Epoch,
    /// Run one after the other; the first failure ends it, but for those of steps whose verdict is asked.
    pub(crate) steps: Vec<Step>,
    /// The environment of every step, whole.
    pub(crate) environment: BTreeMap<String, String>,
    /// How long a script may go on; decides no byte.
    pub(crate) script_timeout: Duration,
    /// Programs that stand in for others while steps run.
    pub(crate) stubs: Vec<Stub>,
    /// What uname(2) says.
    pub(crate) host_name: String,
    /// How programs of a foreign target run.
    pub(crate) emulation: Option<Emulation>,
    /// Whether what steps did to the tree is thrown away, unread.
    pub(crate) discard: bool,
}

impl Job {
    /// Files that must exist while steps run, and only then.
    pub(crate) fn added_files(&self) -> impl Iterator<Item = &str> {
        let placed = self.stubs.iter().filter(|stub| stub.placed);
        let loaded = self.emulation.iter().flat_map(|native| &native.files);
        placed
            .map(|stub| &stub.path)
            .chain(loaded)
            .map(String::as_str)
    }

    /// Folders that must exist while steps run, and only then.
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
    /// Whether it is there also where the tree has no such program.
    pub(crate) placed: bool,
}

/// How programs of another architecture run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Emulation {
    pub(crate) target: Architecture,
    /// The path of qemu below the tools; none where the host runs the target's programs already.
    pub(crate) interpreter: Option<String>,
    /// Programs whose native build is seen instead of the target's.
    pub(crate) overlaid: Vec<String>,
    /// Folders of the tools that the target lacks: what native programs load.
    pub(crate) folders: Vec<String>,
    /// Such files.
    pub(crate) files: Vec<String>,
}

/// One program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// For messages: `preinst of base-passwd`.
    pub name: String,
    /// The package it belongs to.
    pub package: Option<String>,
    /// Program and arguments; looked up in the sandbox's `PATH`.
    pub command: Vec<String>,
    /// Added to the environment.
    pub environment: BTreeMap<String, String>,
    /// What it reads.
    pub input: String,
    /// How often it may be tried.
    pub attempts: u32,
    /// Whether any output is a failure.
    pub silent: bool,
    /// Whether it is dpkg, which reports the progress that it makes (`--status-fd`).
    pub reports: bool,
    /// Whether a failure is an answer, which is noted with what was printed, and the next step runs.
    pub verdict: bool,
    /// Whether it may change the sandbox's own network, which leads nowhere.
    pub network: bool,
}

impl Step {
    /// `command`, once, without input.
    pub fn new(name: &str, command: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            package: None,
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            environment: BTreeMap::new(),
            input: String::new(),
            attempts: 1,
            silent: false,
            reports: false,
            verdict: false,
            network: false,
        }
    }
}

/// Paths below a scratch folder.
pub(crate) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// The one that the processes of a sandbox start in. They know it by no other name, for the
    /// sandbox's user may not be able to enter the folders above it.
    pub(crate) fn here() -> Self {
        Self(PathBuf::from("."))
    }
    pub(crate) fn job(&self) -> PathBuf {
        self.0.join(JOB)
    }
    pub(crate) fn tree(&self) -> PathBuf {
        self.0.join(TREE)
    }
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }
    pub(crate) fn tools(&self) -> PathBuf {
        self.0.join(TOOLS)
    }
    pub(crate) fn native(&self) -> PathBuf {
        self.0.join("native")
    }
    pub(crate) fn stubs(&self) -> PathBuf {
        self.0.join("stubs")
    }
    pub(crate) fn outcome(&self) -> PathBuf {
        self.0.join(OUTCOME)
    }
    pub(crate) fn result(&self) -> PathBuf {
        self.0.join(RESULT)
    }
    pub(crate) fn bundle(&self) -> PathBuf {
        self.0.join(BUNDLE)
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

/// The files that a sandbox reads.
pub(crate) const GIVEN: [&str; 3] = [JOB, TREE, TOOLS];
/// The files that it makes.
pub(crate) const MADE: [&str; 3] = [OUTCOME, RESULT, BUNDLE];
