//! `imgbuild`, `imgbuild lock` and `imgbuild plan`.

use super::args::{BuildArgs, InputArgs, LockArgs, PlanArgs, TalkArgs, TargetArgs};
use super::failure::Failure;
use super::progress::{Progress, Show, now, say};
use super::{environment, print, signals};
use crate::architecture::Architecture;
use crate::build::{self, Workshop};
use crate::debian::keyring::Keyring;
use crate::debian::repository::{Archives, Freshness, Repository};
use crate::define::Definitions;
use crate::event::Reporter;
use crate::fetch::{Client, Network, Options};
use crate::lock::Lock;
use crate::plan::Plan;
use crate::resolve::{Resolver, repositories};
use crate::sink::{Digest, Output};
use crate::spec::{self, GivenSecret, Secret, SettingsFile, Spec, UserSettings};
use crate::store::Store;
use crate::unfinished::Unfinished;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Builds the image.
pub(super) fn image(args: &BuildArgs, talk: TalkArgs) -> Result<(), Failure> {
    let began = now();
    let progress = Progress::new(Show::suited(talk.quiet));
    let bench = Bench::open(&args.target, &args.input, &progress)?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| default_output(&bench.spec));
    // The output's folder is tried before minutes are spent on an image that cannot be kept.
    let output = Output::create(&path)?;
    signals::guard(output.partial());
    let plan = bench.plan(args)?;
    if talk.verbose {
        say(plan.to_text().trim_end());
    }
    let image = build::build(&plan, &bench.workshop());
    let image = image.map_err(|error| Failure::from(error).in_store(&bench.store))?;
    let written = output.write(&image, &bench.store, Digest::Sha256, &progress)?;
    if !talk.quiet {
        let digest = written
            .sha256
            .map(|digest| digest.to_string())
            .unwrap_or_default();
        say(&format!(
            "{} {} bytes sha256:{digest} build {} {:.1} s",
            path.display(),
            written.len,
            &plan.build_id.to_string()[..16],
            began.elapsed().as_secs_f64(),
        ));
    }
    print(format!("{}\n", path.display()))
}

/// Writes the lock.
pub(super) fn lock(args: &LockArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(Show::suited(talk.quiet));
    let bench = Bench::open(&args.target, &args.input, &progress)?;
    let lock = bench.resolve()?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| default_lock(&bench.spec));
    let written = write_lock(&path, &lock);
    written.map_err(|source| Failure::WriteLock {
        path: path.clone(),
        source,
    })?;
    print(format!("{}\n", path.display()))
}

fn write_lock(path: &Path, lock: &Lock) -> io::Result<()> {
    let folder = path.parent();
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    let unfinished = Unfinished::create(path)?;
    signals::guard(unfinished.partial());
    let mut file = unfinished.file();
    file.write_all(lock.to_text().as_bytes())?;
    unfinished.finish()
}

/// Shows what would be built.
pub(super) fn plan(args: &PlanArgs, talk: TalkArgs) -> Result<(), Failure> {
    let progress = Progress::new(Show::suited(talk.quiet));
    let bench = Bench::open(&args.build.target, &args.build.input, &progress)?;
    let plan = bench.plan(&args.build)?;
    print(if args.json {
        plan.to_json().to_string() + "\n"
    } else {
        plan.to_text()
    })
}

/// Everything that the commands share: what is meant, and where to work.
struct Bench<'a> {
    spec: Spec,
    store: Store,
    client: Client,
    repositories: Vec<Repository>,
    program: PathBuf,
    progress: &'a Progress,
}

impl<'a> Bench<'a> {
    fn open(
        target: &TargetArgs,
        input: &InputArgs,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let definitions = definitions(&target.definitions.definitions);
        let user = user_settings(target)?;
        let spec = spec::check(&definitions, &target.board, &target.profile, &user)?;
        let path = environment::store_folder(input.store.as_deref())?;
        let store = Store::open(&path).map_err(|source| Failure::Store { path, source })?;
        signals::guard(store.scratch());
        let client = Client::new(Options {
            network: if input.offline {
                Network::Offline
            } else {
                Network::Online
            },
            proxy: environment::proxy(),
            ..Options::default()
        })?;
        let keyring = keyring(input.keyring.as_deref())?;
        let freshness = if input.allow_expired {
            Freshness::Ignored
        } else {
            Freshness::Checked
        };
        let mirrors = environment::mirrors(input)?;
        let repositories = repositories(&spec.board.suite, &mirrors, &keyring, freshness);
        let program = environment::program();
        Ok(Self {
            spec,
            store,
            client,
            repositories,
            program,
            progress,
        })
    }

