//! `imgbuild inspect IMAGE [PATH]`: says what an image is, or lists, prints and copies files of it.

use super::args::{InspectArgs, TalkArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{print_json, print_path, print_text, say};
use super::{apart, files, inputs, signals, terminal};
use crate::inspect::{self, Disk, Found, Image, InspectError, Origins, Place, Report};
use crate::rebuild::Manifest;
use crate::release::MANIFEST;
use crate::unfinished::Unfinished;
use serde_json::json;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Inspects the image, or the path in it.
pub(super) fn inspect(args: &InspectArgs, talk: TalkArgs) -> Result<(), Failure> {
    let place = args.path.as_ref();
    let place = place
        .map(|path| Place::parse(path.as_bytes()))
        .transpose()?;
    for (flag, to) in [("--html", &args.html), ("--extract", &args.extract)] {
        if let Some(to) = to {
            apart::check(flag, to, &[&args.image])?;
        }
    }
    let image = open(&args.image, args.store.as_deref(), talk)?;
    let disk = Disk::read(&image)?;
    let Some(place) = place else {
        let mut report = Report::of(&image, &disk);
        report.origins = origins(args, &image)?.map(|origins| origins.report(&image, &disk));
        match &args.html {
            Some(to) => {
                let name = args.image.file_name().unwrap_or(args.image.as_os_str());
                let page = report.to_html(&name.to_string_lossy(), &disk);
                write_page(&page, to)?;
            }
            None if args.json => print_json(&json!(report))?,
            None => print_text(&report.to_text(talk.verbose))?,
        }
        return verdict(report);
    };
    let found = place.find(&image, &disk)?;
    match (&args.extract, args.json) {
        (Some(to), _) => extract(&image, &found, to, talk),
        (None, true) => {
            let origins = origins(args, &image)?;
            Ok(print_json(
                &match found.entries(&image, origins.as_ref()) {
                    Some(entries) => json!(entries),
                    None => json!(found.entry(&image, origins.as_ref())),
                },
            )?)
        }
        (None, false) if found.is_directory() => {
            let origins = origins(args, &image)?;
            let entries = found.entries(&image, origins.as_ref());
            Ok(print_text(&inspect::to_text(&entries.unwrap_or_default()))?)
        }
        (None, false) => show(&image, &found),
    }
}

/// Opens the image. The store is used only if it is packed.
pub(super) fn open(path: &Path, store: Option<&Path>, talk: TalkArgs) -> Result<Image, Failure> {
    if let Some(image) = Image::plain(path)? {
        return Ok(image);
    }
    let store = inputs::store(store)?;
    Ok(Image::unpacked(path, &store, &Progress::new(talk.quiet))?)
}

/// Writes a page, which appears whole or not at all.
pub(super) fn write_page(page: &str, to: &Path) -> Result<(), Failure> {
    let written = Unfinished::create(to).and_then(|unfinished| {
        signals::guard(unfinished.partial());
        let mut file = unfinished.file();
        file.write_all(page.as_bytes())?;
        unfinished.finish()
    });
    written.map_err(|source| InspectError::Write {
        path: to.to_owned(),
        source,
    })?;
    Ok(print_path(to)?)
}

/// Fails if parts of the image are damaged. The report was printed all the same.
fn verdict(report: Report) -> Result<(), Failure> {
    match report.faults.is_empty() {
        true => Ok(()),
        false => Err(InspectError::Faults(report.faults).into()),
    }
}

/// The origins of the files of `image`, by its manifest. A manifest that lies beside the image, and is not its own or
/// cannot be used, is named in a message and passed over.
fn origins(args: &InspectArgs, image: &Image) -> Result<Option<Origins>, Failure> {
    let path = args.manifest.clone();
    let path = path.unwrap_or_else(|| args.image.with_file_name(MANIFEST));
    let unused = |why: &str| say(&format!("`{}` is not used: {why}", path.display()));
    let manifest = match &args.manifest {
        Some(_) => {
            let text = files::read(&path, files::MAX_LONG).map_err(Failure::reading(&path))?;
            Manifest::parse(&text, &path)?
        }
        None => match files::read_found(&path, files::MAX_LONG) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                unused(&error.to_string());
                return Ok(None);
            }
            Ok(text) => match Manifest::parse(text.as_bytes(), &path) {
                Ok(manifest) => manifest,
                Err(error) => {
                    unused(&error.to_string());
                    return Ok(None);
                }
            },
        },
    };
    let published = &manifest.image;
    let (len, expected) = (image.device().len(), published.sha256);
    if len != published.size {
        let expected = published.size;
        unused(&format!(
            "it is about an image of {expected} bytes, and this one has {len}"
        ));
        return Ok(None);
    }
    let found = image.sha256()?;
    if found != expected {
        unused(&format!(
            "it is about an image with sha256 {expected}, and this one has {found}"
        ));
        return Ok(None);
    }
    let origins = Origins::new(&manifest);
    Ok(origins.inspect_err(|error| unused(&error.to_string())).ok())
}

/// Prints a file as it is.
fn show(image: &Image, found: &Found<'_>) -> Result<(), Failure> {
    // The errors of the image and those of standard output have different exit codes.
    let mut failed = None;
    let mut out = terminal::Output {
        failed: &mut failed,
    };
    let printed = inspect::print(image, found, &mut out);
    match failed {
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(error) => Err(terminal::PrintError::from(error).into()),
        None => Ok(printed?),
    }
}

fn extract(image: &Image, found: &Found<'_>, to: &Path, talk: TalkArgs) -> Result<(), Failure> {
    let extracted = inspect::extract(image, found, to, signals::guard)?;
    for path in &extracted.skipped {
        say(&format!(
            "left out `{}`: only files, directories and symlinks are copied",
            path.display()
        ));
    }
    if !talk.quiet {
        let nodes = match extracted.nodes {
            1 => "1 file or directory".to_owned(),
            nodes => format!("{nodes} files and directories"),
        };
        say(&format!("copied {nodes} to `{}`", to.display()));
    }
    Ok(())
}
