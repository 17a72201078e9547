//! `imgbuild plan`: prints the plan of a build.

use super::args::{PlanArgs, TalkArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{print_json, print_text};
use super::{inputs, locks};

/// Prints the plan.
pub(super) fn plan(args: &PlanArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(talk.quiet);
    let session = inputs::open(
        &args.build.source.target,
        &args.build.source.input,
        &progress,
    )?;
    let (plan, _) = session.retried(|| locks::plan(&session, &args.build.source, &progress))?;
    Ok(match args.json {
        true => print_json(&plan.to_json()),
        false => print_text(&plan.to_text()),
    }?)
}
