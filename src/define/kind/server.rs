//! A server behind a load balancer.

use super::host::is_host;
use super::{Kind, Value};
use crate::define::read::Raw;
use crate::diag::Located;
use std::collections::BTreeMap;

/// Reads `web1=10.0.0.11:8080`.
pub(super) fn from_text(text: &str) -> Option<Value> {
    let (name, target) = text.split_once('=')?;
    let (address, port) = target.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    server(name, address, port.parse().ok()?, 1, false)
}

/// Reads a table with `name`, `address` and `port`, and perhaps `weight` and `backup`.
pub(super) fn from_table(fields: &BTreeMap<String, Located<Raw>>) -> Option<Value> {
    let known = ["name", "address", "port", "weight", "backup"];
    if fields.keys().any(|key| !known.contains(&key.as_str())) {
        return None;
    }
    let field = |key: &str| fields.get(key).map(|located| &located.value);
    let text = |key: &str| match field(key)? {
        Raw::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let number = |key: &str| match field(key)? {
        Raw::Integer(number) => Some(*number),
        _ => None,
    };
    let backup = match field("backup") {
        None => false,
        Some(Raw::Boolean(flag)) => *flag,
        Some(_) => return None,
    };
    let weight = if field("weight").is_some() {
        number("weight")?
    } else {
        1
    };
    server(
        text("name")?,
        text("address")?,
        number("port")?,
        weight,
        backup,
    )
}

fn server(name: &str, address: &str, port: i64, weight: i64, backup: bool) -> Option<Value> {
    // HAProxy: weights go from 0 to 256.
    let sound = Kind::Name.fits(name)
        && is_host(address)
        && (1..=65535).contains(&port)
        && (0..=256).contains(&weight);
    let fields = [
        ("name", Value::Text(name.to_owned())),
        ("address", Value::Text(address.to_owned())),
        ("port", Value::Integer(port)),
        ("weight", Value::Integer(weight)),
        ("backup", Value::Boolean(backup)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    sound.then(|| Value::Table(fields.into_iter().collect()))
}
