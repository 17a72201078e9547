//! Checks that a pattern cannot make, by their names in the key `check`. `Imgbuild::Kind` makes the same checks for kinds
//! that can be set on the device.

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
    /// Checks that `text` is of `kind`; returns the text that programs of the device read for it.
    ///
    /// # Errors
    ///
    /// The reason for which these programs would refuse the text.
    pub(super) fn read(self, kind: &Kind, text: &str) -> Result<String, String> {
        match self {
            Self::SshKey => ssh_key::read(kind, text),
            Self::Certificate => pem::read(text),
        }
    }
}