    fn resolve(&self) -> Result<Lock, Failure> {
        let archives = Archives {
            client: &self.client,
            store: &self.store,
            now: environment::now(),
            reporter: self.progress,
        };
        let host = Architecture::host().ok_or(Failure::Host)?;
        let resolver = Resolver {
            archives,
            repositories: &self.repositories,
            host,
        };
        let lock = resolver.resolve(&self.spec);
        lock.map_err(|error| Failure::from(error).in_store(&self.store))
    }

    /// The plan by the lock that is there, or by a fresh one.
    fn plan(&self, args: &BuildArgs) -> Result<Plan, Failure> {
        let path = args
            .lock
            .clone()
            .unwrap_or_else(|| default_lock(&self.spec));
        let named = args.locked || args.lock.is_some();
        let lock = match fs_err::read_to_string(&path) {
            Ok(text) => Lock::parse(&text).map_err(|source| Failure::Lock { path, source })?,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let source = error;
                return Err(Failure::ReadLock { path, source });
            }
            Err(_) if named => return Err(Failure::NoLock(path)),
            Err(_) => self.resolve()?,
        };
        Ok(Plan::new(self.spec.clone(), lock)?)
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            client: &self.client,
            store: &self.store,
            repositories: &self.repositories,
            base: None,
            program: &self.program,
            reporter: self.progress as &dyn Reporter,
        }
    }
}

/// Definitions of the folders on the command line, of the working directory, of the user, and the
/// shipped ones.
pub(super) fn definitions(named: &[PathBuf]) -> Definitions {
    let usual = [PathBuf::from("."), environment::configuration_folder()];
    let folders: Vec<PathBuf> = named.iter().cloned().chain(usual).collect();
    Definitions::find(&folders)
}

fn user_settings(target: &TargetArgs) -> Result<UserSettings, Failure> {
    let read = |path: &Path| {
        let failed = |source| Failure::UserFile {
            path: path.to_owned(),
            source,
        };
        fs_err::read_to_string(path).map_err(failed)
    };
    let mut files = Vec::new();
    for path in &target.settings {
        files.push(SettingsFile {
            path: path.display().to_string(),
            text: read(path)?,
        });
    }
    let of_variable = |(name, variable, value): (String, String, String)| GivenSecret {
        name,
        origin: variable,
        value: Secret::new(value),
    };
    let mut secrets: Vec<GivenSecret> = environment::secrets()
        .into_iter()
        .map(of_variable)
        .collect();
    for flag in &target.secret {
        let usage = || Failure::Usage(format!("`--secret {flag}`: expected KEY=@FILE"));
        let (name, path) = flag.split_once('=').ok_or_else(usage)?;
        // The sign says that what follows is not the secret itself.
        let path = path.strip_prefix('@').unwrap_or(path);
        let text = read(Path::new(path))?;
        let value = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
        secrets.push(GivenSecret {
            name: name.to_owned(),
            origin: format!("--secret {flag}"),
            value,
        });
    }
    Ok(UserSettings {
        base: None,
        files,
        flags: target.set.clone(),
        secrets,
    })
}

fn keyring(path: Option<&Path>) -> Result<Keyring, Failure> {
    let Some(path) = path else {
        return Ok(Keyring::debian());
    };
    let bytes = fs_err::read(path);
    let bytes = bytes.map_err(|source| Failure::UserFile {
        path: path.to_owned(),
        source,
    })?;
    Keyring::parse(&bytes).map_err(|source| Failure::Keyring {
        path: path.to_owned(),
        source,
    })
}

fn default_output(spec: &Spec) -> PathBuf {
    PathBuf::from(format!("{}-{}.img", spec.board.name, spec.profile.name))
}

/// Beside the profile, in the definitions of the working directory.
fn default_lock(spec: &Spec) -> PathBuf {
    PathBuf::from(format!(
        "profiles/{}/{}.lock",
        spec.profile.name, spec.board.name
    ))
}
