//! Decides which keys and signatures are acceptable at a given time. A key must be alive, not
//! revoked, bound and made for signing; a signature must use a hash that is not broken.
//!
//! Bindings are checked one by one by the rules of RFC 9580. The keyring itself is trusted, so the
//! signatures in it may use older hashes.

use crate::apt::date::Utc;
use crate::epoch::Epoch;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, SignedUser, Tag};
use std::io::Read;

/// The rule that a key or signature breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// The key has expired.
    #[error("the key expired at {}", Utc(*.0))]
    KeyExpired(Epoch),
    /// The owner has revoked the key.
    #[error("the key is revoked")]
    KeyRevoked,
    /// The key is for other purposes, or no self-signature binds it.
    #[error("the key is not one for signing, or is not bound to its primary key")]
    KeyNotForSigning,
    /// The hash is broken, or no archive uses it.
    #[error("it uses {0}, expected SHA-256, SHA-384 or SHA-512")]
    WrongHash(String),
    /// The signature was made in the future, so a clock is wrong.
    #[error("it was made at {}, which is still to come; check the clock of this machine", Utc(*.0))]
    FromTheFuture(Epoch),
    /// The signature has expired.
    #[error("it expired at {}", Utc(*.0))]
    Expired(Epoch),
    /// The signature is not one of a text or file, has no date, or has an unknown condition.
    #[error("it is of a kind that does not vouch for a text")]
    WrongKind,
}

/// Clocks differ, so a signature may be made this many seconds after "now".
const CLOCK_SKEW: u64 = 300;

/// Checks the rules that do not depend on the key.
pub(super) fn signature_acceptable(signature: &Signature, now: Epoch) -> Result<(), Unacceptable> {
    if !matches!(
        signature.typ(),
        Some(SignatureType::Text | SignatureType::Binary)
    ) {
        return Err(Unacceptable::WrongKind);
    }
    match signature.hash_alg() {
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => {}
        Some(other) => return Err(Unacceptable::WrongHash(other.to_string())),
        None => return Err(Unacceptable::WrongKind),
    }
    // A critical subpacket that is not understood makes a signature void (RFC 9580, 5.2.3.7).
    let unknown = signature.config().is_none_or(|config| {
        config.hashed_subpackets().any(|subpacket| {
            let known = !matches!(
                subpacket.data,
                SubpacketData::Notation(_)
                    | SubpacketData::Experimental(..)
                    | SubpacketData::Other(..)
            );
            subpacket.is_critical && !known
        })
    });
    if unknown {
        return Err(Unacceptable::WrongKind);
    }
    let created = created(signature).ok_or(Unacceptable::WrongKind)?;
    if created > now.0.saturating_add(CLOCK_SKEW) {
        return Err(Unacceptable::FromTheFuture(Epoch(created)));
    }
    match end(created, signature.signature_expiration_time()) {
        Some(end) if end <= now.0 => Err(Unacceptable::Expired(Epoch(end))),
        _ => Ok(()),
    }
}

/// The part of a key that may have signed.
pub(super) enum Signer<'a> {
    Primary,
    Sub(&'a SignedPublicSubKey),
}

impl Signer<'_> {
    pub(super) fn details<'k>(&'k self, key: &'k SignedPublicKey) -> &'k dyn KeyDetails {
        match self {
            Self::Primary => &key.primary_key,
            Self::Sub(subkey) => &subkey.key,
        }
    }

    /// Whether `signature` over `text` verifies with this key.
    pub(super) fn verifies(
        &self,
        key: &SignedPublicKey,
        signature: &Signature,
        text: impl Read,
    ) -> bool {
        match self {
            Self::Primary => signature.verify(&key.primary_key, text).is_ok(),
            Self::Sub(subkey) => signature.verify(&subkey.key, text).is_ok(),
        }
    }

    /// Checks that this part may sign at the time `now`.
    pub(super) fn acceptable(&self, key: &SignedPublicKey, now: Epoch) -> Result<(), Unacceptable> {
        let primary_may_sign = primary_acceptable(key, now)?;
        match self {
            Self::Primary if primary_may_sign => Ok(()),
            Self::Primary => Err(Unacceptable::KeyNotForSigning),
            Self::Sub(subkey) => subkey_acceptable(&key.primary_key, subkey, now),
        }
    }
}

