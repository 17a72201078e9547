//! A thing that differs: it is in one of two values only, or in both with different fields.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A thing that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its name, which is the same in both.
    pub name: String,
    /// How it differs.
    pub change: ChangeKind,
    /// The fields that differ; all fields of a thing that is in one of them only.
    pub fields: Vec<Field>,
}

/// How a thing differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, with different fields.
    Changed,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Its name; that of a field within a field is joined by a dot.
    pub name: String,
    /// Its value in the first; null if it has none.
    pub before: Value,
    /// Its value in the second; null if it has none.
    pub after: Value,
}

impl ChangeKind {
    /// The kind of a change from `before` to `after`, of which one may be missing.
    pub(super) fn of<T>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
            _ => Self::Changed,
        }
    }

    /// The letter before a line of text.
    pub(super) fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }
}

impl Field {
    /// The field `name`, if its values differ.
    pub(super) fn of(
        name: &str,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) -> Option<Self> {
        let (before, after) = (before.into(), after.into());
        (before != after).then(|| Self {
            name: name.to_owned(),
            before,
            after,
        })
    }

    /// The value for a person.
    pub(super) fn show(value: &Value) -> String {
        match value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::String(text) if text.is_empty() => "nothing".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) if items.is_empty() => "nothing".to_owned(),
            Value::Array(items) => items.iter().map(Self::show).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
}

/// The fields of `before` and `after` that differ, by name. Values that are no objects have one field without a name.
pub(super) fn fields<T: Serialize>(before: Option<&T>, after: Option<&T>) -> Vec<Field> {
    let (before, after) = (leaves(before), leaves(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value =
        |of: &BTreeMap<String, Value>, name: &String| of.get(name).cloned().unwrap_or_default();
    let field = |name: &String| Field::of(name, value(&before, name), value(&after, name));
    names.into_iter().filter_map(field).collect()
}

/// The changes between two lists of things, which `name` tells apart. Several things of one name in one list are told
/// apart by their order.
pub(super) fn changes<T: Serialize + PartialEq>(
    before: &[T],
    after: &[T],
    name: impl Fn(&T) -> String,
) -> Vec<Change> {
    let (before, after) = (named(before, &name), named(after, &name));
    let keys: BTreeSet<&(String, usize)> = before.keys().chain(after.keys()).collect();
    let change = |key: &(String, usize)| {
        let (before, after) = (before.get(key).copied(), after.get(key).copied());
        change(&key.0, before, after)
    };
    keys.into_iter().filter_map(change).collect()
}

/// The change of one thing; `None` if there is none.
pub(super) fn change<T: Serialize + PartialEq>(
    name: &str,
    before: Option<&T>,
    after: Option<&T>,
) -> Option<Change> {
    (before != after).then(|| Change {
        name: name.to_owned(),
        change: ChangeKind::of(before, after),
        fields: fields(before, after),
    })
}

fn named<T>(things: &[T], name: impl Fn(&T) -> String) -> BTreeMap<(String, usize), &T> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut named = BTreeMap::new();
    for thing in things {
        let name = name(thing);
        let count = counts.entry(name.clone()).or_default();
        named.insert((name, *count), thing);
        *count += 1;
    }
    named
}

/// The values in `thing` that are no objects, by the names that lead to them.
fn leaves<T: Serialize>(thing: Option<&T>) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let value = thing.map(serde_json::to_value);
    if let Some(Ok(value)) = value {
        collect("", value, &mut leaves);
    }
    leaves
}

fn collect(name: &str, value: Value, leaves: &mut BTreeMap<String, Value>) {
    let Value::Object(entries) = value else {
        leaves.insert(name.to_owned(), value);
        return;
    };
    for (key, value) in entries {
        let name = match name {
            "" => key,
            name => format!("{name}.{key}"),
        };
        collect(&name, value, leaves);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(PartialEq, Serialize)]
    struct Thing {
        name: &'static str,
        size: u32,
        inner: Option<Inner>,
    }

    #[derive(PartialEq, Serialize)]
    struct Inner {
        free: u32,
    }

    fn thing(name: &'static str, size: u32, free: Option<u32>) -> Thing {
        let inner = free.map(|free| Inner { free });
        Thing { name, size, inner }
    }

    #[test]
    fn a_change_has_the_fields_that_differ() {
        let before = [
            thing("a", 1, Some(2)),
            thing("b", 1, None),
            thing("c", 1, None),
        ];
        let after = [
            thing("a", 1, Some(3)),
            thing("c", 1, None),
            thing("d", 4, None),
        ];
        let changes = changes(&before, &after, |it| it.name.to_owned());
        let expected = json!([
            { "name": "a", "change": "changed", "fields": [{ "name": "inner.free", "before": 2, "after": 3 }] },
            { "name": "b", "change": "removed", "fields": [
                { "name": "name", "before": "b", "after": null },
                { "name": "size", "before": 1, "after": null },
            ] },
            { "name": "d", "change": "added", "fields": [
                { "name": "name", "before": null, "after": "d" },
                { "name": "size", "before": null, "after": 4 },
            ] },
        ]);
        assert_eq!(json!(changes), expected);
    }

    #[test]
    fn things_of_one_name_are_told_apart_by_their_order() {
        let before = [thing("a", 1, None), thing("a", 2, None)];
        let after = [thing("a", 1, None)];
        let changes = changes(&before, &after, |it| it.name.to_owned());
        let sizes: Vec<_> = changes
            .iter()
            .map(|it| (it.change, &it.fields[1].before))
            .collect();
        assert_eq!(sizes, [(ChangeKind::Removed, &json!(2))]);
    }
}
