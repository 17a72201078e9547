//! The session itself.

use super::error::SessionError;
use super::options::Options;
use crate::event::Event;
use crate::fetch::{self, Client};
use crate::specification::{Configure, ImageBase, Spec};
use crate::store::Store;

/// A specification, with the open store and the network client that its build uses.
pub struct Session<'a> {
    pub(super) spec: Spec,
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) options: Options<'a>,
}

impl<'a> Session<'a> {
    /// Opens the store for `spec`, whose remarks are reported as warnings.
    ///
    /// # Errors
    /// `spec` and `options` contradict each other, or the store or the network client cannot be set up.
    pub fn open(spec: Spec, options: Options<'a>) -> Result<Self, SessionError> {
        for remark in &spec.remarks {
            options.reporter.report(Event::Warning(remark.clone()));
        }
        check_request(&spec, &options)?;
        let store = Store::open(&options.store).map_err(|source| SessionError::Store {
            path: options.store.clone(),
            source,
        })?;
        (options.guard)(store.scratch());
        let client = Client::new(fetch::Options {
            network: options.network,
            proxies: options.proxies.clone(),
            ..fetch::Options::default()
        })?;
        Ok(Self {
            spec,
            store,
            client,
            options,
        })
    }

    /// The specification that this session builds.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The result of a step, whose error names the full disk if that caused it.
    pub(super) fn naming_full_disk<T, E>(&self, result: Result<T, E>) -> Result<T, SessionError>
    where
        SessionError: From<E>,
    {
        result.map_err(|error| SessionError::from(error).in_store(&self.store))
    }
}

/// Refuses requests of `spec` and `options` that contradict each other.
fn check_request(spec: &Spec, options: &Options<'_>) -> Result<(), SessionError> {
    if spec.loader.is_some() && !spec.board.needs_base() {
        return Err(SessionError::NeedlessLoader(spec.board.name.clone()));
    }
    if spec.board.needs_base() && spec.loader.is_none() && spec.base.is_none() {
        let names = spec.board.bases.iter().map(|base| base.name.clone());
        return Err(SessionError::NoLoader {
            board: spec.board.name.clone(),
            bases: names.collect(),
        });
    }
    if spec.configure == Configure::FirstBoot && spec.base.is_none() {
        return Err(SessionError::UnconfiguredBootstrap);
    }
    let is_signed = |image: &ImageBase| match image {
        ImageBase::Named(base) => base.proof.sha256().is_none(),
        ImageBase::Address { .. } | ImageBase::File { .. } => false,
    };
    if options.base_keys.is_some() && !spec.base.iter().chain(&spec.loader).any(is_signed) {
        return Err(SessionError::NeedlessBaseKey);
    }
    Ok(())
}
