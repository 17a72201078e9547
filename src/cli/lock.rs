//! `imgbuild lock`: chooses and pins every input of a build.

use super::args::{LockArgs, TalkArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::print_path;
use super::{inputs, locks};

/// Writes the lock and prints its path.
pub(super) fn lock(args: &LockArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(talk.quiet);
    let session = inputs::open(&args.target, &args.input, &progress)?;
    let lock = session.retried(|| session.resolve(&session.base(None)?))?;
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| locks::default(session.spec()));
    locks::write(&path, &lock)?;
    Ok(print_path(&path)?)
}
