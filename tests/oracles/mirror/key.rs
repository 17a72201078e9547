//! A key that signs test archives.

use super::NOW;
use imgbuild::epoch::Epoch;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder,
    SignedKeyDetails, SignedPublicKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Password, SignedUser, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A secret Ed25519 key in the form of GnuPG 2.2.
#[derive(Clone, Debug)]
pub(crate) struct TestKey {
    secret: SecretKey,
    life: Option<u32>,
}

impl TestKey {
    /// The key of `seed`, made a year before [`NOW`].
    pub(crate) fn new(seed: u64) -> Self {
        let params = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .created_at(stamp(Self::created()))
            .primary_user_id("Test archive <test@deb.example>".into())
            .build()
            .unwrap();
        let secret = params
            .generate(StdRng::seed_from_u64(seed))
            .unwrap()
            .primary_key;
        Self { secret, life: None }
    }

    /// The same key, which expires `seconds` after it was made.
    pub(crate) fn living(mut self, seconds: u32) -> Self {
        self.life = Some(seconds);
        self
    }

    /// The time at which keys are made.
    pub(crate) fn created() -> Epoch {
        Epoch(NOW.0 - 365 * 24 * 3600)
    }

    /// Its fingerprint in lower case.
    pub(crate) fn fingerprint(&self) -> String {
        self.secret.fingerprint().to_string()
    }

    /// The public key as a binary keyring.
    pub(crate) fn keyring(&self) -> Vec<u8> {
        self.public().to_bytes().unwrap()
    }

    /// The public key as an armored keyring.
    pub(crate) fn armored_keyring(&self) -> String {
        self.public()
            .to_armored_string(ArmorOptions::default())
            .unwrap()
    }

    /// `text`, clear-signed at `date`.
    pub(crate) fn sign(&self, text: &str, date: Epoch) -> String {
        let config = self.config(SignatureType::Text, date);
        let message = CleartextSignedMessage::new(text, config, &self.secret, &Password::empty());
        message
            .unwrap()
            .to_armored_string(ArmorOptions::default())
            .unwrap()
    }

    /// A binary detached signature over `bytes`, made at `date`.
    pub(crate) fn sign_detached(&self, bytes: &[u8], date: Epoch) -> Vec<u8> {
        self.detached(bytes, date).to_bytes().unwrap()
    }

    /// The same, armored.
    pub(crate) fn sign_armored(&self, bytes: &[u8], date: Epoch) -> String {
        let signature = self.detached(bytes, date);
        signature
            .to_armored_string(ArmorOptions::default())
            .unwrap()
    }

    fn detached(&self, bytes: &[u8], date: Epoch) -> DetachedSignature {
        let config = self.config(SignatureType::Binary, date);
        let signature = config.sign(&self.secret, &Password::empty(), bytes);
        DetachedSignature::new(signature.unwrap())
    }

    fn public(&self) -> SignedPublicKey {
        let public = self.secret.public_key().clone();
        let id = UserId::from_str(Default::default(), "Test archive <test@deb.example>").unwrap();
        let mut config = self.config(SignatureType::CertPositive, Self::created());
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        config
            .hashed_subpackets
            .push(regular(SubpacketData::KeyFlags(flags)));
        if let Some(life) = self.life {
            let life = Duration::from_secs(life);
            config
                .hashed_subpackets
                .push(regular(SubpacketData::KeyExpirationTime(life)));
        }
        let password = Password::empty();
        let certification = config
            .sign_certification(&self.secret, &public, &password, Tag::UserId, &id)
            .unwrap();
        let users = vec![SignedUser::new(id, vec![certification])];
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
        SignedPublicKey::new(public, details, Vec::new())
    }

    fn config(&self, kind: SignatureType, date: Epoch) -> SignatureConfig {
        let mut config = SignatureConfig::v4(kind, self.secret.algorithm(), HashAlgorithm::Sha512);
        config.hashed_subpackets = vec![
            regular(SubpacketData::SignatureCreationTime(stamp(date))),
            regular(SubpacketData::IssuerFingerprint(self.secret.fingerprint())),
        ];
        let id = self.secret.legacy_key_id();
        config.unhashed_subpackets = vec![regular(SubpacketData::IssuerKeyId(id))];
        config
    }
}

fn regular(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).unwrap()
}

fn stamp(moment: Epoch) -> Timestamp {
    Timestamp::from_secs(u32::try_from(moment.0).unwrap())
}
