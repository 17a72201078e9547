//! Finds the keys that may sign a base image. They are trusted by their fingerprints, not by their address.

use super::{Source, SourceError};
use crate::apt::keyring::Keyring;
use crate::fetch::Url;

impl Source<'_> {
    /// The keys with `fingerprints` for base `name`. They come from the file that a person gave, or else from
    /// `addresses`, which are tried one after the other until no key is missing.
    pub(super) fn keyring(
        &self,
        name: &str,
        fingerprints: &[String],
        addresses: &[Url],
    ) -> Result<Keyring, SourceError> {
        let mut missing: Vec<&String> = fingerprints.iter().collect();
        let mut found: Option<Keyring> = None;
        let mut wrong = None;
        let mut take = |bytes: &[u8]| {
            missing.retain(|fingerprint| {
                let key = Keyring::parse(bytes).and_then(|ring| ring.only(fingerprint));
                match key {
                    Ok(key) => {
                        let ring = found.take();
                        found = Some(ring.map_or(key.clone(), |ring| ring.joined(key)));
                        false
                    }
                    Err(source) => {
                        wrong.get_or_insert(SourceError::Key {
                            name: name.to_owned(),
                            source: Box::new(source),
                        });
                        true
                    }
                }
            });
            missing.is_empty()
        };
        let mut absent = None;
        match self.keys {
            Some(bytes) => {
                take(bytes);
            }
            None => {
                for address in addresses {
                    match self.small(name, "key", std::slice::from_ref(address)) {
                        Ok(object) if take(&self.bytes(&object)?) => break,
                        Ok(_) => {}
                        Err(error) => absent = absent.or(Some(error)),
                    }
                }
            }
        }
        found.ok_or_else(|| {
            wrong.or(absent).unwrap_or_else(|| SourceError::NoKey {
                name: name.to_owned(),
                fingerprints: fingerprints.to_vec(),
            })
        })
    }
}
