//! The folder of a release, which appears whole or not at all.

use super::contents::{Document, Images};
use super::error::ReleaseError;
use super::minisign::Minisign;
use super::sign::Signer;
use super::sums::SUMS;
use crate::listing;
use crate::unfinished::{Readers, Unfinished, UnfinishedFolder};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The unfinished folder of a release. If it is dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    unfinished: UnfinishedFolder,
    readers: Readers,
}

impl Folder {
    /// Makes the unfinished folder of `path`, beside it. There must be nothing at `path`, or an empty folder.
    ///
    /// # Errors
    ///
    /// Something is at `path`, or the folder cannot be made.
    pub fn create(path: &Path, readers: Readers) -> Result<Self, ReleaseError> {
        if path.file_name().is_none() {
            return Err(ReleaseError::NotAFolder(path.to_owned()));
        }
        let make = |source: io::Error| match (source.kind(), path.parent()) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, Some(parent)) => {
                ReleaseError::NoParent(parent.to_owned())
            }
            _ => ReleaseError::Make {
                path: path.to_owned(),
                source,
            },
        };
        match fs_err::symlink_metadata(path) {
            Ok(found) if !found.is_dir() => return Err(ReleaseError::NotAFolder(path.to_owned())),
            Ok(_) if !listing::sorted(path).map_err(make)?.is_empty() => {
                return Err(ReleaseError::NotEmpty(path.to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(make(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            unfinished: UnfinishedFolder::create(path, readers).map_err(make)?,
            readers,
        })
    }

    /// The path of the unfinished folder. Code that ends the process without unwinding, as on Ctrl-C, must remove it.
    pub fn partial(&self) -> &Path {
        self.unfinished.partial()
    }

    /// The final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who can read it and its files.
    pub fn readers(&self) -> Readers {
        self.readers
    }

    /// The folder above, which has the disk that a release takes room on.
    pub fn above(&self) -> &Path {
        let above = self.path.parent();
        above
            .filter(|above| !above.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    /// Writes `document` into the folder.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, document: &Document) -> Result<(), ReleaseError> {
        let path = self.partial().join(&document.name);
        let write = || {
            let file = match self.readers {
                Readers::Anyone => Unfinished::create(&path)?,
                Readers::Owner => Unfinished::create_private(&path)?,
            };
            file.file().write_all(&document.bytes)?;
            file.finish()
        };
        write().map_err(|source| ReleaseError::Write {
            path: self.path.join(&document.name),
            source,
        })
    }

    /// Signs the files of the folder from which all others can be checked: the checksums, and the block map of
    /// `images`, whose signature bmaptool verifies.
    ///
    /// # Errors
    ///
    /// gpg fails.
    pub fn sign(&self, signer: &Signer, images: &Images) -> Result<(), ReleaseError> {
        for name in signed(images) {
            self.sync(signer.sign(&self.partial().join(name))?)?;
        }
        Ok(())
    }

    /// Signs the same files as [`Folder::sign`] does, by minisign. The signatures also say `comment`.
    ///
    /// # Errors
    ///
    /// minisign fails.
    pub fn sign_by_minisign(
        &self,
        minisign: &Minisign,
        images: &Images,
        comment: &str,
    ) -> Result<(), ReleaseError> {
        let signatures = minisign.sign(self.partial(), &signed(images), comment)?;
        let mut signatures = signatures.into_iter();
        signatures.try_for_each(|signature| self.sync(signature))
    }

    /// Syncs the file `path`, which another program wrote. Such a program makes files that the umask lets others read.
    fn sync(&self, path: PathBuf) -> Result<(), ReleaseError> {
        let synced = fs_err::File::open(&path).and_then(|file| {
            if self.readers == Readers::Owner {
                file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
            }
            file.sync_all()
        });
        synced.map_err(|source| ReleaseError::Write { path, source })
    }

    /// Gives the folder its final name.
    ///
    /// # Errors
    ///
    /// The folder cannot be synced or renamed.
    pub fn finish(self) -> Result<(), ReleaseError> {
        let finished = self.unfinished.finish();
        finished.map_err(|source| ReleaseError::Write {
            path: self.path,
            source,
        })
    }
}

/// The names of the files that are signed.
fn signed(images: &Images) -> [&str; 2] {
    [SUMS, &images.block_map.name]
}
