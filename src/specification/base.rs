//! What a build starts from: packages alone, or an image that is there already.

use crate::address::without_login;
use crate::define::Board;
use crate::define::board::{Base, FROM_PACKAGES};
use crate::diag::{Diagnostic, Diagnostics};
use crate::digest::Sha256;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// The base that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseArgument {
    /// One that the board names; `debian` is a bootstrap from packages.
    Named(String),
    /// An address.
    Address {
        /// The URL.
        url: String,
        /// What must lie there; a lock may know it instead.
        sha256: Option<Sha256>,
    },
    /// A file of this machine.
    File {
        /// Its path.
        path: PathBuf,
        /// What it must hold.
        sha256: Option<Sha256>,
    },
}

/// An image to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageBase {
    /// One that the board names.
    Named(Base),
    /// One by its address.
    Address {
        /// The URL.
        url: String,
        /// What must lie there; a lock may know it instead.
        sha256: Option<Sha256>,
    },
    /// A file of this machine.
    File {
        /// Its path.
        path: PathBuf,
        /// What it must hold.
        sha256: Option<Sha256>,
    },
}

impl ImageBase {
    /// What to call it: the board's name for it, or that of the file.
    pub fn name(&self) -> String {
        match self {
            Self::Named(base) => base.name.clone(),
            Self::Address { url, .. } => {
                let url = without_login(url);
                let path = url.split(['?', '#']).next().unwrap_or(&url);
                path.rsplit('/').next().unwrap_or(path).to_owned()
            }
            Self::File { path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                name.to_string_lossy().into_owned()
            }
        }
    }

    /// What is asked of it beside what a lock says: a lock of another digest is stale.
    pub fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Named(base) => base.proof.sha256(),
            Self::Address { sha256, .. } | Self::File { sha256, .. } => *sha256,
        }
    }

    /// What decides which image it is. The place of a file is not part of it, because a lock moves with the file.
    pub(super) fn to_json(&self) -> Json {
        #[derive(Serialize)]
        struct Named<'a> {
            named: &'a Base,
        }
        match self {
            Self::Named(named) => json!(Named { named }),
            Self::Address { url, .. } => json!({ "url": without_login(url) }),
            Self::File { .. } => json!({ "file": self.name() }),
        }
    }
}

/// The image that `argument` means on `board`; none for a bootstrap from packages.
pub(super) fn image(
    diagnostics: &mut Diagnostics,
    board: &Board,
    argument: Option<&BaseArgument>,
) -> Option<ImageBase> {
    let argument = argument?.clone();
    // A file of that name may lie in the working directory because somebody put it into a repository.
    let name = match &argument {
        BaseArgument::File { path, sha256: None } => path.to_str(),
        _ => None,
    };
    let known =
        |name: &&str| *name == FROM_PACKAGES || board.bases.iter().any(|base| base.name == **name);
    let argument = match name.filter(known) {
        Some(name) => {
            diagnostics.remark(format!(
                "base `{name}` is the one that board `{}` names, not the file here; `--base ./{name}` is that",
                board.name
            ));
            BaseArgument::Named(name.to_owned())
        }
        None => argument,
    };
    match argument {
        BaseArgument::Named(name) if name == FROM_PACKAGES => None,
        BaseArgument::Named(name) => {
            let found = board.bases.iter().find(|base| base.name == name);
            if found.is_none() {
                let title = format!("no base of board `{}` is called `{name}`", board.name);
                let known = board.bases.iter().map(|base| base.name.as_str());
                diagnostics.push(
                    Diagnostic::new("base::unknown", title)
                        .suggest(&name, known.chain([FROM_PACKAGES])),
                );
            }
            Some(ImageBase::Named(found?.clone()))
        }
        BaseArgument::Address { url, sha256 } => Some(ImageBase::Address { url, sha256 }),
        BaseArgument::File { path, sha256 } => Some(ImageBase::File { path, sha256 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Definitions;

    #[test]
    fn a_file_that_lies_near_does_not_take_the_place_of_a_base_that_the_board_names() {
        let mut diagnostics = Diagnostics::default();
        let board = Definitions::find(&[])
            .board(&mut diagnostics, "rpi4")
            .unwrap();
        let mut asked = |path: &str| {
            let path = PathBuf::from(path);
            let argument = BaseArgument::File { path, sha256: None };
            image(&mut diagnostics, &board, Some(&argument))
        };
        assert!(matches!(asked("raspios-lite"), Some(ImageBase::Named(_))));
        assert_eq!(asked("debian"), None);
        assert!(matches!(
            asked("./raspios-lite"),
            Some(ImageBase::File { .. })
        ));
        assert!(matches!(asked("mine.img"), Some(ImageBase::File { .. })));
        assert_eq!(diagnostics.remarks().len(), 2);
    }
}
