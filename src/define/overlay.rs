//! `overlays/<name>/`: files and templates that are laid over the root filesystem.
//! `overlays/README.md` explains each key of `overlay.toml`.
//!
//! Files come from a folder or from inside the binary. Modes and owners come from rules, never from the
//! host's filesystem; but what its owner may run there, the device may run too.

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

use super::folder::{Entry, Folder};
use super::read::{self, Keys, Section};
use crate::diag::{Diagnostic, Diagnostics};
pub(crate) use entries::Entries;
use entries::{Contents, Findings, Placed};
use port::PORT;
use rules::{FileRule, decide, is_program};
use std::sync::Arc;
use unread::Unread;

/// A folder of files, with who owns them.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Name of its folder.
    pub name: String,
    /// What it does, in one line.
    pub help: String,
    /// The files by rising path.
    pub files: Vec<OverlayFile>,
    /// The directories that it makes or changes; parents of files need not be among them.
    pub directories: Vec<OverlayDirectory>,
    /// The symlinks.
    pub symlinks: Vec<OverlaySymlink>,
    /// The ports that something of it, or that it sets up, listens on.
    pub ports: Vec<FixedPort>,
}

static TOP: Keys = Keys {
    table: "",
    keys: &["schema", "help", "file", "directory", "symlink", "ports"],
};
static FILE: Keys = Keys {
    table: "[[file]]",
    keys: &["path", "mode", "owner", "group", "when", "verbatim"],
};
static DIRECTORY: Keys = Keys {
    table: "[[directory]]",
    keys: &["path", "mode", "owner", "group", "when"],
};
static SYMLINK: Keys = Keys {
    table: "[[symlink]]",
    keys: &["path", "target", "when"],
};

/// Every table of the format.
pub static TABLES: [&Keys; 5] = [&TOP, &FILE, &DIRECTORY, &SYMLINK, &PORT];

impl Overlay {
    /// Reads the overlay `name` of `folder`; `text` is its `overlay.toml`, `path` where that lies.
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

    /// The overlay of files that lie nowhere, each with its path below `root/`; `text` is its `overlay.toml`.
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

    /// The overlay `name` of its `entries`; `text` is its `overlay.toml`, `path` where that lies.
    pub(crate) fn of(
        diagnostics: &mut Diagnostics,
        name: &str,
        entries: Entries,
        (path, text): (&str, &str),
    ) -> Option<Self> {
        let mut findings = Findings::default();
        let overlay = read::definition(diagnostics, path, text, &TOP, |top| {
            let mut overlay = overlay(name, top, entries, &mut findings)?;
            let source = path.strip_suffix("overlay.toml").unwrap_or(path);
            for file in &mut overlay.files {
                file.source = format!("{source}root/{}", file.source);
            }
            Some(overlay)
        });
        let folder = path.strip_suffix("overlay.toml").unwrap_or(path);
        findings.report(diagnostics, folder);
        overlay.filter(|_| findings.is_sound())
    }
}

fn overlay(
    name: &str,
    top: &Section<'_>,
    entries: Entries,
    findings: &mut Findings,
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
        findings.note_unread(format!("overlay.toml: {path}"), unread);
    }
    let mut contents = Contents {
        files: Vec::new(),
        symlinks,
        findings,
    };
    let mut used = vec![false; rules.len()];
    for (source, mut entry) in entries.list {
        let Some(file) = Placed::of(contents.findings, source, &entry) else {
            continue;
        };
        if let Entry::File { executable, .. } = &mut entry {
            *executable &= !entries.all_executable;
        }
        let text = file.path.to_string();
        let decision = decide(&rules, &mut used, &text, is_program(&text, &entry));
        contents.take(file, entry, decision);
    }
    let Contents {
        mut files,
        symlinks,
        findings,
    } = contents;
    findings.let_be_what_is_named(&files);
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
        symlinks,
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
