//! Verifies detached signatures. The signed file need not fit into memory.

use super::{Keyring, KeyringError, MOST_SIGNATURES, SignatureError, most_useful};
use crate::epoch::Epoch;
use pgp::composed::{Deserializable, DetachedSignature};
use pgp::types::KeyDetails;
use std::io::{self, Read};

/// Why a file with a detached signature is refused.
#[derive(Debug, thiserror::Error)]
pub enum DetachedError {
    /// The signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature file is not OpenPGP.
    #[error("not an OpenPGP signature, armored or binary")]
    Malformed(#[source] pgp::errors::Error),
    /// The signed file cannot be read.
    #[error("cannot read the signed file")]
    Read(#[from] io::Error),
}

impl Keyring {
    /// A keyring that has only the key with `fingerprint`, which is in hexadecimal.
    ///
    /// # Errors
    ///
    /// This keyring lacks the key.
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

    /// Verifies the file that `open` opens by one of the `signatures`, armored or binary, at the
    /// time `now`. Gives the fingerprint of the key that has made the good signature.
    ///
    /// # Errors
    ///
    /// No signature is good and by an acceptable key, or the file cannot be read.
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
            // This call makes sure that an error of the disk is not taken for a wrong signature.
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
        Err(most_useful(errors).into())
    }
}
