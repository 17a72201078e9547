//! Shows the value of a setting on one line, as a person writes it: a word, `a,b`, or an array of TOML if these
//! are not enough. The Perl module `Imgbuild::Kind` shows the same on the device.

use crate::define::{Setting, Value};
use std::collections::BTreeMap;

/// The line for `value` of `setting`.
pub fn of(setting: &Setting, value: &Value) -> String {
    let (Value::List(values), Some(items)) = (value, &setting.items) else {
        return short(setting, value).unwrap_or_else(|| toml(setting, value));
    };
    let each = values.iter().map(|value| short(items, value));
    let each = each.map(|item| item.filter(|item| !item.is_empty() && !item.contains(',')));
    let line = each.collect::<Option<Vec<_>>>();
    let line = line.map(|items| items.join(","));
    // A line in brackets would be read as an array.
    let line = line.filter(|line| !(line.starts_with('[') && line.ends_with(']')));
    line.unwrap_or_else(|| toml(setting, value))
}

/// The value as a word. A list has none, and a table only if its kind has a short form.
fn short(setting: &Setting, value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Table(fields) => setting.kind.short(fields),
        Value::List(_) => None,
    }
}

fn toml(setting: &Setting, value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::List(values) => array(setting, values, toml),
        Value::Table(fields) => table(setting, fields),
    }
}

/// The array of `values`, each of which `show` writes with the setting that describes an item.
fn array(setting: &Setting, values: &[Value], show: fn(&Setting, &Value) -> String) -> String {
    let items = setting.items.as_deref().unwrap_or(setting);
    let values: Vec<String> = values.iter().map(|value| show(items, value)).collect();
    format!("[{}]", values.join(", "))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\t', "\\t"))
}

/// A table without fields that have their default. Required fields come first.
fn table(setting: &Setting, fields: &BTreeMap<String, Value>) -> String {
    let given = fields.iter().filter(|(name, value)| {
        let default = match setting.fields.get(*name) {
            Some(field) => default(field),
            None => setting.kind.default(name).cloned(),
        };
        default.as_ref() != Some(*value)
    });
    let mut given: Vec<_> = given.collect();
    let required = |name: &str| setting.fields.get(name).map(|field| field.required);
    let needed = |name: &str| required(name).unwrap_or_else(|| setting.kind.needs(name));
    given.sort_by_key(|(name, _)| (*name != "name", !needed(name)));
    let field = |(name, value): (&String, &Value)| match (setting.fields.get(name), value) {
        (Some(field), Value::List(values)) => format!("{name} = {}", inner(field, values)),
        (field, value) => format!("{name} = {}", toml(field.unwrap_or(setting), value)),
    };
    let fields = given.into_iter().map(field);
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

/// A list that is a field of a table.
fn inner(field: &Setting, values: &[Value]) -> String {
    array(field, values, |items, value| {
        match (value, short(items, value)) {
            (Value::Table(_), Some(name)) => quoted(&name),
            _ => toml(items, value),
        }
    })
}

fn default(field: &Setting) -> Option<Value> {
    field.read("", field.default.as_ref()?, &|_| ())
}
