//! What `imgbuild`, `lock` and `plan` share: what is meant, where to work, and where a build begins.

use super::args::{BuildArgs, InputArgs, TargetArgs};
use super::build::{definitions, read_key_files, user_settings};
use super::failure::Failure;
use super::progress::Progress;
use super::{environment, given, near_lock, signals};
use crate::apt::keyring::Keyring;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::preferences::Preferences;
use crate::apt::repository::{Archives, Freshness, Repository};
use crate::architecture::Architecture;
use crate::base::{BaseError, OpenError, Opened, Source, apt};
use crate::digest::Sha256;
use crate::disk::device::{Device, FileDevice};
use crate::event::{Event, Reporter};
use crate::fetch::{Client, Network, Options};
use crate::lock::{Lock, LockedBase};
use crate::pipeline::BuildContext;
use crate::plan::Plan;
use crate::resolve::{Installed, Resolver, repositories, third_party_archives};
use crate::specification::{self, Configure, ImageBase, Spec};
use crate::store::Store;
use crate::tree::Objects;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that the commands share: what is meant, and where to work.
pub(super) struct Bench<'a> {
    pub(super) spec: Spec,
    pub(super) store: Store,
    client: Client,
    input: InputArgs,
    /// The keys that the user trusts instead of Debian's.
    keyring: Option<Keyring>,
    /// The keys that may sign a base image.
    base_keys: Option<Vec<u8>>,
    program: PathBuf,
    /// Whether a profile that was asked for is a shipped one.
    shipped: bool,
    pub(super) progress: &'a Progress,
}

impl<'a> Bench<'a> {
    /// What `target` means, and where to work on it.
    pub(super) fn open(
        target: &TargetArgs,
        input: &InputArgs,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let definitions = definitions(&target.definitions.definitions);
        let mut user = user_settings(target)?;
        let profile = target.profile.join("+");
        read_key_files(&mut user, &definitions, &profile)?;
        let spec = specification::check(&definitions, &target.board, &profile, &user)?;
        for remark in &spec.remarks {
            progress.report(Event::Warning(remark.clone()));
        }
        if spec.loader.is_some() && !spec.board.needs_base() {
            let board = &spec.board.name;
            let words = format!(
                "board `{board}` takes no boot loader from a base image; leave out --boot-loader-only"
            );
            return Err(Failure::Usage(words));
        }
        if spec.configure == Configure::FirstBoot && spec.base.is_none() {
            let words = "`--configure first-boot` needs an image to start from (--base): a system made of \
                         packages alone cannot start before they are configured";
            return Err(Failure::Usage(words.to_owned()));
        }
        let path = environment::store_folder(input.store.as_deref())?;
        let store = Store::open(&path).map_err(|source| Failure::Store { path, source })?;
        signals::guard(store.scratch());
        let client = Client::new(Options {
            network: if input.offline {
                Network::Offline
            } else {
                Network::Online
            },
            proxies: environment::proxies(),
            ..Options::default()
        })?;
        let keyring = input.keyring.as_deref().map(keyring).transpose()?;
        let base_keys = target
            .base_key
            .as_deref()
            .map(|path| base_keys(&spec, path));
        let base_keys = base_keys.transpose()?;
        let program = environment::program();
        Ok(Self {
            spec,
            store,
            client,
            input: input.clone(),
            keyring,
            base_keys,
            program,
            shipped: profile
                .split('+')
                .any(|name| definitions.ships_profile(name)),
            progress,
        })
    }

