//! Refuses the rules of a kind that would be lost, that no value would follow, or that the device would evaluate in another
//! way than imgbuild.

use super::pattern::Pattern;
use super::rules::{Form, KIND, Rules};
use crate::define::read::{Raw, Section};
use crate::diag::{Diagnostic, Span};

/// Checks the rules of a kind, each of which could be read.
pub(super) fn check(rules: &Rules, section: &Section<'_>) {
    check_types(rules, section);
    check_keys(section);
    check_bounds(rules, section);
    check_part_kinds(rules, section);
    check_patterns(rules, section);
    if rules.form == Form::Record {
        check_names(rules, section);
        check_defaults(rules, section);
    }
}

/// The place of the value of `key`.
fn place(section: &Section<'_>, key: &str) -> Span {
    let raw = section.raw(key);
    raw.map_or_else(|| section.span().clone(), |raw| raw.span)
}

fn text(section: &Section<'_>, key: &str) -> Option<String> {
    match section.raw(key)?.value {
        Raw::Text(text) => Some(text),
        _ => None,
    }
}

/// Refuses what the program knows by the name of a common kind: the setting has the rest of its rules.
fn check_types(rules: &Rules, section: &Section<'_>) {
    let types = ["enum", "list", "table", "ssh-key", "certificate"];
    for key in ["form", "check"] {
        let word = text(section, key).unwrap_or_default();
        if types.contains(&&*word) && word != rules.name {
            let title = format!("`{key} = \"{word}\"` belongs to the type `{word}`");
            let expected = format!("write `type = \"{word}\"` in the setting");
            let problem = Diagnostic::new("kind::type", title);
            section.report(problem.label(&place(section, key), expected));
        }
    }
}

fn check_keys(section: &Section<'_>) {
    let form = text(section, "form").unwrap_or_else(|| "text".to_owned());
    for key in KIND.iter().filter(|key| section.has(key)) {
        let forms = match key {
            "form" | "expected" | "advice" | "problems" => continue,
            "range" => "`integer`",
            "defaults" | "short" => "`record`",
            "pattern" | "parts" => "`text` or `record`",
            _ => "`text`",
        };
        if !forms.contains(&format!("`{form}`")) {
            let title = format!("`{key}` has no meaning for a kind of the form `{form}`");
            let expected = format!("remove it; it is for the form {forms}");
            let problem = Diagnostic::new("kind::unused", title);
            section.report(problem.label(&place(section, key), expected));
        }
    }
}

fn check_bounds(rules: &Rules, section: &Section<'_>) {
    for (key, bounds) in [("bytes", rules.bytes), ("range", rules.range)] {
        if let Some([low, high]) = bounds.filter(|[low, high]| low > high) {
            let title = format!("nothing is from {low} to {high}");
            let expected = format!("expected `[{high}, {low}]`");
            let problem = Diagnostic::new("kind::bounds", title);
            section.report(problem.label(&place(section, key), expected));
        }
    }
}

/// Refuses a part whose kind is not a whole rule, or whose values are not one word, number or line.
fn check_part_kinds(rules: &Rules, section: &Section<'_>) {
    for (part, kind) in &rules.parts {
        let is_one = match kind.form() {
            Form::Enum | Form::List | Form::Table => false,
            Form::Record => rules.form != Form::Record,
            Form::Text | Form::Integer | Form::Boolean => !kind.is("certificate"),
        };
        if !is_one {
            section.note(|| {
                let title = format!("the part `{part}` cannot be of the kind `{}`", kind.name());
                let expected = "expected a kind whose values are one word, number or line";
                Diagnostic::new("kind::part", title).label(&place(section, "parts"), expected)
            });
        }
    }
}

/// Refuses a rule about parts that no pattern has, or that no pattern has together.
fn check_patterns(rules: &Rules, section: &Section<'_>) {
    let parts = rules.parts.keys().map(String::as_str);
    let needed = match rules.form {
        Form::Text if rules.check.is_none() => {
            let rules = [
                ("networks", vec!["address"]),
                ("host-bits", vec!["address", "prefix"]),
                ("units", vec!["number", "unit"]),
                ("ascending", vec!["first", "last"]),
            ];
            let rules = rules.into_iter().filter(|(key, _)| section.has(key));
            rules
                .chain(parts.map(|part| ("parts", vec![part])))
                .collect()
        }
        Form::Record if !rules.pattern.is_empty() => {
            let needed = parts.filter(|part| !rules.defaults.contains_key(*part));
            vec![("parts", needed.collect())]
        }
        _ => Vec::new(),
    };
    for (key, parts) in needed {
        let has_all = |pattern: &Pattern| parts.iter().all(|part| pattern.has(part));
        if !rules.pattern.iter().any(has_all) {
            section.note(|| {
                let groups = parts.iter().map(|part| format!("`(?<{part}>…)`"));
                let groups = groups.collect::<Vec<_>>().join(" and ");
                let title = format!("`{key}` needs what no pattern has");
                let problem = Diagnostic::new("kind::missing-part", title);
                problem.label(
                    &place(section, key),
                    format!("expected {groups} in one pattern"),
                )
            });
        }
    }
}

/// Checks that the patterns, the defaults and the short form of a record are about its parts.
fn check_names(rules: &Rules, section: &Section<'_>) {
    let in_patterns = rules.pattern.iter().flat_map(Pattern::names);
    let in_short = rules
        .short
        .iter()
        .flat_map(|short| short.split('{').skip(1));
    let in_short = in_short.map(|rest| rest.split('}').next().unwrap_or(rest));
    let in_defaults = rules.defaults.keys().map(String::as_str);
    let names = in_patterns.map(|name| ("pattern", name));
    let names = names.chain(in_short.map(|name| ("short", name)));
    let names = names.chain(in_defaults.map(|name| ("defaults", name)));
    for (key, name) in names.filter(|(_, name)| !rules.parts.contains_key(*name)) {
        section.note(|| {
            let title = format!("`{key}` names the part `{name}`, which is not in `parts`");
            let problem = Diagnostic::new("kind::unknown-part", title);
            let known = rules.parts.keys().map(String::as_str);
            problem.label(&place(section, key), "").suggest(name, known)
        });
    }
}

/// Checks that each default is a value of its part.
fn check_defaults(rules: &Rules, section: &Section<'_>) {
    let Some(Raw::Table(defaults)) = section.raw("defaults").map(|raw| raw.value) else {
        return;
    };
    let known = |(part, default)| Some((part, default, rules.parts.get(part)?));
    for (part, default, kind) in defaults.iter().filter_map(known) {
        if !kind.is_typed(&default.value) || kind.read(&default.value).is_none() {
            let title = format!("`{}` cannot be the part `{part}`", default.value);
            let expected = format!("expected {}", kind.expected());
            section.report(Diagnostic::new("kind::default", title).label(&default.span, expected));
        }
    }
}
