//! Definitions as written: boards, profiles and overlays, with the place of every word.
//!
//! A definition is looked for in the folders that the caller names, in their order, and then among the shipped definitions
//! inside the binary. The first one with the name is used.

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

/// The longest text of a definition, of settings or of a configuration, in bytes. The shipped definitions have at most
/// 20,000.
pub const MAX_TEXT: u64 = 1 << 20;

/// All definitions that a build can use.
#[derive(Clone, Debug)]
pub struct Definitions {
    folders: Vec<Folder>,
}

/// The name of a definition, as it is written on the command line or in a file.
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
    /// The definitions in `folders`, each with `boards/`, `profiles/` and `overlays/` in it, and the shipped ones.
    pub fn find(folders: &[PathBuf]) -> Self {
        let own = folders.iter().cloned().map(Folder::Own);
        let folders = own.chain([Folder::Shipped]).collect();
        Self { folders }
    }

    /// The names of the boards, sorted.
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn boards(&self) -> Result<Vec<String>, FolderError> {
        self.names("boards")
    }

    /// The names of the profiles, sorted.
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn profiles(&self) -> Result<Vec<String>, FolderError> {
        self.names("profiles")
    }

    /// The names of the overlays, sorted.
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn overlays(&self) -> Result<Vec<String>, FolderError> {
        self.names("overlays")
    }

    /// Whether the profile `name` is the shipped profile of that name.
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

    /// The board `name`, with the advice of `imgbuild check`.
    pub fn lint_board(
        &self,
        diagnostics: &mut Diagnostics,
        name: impl Into<Reference>,
    ) -> Option<Board> {
        let found = self.text(diagnostics, "board", &name.into())?;
        Board::lint(diagnostics, &found.name, &found.path, &found.text)
    }

    /// The profile `name`, without the profiles that it extends.
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
        let file = (&*found.path, &*found.text);
        Overlay::parse(diagnostics, &found.name, found.folder, file)
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

    /// Finds the definition, such as `boards/<name>/board.toml`; if there is none, a mistake is reported.
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
                diagnostics.push(at(reference, problem));
                None
            }
        }
    }

    /// The remark about a definition that is not shipped, nor a copy of what is. It may come from a folder that the user cloned and did not read, so
    /// it must not take effect silently.
    fn remark(&self, kind: &str, found: &Found<'_>) -> Option<String> {
        let Found {
            name, folder, path, ..
        } = found;
        if matches!(folder, Folder::Shipped) {
            return None;
        }
        if folder::is_copy_of_shipped(folder, &format!("{kind}s/{name}")) {
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

    /// Advice if the definition `name` is incomplete: there is its folder without the file, or the file beside the folder.
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
                    return Err(FolderError::NotText(path.into()));
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

/// Whether `name` can be the name of a folder, and is not a path.
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
    at(reference, Diagnostic::new(code, title))
}

/// `problem` with the place of `reference`, if that is known.
fn at(reference: &Reference, problem: Diagnostic) -> Diagnostic {
    let spans = reference.span.iter();
    spans.fold(problem, |problem, span| problem.label(span, ""))
}
