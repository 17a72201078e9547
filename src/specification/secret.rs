//! Text that nothing prints, and digests that tell nothing of it.

use crate::digest::{Hasher, Sha256};
use ring::hmac;
use sha_crypt::{Sha512Params, sha512_crypt_b64};
use std::fmt;

/// A passphrase or password. It has no `Display` and no `Serialize`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Takes the text of a file or variable, as editors leave it: with a mark of UTF-8 or without, with ends of
    /// lines behind it or without. Everything else is the secret, spaces too.
    pub fn from_text(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::new(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The text, for the file of the image that needs it, and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its SHA-512 crypt hash, as crypt(5) writes it. The salt is derived from `spec` and `name`,
    /// for the same build has to make the same bytes; it differs between Specs and settings.
    pub fn crypt(&self, spec: &Sha256, name: &str) -> String {
        let mut hasher = Hasher::new();
        hasher.field(b"crypt salt");
        hasher.field(&spec.0);
        hasher.field(name.as_bytes());
        // crypt(5) takes 16 characters of salt; hexadecimal digits are among those it allows.
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

/// Makes the codes that stand for digests where these must not tell a secret: who has the store could try
/// one passphrase after the other.
pub(crate) struct Codes(Option<hmac::Key>);

impl Codes {
    /// Codes under `key`, if there is one.
    pub(super) fn new(key: Option<[u8; 32]>) -> Self {
        Self(key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// Returns what stands for `digest`, or nothing where nothing may be remembered.
    pub(crate) fn of(&self, digest: &Sha256) -> Option<Sha256> {
        let code = hmac::sign(self.0.as_ref()?, &digest.0);
        Some(Sha256(
            code.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes"),
        ))
    }
}
