//! The environment of the process: folders, mirrors, proxies and the clock. Nothing else in imgbuild
//! reads it.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]

use super::files;
use crate::apt::mirrors;
use crate::apt::sources::{self, SourceEntry};
use crate::configuration::Configuration;
use crate::epoch::Epoch;
use crate::fetch::{BadUrl, Proxies};
use crate::listing;
use crate::session::Mirrors;
use crate::unfinished::Unfinished;
use ring::rand::SecureRandom;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvironmentError {
    /// The user's configuration file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be understood.
    #[error("`{}`: line {line}: {message}", .path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Nothing says where the store is.
    #[error("no folder for the store is known: set HOME or IMGBUILD_STORE, or give --store DIR")]
    NoStore,
    /// The mirror's address is not a URL.
    #[error(transparent)]
    Mirror(#[from] BadUrl),
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A folder of the user's. Without a home there is none: whatever else could stand in for it, such as
/// /var/tmp, other users can write to.
fn folder(variable_name: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let home = || absolute("HOME").map(|home| home.join(below_home));
    let base = absolute(variable_name).or_else(home)?;
    Some(base.join("imgbuild"))
}

/// Where a user's configuration and own definitions lie.
pub(super) fn configuration_folder() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// The user's configuration file.
pub(super) fn configuration_file() -> Option<PathBuf> {
    Some(configuration_folder()?.join("config.toml"))
}

fn configuration() -> Result<Configuration, EnvironmentError> {
    let Some(path) = configuration_file() else {
        return Ok(Configuration::default());
    };
    let text = match files::read_found(&path, files::MAX_TEXT) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Configuration::default());
        }
        Err(source) => return Err(EnvironmentError::Read { path, source }),
    };
    // The line itself may hold a login.
    let wrong = |error: toml::de::Error| {
        let before = error.span().map(|span| &text[..span.start.min(text.len())]);
        EnvironmentError::Configuration {
            path,
            line: before.map_or(1, |before| before.matches('\n').count() + 1),
            message: error.message().to_owned(),
        }
    };
    Configuration::parse(&text).map_err(wrong)
}

/// The folder of the store: a flag, `IMGBUILD_STORE`, the configuration, or the user's cache.
pub(super) fn store_folder(flag: Option<&Path>) -> Result<PathBuf, EnvironmentError> {
    if let Some(path) = flag {
        return Ok(path.to_owned());
    }
    if let Some(path) = variable("IMGBUILD_STORE") {
        return Ok(PathBuf::from(path));
    }
    let usual = || folder("XDG_CACHE_HOME", ".cache");
    let store = configuration()?.store.or_else(usual);
    store.ok_or(EnvironmentError::NoStore)
}

/// Debian's archives: as a person names them by a flag, `IMGBUILD_MIRROR` or the configuration, or by this
/// machine's apt sources.
pub(super) fn mirrors(flag: Option<&str>) -> Result<Mirrors, EnvironmentError> {
    let named = flag.map(str::to_owned);
    let named = match named.or_else(|| variable("IMGBUILD_MIRROR")) {
        Some(url) => Some(url),
        None => configuration()?.mirror,
    };
    if let Some(url) = named {
        return Ok(Mirrors::named(&url)?);
    }
    let found = mirrors::discover_mirrors(&apt_sources(Path::new("/etc/apt")));
    Ok(found.map_or(Mirrors::Unknown, Mirrors::OfHost))
}

/// The apt sources of this machine. What cannot be read is left out: apt itself would complain.
fn apt_sources(folder: &Path) -> Vec<SourceEntry> {
    let parts = folder.join("sources.list.d");
    let names = listing::sorted(&parts).unwrap_or_default();
    let files = names
        .iter()
        .map(|name| parts.join(name))
        .chain([folder.join("sources.list")]);
    let mut entries: Vec<SourceEntry> = files.flat_map(|path| entries(&path)).collect();
    sources::expand_mirror_lists(&mut entries, |path| fs_err::read_to_string(path).ok());
    entries
}

fn entries(path: &Path) -> Vec<SourceEntry> {
    let Ok(text) = fs_err::read_to_string(path) else {
        return Vec::new();
    };
    let entries = match path.extension().and_then(|extension| extension.to_str()) {
        Some("sources") => sources::parse_sources(&text),
        Some("list") => sources::parse_list(&text),
        _ => return Vec::new(),
    };
    entries.unwrap_or_default()
}

/// The proxies that other programs of this machine use, by curl's variables.
pub(super) fn proxies() -> Proxies {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let all = first(&["all_proxy", "ALL_PROXY"]);
    // Where a web server starts programs (CGI), `HTTP_PROXY` holds the field `Proxy` of a request, which
    // anybody may send.
    let http: &[&str] = match variable("REQUEST_METHOD") {
        Some(_) => &["http_proxy"],
        None => &["http_proxy", "HTTP_PROXY"],
    };
    Proxies {
        http: first(http).or_else(|| all.clone()),
        https: first(&["https_proxy", "HTTPS_PROXY"]).or(all),
        except: first(&["no_proxy", "NO_PROXY"]).unwrap_or_default(),
    }
}

/// Secrets from `IMGBUILD_SECRET_<NAME>`: the setting's name, the variable's, and the secret.
pub(super) fn secrets() -> Vec<(String, String, String)> {
    const PREFIX: &str = "IMGBUILD_SECRET_";
    let mut found: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter_map(|(name, value)| {
            let setting = name.strip_prefix(PREFIX)?.to_lowercase().replace('_', "-");
            Some((setting, name, value))
        })
        .collect();
    found.sort();
    found
}

/// A key of this user's own, made when it is asked for first; none where it can be neither read nor
/// made. It lies outside of the store, which may be handed to others.
pub(super) fn own_key() -> Option<[u8; 32]> {
    let folder = folder("XDG_STATE_HOME", ".local/state")?;
    let path = folder.join("key");
    let read = || fs_err::read(&path).ok()?.try_into().ok();
    if let Some(key) = read() {
        return Some(key);
    }
    let mut key = [0; 32];
    ring::rand::SystemRandom::new().fill(&mut key).ok()?;
    fs_err::create_dir_all(&folder).ok()?;
    let unfinished = Unfinished::create_private(&path).ok()?;
    unfinished.file().write_all(&key).ok()?;
    unfinished.finish().ok()?;
    // Another process may have been quicker.
    read()
}

/// The clock, by which signatures and expiry of archives are judged; it decides no byte.
pub(super) fn now() -> Epoch {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Epoch(since.map_or(0, |elapsed| elapsed.as_secs()))
}

/// Whether errors are shown in colour.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && variable("NO_COLOR").is_none()
}

/// The folders that programs are looked for in.
pub(super) fn program_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// This program's file, for the sandbox to start again.
pub(super) fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"))
}
