//! SHA-256 digests, by which everything is named that is fetched, stored or memoized.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of everything that `reader` gives, and its length in bytes.
    ///
    /// # Errors
    ///
    /// The reader fails.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut sink = HashingWriter::new(io::sink());
        let len = io::copy(&mut reader, &mut sink)?;
        Ok((sink.finish().1, len))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// An error: the text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: expected 64 hexadecimal digits")]
pub struct NotADigest(pub String);

impl FromStr for Sha256 {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotADigest(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A SHA-256 computation in progress.
#[derive(Clone)]
pub struct Hasher(ring::digest::Context);

impl Hasher {
    /// Begins a computation.
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Adds `bytes` to the hashed content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds the length of `bytes` and then `bytes`, so that neighbouring fields cannot run
    /// together.
    pub fn field(&mut self, bytes: &[u8]) {
        self.update(
            &u64::try_from(bytes.len())
                .expect("a length fits 64 bits")
                .to_le_bytes(),
        );
        self.update(bytes);
    }

    /// The digest of all bytes that were added.
    pub fn finish(self) -> Sha256 {
        let digest = self.0.finish();
        Sha256(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// A writer that passes bytes on to another one and hashes them.
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W> HashingWriter<W> {
    /// Wraps `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
        }
    }

    /// The wrapped writer, and the digest of the bytes that were written to it.
    pub fn finish(self) -> (W, Sha256) {
        (self.inner, self.hasher.finish())
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digest_of_abc_is_the_one_of_fips_180_4() {
        assert_eq!(Sha256::of(b"abc").to_string(), ABC);
        assert_eq!(
            Sha256::of_reader(&b"abc"[..]).unwrap(),
            (ABC.parse().unwrap(), 3)
        );
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        for text in ["", "ba78", &ABC.replace('b', "g"), &format!("{ABC}0")] {
            assert_eq!(text.parse::<Sha256>(), Err(NotADigest(text.to_owned())));
        }
    }

    #[test]
    fn fields_do_not_run_together() {
        let digest = |fields: &[&[u8]]| {
            let mut hasher = Hasher::new();
            fields.iter().for_each(|field| hasher.field(field));
            hasher.finish()
        };
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }
}
