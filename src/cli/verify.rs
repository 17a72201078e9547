//! `imgbuild verify IMAGE`: builds a published image again, and prints how it differs.

use super::args::{TalkArgs, VerifyArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{print_json, print_text};
use super::{files, inputs, target};
use crate::diag::visible_name;
use crate::lock::Lock;
use crate::rebuild::{self, Manifest, RebuildError};
use crate::release::MANIFEST;
use crate::session::Rebuilt;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// Verifies the image and prints the result.
pub(super) fn verify(args: &VerifyArgs, talk: TalkArgs) -> Result<(), Failure> {
    let path = args.manifest.clone();
    let path = path.unwrap_or_else(|| args.image.with_file_name(MANIFEST));
    let text = files::read(&path, files::MAX_LONG).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RebuildError::NoManifest(path.clone()).into(),
        _ => Failure::reading(&path)(error),
    })?;
    let manifest = Manifest::parse(&text, &path)?;
    // An image that is not there shall be known before minutes of building.
    std::fs::metadata(&args.image).map_err(Failure::reading(&args.image))?;
    match args.sums_only {
        true => sums(args, &manifest, &path),
        false => differences(args, talk, &manifest, &path),
    }
}

/// Builds the image of `manifest`, which is in the file `path`, and prints how the published one differs.
fn differences(
    args: &VerifyArgs,
    talk: TalkArgs,
    manifest: &Manifest,
    path: &Path,
) -> Result<(), Failure> {
    manifest.check_version()?;
    let lock = lock(args, manifest, path)?;
    let spec = target::of_manifest(args, manifest)?;
    manifest.check_spec(&spec)?;
    let progress = Progress::new(talk.quiet);
    let session = inputs::open_spec(spec, None, &args.input, &progress)?;
    let rebuilt = session.retried(|| {
        let base = session.base(Some(&lock))?;
        let plan = session.plan(lock.clone())?;
        manifest.check_plan(&plan)?;
        Ok::<_, Failure>(session.compare(&plan, &base, &args.image, manifest.image.sha256)?)
    })?;
    let found = &rebuilt.differences;
    let is_identical = found.is_empty();
    match args.json {
        true => print_json(&json!({ "identical": is_identical, "differences": found })),
        false => print_text(&found.text()),
    }?;
    verdict(args, manifest, &rebuilt)
}

fn verdict(args: &VerifyArgs, manifest: &Manifest, rebuilt: &Rebuilt) -> Result<(), Failure> {
    if !rebuilt.differences.is_empty() {
        return Err(RebuildError::Differs(args.image.clone()).into());
    }
    manifest.check_image(rebuilt.differences.sha256)?;
    match &rebuilt.expected {
        Some(expected) => Ok(manifest.check_expected(expected)?),
        None => Ok(()),
    }
}

/// The lock of `manifest`: the one that `args` name, or the one beside the manifest.
fn lock(args: &VerifyArgs, manifest: &Manifest, path: &Path) -> Result<Lock, Failure> {
    let path: PathBuf = match &args.lock {
        Some(path) => path.clone(),
        None => path.with_file_name(manifest.lock_name()?),
    };
    let text = files::read_text(&path, files::MAX_LONG).map_err(|source| Failure::ReadLock {
        path: path.clone(),
        source,
    })?;
    Ok(manifest.lock(&text, &path)?)
}

/// Compares checksums alone, and prints them as sha256sum(1) does.
fn sums(args: &VerifyArgs, manifest: &Manifest, path: &Path) -> Result<(), Failure> {
    let store = inputs::store(args.input.store.as_deref())?;
    let sums = rebuild::sums(&args.image, manifest, path, store.scratch_path())?;
    let line = |sum: &rebuild::Sum| {
        let word = if sum.is_right() { "OK" } else { "FAILED" };
        // A name with a line end would look like two sums.
        format!("{}: {word}\n", visible_name(sum.name.as_bytes()))
    };
    match args.json {
        true => print_json(&json!({ "sums": sums })),
        false => print_text(&sums.iter().map(line).collect::<String>()),
    }?;
    match sums.iter().filter(|sum| !sum.is_right()).count() {
        0 => Ok(()),
        wrong => Err(RebuildError::Sums(wrong).into()),
    }
}
