//! Finds out to which certificate a private key belongs: to the one with its public key.

use super::block::Block;
use super::{Certificate, elements, sequence};
use der::Tagged;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// The object identifiers rsaEncryption and id-RSASSA-PSS (RFC 8017 C), in DER like all of them here.
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
pub(super) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a];
/// The object identifiers id-ecPublicKey and those of the curves of RFC 5480 that are known here.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];
/// id-Ed25519 (RFC 8410).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The parts of a private key by which its certificate is found.
pub(super) struct Key<'b> {
    algorithm: &'b [u8],
    /// The public key: the modulus of RSA, a point of a curve, or a key of Ed25519. It is `None` if only OpenSSL could
    /// compute it.
    public: Option<Vec<u8>>,
}

impl<'b> Key<'b> {
    pub(super) fn read(block: &'b Block) -> Option<Self> {
        match block.label.as_str() {
            "RSA PRIVATE KEY" => Self::rsa(RSA, &block.content),
            "EC PRIVATE KEY" => Self::ec(&block.content, None),
            "PRIVATE KEY" => Self::pkcs8(&block.content),
            _ => None,
        }
    }

    /// Reads a key in the format PKCS #8 (RFC 5958 §2).
    fn pkcs8(content: &'b [u8]) -> Option<Self> {
        let fields = elements(sequence(content)?)?;
        let [_, algorithm, private, ..] = fields.as_slice() else {
            return None;
        };
        let names = elements(algorithm.value())?;
        let algorithm = names.first()?.value();
        let private = private.value();
        match algorithm {
            RSA | RSA_PSS => Self::rsa(algorithm, private),
            EC => Self::ec(private, names.get(1).map(|curve| curve.value())),
            ED25519 => {
                let key = Ed25519KeyPair::from_seed_unchecked(sequence(private)?).ok()?;
                let public = Some(key.public_key().as_ref().to_vec());
                Some(Self { algorithm, public })
            }
            _ => Some(Self {
                algorithm,
                public: None,
            }),
        }
    }

    /// Reads an RSA key (RFC 8017 A.1.2): a version, the modulus and seven more numbers.
    fn rsa(algorithm: &'b [u8], content: &'b [u8]) -> Option<Self> {
        let fields = elements(sequence(content)?)?;
        let public = Some(fields.get(1)?.value().to_vec());
        (fields.len() >= 9).then_some(Self { algorithm, public })
    }

    /// Reads an EC key (RFC 5915 §3): a version, the private number, and optionally the curve and the point.
    fn ec(content: &'b [u8], curve: Option<&'b [u8]>) -> Option<Self> {
        let fields = elements(sequence(content)?)?;
        let number = fields.get(1)?.value();
        let tagged = |digit: u8| {
            let mut fields = fields.iter().skip(2);
            let field = fields.find(|field| field.tag().octet() == 0xa0 | digit)?;
            sequence(field.value())
        };
        let public = match curve.or(tagged(0))? {
            P256 => {
                let key = p256::SecretKey::from_slice(number).ok()?;
                Some(key.public_key().to_encoded_point(false).as_bytes().to_vec())
            }
            P384 => {
                let key = p384::SecretKey::from_slice(number).ok()?;
                Some(key.public_key().to_encoded_point(false).as_bytes().to_vec())
            }
            P521 => {
                let key = p521::SecretKey::from_slice(number).ok()?;
                Some(key.public_key().to_encoded_point(false).as_bytes().to_vec())
            }
            _ => tagged(1)
                .and_then(|bits| bits.strip_prefix(&[0]))
                .map(<[u8]>::to_vec),
        };
        let algorithm = EC;
        Some(Self { algorithm, public })
    }

    /// Whether this is the key of `certificate`. If the public key is not known, the algorithms decide.
    pub(super) fn belongs_to(&self, certificate: &Certificate<'_>) -> bool {
        let of_rsa = |name: &[u8]| name == RSA || name == RSA_PSS;
        let one_kind = self.algorithm == certificate.algorithm
            || of_rsa(self.algorithm) && of_rsa(certificate.algorithm);
        let public = certificate.rsa_modulus().unwrap_or(certificate.public);
        one_kind && self.public.as_ref().is_none_or(|own| is_same(own, public))
    }
}

/// Whether two public keys are equal. The point in a certificate may be compressed (SEC 1 §2.3.3).
fn is_same(own: &[u8], found: &[u8]) -> bool {
    let half = own.len().div_ceil(2);
    let compressed = matches!(found.first(), Some(2 | 3)) && found.len() == half;
    match own.last() {
        Some(last) if compressed && own.first() == Some(&4) => {
            found.first() == Some(&(2 | last & 1)) && found.get(1..) == own.get(1..half)
        }
        _ => own == found,
    }
}
