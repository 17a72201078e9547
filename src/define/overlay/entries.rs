//! The entries of the folder `root/` of an overlay: the path of each in the image, and the mistakes in them.

use super::content::{Fault, fault, is_left_over};
use super::parts::{OverlayFile, OverlaySymlink};
use super::rules::Decision;
use super::unread::Unread;
use crate::define::folder::{Entry, Folder, FolderError};
use crate::diag::{Diagnostic, Diagnostics, visible_name};
use crate::template::{self, TemplateError};
use crate::tree::TreePath;
use std::collections::BTreeSet;

/// The ending of the names of templates; the file in the image does not have it.
const TEMPLATE: &str = ".hbs";

/// The largest number of left-out files that a remark names.
const MAX_NAMED: usize = 20;

/// The files in the folder of an overlay.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The entries, each with its path below `root/`.
    pub(crate) list: Vec<(String, Entry)>,
    /// Whether `overlay.toml` is executable too. Then every file of this filesystem is, as on mounted filesystems of Windows,
    /// and the permission means nothing.
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

/// The mistakes in the files of an overlay, and the files that are left out.
#[derive(Default)]
pub(super) struct Findings {
    faults: Vec<(String, Fault)>,
    unread: Vec<(String, Unread)>,
    templates: Vec<TemplateError>,
    /// Names that a file of an image cannot have, as messages show them, and the reasons.
    unplaced: Vec<(String, &'static str)>,
    left_out: Vec<String>,
}

impl Findings {
    /// Whether there are no mistakes.
    pub(super) fn is_sound(&self) -> bool {
        let mistakes = [self.faults.len(), self.unread.len(), self.templates.len()];
        mistakes == [0; 3] && self.unplaced.is_empty()
    }

    /// Adds the entry at `place` in the overlay, if it is `unread`.
    pub(super) fn add_unread(&mut self, place: String, unread: Option<Unread>) {
        self.unread.extend(unread.map(|unread| (place, unread)));
    }

    /// Removes unread files that another one of `files` names by its whole path, as the file of a tunnel names its key.
    pub(super) fn forget_named(&mut self, files: &[OverlayFile]) {
        if self.unread.is_empty() {
            return;
        }
        // The texts are searched once, not once for each unread file.
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
            let (title, help) = fault.message(&format!("{folder}root/{file}"));
            diagnostics.note(|| Diagnostic::new("overlay::text", title).help(help));
        }
        for error in &self.templates {
            let template = format!("{folder}root/{}", error.template);
            let error = TemplateError {
                template,
                ..error.clone()
            };
            diagnostics.note(|| Diagnostic::new("overlay::template", error.to_string()));
        }
        for (file, problem) in &self.unplaced {
            let title = format!("`{folder}root/{file}` {problem}");
            diagnostics.note(|| Diagnostic::new("define::path", title));
        }
        for (file, unread) in &self.unread {
            // An entry of overlay.toml cannot have `verbatim`.
            let is_file = file.starts_with("root/");
            let (title, help) = unread.message(&format!("{folder}{file}"), is_file);
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

/// An entry of the folder `root/`, with its path in the image.
pub(super) struct Placed {
    pub(super) path: TreePath,
    /// The path below `root/`.
    source: String,
    template: bool,
}

impl Placed {
    /// Finds the path in the image of `entry`, whose path below `root/` is `source`; a path that no image can have is a
    /// mistake.
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

/// The contents of an overlay, as far as its entries were read.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) files: Vec<OverlayFile>,
    pub(super) symlinks: Vec<OverlaySymlink>,
    pub(super) findings: Findings,
}

impl Contents {
    /// Adds `entry` at the path of `file`, as `decision` says.
    pub(super) fn add(&mut self, file: Placed, entry: Entry, decision: Decision) {
        let (text, findings) = (file.path.to_string(), &mut self.findings);
        let is_left_over = is_left_over(&file.source) && !decision.named;
        let place = format!("root/{}", file.source);
        match entry {
            Entry::File { bytes, .. } if !is_left_over => {
                if !decision.verbatim {
                    findings.add_unread(place, Unread::of(&text, Some(&decision.ownership)));
                    let fault = fault(&text, &bytes, file.template);
                    let fault = fault.map(|fault| (file.source.clone(), fault));
                    findings.faults.extend(fault);
                }
                if file.template {
                    let parsed = template::parse(&file.source, &bytes);
                    findings.templates.extend(parsed.err());
                }
                self.files.push(OverlayFile {
                    path: file.path,
                    source: file.source,
                    bytes,
                    template: file.template,
                    ownership: decision.ownership,
                    when: decision.when,
                });
            }
            Entry::Symlink(target) if !is_left_over => {
                if !decision.verbatim {
                    findings.add_unread(place, Unread::of(&text, None));
                }
                self.symlinks.push(OverlaySymlink {
                    path: file.path,
                    target,
                    when: None,
                });
            }
            _ => findings.left_out.push(file.source),
        }
    }
}

/// The absolute paths in `text`, as far as they consist of letters, digits and `_-./~@+`.
fn paths_in(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_of_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./~@+".contains(byte);
    let words = text.split(move |byte| !is_of_path(byte));
    words.filter(|word| word.starts_with(b"/"))
}

/// Whether `path` ends in a name. Without its ending, a file called `.hbs` would have none, so it is not a template.
fn is_file(path: &str) -> bool {
    !matches!(path.rsplit('/').next(), None | Some("" | "." | ".."))
}
