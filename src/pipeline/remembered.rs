//! Keeps the digest of each image in the store, by the inputs of the image.
//!
//! The writer of an image hashes it anyway. If the digest is that of an earlier build with the same inputs, all bytes
//! that were read from the store are right, even on a bad disk, and the objects of the store need not be hashed.
//!
//! If the image holds a secret, the digest must not give it away: a person who has the store could try one passphrase
//! after the other. So inputs and digests are [`Codes`] under a key that is not in the store. Without that key, no
//! digest of such an image is kept.

use crate::digest::{Hasher, Sha256};
use crate::plan::Plan;
use crate::specification::Codes;
use crate::store::Store;
use std::io;

/// The stage of the memo from inputs to the digest of their image. It must change whenever the same inputs give
/// another image.
const STAGE: &str = "image-2";

/// The remembered digest of the image of one set of inputs.
pub struct Remembered<'a> {
    store: &'a Store,
    codes: Codes,
    /// The code of the inputs.
    inputs: Option<Sha256>,
}

impl<'a> Remembered<'a> {
    /// The digest that `store` has for the inputs of `plan`. `own` gives the user's key.
    pub fn new(plan: &Plan, store: &'a Store, own: impl FnOnce() -> Option<[u8; 32]>) -> Self {
        let codes = plan.spec.codes(own);
        let mut hasher = Hasher::new();
        hasher.field(&plan.build_id.0);
        plan.spec.hash_secrets(&mut hasher);
        let inputs = codes.of(&hasher.finish());
        Self {
            store,
            codes,
            inputs,
        }
    }

    /// Whether an image was made of the same inputs before.
    pub fn is_known(&self) -> bool {
        self.noted().is_some()
    }

    /// Whether that image had this digest.
    pub fn is(&self, digest: &Sha256) -> bool {
        let noted = self.noted();
        noted.is_some() && noted == self.codes.of(digest)
    }

    /// Remembers `digest`, the digest of an image whose inputs were all verified.
    ///
    /// # Errors
    ///
    /// The store cannot be written to.
    pub fn set(&self, digest: &Sha256) -> io::Result<()> {
        match (&self.inputs, self.codes.of(digest)) {
            (Some(inputs), Some(code)) => self.store.set_memo(STAGE, inputs, &code),
            _ => Ok(()),
        }
    }

    fn noted(&self) -> Option<Sha256> {
        self.store.noted(STAGE, self.inputs.as_ref()?)
    }
}
