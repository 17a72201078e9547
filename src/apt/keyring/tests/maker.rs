//! Makes keys with the bindings that a test asks for, and messages that they sign.

use crate::apt::keyring::Keyring;
use crate::epoch::Epoch;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails,
    SignedPublicKey, SignedPublicSubKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Password, SignedUser, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(super) const NOW: Epoch = Epoch(1_748_779_200);
pub(super) const BORN: u64 = NOW.0 - 1_000_000;
pub(super) const TEXT: &str = "Origin: Debian\n- dashed\n\nlast\n";

/// A primary key and a subkey with all their secrets, and what binds them.
pub(super) struct Maker {
    pub(super) primary: SecretKey,
    pub(super) sub: SecretSubkey,
    pub(super) certifications: Vec<Signature>,
    pub(super) revocations: Vec<Signature>,
    pub(super) bindings: Vec<Signature>,
}

impl Maker {
    /// The keys of `seed`, with no binding at all.
    pub(super) fn bare(seed: u64) -> Self {
        let born = Timestamp::from_secs(u32::try_from(BORN).unwrap());
        let sub = SubkeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .created_at(born)
            .can_sign(true)
            .build();
        let params = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .created_at(born)
            .primary_user_id("Test".into())
            .subkey(sub.unwrap())
            .build();
        let mut key = params
            .unwrap()
            .generate(StdRng::seed_from_u64(seed))
            .unwrap();
        Self {
            primary: key.primary_key,
            sub: key.secret_subkeys.remove(0).key,
            certifications: Vec::new(),
            revocations: Vec::new(),
            bindings: Vec::new(),
        }
    }

    /// A key for signing, with a subkey for signing.
    pub(super) fn new(seed: u64) -> Self {
        Self::bare(seed)
            .certified(flags(true))
            .bound(flags(true), true)
    }

    pub(super) fn certified(mut self, more: Vec<Subpacket>) -> Self {
        let certification = self.certification(&self.primary, SignatureType::CertPositive, more);
        self.certifications.push(certification);
        self
    }

    /// Binds the subkey; with `agreed`, the subkey signs that too.
    pub(super) fn bound(mut self, mut more: Vec<Subpacket>, agreed: bool) -> Self {
        let (primary, sub) = (self.primary.public_key(), self.sub.public_key());
        if agreed {
            let back = config(&self.sub, SignatureType::KeyBinding, Vec::new());
            let back = back.sign_primary_key_binding(&self.sub, &sub, &Password::empty(), &primary);
            more.push(regular(SubpacketData::EmbeddedSignature(Box::new(
                back.unwrap(),
            ))));
        }
        let binding = config(&self.primary, SignatureType::SubkeyBinding, more);
        let binding =
            binding.sign_subkey_binding(&self.primary, &primary, &Password::empty(), &sub);
        self.bindings.push(binding.unwrap());
        self
    }

    pub(super) fn certification(
        &self,
        by: &SecretKey,
        kind: SignatureType,
        more: Vec<Subpacket>,
    ) -> Signature {
        let (own, public) = (
            by.fingerprint() == self.primary.fingerprint(),
            by.public_key(),
        );
        let (config, id, password) = (config(by, kind, more), user(), Password::empty());
        if own {
            return config
                .sign_certification(by, public, &password, Tag::UserId, &id)
                .unwrap();
        }
        let signee = self.primary.public_key();
        let signed = config.sign_certification_third_party(by, &password, signee, Tag::UserId, &id);
        signed.unwrap()
    }

    pub(super) fn revoked(mut self) -> Self {
        let config = config(&self.primary, SignatureType::KeyRevocation, Vec::new());
        let public = self.primary.public_key();
        let signature = config
            .sign_key(&self.primary, &Password::empty(), public)
            .unwrap();
        self.revocations.push(signature);
        self
    }

    pub(super) fn subkey_revoked(mut self) -> Self {
        let (primary, sub) = (self.primary.public_key(), self.sub.public_key());
        let config = config(&self.primary, SignatureType::SubkeyRevocation, Vec::new());
        let signed = config.sign_subkey_binding(&self.primary, &primary, &Password::empty(), &sub);
        self.bindings.push(signed.unwrap());
        self
    }

    pub(super) fn public(&self) -> SignedPublicKey {
        let users = vec![SignedUser::new(user(), self.certifications.clone())];
        let details =
            SignedKeyDetails::new(self.revocations.clone(), Vec::new(), users, Vec::new());
        let sub = SignedPublicSubKey::new(self.sub.public_key().clone(), self.bindings.clone());
        SignedPublicKey::new(self.primary.public_key().clone(), details, vec![sub])
    }

    pub(super) fn ring(&self) -> Keyring {
        Keyring::parse(&self.public().to_bytes().unwrap()).unwrap()
    }

    pub(super) fn primary_name(&self) -> String {
        self.primary.fingerprint().to_string()
    }

    pub(super) fn sub_name(&self) -> String {
        self.sub.fingerprint().to_string()
    }
}

pub(super) fn user() -> UserId {
    UserId::from_str(Default::default(), "Test").unwrap()
}

pub(super) fn regular(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).unwrap()
}

pub(super) fn flags(sign: bool) -> Vec<Subpacket> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(sign);
    vec![regular(SubpacketData::KeyFlags(flags))]
}

pub(super) fn with(mut subpackets: Vec<Subpacket>, data: SubpacketData) -> Vec<Subpacket> {
    subpackets.push(regular(data));
    subpackets
}

pub(super) fn life(seconds: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(Duration::from_secs(seconds))
}

pub(super) fn made_at(moment: u64) -> SubpacketData {
    SubpacketData::SignatureCreationTime(Timestamp::from_secs(u32::try_from(moment).unwrap()))
}

/// A signature of `key`, as old as the key unless `more` says otherwise.
pub(super) fn config(
    key: &impl SigningKey,
    kind: SignatureType,
    more: Vec<Subpacket>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha256);
    config.hashed_subpackets = more;
    let dated = config.hashed_subpackets.iter();
    if !dated
        .map(|s| &s.data)
        .any(|data| matches!(data, SubpacketData::SignatureCreationTime(_)))
    {
        config.hashed_subpackets.push(regular(made_at(BORN)));
    }
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    config.hashed_subpackets.push(regular(issuer));
    config
}

pub(super) fn signed_by(key: &impl SigningKey, more: Vec<Subpacket>) -> String {
    signed_with(key, config(key, SignatureType::Text, more))
}

pub(super) fn signed_with(key: &impl SigningKey, config: SignatureConfig) -> String {
    let message = CleartextSignedMessage::new(TEXT, config, key, &Password::empty()).unwrap();
    message.to_armored_string(ArmorOptions::default()).unwrap()
}