    /// Where a build begins; `locked` says which file its base is.
    pub(super) fn start(&self, locked: Option<&LockedBase>) -> Result<Start, Failure> {
        let freshness = match self.input.allow_expired {
            true => Freshness::Ignored,
            false => Freshness::Checked,
        };
        let Some(image) = &self.spec.base else {
            let mirrors = environment::mirrors(&self.input)?;
            let keyring = self.keyring.clone().unwrap_or_else(Keyring::debian);
            let suite = &self.spec.board.suite;
            let repositories = repositories(suite, &mirrors, &keyring, freshness);
            return Ok(Start {
                repositories,
                preferences: Preferences::default(),
                tools: Vec::new(),
                third_party_archives: third_party_archives(&self.spec.board, freshness)?,
                base: None,
                loader: self.loader(locked)?,
            });
        };
        let base = self.base(image, locked);
        let (locked, opened) = base.map_err(|error| Failure::from(error).in_store(&self.store))?;
        let mirrors = environment::named_mirrors(&self.input)?;
        let instead = apt::Instead {
            mirrors: mirrors.as_ref(),
            keyring: self.keyring.as_ref(),
            freshness,
        };
        let repositories = apt::repositories(&opened.tree, &self.store, instead);
        let preferences = apt::preferences(&opened.tree, &self.store);
        let is_debian = opened.is_debian(&self.store).map_err(OpenError::from);
        let native = Architecture::host() == Some(self.spec.board.architecture);
        // Raspbian and its like have no packages for the building machine.
        let tools = match native || is_debian.map_err(BaseError::from)? {
            true => Vec::new(),
            false => {
                let mirrors = environment::mirrors(&self.input)?;
                let keyring = self.keyring.clone().unwrap_or_else(Keyring::debian);
                repositories_of_tools(&self.spec, &mirrors, &keyring, freshness)
            }
        };
        Ok(Start {
            repositories: repositories.map_err(BaseError::from)?,
            preferences: preferences.map_err(BaseError::from)?,
            tools,
            third_party_archives: Vec::new(),
            base: Some((locked, opened)),
            loader: None,
        })
    }

    /// The disk that the boot loader is taken from; `locked` says which file holds it.
    fn loader(
        &self,
        locked: Option<&LockedBase>,
    ) -> Result<Option<(LockedBase, FileDevice)>, Failure> {
        let Some(image) = &self.spec.loader else {
            return Ok(None);
        };
        let found = self.disk(image, locked);
        let (locked, disk) = found.map_err(|error| Failure::from(error).in_store(&self.store))?;
        let device = self.store.open(&disk).and_then(FileDevice::new);
        let device = device.map_err(|source| Failure::Store {
            path: self.store.root().to_owned(),
            source,
        })?;
        Ok(Some((locked, device)))
    }

    fn base(
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
            now: environment::now(),
            keys: self.base_keys.as_deref(),
            reporter: self.progress,
        };
        let locked = match locked {
            Some(locked) => locked.clone(),
            None => source.lock(image)?,
        };
        let disk = source.disk(image, &locked)?;
        Ok((locked, disk))
    }

    /// The lock as of now.
    pub(super) fn resolve(&self, start: &Start) -> Result<Lock, Failure> {
        let archives = Archives {
            client: &self.client,
            store: &self.store,
            now: environment::now(),
            reporter: self.progress,
        };
        let host = Architecture::host().ok_or(Failure::Host)?;
        let installed = start.installed(&self.store);
        let installed = installed.map_err(|error| Failure::from(BaseError::from(error)))?;
        let resolver = Resolver {
            archives,
            repositories: &start.repositories,
            tools: &start.tools,
            third_party_archives: &start.third_party_archives,
            host,
            installed: installed.as_ref(),
        };
        let lock = resolver.resolve(&self.spec);
        let mut lock = lock.map_err(|error| Failure::from(error).in_store(&self.store))?;
        lock.loader = start.loader.as_ref().map(|(locked, _)| locked.clone());
        Ok(lock)
    }

    /// The plan by the lock that is there, or by a fresh one, which needs a start.
    pub(super) fn plan(&self, args: &BuildArgs) -> Result<(Plan, Option<Start>), Failure> {
        let named = args.lock.as_ref();
        let path = named.cloned();
        let path = path.unwrap_or_else(|| default_lock(&self.spec));
        let mut start = None;
        let read = match named {
            Some(_) => given::read_text(&path, given::MAX_LONG),
            None => given::read_found(&path, given::MAX_LONG),
        };
        let lock = match read {
            Ok(text) => self.lock(path, &text, args)?,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let source = error;
                return Err(Failure::ReadLock { path, source });
            }
            Err(_) if named.is_some() || args.locked => return Err(Failure::NoLock(path)),
            Err(_) => self.resolve(start.insert(self.start(None)?))?,
        };
        Ok((Plan::new(self.spec.clone(), lock)?, start))
    }

    /// The lock of the file at `path`. One that nobody named decides neither where the device of a shipped
    /// profile gets its upgrades nor what it is made of.
    fn lock(&self, path: PathBuf, text: &str, args: &BuildArgs) -> Result<Lock, Failure> {
        let lock = match Lock::parse(text) {
            Ok(lock) => lock,
            Err(source) => return Err(Failure::Lock { path, source }),
        };
        let shown = path.display();
        let found = format!("lock `{shown}` decides the version of every package");
        self.progress.report(Event::Warning(found));
        if args.lock.is_some() || !self.shipped {
            return Ok(lock);
        }
        match near_lock::claim(&lock, &self.spec, || environment::mirrors(&self.input))? {
            Some(says) => Err(Failure::NearLock { path, says }),
            None => Ok(lock),
        }
    }

    /// Where the build works that begins at `start`.
    pub(super) fn context<'b>(&'b self, start: &'b Start) -> BuildContext<'b> {
        BuildContext {
            client: &self.client,
            store: &self.store,
            repositories: &start.repositories,
            tools: &start.tools,
            base: start.base.as_ref().map(|(_, opened)| opened),
            loader: start.loader.as_ref().map(|(_, disk)| disk as &dyn Device),
            program: &self.program,
            script_timeout: self.input.script_timeout.map(Duration::from_secs),
            own_key: environment::own_key,
            reporter: self.progress as &dyn Reporter,
        }
    }
}

