//! `release`: the text of a Release file, signed by a key that is trusted.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 64 times the text and
//! 1 MiB; the paths of the files that it lists are unique and each has a digest.
//!
//! Input: the text; the target signs it.

use super::limits::within;
use imgbuild::apt::keyring::Keyring;
use imgbuild::apt::release::Release;
use imgbuild::epoch::Epoch;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedKeyDetails,
    SignedPublicKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, Password, SignedUser, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::OnceLock;

const NOW: Epoch = Epoch(1_760_000_000);

pub fn run(input: &[u8]) {
    static KEY: OnceLock<(SecretKey, Keyring)> = OnceLock::new();
    let (secret, keyring) = KEY.get_or_init(key);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let config = config(secret, SignatureType::Text);
    let signed = CleartextSignedMessage::new(text, config, secret, &Password::empty());
    let signed = signed.expect("any text can be signed");
    let message = signed
        .to_armored_string(ArmorOptions::default())
        .expect("it is in memory");
    let memory = message.len() * 64 + (1 << 20);
    if let Ok(release) = within(memory, || Release::verify(message.as_bytes(), keyring, NOW)) {
        assert_eq!(release.signers.len(), 1);
        assert!(
            release.files.len() <= text.len() / 64,
            "each file has a digest of 64 digits"
        );
        let _ = release.is_suite("trixie");
    }
}

fn key() -> (SecretKey, Keyring) {
    let params = SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .created_at(stamp())
        .primary_user_id("Fuzz <fuzz@deb.example>".into())
        .build()
        .expect("the parameters are complete");
    let key = params
        .generate(StdRng::seed_from_u64(1))
        .expect("a key can be made");
    let secret = key.primary_key;
    let public = secret.public_key().clone();
    let id = UserId::from_str(Default::default(), "Fuzz <fuzz@deb.example>").expect("an id");
    let mut config = config(&secret, SignatureType::CertPositive);
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    config
        .hashed_subpackets
        .push(regular(SubpacketData::KeyFlags(flags)));
    let certification = config
        .sign_certification(&secret, &public, &Password::empty(), Tag::UserId, &id)
        .expect("a key certifies itself");
    let users = vec![SignedUser::new(id, vec![certification])];
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
    let public = SignedPublicKey::new(public, details, Vec::new());
    let keyring = public.to_bytes().expect("a key can be written");
    (secret, Keyring::parse(&keyring).expect("and read"))
}

fn config(secret: &SecretKey, kind: SignatureType) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, secret.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![
        regular(SubpacketData::SignatureCreationTime(stamp())),
        regular(SubpacketData::IssuerFingerprint(secret.fingerprint())),
    ];
    config.unhashed_subpackets = vec![regular(SubpacketData::IssuerKeyId(secret.legacy_key_id()))];
    config
}

fn regular(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).expect("a short subpacket")
}

fn stamp() -> Timestamp {
    Timestamp::from_secs(1_759_000_000)
}
