//! `imgbuild --board B --profile P`: builds an image.

use super::args::{BuildArgs, TalkArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{now, print_path, say};
use super::{inputs, locks, output};
use std::path::PathBuf;

/// Builds the image and prints its path.
pub(super) fn image(args: &BuildArgs, talk: TalkArgs) -> Result<(), Failure> {
    Ok(print_path(&write(args, talk)?)?)
}

/// Builds the image and returns its path.
pub(super) fn write(args: &BuildArgs, talk: TalkArgs) -> Result<PathBuf, Failure> {
    let began = now();
    let progress = Progress::new(talk.quiet);
    args.output.as_deref().map_or(Ok(()), output::check)?;
    let session = inputs::open(&args.target, &args.input, &progress)?;
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| output::default(session.spec()));
    let (plan, written) = session.retried(|| {
        // The output is made first, so that a build of minutes does not end with an output that cannot be written.
        let output = match args.bmap {
            true => session.with_block_map(session.output(&path)?, &output::block_map(&path))?,
            false => session.output(&path)?,
        };
        let (plan, base) = locks::plan(&session, args, &progress)?;
        if talk.verbose {
            say(plan.to_text().trim_end());
        }
        let image = session.build(&plan, &base)?;
        let written = session.write(&plan, &image, output)?;
        Ok::<_, Failure>((plan, written))
    })?;
    if !talk.quiet {
        let digest = written
            .sha256
            .map(|digest| digest.to_string())
            .unwrap_or_default();
        say(&format!(
            "{} {} bytes sha256:{digest} build {} {:.1} s",
            path.display(),
            written.len,
            &plan.build_id.to_string()[..16],
            began.elapsed().as_secs_f64(),
        ));
    }
    Ok(path)
}
