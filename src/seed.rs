//! Derives every identifier of an image from one seed, where other tools draw it at random.

use crate::digest::{Hasher, Sha256};
use uuid::{Builder, Uuid};

/// The origin of the identifiers of an image. Equal seeds and names give equal identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub Sha256);

impl Seed {
    fn derive(&self, name: &str) -> [u8; 32] {
        let mut hasher = Hasher::new();
        hasher.field(&self.0.0);
        hasher.field(name.as_bytes());
        hasher.finish().0
    }

    /// A UUID of version 8 (RFC 9562: vendor-made), as its 16 bytes in text order.
    pub fn uuid(&self, name: &str) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.derive(name)[..16]);
        Builder::from_custom_bytes(bytes).into_uuid().into_bytes()
    }

    /// A non-zero 32-bit identifier: an MBR disk id or a FAT volume id.
    pub fn id32(&self, name: &str) -> u32 {
        let [a, b, c, d, ..] = self.derive(name);
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}

/// A UUID as text: 8-4-4-4-12 lower-case hexadecimal digits.
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    Uuid::from_bytes_ref(uuid).to_string()
}

/// The bytes, in text order, of a UUID that is a constant of this program.
pub(crate) fn uuid_bytes(text: &str) -> [u8; 16] {
    Uuid::parse_str(text)
        .expect("it stands in this program")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_depend_on_seed_and_name_and_nothing_else() {
        let (one, two) = (Seed(Sha256::of(b"1")), Seed(Sha256::of(b"2")));
        assert_eq!(one.uuid("root"), one.uuid("root"));
        assert_ne!(one.uuid("root"), one.uuid("boot"));
        assert_ne!(one.uuid("root"), two.uuid("root"));
        assert_ne!(one.id32("disk"), two.id32("disk"));
    }

    #[test]
    fn a_uuid_is_of_version_8_and_the_rfc_variant() {
        let text = uuid_text(&Seed(Sha256::of(b"")).uuid("x"));
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "8");
        assert!(["8", "9", "a", "b"].contains(&&text[19..20]));
    }
}
