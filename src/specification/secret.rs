//! Secrets, which are never printed, and codes that stand for digests without revealing a secret.

use crate::digest::{Hasher, Sha256};
use ring::hmac;
use sha_crypt::{Sha512Params, sha512_crypt_b64};
use std::fmt;

/// A secret such as a passphrase. It has no `Display` and no `Serialize`, and its `Debug` hides the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Makes a secret of the text of a file or variable. A byte order mark before it and line ends after it, which editors add,
    /// are dropped. Everything else is the secret, including spaces.
    pub fn from_text(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::new(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The text. It may be used only for the file of the image that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The SHA-512 crypt hash in the format of crypt(5). The salt is derived from `spec` and `name`, because the same build
    /// has to make the same bytes; it differs between Specs and between settings.
    pub fn crypt(&self, spec: &Sha256, name: &str) -> String {
        let mut hasher = Hasher::new();
        hasher.field(b"crypt salt");
        hasher.field(&spec.0);
        hasher.field(name.as_bytes());
        // A salt of crypt(5) has 16 characters, which may be hexadecimal digits.
        let salt = &hasher.finish().to_string()[..16];
        let params = Sha512Params::default();
        let hash = sha512_crypt_b64(self.0.as_bytes(), salt.as_bytes(), &params);
        let hash = hash.expect("the default number of rounds is within its bounds");
        format!("$6${salt}${hash}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Makes codes that stand for digests of content with secrets. With the digests themselves, a person who can read the store
/// could try one passphrase after the other.
pub(crate) struct Codes(Option<hmac::Key>);

impl Codes {
    /// Makes codes with `key`, if there is one.
    pub(super) fn new(key: Option<[u8; 32]>) -> Self {
        Self(key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The code for `digest`; `None` if the content must not be stored.
    pub(crate) fn of(&self, digest: &Sha256) -> Option<Sha256> {
        let code = hmac::sign(self.0.as_ref()?, &digest.0);
        Some(Sha256(
            code.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes"),
        ))
    }
}
