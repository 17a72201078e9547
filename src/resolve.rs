//! Makes the Lock of a Spec: chooses the packages, their versions and their archives.

mod error;
mod installed;
mod third_party;

pub use error::ResolveError;
pub use third_party::{ThirdPartyError, lint_archive_keys, third_party_archives};

use crate::apt::index::{Index, Priority};
use crate::apt::keyring::Keyring;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::preferences::Archive as Source;
use crate::apt::repository::{Archives, Freshness, Indices, Repository};
use crate::apt::solve::{Choice, NotARequest, Request, Universe, Wanted, solve};
use crate::architecture::Architecture;
use crate::base::Base;
use crate::configure;
use crate::define::board::{ExtraSuite, Suite};
use crate::digest::{Hasher, Sha256};
use crate::event::{Event, Stage, Work};
use crate::fetch::Url;
use crate::lock::{LOCK_VERSION, Lock, LockedPackage, LockedRepository};
use crate::specification::Spec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the stage in the store. It changes whenever the same archives and the same Spec would give another lock.
const STAGE: &str = "resolve-5";

/// The name of Debian's main archive in locks and messages.
const DEBIAN: &str = "debian";

/// The repositories of `suite`: the release, its updates, its security fixes, and the extra suites.
pub fn repositories(
    suite: &Suite,
    mirrors: &DebianMirrors,
    keyring: &Keyring,
    freshness: Freshness,
) -> Vec<Repository> {
    let Suite {
        name,
        components,
        extra,
    } = suite;
    let repository = |archive: &str, base: &Url, suite: String| Repository {
        name: format!("{archive}/{suite}"),
        base_urls: vec![base.clone()],
        suite,
        components: components.to_vec(),
        keyring: keyring.clone(),
        freshness,
    };
    let (debian, security) = (&mirrors.debian, &mirrors.security);
    let mut repositories = vec![
        repository(DEBIAN, debian, name.clone()),
        repository(DEBIAN, debian, format!("{name}-updates")),
        repository("debian-security", security, format!("{name}-security")),
    ];
    let extra = extra.iter().map(|extra| extra.name.clone());
    repositories.extend(extra.map(|extra| repository(DEBIAN, debian, extra)));
    repositories
}

/// The name of the repository of an extra suite in locks and messages.
fn extra_repository(extra: &ExtraSuite) -> String {
    format!("{DEBIAN}/{}", extra.name)
}

/// Chooses the packages of a Spec.
pub struct Resolver<'a> {
    /// The network and the store.
    pub archives: Archives<'a>,
    /// The start of the build: the archives, and the base image if there is one.
    pub base: &'a Base,
    /// The architecture of the building host.
    pub host: Architecture,
}

