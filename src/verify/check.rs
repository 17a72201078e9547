//! One thing that is checked, and what it is about.

use crate::sandbox::Step;
use crate::tree::TreePath;

/// A program of the image that is to give its verdict.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// How it is asked.
    pub(super) step: Step,
    /// The files that it reads.
    pub(super) files: Vec<TreePath>,
}

impl Check {
    /// Runs `command`, which reads `files`.
    pub(super) fn program(command: &[&str], files: Vec<TreePath>) -> Self {
        let mut step = Step::new(&command.join(" "), command);
        step.verdict = true;
        step.network = true;
        Self { step, files }
    }

    /// Runs `command` of a rule, a line for a shell.
    pub(super) fn shell(command: &str, files: Vec<TreePath>) -> Self {
        let mut check = Self::program(&["sh", "-c", command], files);
        command.clone_into(&mut check.step.name);
        check
    }
}

/// What is wrong without asking a program.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// In words.
    pub(super) words: String,
    /// The file.
    pub(super) file: TreePath,
}