/// Where a build begins.
pub(super) struct Start {
    /// Where packages come from.
    repositories: Vec<Repository>,
    /// Which versions the base prefers.
    preferences: Preferences,
    /// Where tools of this machine come from, if from elsewhere.
    tools: Vec<Repository>,
    /// Where files for the board's blobs come from.
    third_party_archives: Vec<Repository>,
    /// The image that it starts from.
    base: Option<(LockedBase, Opened)>,
    /// The disk that its boot loader is taken from.
    loader: Option<(LockedBase, FileDevice)>,
}

impl Start {
    /// What the base has installed.
    fn installed(&self, store: &Store) -> Result<Option<Installed>, OpenError> {
        let Some((locked, opened)) = &self.base else {
            return Ok(None);
        };
        Ok(Some(Installed {
            base: locked.clone(),
            disk: opened.disk,
            status: opened.status(store)?.into(),
            preferences: self.preferences.clone(),
        }))
    }
}

/// Debian's archives, under names that no archive of a base has.
fn repositories_of_tools(
    spec: &Spec,
    mirrors: &DebianMirrors,
    keyring: &Keyring,
    freshness: Freshness,
) -> Vec<Repository> {
    let found = repositories(&spec.board.suite, mirrors, keyring, freshness);
    let named = |repository: Repository| Repository {
        name: format!("tools/{}", repository.name),
        ..repository
    };
    found.into_iter().map(named).collect()
}

/// The content of `path`, whose keys are to judge the base image of `spec`.
fn base_keys(spec: &Spec, path: &Path) -> Result<Vec<u8>, Failure> {
    let signed = |image: &ImageBase| match image {
        ImageBase::Named(base) => base.proof.sha256().is_none(),
        ImageBase::Address { .. } | ImageBase::File { .. } => false,
    };
    if !spec.base.iter().chain(&spec.loader).any(signed) {
        let words = "`--base-key` goes with a --base that the board names by the key that signs it";
        return Err(Failure::Usage(words.to_owned()));
    }
    given::read(path, given::MAX_LONG).map_err(|source| Failure::UserFile {
        path: path.to_owned(),
        source,
    })
}

fn keyring(path: &Path) -> Result<Keyring, Failure> {
    let bytes = given::read(path, given::MAX_LONG);
    let bytes = bytes.map_err(|source| Failure::UserFile {
        path: path.to_owned(),
        source,
    })?;
    Keyring::parse(&bytes).map_err(|source| Failure::Keyring {
        path: path.to_owned(),
        source,
    })
}

/// Beside the profile, in the definitions of the working directory.
pub(super) fn default_lock(spec: &Spec) -> PathBuf {
    let base = spec.base.as_ref().map(|base| format!("+{}", base.name()));
    PathBuf::from(format!(
        "profiles/{}/{}{}.lock",
        spec.profile.name,
        spec.board.name,
        base.unwrap_or_default()
    ))
}
