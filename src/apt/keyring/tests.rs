//! Tests each rule with a key that keeps it and one that breaks it.

mod maker;

use super::*;
use maker::{
    BORN, Maker, NOW, TEXT, config, flags, life, made_at, regular, signed_by, signed_with, with,
};
use pgp::composed::ArmorOptions;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, Password};

/// Verifies a message that the primary key signed, by the ring of `maker`.
fn primary_verdict(maker: &Maker) -> Result<SignedText, SignatureError> {
    maker
        .ring()
        .verify(&signed_by(&maker.primary, Vec::new()), NOW)
}

fn sub_verdict(maker: &Maker) -> Result<SignedText, SignatureError> {
    maker.ring().verify(&signed_by(&maker.sub, Vec::new()), NOW)
}

#[track_caller]
fn assert_not_accepted(verdict: Result<SignedText, SignatureError>, expected: Unacceptable) {
    match verdict {
        Err(SignatureError::NotAccepted { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn debian_ring_holds_the_keys_of_three_releases() {
    let ring = Keyring::debian();
    assert_eq!(ring.0.len(), 9);
    let trixie_stable = "41587f7db8c774bccf131416762f67a0b2c39de4";
    assert!(
        ring.0
            .iter()
            .any(|key| key.fingerprint().to_string() == trixie_stable)
    );
    let now = NOW;
    for key in &ring.0 {
        assert_eq!(
            Signer::Primary.acceptable(key, now),
            Ok(()),
            "{:?}",
            key.fingerprint()
        );
        for subkey in &key.public_subkeys {
            assert_eq!(Signer::Sub(subkey).acceptable(key, now), Ok(()));
        }
    }
}

#[test]
fn rings_are_read_binary_armored_and_joined() {
    let (one, two) = (Maker::new(1).public(), Maker::new(2).public());
    let binary = [one.to_bytes().unwrap(), two.to_bytes().unwrap()].concat();
    let armored = |key: &SignedPublicKey| key.to_armored_string(ArmorOptions::default()).unwrap();
    let joined = format!("A comment.\n{}\n{}", armored(&one), armored(&two));
    for bytes in [binary, joined.into_bytes()] {
        assert_eq!(
            Keyring::parse(&bytes).unwrap().0,
            [one.clone(), two.clone()]
        );
    }
}

#[test]
fn what_is_no_ring_is_refused() {
    let cut = Maker::new(1).public().to_bytes().unwrap();
    assert!(matches!(Keyring::parse(b""), Err(KeyringError::Empty)));
    assert!(matches!(Keyring::parse(b"hello"), Err(KeyringError::Empty)));
    assert!(Keyring::parse(&[0xff; 64]).is_err());
    assert!(Keyring::parse(&cut[..20]).is_err());
    assert!(Keyring::parse(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n").is_err());
}

#[test]
fn primary_key_and_subkey_may_sign() {
    let maker = Maker::new(1);
    let expected = |signer| SignedText {
        text: TEXT.to_owned(),
        signers: vec![signer],
    };
    assert_eq!(
        primary_verdict(&maker).unwrap(),
        expected(maker.primary_name())
    );
    assert_eq!(sub_verdict(&maker).unwrap(), expected(maker.sub_name()));
}

#[test]
fn one_good_signature_beside_an_unknown_one_suffices() {
    let (known, unknown) = (Maker::new(1), Maker::new(2));
    let message = CleartextSignedMessage::new_many(TEXT, |text| {
        [&unknown.primary, &known.primary]
            .into_iter()
            .map(|key| {
                let config = config(key, SignatureType::Text, Vec::new());
                config.sign(key, &Password::empty(), text.as_bytes())
            })
            .collect()
    });
    let message = message
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap();
    assert_eq!(
        known.ring().verify(&message, NOW).unwrap().signers,
        [known.primary_name()]
    );
    let error = Maker::new(3).ring().verify(&message, NOW).unwrap_err();
    let names = [unknown.primary_name(), known.primary_name()];
    assert!(matches!(error, SignatureError::UnknownKey { found } if found == names));
}

#[test]
fn a_changed_text_is_refused() {
    let maker = Maker::new(1);
    let message = signed_by(&maker.primary, Vec::new()).replace("Origin", "0rigin");
    let error = maker.ring().verify(&message, NOW).unwrap_err();
    assert!(matches!(error, SignatureError::Bad { key } if key == maker.primary_name()));
}

#[test]
fn text_around_the_message_is_refused() {
    let maker = Maker::new(1);
    let message = signed_by(&maker.primary, Vec::new());
    for around in [
        format!("Origin: Evil\n{message}"),
        format!(" {message}"),
        format!("{message}\nOrigin: Evil\n"),
        format!("{message}{message}"),
        message.replacen("\n\n", "\nOrigin: Evil\n\n", 1),
    ] {
        assert!(maker.ring().verify(&around, NOW).is_err(), "{around}");
    }
    assert!(maker.ring().verify(&format!("{message}\n\n"), NOW).is_ok());
}

#[test]
fn a_text_without_signature_is_refused() {
    let maker = Maker::new(1);
    assert!(matches!(
        maker.ring().verify(TEXT, NOW),
        Err(SignatureError::Malformed(_))
    ));
    let none = CleartextSignedMessage::new_many(TEXT, |_| Ok(Vec::new())).unwrap();
    let none = none.to_armored_string(ArmorOptions::default()).unwrap();
    assert!(maker.ring().verify(&none, NOW).is_err());
}

#[test]
fn expired_keys_are_refused() {
    let end = Unacceptable::KeyExpired(Epoch(BORN + 999_999));
    let primary = Maker::bare(1)
        .certified(with(flags(true), life(999_999)))
        .bound(flags(true), true);
    assert_not_accepted(primary_verdict(&primary), end.clone());
    assert_not_accepted(sub_verdict(&primary), end.clone());
    let sub = Maker::bare(1)
        .certified(flags(true))
        .bound(with(flags(true), life(999_999)), true);
    assert!(primary_verdict(&sub).is_ok());
    assert_not_accepted(sub_verdict(&sub), end);
}

#[test]
fn the_newest_certification_decides_about_the_end() {
    let newer = with(with(flags(true), life(2_000_000)), made_at(BORN + 5));
    let maker = Maker::bare(1)
        .certified(with(flags(true), life(999_999)))
        .certified(newer);
    assert!(primary_verdict(&maker).is_ok());
    let to_come = with(with(flags(true), life(2_000_000)), made_at(NOW.0 + 1000));
    let maker = Maker::bare(1)
        .certified(with(flags(true), life(999_999)))
        .certified(to_come);
    assert_not_accepted(
        primary_verdict(&maker),
        Unacceptable::KeyExpired(Epoch(BORN + 999_999)),
    );
}

#[test]
fn revoked_keys_are_refused() {
    let revoked = Maker::new(1).revoked();
    assert_not_accepted(primary_verdict(&revoked), Unacceptable::KeyRevoked);
    assert_not_accepted(sub_verdict(&revoked), Unacceptable::KeyRevoked);
    let sub = Maker::new(1).subkey_revoked();
    assert!(primary_verdict(&sub).is_ok());
    assert_not_accepted(sub_verdict(&sub), Unacceptable::KeyRevoked);
    let mut name = Maker::new(1);
    let taken_back = name.certification(&name.primary, SignatureType::CertRevocation, Vec::new());
    name.certifications.push(taken_back);
    assert_not_accepted(primary_verdict(&name), Unacceptable::KeyNotForSigning);
}

#[test]
fn keys_for_other_purposes_are_refused() {
    let maker = Maker::bare(1)
        .certified(flags(false))
        .bound(flags(true), true);
    assert_not_accepted(primary_verdict(&maker), Unacceptable::KeyNotForSigning);
    assert!(sub_verdict(&maker).is_ok());
    let maker = Maker::bare(1)
        .certified(flags(true))
        .bound(flags(false), true);
    assert_not_accepted(sub_verdict(&maker), Unacceptable::KeyNotForSigning);
}

#[test]
fn keys_that_nothing_or_only_another_key_binds_are_refused() {
    let mut maker = Maker::bare(1).bound(flags(true), true);
    let foreign = maker.certification(
        &Maker::bare(2).primary,
        SignatureType::CertPositive,
        flags(true),
    );
    maker.certifications.push(foreign);
    assert_not_accepted(primary_verdict(&maker), Unacceptable::KeyNotForSigning);
    assert_not_accepted(sub_verdict(&maker), Unacceptable::KeyNotForSigning);
}

#[test]
fn third_party_certifications_do_no_harm() {
    let mut maker = Maker::new(1);
    let foreign = Maker::bare(2).primary;
    let foreign = maker.certification(&foreign, SignatureType::CertPositive, Vec::new());
    maker.certifications.insert(0, foreign);
    assert!(primary_verdict(&maker).is_ok());
}

#[test]
fn a_subkey_that_does_not_agree_is_refused() {
    let maker = Maker::bare(1)
        .certified(flags(true))
        .bound(flags(true), false);
    assert_not_accepted(sub_verdict(&maker), Unacceptable::KeyNotForSigning);
    let mut stolen = Maker::new(2);
    let other = Maker::new(1);
    stolen.sub = other.sub.clone();
    stolen.bindings = other.bindings;
    assert_not_accepted(sub_verdict(&stolen), Unacceptable::KeyNotForSigning);
}

#[test]
fn signatures_outside_their_time_are_refused() {
    let maker = Maker::new(1);
    let verdict = |more| maker.ring().verify(&signed_by(&maker.primary, more), NOW);
    let to_come = NOW.0 + 1000;
    assert_not_accepted(
        verdict(vec![regular(made_at(to_come))]),
        Unacceptable::FromTheFuture(Epoch(to_come)),
    );
    assert!(
        verdict(vec![regular(made_at(NOW.0 + 10))]).is_ok(),
        "clocks differ a little"
    );
    let short = SubpacketData::SignatureExpirationTime(Duration::from_secs(10));
    assert_not_accepted(
        verdict(vec![regular(short)]),
        Unacceptable::Expired(Epoch(BORN + 10)),
    );
}

#[test]
fn signatures_with_unknown_conditions_are_refused() {
    let maker = Maker::new(1);
    let ring = maker.ring();
    let notation = Notation {
        readable: true,
        name: "a@b".into(),
        value: "c".into(),
    };
    let notation = SubpacketData::Notation(notation);
    let critical = Subpacket::critical(notation.clone()).unwrap();
    let message = signed_by(&maker.primary, vec![critical]);
    assert_not_accepted(ring.verify(&message, NOW), Unacceptable::WrongKind);
    assert!(
        ring.verify(&signed_by(&maker.primary, vec![regular(notation)]), NOW)
            .is_ok()
    );
}

#[test]
fn other_hashes_are_refused() {
    let maker = Maker::new(1);
    let mut config = config(&maker.primary, SignatureType::Text, Vec::new());
    config.hash_alg = HashAlgorithm::Sha3_256;
    let verdict = maker
        .ring()
        .verify(&signed_with(&maker.primary, config), NOW);
    assert_not_accepted(verdict, Unacceptable::WrongHash("SHA3-256".to_owned()));
}