impl Resolver<'_> {
    /// Makes the lock of `spec` from the present state of the archives, which are fetched each time. The result for the same
    /// state is kept in the store.
    ///
    /// # Errors
    ///
    /// An archive cannot be used, the packages cannot be installed together, or the store fails.
    pub fn resolve(&self, spec: &Spec) -> Result<Lock, ResolveError> {
        let reporter = self.archives.reporter;
        reporter.report(Event::Started {
            stage: Stage::Resolve,
            work: Work::Uncounted,
        });
        let mut architectures = vec![spec.board.architecture];
        let tools = match self.host == spec.board.architecture {
            true => &[],
            false => self.base.tools.as_slice(),
        };
        if self.host != spec.board.architecture && tools.is_empty() {
            architectures.push(self.host);
        }
        let archives = &self.archives;
        let fetch = |repository| archives.fetch_indices(repository, &architectures);
        let fetch_tools = |repository| archives.fetch_indices(repository, &[self.host]);
        let fetched = self.base.repositories.iter().map(fetch);
        let fetched = fetched.chain(tools.iter().map(fetch_tools));
        let fetched = fetched.collect::<Result<Vec<_>, _>>()?;
        let third_party = &self.base.third_party_archives;
        let fetch = |repository| archives.fetch_indices(repository, &architectures[..1]);
        let third_party_fetched = third_party.iter().map(fetch);
        let third_party_fetched = third_party_fetched.collect::<Result<Vec<_>, _>>()?;
        let key = self.key(spec, &fetched, &third_party_fetched);
        let store = self.archives.store;
        let known = store.memo(STAGE, &key);
        let mut lock = match &known {
            Some(object) => Lock::parse(&store.read_text(object)?)?,
            None => {
                // The list of packages that the base image has was read from its disk, so the disk has to be genuine.
                store.prove(self.base.image().map(|image| image.opened.disk))?;
                let lock = Lock {
                    third_party_archives: locked_repositories(
                        third_party.iter().zip(&third_party_fetched),
                    ),
                    third_party_packages: third_party::choose(
                        spec,
                        third_party,
                        &third_party_fetched,
                        store,
                    )?,
                    ..self.choose(spec, &fetched)?
                };
                store.set_memo(STAGE, &key, &store.insert(lock.to_text().as_bytes())?)?;
                lock
            }
        };
        reporter.report(Event::Finished {
            stage: Stage::Resolve,
            memoized: known.is_some(),
        });
        lock.loader = self.base.loader().map(|loader| loader.locked.clone());
        Ok(lock)
    }

    /// Every repository, in the order in which the indices were fetched.
    fn all(&self) -> impl Iterator<Item = &Repository> {
        self.base.repositories.iter().chain(&self.base.tools)
    }

    fn key(&self, spec: &Spec, fetched: &[Indices], third_party_fetched: &[Indices]) -> Sha256 {
        let mut hasher = Hasher::new();
        hasher.field(&spec.resolution_digest().0);
        hasher.field(self.host.debian().as_bytes());
        if let Some(image) = self.base.image() {
            hasher.field(&image.locked.sha256.0);
            hasher.field(image.locked.urls.join(" ").as_bytes());
            hasher.field(image.locked.name.as_bytes());
            hasher.field(&image.opened.disk.0);
        }
        hasher.field(configure::NATIVE_PACKAGES.join(" ").as_bytes());
        let third_party = self.base.third_party_archives.iter();
        let third_party = third_party.zip(third_party_fetched);
        for (repository, indices) in self.all().zip(fetched).chain(third_party) {
            hasher.field(repository.name.as_bytes());
            hasher.field(url(repository).as_bytes());
            hasher.field(&indices.release.digest.0);
        }
        hasher.finish()
    }

    fn choose(&self, spec: &Spec, fetched: &[Indices]) -> Result<Lock, ResolveError> {
        let suite = &spec.board.suite;
        let universe = self.universe(fetched, spec.board.architecture, suite)?;
        let packages = spec.packages.iter().map(|name| wanted(name, suite));
        let packages: Result<Vec<Wanted>, NotARequest> = packages.collect();
        let installed = match self.base.image() {
            Some(image) => {
                let status = image.opened.status(self.archives.store)?.into();
                let name = format!("base image {}", image.locked.name);
                Some(Index::status(&name, status, spec.board.architecture)?)
            }
            None => None,
        };
        let request = Request {
            packages: match &installed {
                Some(installed) => installed::missing(packages?, installed),
                None => packages?,
            },
            essential: installed.is_none(),
            priority: installed.is_none().then_some(Priority::Required),
            recommends: spec.recommends,
            exclude: spec.never.clone(),
        };
        let packages = solve(&universe, &request, installed.as_ref())?.locked();
        let file_package = |name: &String| self.file_package(&universe, name, suite);
        let file_packages = spec
            .file_packages
            .iter()
            .map(file_package)
            .collect::<Result<Vec<_>, _>>()?;
        let mut tools = BTreeMap::new();
        if self.host != spec.board.architecture {
            tools.insert(
                self.host,
                self.tools(fetched, &packages, installed.as_ref(), suite)?,
            );
        }
        let dates = fetched.iter().map(|indices| indices.release.date);
        Ok(Lock {
            version: LOCK_VERSION,
            spec: spec.resolution_digest(),
            epoch: dates.max().expect("there is a repository"),
            repositories: locked_repositories(self.all().zip(fetched)),
            base: self.base.image().map(|image| image.locked.clone()),
            loader: None,
            packages,
            file_packages,
            third_party_archives: Vec::new(),
            third_party_packages: Vec::new(),
            tools,
        })
    }

    fn universe(
        &self,
        fetched: &[Indices],
        architecture: Architecture,
        suite: &Suite,
    ) -> Result<Universe, ResolveError> {
        let mut texts = Vec::new();
        let mut sources = Vec::new();
        for (repository, indices) in self.all().zip(fetched) {
            let wanted = indices
                .indices
                .iter()
                .filter(|index| index.architecture == architecture);
            for index in wanted {
                let text = self.archives.store.read_text(&index.text)?;
                texts.push((repository.name.clone(), Arc::from(text)));
                let (component, architecture) = (&index.component, architecture.debian());
                let site = site(repository);
                sources.push(Source::new(&indices.release, site, component, architecture));
            }
        }
        let extra: Vec<String> = suite.extra.iter().map(extra_repository).collect();
        let mut not_automatic: Vec<&str> = extra.iter().map(String::as_str).collect();
        for (repository, indices) in self.all().zip(fetched) {
            if indices.release.not_automatic {
                not_automatic.push(&repository.name);
            }
        }
        let universe = Universe::new(texts, architecture)?.not_automatic(&not_automatic);
        Ok(match self.base.image() {
            Some(image) => universe.preferring(image.preferences.clone(), sources),
            None => universe,
        })
    }

    /// The newest package `name`, or that of the extra suite that names it. Its dependencies are not needed.
    fn file_package(
        &self,
        universe: &Universe,
        name: &str,
        suite: &Suite,
    ) -> Result<LockedPackage, ResolveError> {
        let repositories = self.base.repositories.iter();
        let missing = || ResolveError::NoFilePackage {
            name: name.to_owned(),
            repositories: repositories.map(|one| one.name.clone()).collect(),
        };
        let from = taken_from(name, suite);
        let is_from = |repository: &str| from.as_ref().is_none_or(|from| repository == from);
        let mut packages = universe.named(name);
        let package = packages.find(|package| is_from(package.repository()));
        // It is not installed, only files of it are used.
        Ok(package.ok_or_else(missing)?.locked(true))
    }

    /// The packages of the host's architecture whose programs run in the sandbox in place of those of the image.
    fn tools(
        &self,
        fetched: &[Indices],
        packages: &[LockedPackage],
        installed: Option<&Index>,
        suite: &Suite,
    ) -> Result<Vec<LockedPackage>, ResolveError> {
        let universe = self.universe(fetched, self.host, suite)?;
        let there = installed.map(installed::names).unwrap_or_default();
        let in_image = |name: &&str| {
            let mut packages = packages.iter();
            there.contains(*name) || packages.any(|package| package.name == **name)
        };
        let native = configure::NATIVE_PACKAGES.iter().chain([&configure::DPKG]);
        let names = [configure::EMULATOR]
            .into_iter()
            .chain(native.copied().filter(in_image));
        let request = Request {
            packages: names.map(str::parse).collect::<Result<_, _>>()?,
            ..Request::default()
        };
        Ok(solve(&universe, &request, None)?.locked())
    }
}

