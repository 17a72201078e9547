//! What a lock must not decide that nobody named, because it was found in the working directory.
//!
//! A lock pins digests that no signature is asked about again. In a repository that was cloned it is
//! somebody else's word; what it pins comes from the user's own mirror, but where the device gets its
//! upgrades for ever after, and which image it is built on, would be somebody else's choice.

use super::error::SessionError;
use super::open::Session;
use crate::apt::keyring::Keyring;
use crate::apt::repository::Freshness;
use crate::lock::Lock;
use crate::resolve::repositories;
use crate::specification::ImageBase;
use std::collections::BTreeSet;

impl Session<'_> {
    /// Refuses `lock`, which nobody named, where it decides what only the user may.
    ///
    /// # Errors
    /// [`SessionError::FoundLock`], and [`SessionError::NoMirror`] where there is nothing to compare it with.
    pub fn check_found_lock(&self, lock: &Lock) -> Result<(), SessionError> {
        match self.decided_by(lock)? {
            Some(decided) => Err(SessionError::FoundLock(decided)),
            None => Ok(()),
        }
    }

    /// What `lock` decides of that.
    fn decided_by(&self, lock: &Lock) -> Result<Option<String>, SessionError> {
        let spec = &self.spec;
        for (image, locked) in [(&spec.base, &lock.base), (&spec.loader, &lock.loader)] {
            // Of every other image the user or the board says what it must be, or it is the user's file.
            let unproven = match image {
                Some(ImageBase::Named(base)) => base.proof.sha256().is_none(),
                Some(ImageBase::Address { sha256, .. }) => sha256.is_none(),
                Some(ImageBase::File { .. }) | None => false,
            };
            if let (true, Some(locked)) = (unproven, locked) {
                let (name, sha256) = (&locked.name, &locked.sha256);
                return Ok(Some(format!(
                    "the image `{name}` is the one with sha256 {sha256}, without a signature being asked"
                )));
            }
        }
        if spec.base.is_some() {
            return Ok(None);
        }
        // Compared as addresses and names only; neither key nor age matters for that.
        let suite = &spec.board.suite;
        let own = repositories(
            suite,
            self.mirrors()?,
            &Keyring::debian(),
            Freshness::Ignored,
        );
        let own: BTreeSet<(String, String)> = own
            .iter()
            .flat_map(|repository| {
                let urls = repository.base_urls.iter();
                urls.map(|url| (repository.name.clone(), plain(&url.to_string())))
            })
            .collect();
        let other = lock.repositories.iter().find(|repository| {
            let tools = repository.name.starts_with("tools/");
            !tools && !own.contains(&(repository.name.clone(), plain(&repository.url)))
        });
        Ok(other.map(|other| {
            let urls: BTreeSet<&str> = own.iter().map(|(_, url)| url.as_str()).collect();
            let urls: Vec<&str> = urls.into_iter().collect();
            format!(
                "the device gets its upgrades from `{}` ({}), where this machine fetches from {}",
                other.url,
                other.name,
                urls.join(", ")
            )
        }))
    }
}

fn plain(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
