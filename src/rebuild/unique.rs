//! Refuses JSON that says two things under one name. A person may read the first of them, and a program the last
//! (RFC 8259, section 4).

use crate::diag::visible_name;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// JSON in which no object has a key twice. Nothing of it is kept.
pub(super) struct Unique;

struct UniqueVisitor;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Unique, A::Error> {
        while values.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                let key = visible_name(key.as_bytes());
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            entries.next_value::<Unique>()?;
            keys.insert(key);
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_in_two_objects_and_not_twice_in_one() {
        let parse = |text: &str| serde_json::from_str::<Unique>(text).map(drop);
        let good = r#"{"a": [{"a": null}, {"a": 1.5, "b": -1}], "b": {"a": "a", "b": true}}"#;
        assert!(parse(good).is_ok());
        for (text, key) in [
            (r#"{"a": 1, "b": 2, "a": 1}"#, "a"),
            (r#"[{"x": {"b": [], "\u0062": []}}]"#, "b"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            let words = format!("the key `{key}` is there twice at line 1");
            assert!(error.starts_with(&words), "{error}");
        }
        assert!(parse("{\"a\": ").is_err());
    }
}
