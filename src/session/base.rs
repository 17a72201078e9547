//! Fetches and opens what a build begins with.

use super::error::SessionError;
use super::open::Session;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::repository::Repository;
use crate::architecture::Architecture;
use crate::base::{Base, BaseError, BaseImage, BaseKind, Loader, OpenError, Opened, Source, apt};
use crate::digest::Sha256;
use crate::disk::device::FileDevice;
use crate::lock::{Lock, LockedBase};
use crate::plan::StaleLock;
use crate::resolve::{repositories, third_party_archives};
use crate::specification::ImageBase;
use crate::tree::Objects;

impl Session<'_> {
    /// Fetches and opens what the build begins with: what `lock` pins, or without a lock what there is now.
    ///
    /// # Errors
    /// Where `lock` was made for something else, where the base image is not to be had, is not genuine or cannot
    /// be read, and where no archive is known.
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
        let opened = self.opened(image, locked);
        let (locked, opened) =
            opened.map_err(|error| SessionError::from(error).in_store(&self.store))?;
        let instead = apt::Instead {
            mirrors: self.options.mirrors.instead(),
            keyring: self.options.keyring.as_ref(),
            freshness: self.options.freshness,
        };
        let repositories = apt::repositories(&opened.tree, &self.store, instead);
        let preferences = apt::preferences(&opened.tree, &self.store);
        let is_debian = opened.is_debian(&self.store).map_err(OpenError::from);
        let native = Architecture::host() == Some(self.spec.board.architecture);
        // Raspbian and its like have no packages for the building machine.
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

    /// The mirrors of Debian's archives.
    pub(super) fn mirrors(&self) -> Result<&DebianMirrors, SessionError> {
        self.options.mirrors.known().ok_or(SessionError::NoMirror)
    }

    fn debian_repositories(&self) -> Result<Vec<Repository>, SessionError> {
        let (suite, keyring) = (&self.spec.board.suite, self.options.debian_keyring());
        let freshness = self.options.freshness;
        Ok(repositories(suite, self.mirrors()?, &keyring, freshness))
    }

    /// Debian's archives, under names that no archive of a base has.
    fn tools(&self) -> Result<Vec<Repository>, SessionError> {
        let found = self.debian_repositories()?;
        let named = |repository: Repository| Repository {
            name: format!("tools/{}", repository.name),
            ..repository
        };
        Ok(found.into_iter().map(named).collect())
    }

    /// The disk that the boot loader is taken from; `locked` says which file holds it.
    fn loader(&self, locked: Option<&LockedBase>) -> Result<Option<Loader>, SessionError> {
        let Some(image) = &self.spec.loader else {
            return Ok(None);
        };
        let found = self.disk(image, locked);
        let (locked, disk) =
            found.map_err(|error| SessionError::from(error).in_store(&self.store))?;
        let disk = self.store.open(&disk).and_then(FileDevice::new);
        let disk = disk.map_err(|source| SessionError::store(&self.store, source))?;
        Ok(Some(Loader { locked, disk }))
    }

    fn opened(
        &self,
        image: &ImageBase,
        locked: Option<&LockedBase>,
    ) -> Result<(LockedBase, Opened), BaseError> {
        let (locked, disk) = self.disk(image, locked)?;
        let opened = Opened::read(&self.store, disk, self.spec.board.architecture)?;
        Ok((locked, opened))
    }

    /// The disk in the file of `image`, verified.
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
