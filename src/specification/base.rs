//! The start of a build: packages alone, or an existing image.

use crate::address::without_login;
use crate::define::Board;
use crate::define::board::{Base, FROM_PACKAGES};
use crate::diag::{Diagnostic, Diagnostics};
use crate::digest::Sha256;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// An image to start from. `N` is what is known of an image that the board names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource<N> {
    /// An image that the board names.
    Named(N),
    /// An image on the network.
    Address {
        /// The URL.
        url: String,
        /// The expected digest; a lock may know it instead.
        sha256: Option<Sha256>,
    },
    /// An image in a file of this machine.
    File {
        /// The path.
        path: PathBuf,
        /// The expected digest.
        sha256: Option<Sha256>,
    },
}

/// The base that a person asks for. The name `debian` stands for an image made of packages. A word
/// is a name only if no file is called so, or if the board has a base of this name.
pub type BaseArgument = ImageSource<String>;

/// A base image, with the definition of the board if the board names it.
pub type ImageBase = ImageSource<Base>;

impl ImageBase {
    /// The name of the image on the board, or the name of its file.
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

    /// The digest that the definition or the person asks for. A lock with another digest is stale.
    pub fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Named(base) => base.proof.sha256(),
            Self::Address { sha256, .. } | Self::File { sha256, .. } => *sha256,
        }
    }

    /// The part of the canonical form that identifies the image. It does not have the folder of a file, because a lock stays
    /// valid when the file is moved.
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

/// The image that `argument` means on `board`; `None` for an image that is made of packages, which has no boot loader
/// that could be taken if this is all that is wanted of it (`loader_only`).
pub(super) fn image(
    diagnostics: &mut Diagnostics,
    board: &Board,
    argument: Option<&BaseArgument>,
    loader_only: bool,
) -> Option<ImageBase> {
    let argument = argument?.clone();
    // A file of this name in the working directory may be part of somebody else's repository.
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
        BaseArgument::Named(name) if name == FROM_PACKAGES => {
            if loader_only {
                let title = format!("base `{name}` is no image that has a boot loader");
                let help = match board.needs_base() {
                    true => "give the name or the file of an image for this board",
                    false => {
                        "leave out `--boot-loader-only`; that of this board comes from packages"
                    }
                };
                diagnostics.push(Diagnostic::new("base::no-image", title).help(help));
            }
            None
        }
        BaseArgument::Named(name) => {
            let found = board.bases.iter().find(|base| base.name == name);
            if found.is_none() {
                let title = format!(
                    "no base of board `{}` and no file here is called `{name}`",
                    board.name
                );
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
            image(&mut diagnostics, &board, Some(&argument), false)
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
