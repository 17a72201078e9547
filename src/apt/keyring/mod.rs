//! Keyrings, which verify clear-signed texts and files with detached signatures.
//!
//! As in apt, one good signature by an acceptable key of the ring is enough. Only the signed text
//! is given out. Only this module uses the `pgp` crate. `verify_bindings` of that crate is not
//! used, because it demands that third-party certifications of a key verify too, which they cannot
//! without the other keys. Each binding that matters is checked by itself instead.

mod acceptable;
mod detached;

pub use acceptable::Unacceptable;
pub use detached::DetachedError;

use crate::epoch::Epoch;
use acceptable::{Signer, signature_acceptable};
use pgp::composed::{CleartextSignedMessage, Deserializable, SignedPublicKey};
use pgp::packet::Signature;
use pgp::types::{Fingerprint, KeyDetails, KeyId};
use std::io::Read;

/// The keys that may sign.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<SignedPublicKey>);

/// A text whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedText {
    /// The signed text, with `\n` at line ends.
    pub text: String,
    /// Fingerprints of the keys whose signatures are good, in the order of the signatures.
    pub signers: Vec<String>,
}

/// Why bytes are not a usable keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The bytes are not OpenPGP, or damaged.
    #[error("not an OpenPGP keyring, armored or binary")]
    Malformed(#[source] pgp::errors::Error),
    /// The keyring has no key.
    #[error("the keyring holds no public key")]
    Empty,
    /// The keyring lacks the requested key.
    #[error("the keyring does not hold the key {wanted}")]
    OtherKey {
        /// Its fingerprint.
        wanted: String,
    },
}

/// Why a signed text is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is text before or after the signed message.
    #[error("unsigned text stands before or behind the signed message")]
    UnsignedText,
    /// The text is not a clear-signed message.
    #[error("not an OpenPGP clear-signed message")]
    Malformed(#[source] pgp::errors::Error),
    /// The list of signatures is empty.
    #[error("the message carries no signature")]
    Unsigned,
    /// There are more signatures than any archive makes.
    #[error("the message carries {found} signatures, more than {MOST_SIGNATURES}")]
    TooManySignatures {
        /// Their number.
        found: usize,
    },
    /// There are more lines than in any archive's message.
    #[error("the message has {found} lines, more than {MOST_LINES}")]
    TooManyLines {
        /// Their number.
        found: usize,
    },
    /// Only keys that are not in the ring have signed.
    #[error(
        "signed by keys that are not in the keyring: {}; give the keyring of this archive",
        .found.join(", ")
    )]
    UnknownKey {
        /// Fingerprints or key ids that the signatures name.
        found: Vec<String>,
    },
    /// The signature of a known key does not fit the text.
    #[error("the signature of key {key} does not fit the text: it was changed on the way")]
    Bad {
        /// Fingerprint.
        key: String,
    },
    /// The signature of a known key breaks a rule.
    #[error("the signature of key {key} is not accepted: {reason}")]
    NotAccepted {
        /// Fingerprint.
        key: String,
        /// The rule.
        reason: Unacceptable,
    },
}

/// The Release file of trixie has three signatures. The limit prevents a hostile mirror from having
/// thousands verified.
const MOST_SIGNATURES: usize = 32;

/// The Release file of trixie has 1,500 lines. The `pgp` crate scans all earlier text again for
/// each line, so the time grows with lines times bytes.
const MOST_LINES: usize = 10_000;

impl Keyring {
    /// The keys of Debian's archives, of the newest stable release.
    pub fn debian() -> Self {
        let bytes = include_bytes!("../../../keyrings/debian-archive-keyring.pgp");
        Self::parse(bytes).expect("the keyring in the program is well-formed")
    }

