//! `imgbuild plan`: what would be built.

use super::args::{PlanArgs, TalkArgs};
use super::failure::Failure;
use super::progress::{Progress, Show};
use super::terminal::{print_json, print_text};
use super::{inputs, locks};

/// Prints what would be built.
pub(super) fn plan(args: &PlanArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(Show::suited(talk.quiet));
    let session = inputs::open(&args.build.target, &args.build.input, &progress)?;
    let (plan, _) = session.retried(|| locks::plan(&session, &args.build, &progress))?;
    match args.json {
        true => print_json(&plan.to_json()),
        false => print_text(&plan.to_text()),
    }?;
    Ok(())
}
