//! Limits a lock that was found in the working directory and that the user did not name.
//!
//! A lock pins digests, and no signature is checked for them again. In a cloned repository, the lock was
//! written by somebody else. The packages that it pins come from the user's own mirror all the same. But it
//! must not decide which archive the device gets its upgrades from, or which image the device is built on.

use super::error::SessionError;
use super::open::Session;
use crate::lock::Lock;
use crate::specification::ImageBase;
use std::collections::BTreeSet;

impl Session<'_> {
    /// Refuses `lock`, which the user did not name, if it decides something that only the user may decide.
    ///
    /// # Errors
    /// [`SessionError::FoundLock`] if `lock` does so, and [`SessionError::NoMirror`] if no mirror is known to
    /// compare the lock with.
    pub fn check_found_lock(&self, lock: &Lock) -> Result<(), SessionError> {
        let decision = self.unauthorized_decision(lock)?;
        decision.map_or(Ok(()), |text| Err(SessionError::FoundLock(text)))
    }

    /// Describes what `lock` decides although only the user may decide it.
    fn unauthorized_decision(&self, lock: &Lock) -> Result<Option<String>, SessionError> {
        let spec = &self.spec;
        for (image, locked) in [(&spec.base, &lock.base), (&spec.loader, &lock.loader)] {
            // The other images are verified without the lock: the user or the board gives their digest, or
            // they are files of the user.
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
        let repositories = self.debian_repositories()?;
        let own = repositories.iter().flat_map(|repository| {
            let urls = repository.base_urls.iter();
            urls.map(|url| (repository.name.clone(), plain(&url.to_string())))
        });
        let own: BTreeSet<(String, String)> = own.collect();
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

/// Removes the slashes at the end of `url`, which make no difference to apt.
fn plain(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
