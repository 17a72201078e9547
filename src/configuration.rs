//! The configuration file of a user, `~/.config/imgbuild/config.toml`.

use serde::Deserialize;
use std::path::PathBuf;

/// What it may say.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// The Debian archive to fetch from.
    pub mirror: Option<String>,
    /// The folder that keeps what was fetched and made.
    pub store: Option<PathBuf>,
}

impl Configuration {
    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