    /// Reads a binary keyring, or one or several armored blocks.
    ///
    /// # Errors
    ///
    /// The bytes are malformed, or hold no key.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        const BEGIN: &[u8] = b"-----BEGIN ";
        let starts = bytes.windows(BEGIN.len()).enumerate();
        let mut starts: Vec<usize> = starts
            .filter(|(_, window)| *window == BEGIN)
            .map(|(at, _)| at)
            .collect();
        // A binary keyring begins with a packet tag, whose high bit is set (RFC 9580, 4.2).
        if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
            starts = vec![0];
        }
        starts.push(bytes.len());
        let mut keys = Vec::new();
        for block in starts.windows(2) {
            let block = &bytes[block[0]..block[1]];
            let (found, _) =
                SignedPublicKey::from_reader_many(block).map_err(KeyringError::Malformed)?;
            for key in found {
                keys.push(key.map_err(KeyringError::Malformed)?);
            }
        }
        if keys.is_empty() {
            Err(KeyringError::Empty)
        } else {
            Ok(Self(keys))
        }
    }

    /// The fingerprints of its keys, in an order that does not depend on the file.
    pub fn fingerprints(&self) -> Vec<String> {
        let fingerprint = |key: &SignedPublicKey| format!("{:?}", key.fingerprint());
        let mut fingerprints: Vec<String> = self.0.iter().map(fingerprint).collect();
        fingerprints.sort();
        fingerprints
    }

    /// The keys of this ring and of `other`.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Verifies the clear-signed `message` at the time `now`.
    ///
    /// # Errors
    ///
    /// The message is malformed, or no acceptable key of the ring has signed it.
    pub fn verify(&self, message: &str, now: Epoch) -> Result<SignedText, SignatureError> {
        const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
        const END: &str = "-----END PGP SIGNATURE-----";
        let message = message.trim_end();
        let whole = message.starts_with(BEGIN) && message.ends_with(END);
        if !whole && message.contains(BEGIN) && message.contains(END) {
            return Err(SignatureError::UnsignedText);
        }
        let lines = message.lines().count();
        if lines > MOST_LINES {
            return Err(SignatureError::TooManyLines { found: lines });
        }
        let (parsed, _) =
            CleartextSignedMessage::from_string(message).map_err(SignatureError::Malformed)?;
        let signatures = parsed.signatures();
        if signatures.len() > MOST_SIGNATURES {
            return Err(SignatureError::TooManySignatures {
                found: signatures.len(),
            });
        }
        let signed = parsed.signed_text();
        let mut signers = Vec::new();
        let mut errors = Vec::new();
        for signature in signatures {
            let text = || Box::new(signed.as_bytes()) as Box<dyn Read + '_>;
            match self.check(signature, &text, now) {
                Ok(signer) => signers.push(signer),
                Err(error) => errors.push(error),
            }
        }
        if signers.is_empty() {
            return Err(most_useful(errors));
        }
        Ok(SignedText {
            text: signed.replace("\r\n", "\n"),
            signers,
        })
    }

    /// The fingerprint of the key that made `signature` over `text`, if both are acceptable.
    fn check<'t>(
        &self,
        signature: &Signature,
        text: &dyn Fn() -> Box<dyn Read + 't>,
        now: Epoch,
    ) -> Result<String, SignatureError> {
        let claimed = Claimed::of(signature);
        let mut outcome = Err(SignatureError::UnknownKey {
            found: vec![claimed.to_string()],
        });
        for key in &self.0 {
            let subkeys = key.public_subkeys.iter().map(Signer::Sub);
            for signer in std::iter::once(Signer::Primary).chain(subkeys) {
                let key_part = signer.details(key);
                if !claimed.may_be(key_part) {
                    continue;
                }
                let name = key_part.fingerprint().to_string();
                if !signer.verifies(key, signature, text()) {
                    outcome = Err(SignatureError::Bad { key: name });
                    continue;
                }
                let acceptable =
                    signature_acceptable(signature, now).and_then(|()| signer.acceptable(key, now));
                match acceptable {
                    Ok(()) => return Ok(name),
                    Err(reason) => {
                        outcome = Err(SignatureError::NotAccepted { key: name, reason });
                    }
                }
            }
        }
        outcome
    }
}

/// The most useful of the errors of all signatures: an error of a known key, or else one that names
/// all unknown keys.
fn most_useful(errors: Vec<SignatureError>) -> SignatureError {
    let mut unknown = Vec::new();
    for error in errors {
        match error {
            SignatureError::UnknownKey { found } => unknown.extend(found),
            known => return known,
        }
    }
    if unknown.is_empty() {
        return SignatureError::Unsigned;
    }
    SignatureError::UnknownKey { found: unknown }
}

/// The key that a signature claims to be made by: fingerprints if it names any, else key ids.
struct Claimed {
    fingerprints: Vec<Fingerprint>,
    key_ids: Vec<KeyId>,
}

impl Claimed {
    fn of(signature: &Signature) -> Self {
        Self {
            fingerprints: signature
                .issuer_fingerprint()
                .into_iter()
                .cloned()
                .collect(),
            key_ids: signature.issuer_key_id().into_iter().copied().collect(),
        }
    }

    fn may_be(&self, key: &dyn KeyDetails) -> bool {
        if self.fingerprints.is_empty() {
            return self.key_ids.contains(&key.legacy_key_id());
        }
        self.fingerprints.contains(&key.fingerprint())
    }
}

impl std::fmt::Display for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.fingerprints.first(), self.key_ids.first()) {
            (Some(fingerprint), _) => write!(f, "{fingerprint}"),
            (None, Some(key_id)) => write!(f, "key id {key_id}"),
            (None, None) => f.write_str("an unnamed key"),
        }
    }
}

#[cfg(test)]
mod tests;
