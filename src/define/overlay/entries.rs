//! The entries of an overlay's folder `root/`, each taken to its place in the image, and what is wrong with them.

use super::content::{Fault, fault, is_left_over};
use super::parts::{OverlayFile, OverlaySymlink};
use super::rules::Decision;
use super::unread::Unread;
use crate::define::folder::{Entry, Folder, FolderError};
use crate::diag::{Diagnostic, Diagnostics, visible_name};
use crate::tree::TreePath;
use std::collections::BTreeSet;

/// Templates end in this; the file they make does not.
const TEMPLATE: &str = ".hbs";

/// As many files that are left out as a remark names.
const MAX_NAMED: usize = 20;

/// The files of an overlay as they lie in its folder.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Each with its path below `root/`.
    pub(crate) list: Vec<(String, Entry)>,
    /// Whether `overlay.toml` may be run as well. Then the filesystem says so of every file, as those of
    /// Windows do when they are mounted, and it means nothing.
    pub(crate) all_executable: bool,
}

impl Entries {
    pub(super) fn read(folder: &Folder, name: &str) -> Result<Self, FolderError> {
        Ok(Self {
            list: folder.files(&format!("overlays/{name}/root"))?,
            all_executable: folder.is_executable(&format!("overlays/{name}/overlay.toml"))?,
        })
    }
}

/// What was found in the files of an overlay beside what is in it.
#[derive(Default)]
pub(super) struct Findings {
    faults: Vec<(String, Fault)>,
    unread: Vec<(String, Unread)>,
    /// Names that are none in an image, as they are shown, and why not.
    unplaced: Vec<(String, &'static str)>,
    left_out: Vec<String>,
}

impl Findings {
    /// Whether there is no mistake.
    pub(super) fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.unread.is_empty() && self.unplaced.is_empty()
    }

    /// Takes note of what stands at `place` in the overlay, if it is `unread`.
    pub(super) fn note_unread(&mut self, place: String, unread: Option<Unread>) {
        self.unread.extend(unread.map(|unread| (place, unread)));
    }

    /// Takes back that a file is not read where another one of `files` names it by its whole path: the key of a tunnel
    /// lies beside the file of the tunnel.
    pub(super) fn let_be_what_is_named(&mut self, files: &[OverlayFile]) {
        if self.unread.is_empty() {
            return;
        }
        // Each text is looked at once, however many files are asked about.
        let named: BTreeSet<&[u8]> = files
            .iter()
            .flat_map(|file| paths_in(&file.bytes))
            .collect();
        self.unread.retain(|(place, _)| {
            let path = place.strip_prefix("root").unwrap_or_default();
            let path = path.strip_suffix(TEMPLATE).unwrap_or(path);
            !named.contains(path.as_bytes())
        });
    }

    pub(super) fn report(&self, diagnostics: &mut Diagnostics, folder: &str) {
        for (file, fault) in &self.faults {
            let (title, help) = fault.words(&format!("{folder}root/{file}"));
            diagnostics.note(|| Diagnostic::new("overlay::text", title).help(help));
        }
        for (file, problem) in &self.unplaced {
            let title = format!("`{folder}root/{file}` {problem}");
            diagnostics.note(|| Diagnostic::new("define::path", title));
        }
        for (file, unread) in &self.unread {
            // What overlay.toml itself says has no place for `verbatim`.
            let is_file = file.starts_with("root/");
            let (title, help) = unread.words(&format!("{folder}{file}"), is_file);
            diagnostics.note(|| Diagnostic::new("overlay::unread", title).help(help));
        }
        if self.left_out.is_empty() {
            return;
        }
        let named = self.left_out.iter().take(MAX_NAMED);
        let named: Vec<String> = named.map(|name| format!("`{name}`")).collect();
        let more = match self.left_out.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        diagnostics.remark(format!(
            "left out of the image, as leftovers of editors, file managers or version control: {}{more}, \
             in `{folder}root`; a `[[file]]` with the whole path of one takes it in",
            named.join(", ")
        ));
    }
}

/// An entry of the folder `root/`, and where it goes.
pub(super) struct Placed {
    pub(super) path: TreePath,
    /// Below `root/`.
    source: String,
    template: bool,
}

impl Placed {
    /// The place of `entry`, whose path below `root/` is `source`, if that is a path of an image.
    pub(super) fn of(findings: &mut Findings, source: String, entry: &Entry) -> Option<Self> {
        let plain = source.strip_suffix(TEMPLATE).filter(|plain| is_file(plain));
        let template = plain.is_some() && matches!(entry, Entry::File { .. });
        let target = plain.filter(|_| template).unwrap_or(&source);
        let path = TreePath::parse(target.as_bytes());
        let kept = !is_left_over(&source);
        let problem = match entry {
            Entry::Unwritable if kept => {
                "is not UTF-8, and cannot be written in a definition; rename it"
            }
            Entry::Symlink(target) if kept && visible_name(target.as_bytes()) != *target => {
                "links to what has a control character or one that hides in its name; rename that"
            }
            _ if kept && visible_name(source.as_bytes()) != source => {
                "has a control character or one that hides in its name; rename it"
            }
            _ if path.is_err() => "is no path of an image",
            _ => {
                let path = path.ok()?;
                return Some(Self {
                    path,
                    source,
                    template,
                });
            }
        };
        let shown = match entry {
            Entry::Unwritable => source,
            _ => visible_name(source.as_bytes()),
        };
        findings.unplaced.push((shown, problem));
        None
    }
}

/// What an overlay brings, as far as it has been looked at.
pub(super) struct Contents<'f> {
    pub(super) files: Vec<OverlayFile>,
    pub(super) symlinks: Vec<OverlaySymlink>,
    pub(super) findings: &'f mut Findings,
}

impl Contents<'_> {
    /// Takes `entry` to its place in `file`, as `decision` says.
    pub(super) fn take(&mut self, file: Placed, entry: Entry, decision: Decision) {
        let Placed {
            path,
            source,
            template,
        } = file;
        let Decision {
            ownership,
            when,
            verbatim,
            named,
        } = decision;
        let text = path.to_string();
        let findings = &mut *self.findings;
        let is_left_over = is_left_over(&source) && !named;
        let place = || format!("root/{source}");
        match entry {
            Entry::File { bytes, .. } if !is_left_over => {
                if !verbatim {
                    findings.note_unread(place(), Unread::of(&text, Some(&ownership)));
                    let fault = fault(&text, &bytes, template);
                    let fault = fault.map(|fault| (source.clone(), fault));
                    findings.faults.extend(fault);
                }
                self.files.push(OverlayFile {
                    path,
                    source,
                    bytes,
                    template,
                    ownership,
                    when,
                });
            }
            Entry::Symlink(target) if !is_left_over => {
                if !verbatim {
                    findings.note_unread(place(), Unread::of(&text, None));
                }
                self.symlinks.push(OverlaySymlink {
                    path,
                    target,
                    when: None,
                });
            }
            _ => findings.left_out.push(source),
        }
    }
}

/// The absolute paths that `text` names, as far as they have letters, digits and `_-./~@+` alone.
fn paths_in(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_of_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./~@+".contains(byte);
    let words = text.split(move |byte| !is_of_path(byte));
    words.filter(|word| word.starts_with(b"/"))
}

/// Whether `path` ends in a name: a file that is called `.hbs` is no template of nothing.
fn is_file(path: &str) -> bool {
    !matches!(path.rsplit('/').next(), None | Some("" | "." | ".."))
}
