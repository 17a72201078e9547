//! The archives from which the device fetches its upgrades.

use super::layer::{Layer, LayerError};
use crate::address::without_login;
use crate::lock::LockedRepository;

/// The keyring that package debian-archive-keyring installs.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Writes apt's sources, with a stanza for each archive of the lock.
///
/// # Errors
///
/// The tree does not take the file.
pub fn write(
    layer: &mut Layer<'_>,
    repositories: &[LockedRepository],
    components: &[String],
) -> Result<(), LayerError> {
    let components = components.join(" ");
    let stanza = |repository: &LockedRepository| {
        // A lock that was written by hand may have a user name and password in the address.
        let url = without_login(repository.url.trim_end_matches('/'));
        let suite = repository.suite();
        format!(
            "Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: {components}\nSigned-By: {KEYRING}\n"
        )
    };
    let stanzas: Vec<String> = repositories.iter().map(stanza).collect();
    layer.remove("/etc/apt/sources.list")?;
    let path = "/etc/apt/sources.list.d/debian.sources";
    layer.file(path, stanzas.join("\n"), 0o644)?;
    Ok(())
}
