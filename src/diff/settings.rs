//! The settings of images that imgbuild made: those of the build, and those that were set on the device. The value of
//! a secret is compared and never shown.

use super::change::{Change, ChangeKind, Field};
use crate::inspect::Files;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What an image has of its settings (`compose/device.rs`), and what its owner has set (`Imgbuild::Store`).
const DEFINITIONS: &str = "/usr/lib/imgbuild/settings/settings.json";
const SECRETS: &str = "/usr/lib/imgbuild/settings/secrets.json";
const SET: &str = "/etc/imgbuild/settings";
const SET_SECRETS: &str = "/etc/imgbuild/secrets";

/// A value, which is not shown if it is secret.
#[derive(PartialEq)]
struct Setting {
    value: Value,
    is_secret: bool,
}

/// The settings that differ, by name.
pub(super) fn compare(before: Option<&Files<'_>>, after: Option<&Files<'_>>) -> Vec<Change> {
    let (before, after) = (settings(before), settings(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let (one, other) = (before.get(name), after.get(name));
        if one == other {
            return None;
        }
        let value = Field {
            name: "value".to_owned(),
            before: shown(one),
            after: shown(other),
        };
        Some(Change {
            name: name.clone(),
            change: ChangeKind::of(one, other),
            fields: vec![value],
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn shown(setting: Option<&Setting>) -> Value {
    match setting {
        None => Value::Null,
        Some(setting) if setting.is_secret => "(secret)".into(),
        Some(setting) => setting.value.clone(),
    }
}

/// The settings in `files` that have a value. A value that was set on the device takes the place of the image's.
fn settings(files: Option<&Files<'_>>) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let Some(files) = files else {
        return settings;
    };
    let object = |path: &str| -> Value {
        let Some(text) = files.text(path) else {
            return Value::Null;
        };
        serde_json::from_str(&text).unwrap_or_else(|error| {
            files.fault(format!("cannot read the settings in `{path}`: {error}"));
            Value::Null
        })
    };
    let definitions = object(DEFINITIONS);
    let defined = definitions["settings"].as_object();
    let is_secret = |name: &str| {
        let definition = defined.and_then(|defined| defined.get(name));
        definition.is_none_or(has_secret)
    };
    for (name, definition) in defined.into_iter().flatten() {
        if let Some(value) = definition.get("value") {
            let is_secret = is_secret(name);
            let value = value.clone();
            settings.insert(name.clone(), Setting { value, is_secret });
        }
    }
    let secrets = object(SECRETS);
    let secrets = secrets.as_object().into_iter().flatten();
    let secrets = secrets.map(|(name, value)| (name.clone(), value.clone()));
    let mut add = |name: String, value: Value, is_secret: bool| {
        settings.insert(name, Setting { value, is_secret });
    };
    secrets.for_each(|(name, value)| add(name, value, true));
    for (path, are_secret) in [(SET, false), (SET_SECRETS, true)] {
        for (name, value) in lines(&files.text(path).unwrap_or_default()) {
            let is_secret = are_secret || is_secret(&name);
            add(name, value.into(), is_secret);
        }
    }
    settings
}

/// Whether the setting with this definition, or a part of it, is secret.
fn has_secret(definition: &Value) -> bool {
    let fields = definition["fields"].as_object();
    let mut fields = fields.into_iter().flatten().map(|(_, field)| field);
    definition["secret"] == true
        || definition.get("items").is_some_and(has_secret)
        || fields.any(has_secret)
}

/// The lines `name = value` of `text`. The lines of a value of several lines belong to the name before them.
fn lines(text: &str) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut last = None;
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let is_name = |name: &str| {
            let mut letters = name.chars();
            !name.is_empty()
                && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-')
        };
        match line.split_once('=') {
            Some((name, value)) if is_name(name.trim()) => {
                let name = name.trim().to_owned();
                values.insert(name.clone(), value.trim().to_owned());
                last = Some(name);
            }
            _ => {
                let value = last.as_ref().and_then(|name| values.get_mut(name));
                if let Some(value) = value {
                    value.push(' ');
                    *value += line.trim();
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreePath};
    use serde_json::json;
    use std::io;

    struct Nothing;

    impl Objects for Nothing {
        fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn tree(files: &[(&str, String)]) -> Tree {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for (path, text) in files {
            let path = TreePath::constant(path);
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Base).unwrap();
            let file = Kind::File(Content::inline(text.as_bytes()));
            tree.insert(&path, Node::new(file, meta, Origin::Base))
                .unwrap();
        }
        tree
    }

    #[test]
    fn what_is_set_on_the_device_counts_and_no_secret_is_shown() {
        let definitions = json!({ "settings": {
            "port": { "type": "port", "value": 80 },
            "name": { "type": "string", "value": "a" },
            "key": { "type": "string", "secret": true },
            "none": { "type": "string" },
        } });
        let before = tree(&[
            (DEFINITIONS, definitions.to_string()),
            (SECRETS, json!({ "key": "hidden-one" }).to_string()),
        ]);
        let set = "# What you have set\nport = 8080\nlist = [\n  1,\n]\n".to_owned();
        let after = tree(&[
            (DEFINITIONS, definitions.to_string()),
            (SET, set),
            (SET_SECRETS, "key = hidden-two\n".to_owned()),
        ]);
        let files = [&before, &after].map(|tree| Files::new(tree, &Nothing));
        let changes = json!(compare(Some(&files[0]), Some(&files[1])));
        let field = |before: Value, after: Value| json!([{ "name": "value", "before": before, "after": after }]);
        let expected = json!([
            { "name": "key", "change": "changed", "fields": field("(secret)".into(), "(secret)".into()) },
            { "name": "list", "change": "added", "fields": field(Value::Null, "(secret)".into()) },
            { "name": "port", "change": "changed", "fields": field(80.into(), "8080".into()) },
        ]);
        assert_eq!(changes, expected);
    }
}
