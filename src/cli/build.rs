//! `imgbuild --board B --profile P`: builds an image.

use super::args::{BuildArgs, TalkArgs};
use super::failure::Failure;
use super::output::{self, Place, Request};
use super::progress::Progress;
use super::terminal::{now, print_file, print_path, say};
use super::{apart, inputs, locks};
use crate::event::{Event, Reporter};
use crate::plan::Plan;
use crate::session::{Session, SessionError};
use crate::sink::{Format, Level, Output, Outputs, Written};
use crate::specification::{ImageBase, Spec};
use std::path::PathBuf;
use std::time::Instant;

/// Builds the image, and prints the paths of its files. If standard output is one of the outputs, it gets the image
/// and nothing else.
pub(super) fn image(args: &BuildArgs, talk: TalkArgs) -> Result<(), Failure> {
    let requests = output::requests(args)?;
    let progress = Progress::new(talk.quiet);
    let (session, written) = write(args, &requests, talk, &progress)?;
    let files = requests.iter().zip(&written.files);
    // A file for standard output lies in the store until the session is dropped.
    let stdout = files
        .clone()
        .find(|(request, _)| request.file(session.spec()).is_none());
    match stdout {
        Some((_, file)) => print_file(&file.path)?,
        None => {
            for (_, file) in files {
                print_path(&file.path)?;
            }
        }
    }
    Ok(())
}

/// Builds the image, and returns the path of its raw file, which must be among the outputs.
pub(super) fn raw(args: &BuildArgs, talk: TalkArgs) -> Result<PathBuf, Failure> {
    let requests = output::requests(args)?;
    let is_raw =
        |request: &Request| request.format == Format::Raw && request.place != Place::Stdout;
    let has_stdout = requests.iter().any(|it| it.place == Place::Stdout);
    let Some(index) = requests.iter().position(is_raw).filter(|_| !has_stdout) else {
        let words = "`imgbuild test` starts an image that is not packed, and prints results to standard output: \
                     give the name of a file that ends in .img with `--output`; further files may be packed";
        return Err(Failure::Usage(words.to_owned()));
    };
    let progress = Progress::new(talk.quiet);
    let (_, written) = write(args, &requests, talk, &progress)?;
    Ok(written.files[index].path.clone())
}

/// Builds the image and writes `requests`, which have the files of the result in the same order.
fn write<'a>(
    args: &BuildArgs,
    requests: &[Request],
    talk: TalkArgs,
    progress: &'a Progress,
) -> Result<(Session<'a>, Written), Failure> {
    let began = now();
    let session = inputs::open(&args.source.target, &args.source.input, progress)?;
    check_apart(session.spec(), requests)?;
    let (plan, written) = session.retried(|| {
        // The outputs are made first, so that a build of minutes does not end with an output that cannot be written.
        let outputs = outputs(&session, args, requests, progress)?;
        let (plan, base) = locks::plan(&session, &args.source, progress)?;
        if talk.verbose {
            say(plan.to_text().trim_end());
        }
        let image = session.build(&plan, &base)?;
        let written = session.write(&plan, &image, outputs)?;
        Ok::<_, Failure>((plan, written))
    })?;
    if !talk.quiet {
        let names = requests.iter().map(|request| request.name(session.spec()));
        show(&names.collect::<Vec<_>>(), &written, &plan, began);
    }
    Ok((session, written))
}

/// Refuses an output that would replace the file of the base image.
fn check_apart(spec: &Spec, requests: &[Request]) -> Result<(), Failure> {
    let image = spec.base.as_ref().or(spec.loader.as_ref());
    let Some(ImageBase::File { path, .. }) = image else {
        return Ok(());
    };
    let mut outputs = requests.iter().filter_map(|request| request.file(spec));
    outputs.try_for_each(|output| apart::check("--output", &output, &[path]))
}

fn outputs(
    session: &Session<'_>,
    args: &BuildArgs,
    requests: &[Request],
    progress: &Progress,
) -> Result<Outputs, SessionError> {
    let level = match args.max_compression {
        true => Level::Highest,
        false => Level::Usual,
    };
    let outputs = requests.iter();
    let outputs = outputs.map(|request| output(session, args, request, progress));
    Ok(Outputs::new(outputs.collect::<Result<_, _>>()?, level))
}

/// Makes the unfinished files of one output.
fn output(
    session: &Session<'_>,
    args: &BuildArgs,
    request: &Request,
    progress: &Progress,
) -> Result<Output, SessionError> {
    let file = request.file(session.spec());
    let path = file.unwrap_or_else(|| session.scratch_path());
    let output = session.output_as(&path, request.format)?;
    match request.block_map(session.spec()) {
        Some(map) if args.bmap => return session.with_block_map(output, &map),
        Some(map) if map.exists() => progress.report(Event::Warning(format!(
            "`{}` is the map of an earlier image, by which bmaptool refuses the new one: remove the map, or give \
             `--bmap`",
            map.display()
        ))),
        _ => {}
    }
    Ok(output)
}

/// Says what was written under `names`: each packed file, and the image with its digest.
fn show(names: &[String], written: &Written, plan: &Plan, began: Instant) {
    let files = names.iter().zip(&written.files);
    let (raw, packed): (Vec<_>, Vec<_>) = files.partition(|(_, file)| file.format == Format::Raw);
    for (name, file) in packed {
        if let Some((len, digest)) = file.content {
            say(&format!("{name} {len} bytes sha256:{digest}"));
        }
    }
    let names: Vec<&str> = raw.iter().map(|(name, _)| name.as_str()).collect();
    let name = match names.is_empty() {
        true => "image".to_owned(),
        false => names.join(" "),
    };
    let digest = written.sha256.map(|digest| digest.to_string());
    say(&format!(
        "{name} {} bytes sha256:{} build {} {:.1} s",
        written.len,
        digest.unwrap_or_default(),
        &plan.build_id.to_string()[..16],
        began.elapsed().as_secs_f64(),
    ));
}
