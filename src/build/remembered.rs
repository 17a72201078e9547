//! The digest of the image that was made of the same inputs before.
//!
//! Whoever writes an image hashes it anyway. Where the digest is the remembered one, all that was read
//! from the store on the way was right, also what a bad disk could have changed, and nothing else has to
//! be hashed.
//!
//! An image with a secret in it must not tell the secret through this: who has the store could try one
//! passphrase after the other. So key and digest are authenticated codes under a key that lies outside of
//! the store; without that key, nothing is remembered of such an image.

use crate::digest::{Hasher, Sha256};
use crate::plan::Plan;
use crate::store::Store;
use ring::hmac;
use std::io;

/// From inputs to the digest of their image.
const STAGE: &str = "image-1";

/// What is remembered of the image of one set of inputs.
pub struct Remembered<'a> {
    store: &'a Store,
    /// Under which key codes are made, and the one of the inputs; none where nothing is remembered.
    keys: Option<(hmac::Key, Sha256)>,
}

impl<'a> Remembered<'a> {
    /// What `store` has of `plan`; `own` is the user's key, which is needed where there are secrets.
    pub fn new(plan: &Plan, store: &'a Store, own: impl FnOnce() -> Option<[u8; 32]>) -> Self {
        let own = match plan.spec.has_secrets() {
            true => own(),
            false => Some([0; 32]),
        };
        let keys = own.map(|own| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &own);
            let mut hasher = Hasher::new();
            hasher.field(&plan.build_id.0);
            plan.spec.hash_secrets(&mut hasher);
            let inputs = code(&key, &hasher.finish());
            (key, inputs)
        });
        Self { store, keys }
    }

    /// Whether there was such an image before.
    pub fn is_known(&self) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|(_, inputs)| self.store.noted(STAGE, inputs).is_some())
    }

    /// Whether that image had this digest.
    pub fn is(&self, digest: &Sha256) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|(key, inputs)| self.store.noted(STAGE, inputs) == Some(code(key, digest)))
    }

    /// Remembers `digest`, with whose image everything was in order.
    pub fn set(&self, digest: &Sha256) -> io::Result<()> {
        match &self.keys {
            Some((key, inputs)) => self.store.set_memo(STAGE, inputs, &code(key, digest)),
            None => Ok(()),
        }
    }
}

fn code(key: &hmac::Key, digest: &Sha256) -> Sha256 {
    let code = hmac::sign(key, &digest.0);
    Sha256(code.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes"))
}
