//! The digest of the image that was made of the same inputs before.
//!
//! Whoever writes an image hashes it anyway. Where the digest is the remembered one, all that was read
//! from the store on the way was right, also what a bad disk could have changed, and nothing else has to
//! be hashed.
//!
//! What holds a secret must not tell it through what is remembered: who has the store could try one
//! passphrase after the other. So keys and digests are [`Codes`] under a key that lies outside of the
//! store; without that key, nothing is remembered of such an image.

use crate::digest::{Hasher, Sha256};
use crate::plan::Plan;
use crate::specification::Codes;
use crate::store::Store;
use std::io;

/// From inputs to the digest of their image.
const STAGE: &str = "image-1";

/// What is remembered of the image of one set of inputs.
pub struct Remembered<'a> {
    store: &'a Store,
    codes: Codes,
    /// The code of the inputs.
    inputs: Option<Sha256>,
}

impl<'a> Remembered<'a> {
    /// What `store` has of `plan`; `own` is the user's key.
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

    /// Whether there was such an image before.
    pub fn is_known(&self) -> bool {
        self.noted().is_some()
    }

    /// Whether that image had this digest.
    pub fn is(&self, digest: &Sha256) -> bool {
        let noted = self.noted();
        noted.is_some() && noted == self.codes.of(digest)
    }

    /// Remembers `digest`, with whose image everything was in order.
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
