//! Fetches and opens the base of a build.

use super::error::SessionError;
use super::open::Session;
use crate::apt::keyring::Keyring;
use crate::apt::repository::Repository;
use crate::architecture::Architecture;
use crate::base::{Base, BaseError, BaseImage, BaseKind, Loader, Opened, Source, apt};
use crate::digest::Sha256;
use crate::disk::device::FileDevice;
use crate::lock::{Lock, LockedBase};
use crate::plan::StaleLock;
use crate::resolve::{repositories, third_party_archives};
use crate::specification::ImageBase;
use crate::tree::Objects;

impl Session<'_> {
    /// Fetches and opens the base: the one that `lock` pins, or without a lock the newest one.
    ///
    /// # Errors
    /// `lock` was made for other packages or another base, the base image is unavailable, not genuine or not
    /// readable, or no Debian archive is known.
    pub fn base(&self, lock: Option<&Lock>) -> Result<Base, SessionError> {
        lock.map_or(Ok(()), |lock| StaleLock::check(&self.spec, lock))?;
        let locked = lock.and_then(|lock| lock.base.as_ref().or(lock.loader.as_ref()));
        match &self.spec.base {
            None => self.packages(locked),
            Some(image) => self.image(image, locked),
        }
    }

    fn packages(&self, locked: Option<&LockedBase>) -> Result<Base, SessionError> {
        let freshness = self.options.freshness;
        Ok(Base {
            repositories: self.debian_repositories()?,
            tools: Vec::new(),
            third_party_archives: third_party_archives(&self.spec.board, freshness)?,
            kind: match self.loader(locked)? {
                Some(loader) => BaseKind::PackagesAndLoader(loader),
                None => BaseKind::Packages,
            },
        })
    }

    fn image(&self, image: &ImageBase, locked: Option<&LockedBase>) -> Result<Base, SessionError> {
        let (locked, disk) = self.naming_full_disk(self.disk(image, locked))?;
        let opened = Opened::read(&self.store, disk, self.spec.board.architecture);
        let opened = self.naming_full_disk(opened.map_err(BaseError::from))?;
        let instead = apt::Instead {
            mirrors: self.options.mirrors.instead(),
            keyring: self.options.keyring.as_ref(),
            freshness: self.options.freshness,
        };
        let repositories = apt::repositories(&opened.tree, &self.store, instead);
        let preferences = apt::preferences(&opened.tree, &self.store);
        let is_debian = opened.is_debian(&self.store);
        let native = Architecture::host() == Some(self.spec.board.architecture);
        // Archives such as Raspbian's have no packages for the architecture of the building machine.
        let tools = match native || is_debian.map_err(BaseError::from)? {
            true => Vec::new(),
            false => self.tools()?,
        };
        Ok(Base {
            repositories: repositories.map_err(BaseError::from)?,
            tools,
            third_party_archives: Vec::new(),
            kind: BaseKind::Image(Box::new(BaseImage {
                locked,
                opened,
                preferences: preferences.map_err(BaseError::from)?,
            })),
        })
    }

    /// Debian's archives, with the keys by which this session checks them.
    pub(super) fn debian_repositories(&self) -> Result<Vec<Repository>, SessionError> {
        let options = &self.options;
        let mirrors = options.mirrors.known().ok_or(SessionError::NoMirror)?;
        let keyring = options.keyring.clone().unwrap_or_else(Keyring::debian);
        let suite = &self.spec.board.suite;
        Ok(repositories(suite, mirrors, &keyring, options.freshness))
    }

    /// Debian's archives, under names that no archive of a base has, so that they are not confused
    /// with the base's.
    fn tools(&self) -> Result<Vec<Repository>, SessionError> {
        let mut repositories = self.debian_repositories()?;
        for repository in &mut repositories {
            repository.name.insert_str(0, "tools/");
        }
        Ok(repositories)
    }

    /// The disk that the boot loader is taken from; `locked` says which file holds it.
    fn loader(&self, locked: Option<&LockedBase>) -> Result<Option<Loader>, SessionError> {
        let Some(image) = &self.spec.loader else {
            return Ok(None);
        };
        let (locked, disk) = self.naming_full_disk(self.disk(image, locked))?;
        let disk = self.store.open(&disk).and_then(FileDevice::new);
        let disk = disk.map_err(|source| SessionError::store(&self.store, source))?;
        Ok(Some(Loader { locked, disk }))
    }

    /// The unpacked and verified disk in the file of `image`.
    fn disk(
        &self,
        image: &ImageBase,
        locked: Option<&LockedBase>,
    ) -> Result<(LockedBase, Sha256), BaseError> {
        let source = Source {
            client: &self.client,
            store: &self.store,
            now: self.options.now,
            keys: self.options.base_keys.as_deref(),
            reporter: self.options.reporter,
        };
        let locked = match locked {
            Some(locked) => locked.clone(),
            None => source.lock(image)?,
        };
        let disk = source.disk(image, &locked)?;
        Ok((locked, disk))
    }
}
