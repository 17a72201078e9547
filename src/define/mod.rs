//! Definitions as written: boards, profiles and overlays, with the place of every word.
//!
//! They are searched in the folders that the caller names, in that order, and last among those
//! inside the binary. The first folder that has a name wins.

pub mod board;
pub mod condition;
mod folder;
pub mod kind;
pub mod overlay;
pub mod profile;
pub(crate) mod read;
pub mod setting;

pub use board::Board;
pub use folder::FolderError;
pub use kind::{Kind, Value};
pub use overlay::Overlay;
pub use profile::ProfileFile;
pub use read::{Keys, Raw};
pub use setting::Setting;

use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use folder::Folder;
use std::path::PathBuf;

/// The longest text of a definition, of settings or of a configuration, in bytes. The longest that is
/// shipped has 20,000.
pub const MAX_TEXT: u64 = 1 << 20;

/// Every definition that a build can use.
#[derive(Clone, Debug)]
pub struct Definitions {
    folders: Vec<Folder>,
}

/// A name that someone wrote on the command line or in a file.
#[derive(Clone, Debug)]
pub struct Reference {
    name: String,
    span: Option<Span>,
}

impl From<&str> for Reference {
    fn from(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, span: None }
    }
}

impl From<&Located<String>> for Reference {
    fn from(name: &Located<String>) -> Self {
        Self {
            name: name.value.clone(),
            span: Some(name.span.clone()),
        }
    }
}

impl Definitions {
    /// Those of `folders`, each with `boards/`, `profiles/` and `overlays/` in it, and the shipped.
    pub fn find(folders: &[PathBuf]) -> Self {
        let own = folders.iter().cloned().map(Folder::Own);
        let folders = own.chain([Folder::Shipped]).collect();
        Self { folders }
    }

    /// The names of the boards, sorted.
    pub fn boards(&self) -> Result<Vec<String>, FolderError> {
        self.names("boards")
    }

    /// The names of the profiles, sorted.
    pub fn profiles(&self) -> Result<Vec<String>, FolderError> {
        self.names("profiles")
    }

    /// The names of the overlays, sorted.
    pub fn overlays(&self) -> Result<Vec<String>, FolderError> {
        self.names("overlays")
    }

    /// Whether the profile `name` is the shipped one.
    pub fn ships_profile(&self, name: &str) -> bool {
        let found = self.look("profile", &name.into());
        matches!(found, Ok(Some(found)) if matches!(found.folder, Folder::Shipped))
    }

    /// The board `name`.
    pub fn board(
        &self,
        diagnostics: &mut Diagnostics,
        name: impl Into<Reference>,
    ) -> Option<Board> {
        let found = self.text(diagnostics, "board", &name.into())?;
        Board::parse(diagnostics, &found.name, &found.path, &found.text)
    }

    /// The board `name`, with advice about what a build would not refuse.
    pub fn lint_board(
        &self,
        diagnostics: &mut Diagnostics,
        name: impl Into<Reference>,
    ) -> Option<Board> {
        let found = self.text(diagnostics, "board", &name.into())?;
        Board::lint(diagnostics, &found.name, &found.path, &found.text)
    }

    /// The profile `name`, as its file has it.
    pub fn profile(
        &self,
        diagnostics: &mut Diagnostics,
        name: impl Into<Reference>,
    ) -> Option<ProfileFile> {
        let found = self.text(diagnostics, "profile", &name.into())?;
        ProfileFile::parse(diagnostics, &found.name, &found.path, &found.text)
    }

    /// The overlay `name` with its files.
    pub fn overlay(
        &self,
        diagnostics: &mut Diagnostics,
        name: impl Into<Reference>,
    ) -> Option<Overlay> {
        let found = self.text(diagnostics, "overlay", &name.into())?;
        Overlay::parse(
            diagnostics,
            &found.name,
            found.folder,
            (&found.path, &found.text),
        )
    }

