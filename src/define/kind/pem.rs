//! A certificate with its private key, as servers of TLS take it: one text of PEM blocks.
//!
//! Says what is wrong before a server would refuse to start with it. Whether the key belongs to the
//! certificate is looked up where `ring` can read the key (PKCS#8, and RSA's own form); it is never
//! said what is in it.

use ring::rsa::KeyPair as RsaKey;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair,
};

/// What is expected, for messages.
pub(super) const EXPECTED: &str = "a PEM file with a certificate and its private key";

/// Chains are a few kilobytes long.
const MAX_LEN: usize = 256 * 1024;

/// What is wrong with `text`.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if text.len() > MAX_LEN {
        return Some("it is too long for a certificate");
    }
    let Some(blocks) = blocks(text) else {
        return Some("it is not PEM, or a block of it is damaged");
    };
    let with = |end: &str| {
        let mut found = blocks.iter().filter(|block| block.label.ends_with(end));
        (found.next(), found.next())
    };
    let (Some(certificate), _) = with("CERTIFICATE") else {
        return Some("it holds no certificate (`-----BEGIN CERTIFICATE-----`)");
    };
    match with("PRIVATE KEY") {
        (None, _) => Some("it holds no private key (`-----BEGIN PRIVATE KEY-----`)"),
        (_, Some(_)) => Some("it holds several private keys"),
        (Some(key), None) if key.encrypted => {
            Some("its private key is encrypted, and nobody types its password at a start")
        }
        (Some(key), None) if strangers(key, certificate) => Some(
            "its private key belongs to another certificate; the server's own has to come first",
        ),
        (Some(_), None) => None,
    }
}

/// A block of PEM (RFC 7468).
struct Block<'t> {
    label: &'t str,
    encrypted: bool,
    content: Vec<u8>,
}

/// The blocks of `text`; what stands between them is a comment. `None` where one is damaged or none is there.
fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ") else {
            continue;
        };
        let label = label.strip_suffix("-----")?;
        let mut encrypted = label.starts_with("ENCRYPTED ");
        let mut digits = String::new();
        loop {
            let line = lines.next()?;
            if let Some(end) = line.strip_prefix("-----END ") {
                if end.strip_suffix("-----") != Some(label) {
                    return None;
                }
                break;
            }
            // RFC 1421: lines with a colon are headers of the old form.
            match line.split_once(':') {
                Some((_, value)) => encrypted |= value.contains("ENCRYPTED"),
                None => digits.push_str(line),
            }
        }
        // Every block that a server takes is a sequence in DER.
        let content = base64(&digits)?;
        if content.first() != Some(&0x30) && !encrypted {
            return None;
        }
        blocks.push(Block {
            label,
            encrypted,
            content,
        });
    }
    (!blocks.is_empty()).then_some(blocks)
}

/// RFC 4648 §4, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut count) = (0u32, 0u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 & 0xffff | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Whether the key is known to be that of another certificate. A certificate holds its public key
/// as these bytes (RFC 5280 §4.1.2.7, RFC 5480, RFC 8017 A.1.1).
fn strangers(key: &Block<'_>, certificate: &Block<'_>) -> bool {
    let Some(public) = public_key(&key.content) else {
        return false;
    };
    let mut windows = certificate.content.windows(public.len());
    !windows.any(|window| window == public)
}

fn public_key(private: &[u8]) -> Option<Vec<u8>> {
    let random = ring::rand::SystemRandom::new();
    let rsa = RsaKey::from_pkcs8(private).or_else(|_| RsaKey::from_der(private));
    if let Ok(key) = rsa {
        return Some(key.public_key().as_ref().to_vec());
    }
    for curve in [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
    ] {
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(curve, private, &random) {
            return Some(key.public_key().as_ref().to_vec());
        }
    }
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).ok()?;
    Some(key.public_key().as_ref().to_vec())
}
