//! `imgbuild release`: builds an image, with everything that is published with it.

use super::args::{ReleaseArgs, TalkArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{now, print_path, say};
use super::{environment, inputs, locks, signals};
use crate::release::{Minisign, ReleaseError, Signer, UrlBase};
use crate::session::{ReleaseOptions, SessionError};
use crate::sink::{Format, Level};
use crate::specification::Spec;
use std::path::{Path, PathBuf};

/// Makes the release and prints the path of its folder.
pub(super) fn release(args: &ReleaseArgs, talk: TalkArgs) -> Result<(), Failure> {
    let began = now();
    let progress = Progress::new(talk.quiet);
    let url_base = args.url_base.as_deref().map(url_base).transpose()?;
    let signer = args.sign.as_deref().map(signer).transpose()?;
    let minisign = args.sign_minisign.as_deref().map(minisign).transpose()?;
    if minisign.is_some() {
        signals::keep_terminal();
    }
    let formats = formats(&args.format)?;
    if url_base.is_some() && formats.iter().all(|it| *it == Format::Qcow2) {
        let words = "`--url-base`: the list is for Raspberry Pi Imager, which does not read .qcow2; add another \
                     `--format`, or leave out `--url-base`";
        return Err(Failure::Usage(words.to_owned()));
    }
    let options = ReleaseOptions {
        formats: &formats,
        level: match args.max_compression {
            true => Level::Highest,
            false => Level::Usual,
        },
        url_base: url_base.as_ref(),
        signer: signer.as_ref(),
        minisign: minisign.as_ref(),
        allow_secrets: args.allow_secrets,
    };
    let session = inputs::open(&args.source.target, &args.source.input, &progress)?;
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| default(session.spec()));
    let (plan, images) = session.retried(|| {
        // The folder is made first, so that a build of minutes does not end with a folder that cannot be written.
        let folder = session.release_folder(&path, &options)?;
        let (plan, base) = locks::plan(&session, &args.source, &progress)?;
        if talk.verbose {
            say(plan.to_text().trim_end());
        }
        let images = session.release(&plan, &base, folder, &options)?;
        Ok::<_, Failure>((plan, images))
    })?;
    if !talk.quiet {
        for image in &images.published {
            say(&format!(
                "{} {} bytes sha256:{}",
                path.join(&image.name).display(),
                image.size,
                image.sha256
            ));
        }
        say(&format!(
            "{} build {} {:.1} s",
            path.display(),
            &plan.build_id.to_string()[..16],
            began.elapsed().as_secs_f64(),
        ));
    }
    Ok(print_path(&path)?)
}

/// The formats that the user wants, each once; or else the one that most people expect.
fn formats(given: &[Format]) -> Result<Vec<Format>, Failure> {
    for (index, format) in given.iter().enumerate() {
        if given[..index].contains(format) {
            let words = format!("`--format {}` is given twice", format.ending());
            return Err(Failure::Usage(words));
        }
    }
    Ok(match given {
        [] => vec![Format::Xz],
        given => given.to_vec(),
    })
}

fn url_base(text: &str) -> Result<UrlBase, Failure> {
    let parsed = text.parse();
    parsed.map_err(|error| Failure::Usage(format!("`--url-base`: {error}")))
}

fn signer(key: &str) -> Result<Signer, Failure> {
    let found = Signer::find(&environment::program_folders(), key);
    Ok(found.map_err(|error| SessionError::from(ReleaseError::from(error)))?)
}

fn minisign(key: &Path) -> Result<Minisign, Failure> {
    let found = Minisign::find(&environment::program_folders(), key);
    Ok(found.map_err(|error| SessionError::from(ReleaseError::from(error)))?)
}

/// The default name for the folder of a release of `spec`, in the working directory.
fn default(spec: &Spec) -> PathBuf {
    PathBuf::from(format!("{}-{}", spec.board.name, spec.profile.name))
}