    fn names(&self, kind: &str) -> Result<Vec<String>, FolderError> {
        let mut names = Vec::new();
        for folder in &self.folders {
            names.extend(folder.names(kind)?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The text of the definition `name`: `boards/<name>/board.toml` and its likes.
    fn text(
        &self,
        diagnostics: &mut Diagnostics,
        kind: &str,
        reference: &Reference,
    ) -> Option<Found<'_>> {
        match self.look(kind, reference) {
            Ok(Some(found)) => {
                if let Some(remark) = self.remark(kind, &found) {
                    diagnostics.remark(remark);
                }
                Some(found)
            }
            Ok(None) => {
                let problem = unknown(kind, reference);
                let name = &reference.name;
                diagnostics.push(match self.unfinished(kind, name) {
                    Some(help) => problem.help(help),
                    None => {
                        let known = self.names(&format!("{kind}s")).unwrap_or_default();
                        problem.suggest(name, known.iter().map(String::as_str))
                    }
                });
                None
            }
            Err(error) => {
                let problem = Diagnostic::new("define::unreadable", error.to_string());
                diagnostics.push(match &reference.span {
                    Some(span) => problem.label(span, ""),
                    None => problem,
                });
                None
            }
        }
    }

    /// What is to be said of a definition that is not shipped: a folder that was cloned is not the user,
    /// and must decide nothing in silence.
    fn remark(&self, kind: &str, found: &Found<'_>) -> Option<String> {
        let Found {
            name, folder, path, ..
        } = found;
        if matches!(folder, Folder::Shipped) {
            return None;
        }
        let file = format!("{kind}s/{name}/{kind}.toml");
        let shadows = matches!(Folder::Shipped.read(&file, MAX_TEXT), Ok(Some(_)));
        let place = match shadows {
            true => "the shipped one, in whose place it stands",
            false => "a shipped one",
        };
        Some(format!("{kind} `{name}` is not {place}: {path}"))
    }

    /// What makes the definition `name` of what is there of it: a folder without its file, or the file beside its folder.
    fn unfinished(&self, kind: &str, name: &str) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        let file = format!("{kind}s/{name}/{kind}.toml");
        self.folders.iter().find_map(|folder| {
            let names = folder.names(&format!("{kind}s")).unwrap_or_default();
            if names.iter().any(|known| known == name) {
                return Some(format!("write its definition, `{}`", folder.show(&file)));
            }
            let beside = format!("{kind}s/{name}.toml");
            let is_there = matches!(folder.read(&beside, MAX_TEXT), Ok(Some(_)));
            let (beside, file) = (folder.show(&beside), folder.show(&file));
            is_there.then(|| format!("move `{beside}` to `{file}`"))
        })
    }

    fn look(&self, kind: &str, reference: &Reference) -> Result<Option<Found<'_>>, FolderError> {
        let name = &reference.name;
        if !is_name(name) {
            return Ok(None);
        }
        for folder in &self.folders {
            let file = format!("{kind}s/{name}/{kind}.toml");
            if let Some(bytes) = folder.read(&file, MAX_TEXT)? {
                let path = folder.show(&file);
                let Ok(text) = std::str::from_utf8(&bytes) else {
                    let path = path.into();
                    return Err(FolderError::NotText { path });
                };
                return Ok(Some(Found {
                    name: name.clone(),
                    folder,
                    path,
                    text: text.to_owned(),
                }));
            }
        }
        Ok(None)
    }
}

struct Found<'d> {
    name: String,
    folder: &'d Folder,
    path: String,
    text: String,
}

/// Whether `name` is a folder's name; with `/` or `..` in it, it would be a path.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn unknown(kind: &str, reference: &Reference) -> Diagnostic {
    let code = match kind {
        "board" => "define::unknown-board",
        "profile" => "define::unknown-profile",
        _ => "define::unknown-overlay",
    };
    let title = format!("no {kind} is called `{}`", reference.name);
    let problem = Diagnostic::new(code, title);
    match &reference.span {
        Some(span) => problem.label(span, ""),
        None => problem,
    }
}
