//! Detached signatures: over a file that need not fit into memory.

use super::{Keyring, KeyringError, MOST_SIGNATURES, SignatureError, worst};
use crate::epoch::Epoch;
use pgp::composed::{Deserializable, DetachedSignature};
use pgp::types::KeyDetails;
use std::io::{self, Read};

/// A file that cannot be checked, or whose signature is refused.
#[derive(Debug, thiserror::Error)]
pub enum DetachedError {
    /// The signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// No OpenPGP signature.
    #[error("not an OpenPGP signature, armored or binary")]
    Malformed(#[source] pgp::errors::Error),
    /// The signed file cannot be read.
    #[error("cannot read the signed file")]
    Read(#[from] io::Error),
}

impl Keyring {
    /// The key with `fingerprint` alone, which is in hexadecimal.
    pub fn only(self, fingerprint: &str) -> Result<Self, KeyringError> {
        let keys = self.0.into_iter();
        let is_wanted = |found: String| found.eq_ignore_ascii_case(fingerprint);
        let keys: Vec<_> = keys
            .filter(|key| is_wanted(key.primary_key.fingerprint().to_string()))
            .collect();
        if keys.is_empty() {
            let wanted = fingerprint.to_owned();
            return Err(KeyringError::OtherKey { wanted });
        }
        Ok(Self(keys))
    }

    /// Checks that one of the `signatures`, armored or binary, is a good one over what `open` opens,
    /// at the moment `now`. Gives the fingerprint of the key that made it.
    pub fn verify_detached(
        &self,
        signatures: &[u8],
        now: Epoch,
        open: &dyn Fn() -> io::Result<fs_err::File>,
    ) -> Result<String, DetachedError> {
        let parsed = DetachedSignature::from_reader_many(signatures);
        let (parsed, _) = parsed.map_err(DetachedError::Malformed)?;
        let mut errors = Vec::new();
        for (index, signature) in parsed.enumerate() {
            if index >= MOST_SIGNATURES {
                let found = index.saturating_add(1);
                return Err(SignatureError::TooManySignatures { found }.into());
            }
            let signature = signature.map_err(DetachedError::Malformed)?.signature;
            // So that an error of the disk is not taken for a wrong signature.
            open()?;
            let data = || match open() {
                Ok(file) => Box::new(io::BufReader::with_capacity(1 << 17, file)) as Box<dyn Read>,
                Err(_) => Box::new(io::empty()),
            };
            match self.check(&signature, &data, now) {
                Ok(signer) => return Ok(signer),
                Err(error) => errors.push(error),
            }
        }
        Err(worst(errors).into())
    }
}
