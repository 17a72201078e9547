//! The value of a setting.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A checked value, as templates see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "serde_json::Value", untagged)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Several values of one kind.
    List(Vec<Value>),
    /// Named values.
    Table(BTreeMap<String, Value>),
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text.into(),
            Value::Integer(number) => number.into(),
            Value::Boolean(flag) => flag.into(),
            Value::List(items) => items.into_iter().map(Self::from).collect(),
            Value::Table(fields) => {
                let fields = fields.into_iter();
                Self::Object(fields.map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}