fn locked_repositories<'r>(
    fetched: impl Iterator<Item = (&'r Repository, &'r Indices)>,
) -> Vec<LockedRepository> {
    let locked = |(repository, indices): (&Repository, &Indices)| LockedRepository {
        name: repository.name.clone(),
        url: url(repository),
        in_release: indices.release.digest,
        date: indices.release.date,
    };
    fetched.map(locked).collect()
}

/// The repository of the extra suite that names package `name`.
fn taken_from(name: &str, suite: &Suite) -> Option<String> {
    let names = |extra: &&ExtraSuite| extra.packages.iter().any(|package| package == name);
    suite.extra.iter().find(names).map(extra_repository)
}

fn wanted(name: &str, suite: &Suite) -> Result<Wanted, NotARequest> {
    let mut wanted: Wanted = name.parse()?;
    if let (Choice::Any, Some(repository)) = (&wanted.choice, taken_from(name, suite)) {
        wanted.choice = Choice::Repository(repository);
    }
    Ok(wanted)
}

/// The host by which the base image names `repository`, from whichever mirror it is fetched.
fn site(repository: &Repository) -> &str {
    let host = repository.name.split(['/', ':']).next();
    host.unwrap_or_default()
}

fn url(repository: &Repository) -> String {
    repository
        .base_urls
        .first()
        .map(ToString::to_string)
        .unwrap_or_default()
}