/// Whether the primary key of a key that is alive at `now` may sign itself.
fn primary_acceptable(key: &SignedPublicKey, now: Epoch) -> Result<bool, Unacceptable> {
    let primary = &key.primary_key;
    let revocations = key.details.revocation_signatures.iter();
    let mut revocations = revocations.filter(|s| s.typ() == Some(SignatureType::KeyRevocation));
    if revocations.any(|signature| signature.verify_key(primary).is_ok()) {
        return Err(Unacceptable::KeyRevoked);
    }
    let users = key
        .details
        .users
        .iter()
        .flat_map(|user| certifications(primary, user));
    let certification = newest(users, now);
    let direct = key.details.direct_signatures.iter();
    let direct =
        direct.filter(|s| s.typ() == Some(SignatureType::Key) && s.verify_key(primary).is_ok());
    let direct = newest(direct, now);
    // Both kinds may limit the key; the earlier end counts.
    let bindings = || certification.into_iter().chain(direct);
    if bindings().next().is_none() {
        return Err(Unacceptable::KeyNotForSigning);
    }
    let ends = bindings().filter_map(|signature| key_end(primary, signature));
    match ends.min() {
        Some(end) if end <= now.0 => Err(Unacceptable::KeyExpired(Epoch(end))),
        // A key that says nothing about its use may sign (RFC 9580, 5.2.3.29, leaves it open).
        _ => Ok(bindings().find_map(sign_flag).unwrap_or(true)),
    }
}

/// The certifications of `user` by the key itself; none if the key has revoked that user id.
fn certifications<'a>(primary: &PublicKey, user: &'a SignedUser) -> Vec<&'a Signature> {
    let own = |signature: &&Signature| {
        signature
            .verify_certification(primary, Tag::UserId, &user.id)
            .is_ok()
    };
    let own: Vec<&Signature> = user.signatures.iter().filter(own).collect();
    if own
        .iter()
        .any(|signature| signature.typ() == Some(SignatureType::CertRevocation))
    {
        return Vec::new();
    }
    own
}

fn subkey_acceptable(
    primary: &PublicKey,
    subkey: &SignedPublicSubKey,
    now: Epoch,
) -> Result<(), Unacceptable> {
    let own = |signature: &&Signature| {
        signature
            .verify_subkey_binding(primary, &subkey.key)
            .is_ok()
    };
    let own: Vec<&Signature> = subkey.signatures.iter().filter(own).collect();
    if own
        .iter()
        .any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation))
    {
        return Err(Unacceptable::KeyRevoked);
    }
    let binding = newest(own.into_iter(), now).ok_or(Unacceptable::KeyNotForSigning)?;
    // The subkey must have signed the binding too, or anyone could bind another's signing key to
    // his own.
    let agreed = binding.embedded_signature().is_some_and(|back| {
        back.verify_primary_key_binding(&subkey.key, primary)
            .is_ok()
    });
    if sign_flag(binding) != Some(true) || !agreed {
        return Err(Unacceptable::KeyNotForSigning);
    }
    match key_end(&subkey.key, binding) {
        Some(end) if end <= now.0 => Err(Unacceptable::KeyExpired(Epoch(end))),
        _ => Ok(()),
    }
}

/// The newest signature in force at `now`.
fn newest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    now: Epoch,
) -> Option<&'a Signature> {
    let in_force = signatures.filter(|signature| {
        created(signature).is_some_and(|created| {
            let end = end(created, signature.signature_expiration_time());
            created <= now.0.saturating_add(CLOCK_SKEW) && end.is_none_or(|end| end > now.0)
        })
    });
    in_force.max_by_key(|signature| created(signature))
}

fn created(signature: &Signature) -> Option<u64> {
    signature
        .created()
        .map(|created| u64::from(created.as_secs()))
}

/// The end of a life that began at `start`; 0 seconds mean that it has no end (RFC 9580, 5.2.3.13).
fn end(start: u64, life: Option<pgp::types::Duration>) -> Option<u64> {
    let life = u64::from(life?.as_secs());
    (life != 0).then(|| start.saturating_add(life))
}

fn key_end(key: &dyn KeyDetails, binding: &Signature) -> Option<u64> {
    end(
        u64::from(key.created_at().as_secs()),
        binding.key_expiration_time(),
    )
}

/// Whether `binding` allows its key to sign; `None` if it has no key flags.
fn sign_flag(binding: &Signature) -> Option<bool> {
    let mut subpackets = binding.config()?.hashed_subpackets();
    subpackets.find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags.sign()),
        _ => None,
    })
}
