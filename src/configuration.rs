//! The configuration file of a user, `~/.config/imgbuild/config.toml`.

use serde::Deserialize;
use std::path::PathBuf;

/// The settings of the file.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// The Debian archive to fetch from.
    pub mirror: Option<String>,
    /// The folder of the store.
    pub store: Option<PathBuf>,
}

impl Configuration {
    /// Reads `text`, the content of the file.
    ///
    /// # Errors
    ///
    /// The text is not TOML, or has a key that is not known.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
