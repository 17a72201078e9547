//! Reads the environment of the process: folders, mirrors, proxies and the clock. No other module reads it.
#![expect(
    clippy::disallowed_methods,
    reason = "only this module reads the environment"
)]

use super::files;
use crate::apt::mirrors;
use crate::apt::sources::{self, SourceEntry};
use crate::configuration::Configuration;
use crate::epoch::Epoch;
use crate::fetch::{BadUrl, Proxies};
use crate::listing;
use crate::session::Mirrors;
use crate::specification::{GivenSecret, Secret};
use crate::unfinished::Unfinished;
use ring::rand::SecureRandom;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A fault of the environment.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvironmentError {
    /// The user's configuration file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The user's configuration file has a mistake.
    #[error("`{}`: line {line}: {message}", .path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// The mistake.
        message: String,
    },
    /// No folder for the store is known.
    #[error("no folder for the store is known: set HOME or IMGBUILD_STORE, or give --store DIR")]
    NoStore,
    /// The address of the mirror is not a URL.
    #[error(transparent)]
    Mirror(#[from] BadUrl),
}

/// The value of the variable `name`, if it is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A folder of imgbuild in the folder that a variable names, or below the home directory. If neither is set, there
/// is no such folder: other users can write to every possible replacement, such as /var/tmp.
fn folder(variable_name: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let home = || absolute("HOME").map(|home| home.join(below_home));
    let base = absolute(variable_name).or_else(home)?;
    Some(base.join("imgbuild"))
}

/// The folder of the user's configuration and definitions.
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
    // The message does not quote the line, because it may hold the login of a mirror.
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

/// The folder of the store: by a flag, `IMGBUILD_STORE` or the configuration, or else in the user's cache.
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

/// The mirrors of Debian's archives: by a flag, `IMGBUILD_MIRROR` or the configuration, or else by the apt sources
/// of this machine.
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

/// The apt sources of this machine. Files that cannot be read are left out, because apt itself reports them.
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

/// The proxies in the variables that curl reads.
pub(super) fn proxies() -> Proxies {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let all = first(&["all_proxy", "ALL_PROXY"]);
    // If a web server started this program by CGI, `HTTP_PROXY` is the header field `Proxy` of a request, which
    // anybody can send.
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

/// The secret settings in variables `IMGBUILD_SECRET_<NAME>`, sorted by name.
pub(super) fn secrets() -> Vec<GivenSecret> {
    const PREFIX: &str = "IMGBUILD_SECRET_";
    let secrets = std::env::vars_os().filter_map(|(variable, value)| {
        let origin = variable.into_string().ok()?;
        let name = origin.strip_prefix(PREFIX)?.to_lowercase();
        Some(GivenSecret {
            name: name.replace('_', "-"),
            value: Secret::from_text(value.to_str()?),
            origin,
        })
    });
    let mut secrets: Vec<GivenSecret> = secrets.collect();
    secrets.sort_by(|a, b| (&a.name, &a.origin).cmp(&(&b.name, &b.origin)));
    secrets
}

/// The secret key of this user, which is made at its first use. There is none if it can be neither read nor made.
/// It is not in the store, because a user may share the store with others.
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
    // Another process may have made a key at the same time; the one in the file counts.
    read()
}

/// The present time, by which the expiry of signatures and archives is judged. It decides no byte of an image.
pub(super) fn now() -> Epoch {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Epoch(since.map_or(0, |elapsed| elapsed.as_secs()))
}

/// Whether errors are shown in colour.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && variable("NO_COLOR").is_none()
}

/// The folders in which programs are looked for.
pub(super) fn program_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// The file of this program, which the sandbox starts again.
pub(super) fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"))
}
