//! A check that a program makes, and a problem that is found without one.

use crate::diag::nearest;
use crate::sandbox::Step;
use crate::tree::TreePath;

/// A check that a program of the image makes.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// The step that runs the program.
    pub(super) step: Step,
    /// The files that it reads.
    pub(super) files: Vec<TreePath>,
}

impl Check {
    /// A check by `command`, which reads `files`.
    pub(super) fn program(command: &[&str], files: Vec<TreePath>) -> Self {
        let mut step = Step::new(&command.join(" "), command);
        step.verdict = true;
        step.network = true;
        Self { step, files }
    }

    /// A check by `command`, a line for a shell.
    pub(super) fn shell(command: &str, files: Vec<TreePath>) -> Self {
        let mut check = Self::program(&["sh", "-c", command], files);
        command.clone_into(&mut check.step.name);
        check
    }
}

/// A mistake in a file that is found without running a program.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The message.
    pub(super) words: String,
    /// The file.
    pub(super) file: TreePath,
}

/// The end of a message about an unknown `word`: the word of `known` that was probably meant. It is empty if no word
/// is near.
pub(super) fn suggestion<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; there is `{near}`"))
}
