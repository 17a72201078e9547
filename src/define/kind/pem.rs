//! A certificate with its private key, as TLS servers read it: one text of PEM blocks.
//!
//! HAProxy takes the first private key and the first certificate of a file, requires that they belong together, and
//! sends the other certificates as the chain. People have these blocks in any order, with comments and other blocks
//! between them. So this module sorts the blocks, and refuses with a reason what HAProxy would still refuse. No message
//! shows the content of a key.

mod block;
mod key;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use block::{Block, blocks};
use der::{AnyRef, Decode, Reader, SliceReader, Tagged};
use key::Key;

/// The longest text in bytes. Real chains are a few kilobytes long.
const MAX_LEN: usize = 256 * 1024;
/// The shortest RSA key of a certificate at OpenSSL's security level 2, which is Debian's.
const MIN_RSA_BITS: usize = 2048;

/// Returns the file for HAProxy: certificate, key, chain, and Diffie-Hellman parameters if there are any. An error is the
/// reason for a message.
pub(super) fn read(text: &str) -> Result<String, String> {
    if text.len() > MAX_LEN {
        return Err("it is too long for a certificate".into());
    }
    let blocks = blocks(text)?;
    let certificates = certificates(&blocks)?;
    let keys: Vec<&Block> = blocks.iter().filter(|block| block.is_key()).collect();
    let (leaf, key) = pair(&certificates, &keys)?;
    let mut file = written("CERTIFICATE", certificates[leaf].der);
    file += &written(&key.label, &key.content);
    for certificate in chain(&certificates, leaf) {
        file += &written("CERTIFICATE", certificate.der);
    }
    let parameters = blocks.iter().find(|block| block.label == "DH PARAMETERS");
    file += &parameters.map_or(String::new(), |block| written(&block.label, &block.content));
    Ok(file.trim_end().to_owned())
}

/// A block in the format of RFC 7468.
fn written(label: &str, content: &[u8]) -> String {
    let digits = STANDARD.encode(content);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, digit) in digits.char_indices() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(digit);
    }
    text + &format!("\n-----END {label}-----\n")
}

/// Finds a private key and the index of the certificate that it belongs to.
fn pair<'b>(
    certificates: &[Certificate<'_>],
    keys: &[&'b Block],
) -> Result<(usize, &'b Block), String> {
    let (closed, open): (Vec<&Block>, Vec<&Block>) =
        keys.iter().copied().partition(|key| key.encrypted);
    let mut damaged = false;
    for block in &open {
        match Key::read(block) {
            Some(key) => {
                let mut each = certificates.iter();
                if let Some(at) = each.position(|certificate| key.belongs_to(certificate)) {
                    return Ok((at, *block));
                }
            }
            None => damaged = true,
        }
    }
    let foreign = open.iter().any(|key| key.label.starts_with("OPENSSH "));
    Err(match open.is_empty() {
        true if closed.is_empty() => "it holds no private key (`-----BEGIN PRIVATE KEY-----`)",
        true => "its private key is encrypted, and nobody types its password at a start",
        false if foreign => {
            "its private key has the form of OpenSSH, which servers of TLS do not read"
        }
        false if damaged => "its private key is damaged",
        false => "its private key belongs to another certificate",
    }
    .to_owned())
}

/// The certificates other than `leaf`. Each comes before the certificate that signed it, as far as that is in the file.
fn chain<'c, 'b>(certificates: &'c [Certificate<'b>], leaf: usize) -> Vec<&'c Certificate<'b>> {
    let first = &certificates[leaf];
    let mut rest: Vec<&Certificate<'_>> = certificates.iter().collect();
    rest.retain(|certificate| certificate.der != first.der);
    rest.dedup_by_key(|certificate| certificate.der);
    let (mut ordered, mut last) = (Vec::new(), first);
    while let Some(at) = rest.iter().position(|next| next.subject == last.issuer) {
        last = rest.remove(at);
        ordered.push(last);
    }
    ordered.extend(rest);
    ordered
}

/// The fields of a certificate that are used here, in DER (RFC 5280 §4.1).
struct Certificate<'b> {
    der: &'b [u8],
    issuer: &'b [u8],
    subject: &'b [u8],
    algorithm: &'b [u8],
    public: &'b [u8],
}

fn certificates(blocks: &[Block]) -> Result<Vec<Certificate<'_>>, String> {
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| block.is_certificate()) {
        let certificate = Certificate::read(&block.content);
        let certificate = certificate.ok_or_else(|| block.damaged())?;
        let bits = certificate.rsa_modulus().map(bits);
        if let Some(bits) = bits.filter(|bits| *bits < MIN_RSA_BITS) {
            let line = block.line;
            return Err(format!(
                "the certificate of line {line} has an RSA key of {bits} bits; HAProxy takes {MIN_RSA_BITS} or more"
            ));
        }
        found.push(certificate);
    }
    match found.is_empty() {
        true => Err("it holds no certificate (`-----BEGIN CERTIFICATE-----`)".into()),
        false => Ok(found),
    }
}

impl<'b> Certificate<'b> {
    /// Reads the certificate at the start of `content`. In a `TRUSTED CERTIFICATE`, it is followed by the purposes for which
    /// OpenSSL trusts it; a server does not need them.
    fn read(content: &'b [u8]) -> Option<Self> {
        let mut reader = SliceReader::new(content).ok()?;
        let der = reader.tlv_bytes().ok()?;
        let parts = elements(sequence(der)?)?;
        let [to_be_signed, _, _] = parts.as_slice() else {
            return None;
        };
        let fields = elements(to_be_signed.value())?;
        let version = usize::from(fields.first()?.tag().is_context_specific());
        let [_, _, issuer, _, subject, key, ..] = fields.get(version..)? else {
            return None;
        };
        let key = elements(key.value())?;
        let [algorithm, public] = key.as_slice() else {
            return None;
        };
        Some(Self {
            der,
            issuer: issuer.value(),
            subject: subject.value(),
            algorithm: elements(algorithm.value())?.first()?.value(),
            public: public.value().strip_prefix(&[0])?,
        })
    }

    /// The modulus of an RSA key (RFC 8017 A.1.1).
    fn rsa_modulus(&self) -> Option<&'b [u8]> {
        if ![key::RSA, key::RSA_PSS].contains(&self.algorithm) {
            return None;
        }
        Some(elements(sequence(self.public)?)?.first()?.value())
    }
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let first = number.get(zeros).map_or(8, |byte| byte.leading_zeros());
    ((number.len() - zeros) * 8).saturating_sub(usize::try_from(first).unwrap_or(8))
}

/// The content of `bytes`, which are one DER element.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    AnyRef::from_der(bytes).ok().map(|any| any.value())
}

/// The DER elements that `bytes` consist of.
fn elements(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(found)
}
