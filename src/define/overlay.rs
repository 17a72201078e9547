//! `overlays/<name>/`: files and templates that are written over the root filesystem. `overlays/README.md` explains each key
//! of `overlay.toml`.
//!
//! Files come from a folder or from inside the binary. Modes and owners come from rules and not from the filesystem of the
//! host, except that a file which its owner may execute there is executable on the device.

mod content;
mod entries;
mod ownership;
mod parts;
mod port;
mod rules;
mod unread;

pub use ownership::Ownership;
pub use parts::{OverlayDirectory, OverlayFile, OverlaySymlink};
pub use port::FixedPort;

use super::condition::Condition;
use super::folder::{Entry, Folder};
use super::read::{self, Keys, Section};
use crate::diag::{Diagnostic, Diagnostics};
pub(crate) use entries::Entries;
use entries::{Contents, Placed};
use port::PORT;
use rules::{FileRule, decide, is_program};
use std::sync::Arc;
use unread::Unread;

/// A folder of files, with their owners and modes.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// The name of its folder.
    pub name: String,
    /// A description in one line.
    pub help: String,
    /// The files, sorted by path.
    pub files: Vec<OverlayFile>,
    /// The directories that it makes or changes; the parents of files need not be listed.
    pub directories: Vec<OverlayDirectory>,
    /// The symlinks.
    pub symlinks: Vec<OverlaySymlink>,
    /// The ports on which its programs, or programs that it configures, listen.
    pub ports: Vec<FixedPort>,
}

static TOP: Keys = Keys::of("", "schema help file directory symlink ports");
static FILE: Keys = Keys::of("[[file]]", "path mode owner group when verbatim");
static DIRECTORY: Keys = Keys::of("[[directory]]", "path mode owner group when");
static SYMLINK: Keys = Keys::of("[[symlink]]", "path target when");

/// Every table of the format.
pub static TABLES: [&Keys; 5] = [&TOP, &FILE, &DIRECTORY, &SYMLINK, &PORT];

impl Overlay {
    /// Reads the overlay `name` of `folder`; `text` is its `overlay.toml`, and `path` the path of that file.
    pub(crate) fn parse(
        diagnostics: &mut Diagnostics,
        name: &str,
        folder: &Folder,
        (path, text): (&str, &str),
    ) -> Option<Self> {
        match Entries::read(folder, name) {
            Ok(entries) => Self::of(diagnostics, name, entries, (path, text)),
            Err(error) => {
                diagnostics.push(Diagnostic::new("define::unreadable", error.to_string()));
                None
            }
        }
    }

    /// Makes an overlay of `files`, each with its path below `root/`; `text` is its `overlay.toml`.
    pub fn of_files(
        diagnostics: &mut Diagnostics,
        text: &str,
        files: &[(&str, &[u8])],
    ) -> Option<Self> {
        let list = files.iter().map(|(path, bytes)| {
            let (bytes, executable) = (Arc::from(*bytes), false);
            ((*path).to_owned(), Entry::File { bytes, executable })
        });
        let entries = Entries {
            list: list.collect(),
            all_executable: false,
        };
        Self::of(diagnostics, "x", entries, ("overlays/x/overlay.toml", text))
    }

    /// Makes the overlay `name` of `entries`; `text` is its `overlay.toml`, and `path` the path of that file.
    pub(crate) fn of(
        diagnostics: &mut Diagnostics,
        name: &str,
        entries: Entries,
        (path, text): (&str, &str),
    ) -> Option<Self> {
        let mut contents = Contents::default();
        let folder = path.strip_suffix("overlay.toml").unwrap_or(path);
        let overlay = read::definition(diagnostics, path, text, &TOP, |top| {
            let mut overlay = overlay(name, top, entries, &mut contents)?;
            for file in &mut overlay.files {
                file.source = format!("{folder}root/{}", file.source);
            }
            Some(overlay)
        });
        contents.findings.report(diagnostics, folder);
        overlay.filter(|_| contents.findings.is_sound())
    }

    /// The condition of each entry that has one, first those of files.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let files = self.files.iter().filter_map(|file| file.when.as_ref());
        files.chain(self.conditions_but_of_files())
    }

    /// The conditions of directories and symlinks.
    pub(crate) fn conditions_but_of_files(&self) -> impl Iterator<Item = &Condition> {
        let directories = self.directories.iter().map(|directory| &directory.when);
        let symlinks = self.symlinks.iter().map(|symlink| &symlink.when);
        directories.chain(symlinks).flatten()
    }
}

fn overlay(
    name: &str,
    top: &Section<'_>,
    entries: Entries,
    contents: &mut Contents,
) -> Option<Overlay> {
    let help = top.need("help", top.text("help"));
    let rules = top.sections("file", &FILE);
    let rules: Vec<_> = rules.iter().filter_map(FileRule::read).collect();
    let directories = top.sections("directory", &DIRECTORY);
    let directories: Vec<_> = directories.iter().map(rules::directory).collect();
    let symlinks = top.sections("symlink", &SYMLINK);
    let symlinks: Vec<_> = symlinks.iter().filter_map(rules::symlink).collect();
    for symlink in &symlinks {
        let path = symlink.path.to_string();
        let unread = Unread::of(&path, None);
        let place = format!("overlay.toml: {path}");
        contents.findings.add_unread(place, unread);
    }
    contents.symlinks = symlinks;
    let mut used = vec![false; rules.len()];
    for (source, mut entry) in entries.list {
        let Some(file) = Placed::of(&mut contents.findings, source, &entry) else {
            continue;
        };
        if let Entry::File { executable, .. } = &mut entry {
            *executable &= !entries.all_executable;
        }
        let text = file.path.to_string();
        let decision = decide(&rules, &mut used, &text, is_program(&text, &entry));
        contents.add(file, entry, decision);
    }
    let mut files = std::mem::take(&mut contents.files);
    contents.findings.forget_named(&files);
    let unused = rules.iter().zip(used).filter(|(_, used)| !used);
    unused.for_each(|(rule, _)| top.note(|| no_file(rule, &files)));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let ports = port::read(top);
    Some(Overlay {
        ports,
        name: name.to_owned(),
        help: help?.value,
        files,
        directories: directories.into_iter().collect::<Option<_>>()?,
        symlinks: std::mem::take(&mut contents.symlinks),
    })
}

fn no_file(rule: &FileRule, files: &[OverlayFile]) -> Diagnostic {
    let known: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
    let pattern = &rule.path;
    let title = format!("no file matches `{}`", pattern.value);
    Diagnostic::new("overlay::no-file", title)
        .label(&pattern.span, "expected a file below `root/`")
        .suggest(&pattern.value, known.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
