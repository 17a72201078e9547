//! Opens the session of a command, by flags, files and the environment.

use super::args::{InputArgs, TargetArgs};
use super::failure::Failure;
use super::progress::Progress;
use super::{environment, files, signals, target};
use crate::apt::keyring::Keyring;
use crate::apt::repository::Freshness;
use crate::fetch::Network;
use crate::session::{Options, Session, SessionError};
use crate::specification::Spec;
use crate::store::Store;
use std::path::Path;
use std::time::Duration;

/// Opens the session for `target` and `input`.
pub(super) fn open<'a>(
    target: &TargetArgs,
    input: &InputArgs,
    progress: &'a Progress,
) -> Result<Session<'a>, Failure> {
    let base_keys = target.base_key.as_deref().map(read).transpose()?;
    open_spec(target::spec(target)?, base_keys, input, progress)
}

/// Opens the session for `spec` and `input`.
pub(super) fn open_spec<'a>(
    spec: Spec,
    base_keys: Option<Vec<u8>>,
    input: &InputArgs,
    progress: &'a Progress,
) -> Result<Session<'a>, Failure> {
    let options = Options {
        network: match input.offline {
            true => Network::Offline,
            false => Network::Online,
        },
        proxies: environment::proxies(),
        keyring: input.keyring.as_deref().map(keyring).transpose()?,
        base_keys,
        freshness: match input.allow_expired {
            true => Freshness::Ignored,
            false => Freshness::Checked,
        },
        script_timeout: input.script_timeout.map(Duration::from_secs),
        own_key: environment::own_key,
        guard: signals::guard,
        reporter: progress,
        ..Options::new(
            environment::store_folder(input.store.as_deref())?,
            environment::mirrors(input.mirror.as_deref())?,
            environment::now(),
            environment::program(),
        )
    };
    Ok(Session::open(spec, options)?)
}

/// Opens the store, for a command that needs no session.
pub(super) fn store(flag: Option<&Path>) -> Result<Store, Failure> {
    let path = environment::store_folder(flag)?;
    let store = Store::open(&path).map_err(|source| SessionError::Store { path, source })?;
    signals::guard(store.scratch());
    Ok(store)
}

fn keyring(path: &Path) -> Result<Keyring, Failure> {
    Keyring::parse(&read(path)?).map_err(|source| Failure::Keyring {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, files::MAX_LONG).map_err(Failure::reading(path))
}
