//! Checks that no pattern can make, by the names that `check` has for them. `Imgbuild::Kind` makes those of kinds that can be
//! set on the device.

use super::{Kind, pem, ssh_key};
use serde::Deserialize;

/// A check by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Check {
    SshKey,
    Certificate,
}

impl Check {
    /// `text`, which shall be of `kind`, as programs shall read it.
    ///
    /// # Errors
    ///
    /// The reason for which they would not take it.
    pub(super) fn read(self, kind: &Kind, text: &str) -> Result<String, String> {
        match self {
            Self::SshKey => ssh_key::read(kind, text),
            Self::Certificate => pem::read(text),
        }
    }
}
