//! `imgbuild diff A B`: says what differs between two images, or between two locks.

use super::args::{DiffArgs, TalkArgs};
use super::failure::Failure;
use super::inspect::{open, write_page};
use super::terminal::{print_json, print_text};
use super::{apart, exit, locks};
use crate::diff::{self, ImageDiff, LockDiff, Section, Side};
use crate::inspect::InspectError;
use serde_json::{Value, json};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Compares two images or two locks, and gives the exit code that says whether they differ.
pub(super) fn diff(args: &DiffArgs, talk: TalkArgs) -> Result<u8, Failure> {
    if let Some(to) = &args.html {
        apart::check("--html", to, &[&args.before, &args.after])?;
    }
    if is_lock(&args.before) || is_lock(&args.after) {
        let diff = LockDiff::of(&locks::named(&args.before)?, &locks::named(&args.after)?);
        print(args, talk, diff.sections(), || json!(diff))?;
        return Ok(exit::of_difference(!diff.is_empty()));
    }
    let store = args.store.as_deref();
    let (before, after) = (
        open(&args.before, store, talk)?,
        open(&args.after, store, talk)?,
    );
    let names = [name(&args.before), name(&args.after)];
    let side = |index: usize, image| Side {
        name: &names[index],
        image,
    };
    let diff = ImageDiff::of(side(0, &before), side(1, &after))?;
    print(args, talk, diff.sections(talk.verbose), || json!(diff))?;
    match diff.faults.is_empty() {
        true => Ok(exit::of_difference(!diff.is_empty())),
        false => Err(InspectError::Faults(diff.faults).into()),
    }
}

/// Whether the file at `path` is a lock: its name says so, or it is a pipe, which no image can be.
fn is_lock(path: &Path) -> bool {
    let is_pipe = || fs_err::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
    path.extension().is_some_and(|ending| ending == "lock") || is_pipe()
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Prints the difference in the form that was asked for.
fn print(
    args: &DiffArgs,
    talk: TalkArgs,
    sections: Vec<Section>,
    json: impl Fn() -> Value,
) -> Result<(), Failure> {
    if let Some(to) = &args.html {
        let page = diff::to_html(&sections, &name(&args.before), &name(&args.after));
        return write_page(&page, to);
    }
    match args.json {
        true => Ok(print_json(&json())?),
        false => Ok(print_text(&diff::to_text(&sections, talk.verbose))?),
    }
}
