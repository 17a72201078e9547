//! Refuses limits that the kind of a setting does not have, and `listens-on` without an address.

use super::Setting;
use crate::define::kind::Form;
use crate::diag::Diagnostic;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The mistakes in `settings`, which are those of a profile or the fields of a table.
pub(crate) fn mistakes(settings: &BTreeMap<String, Setting>) -> Vec<Diagnostic> {
    let each = settings.values();
    each.flat_map(|setting| of_one(setting, settings)).collect()
}

fn of_one(setting: &Setting, beside: &BTreeMap<String, Setting>) -> Vec<Diagnostic> {
    let mut found = mistakes(&setting.fields);
    found.extend(setting.items.iter().flat_map(|items| of_one(items, beside)));
    found.extend(lost_limit(setting));
    found.extend(unknown_address(setting, beside));
    found
}

fn lost_limit(setting: &Setting) -> Option<Diagnostic> {
    let (place, kind) = (setting.limit.as_ref()?, &setting.kind);
    let expected = match kind.form() {
        Form::Integer | Form::List => return None,
        Form::Text if kind.is_measured() => return None,
        Form::Text => "remove it, or take a kind with a `measure`",
        Form::Enum | Form::Boolean | Form::Table | Form::Record => "remove it",
    };
    let title = format!(
        "`min` and `max` have no meaning for the kind `{}`",
        kind.name()
    );
    Some(Diagnostic::new("setting::limit", title).label(place, expected))
}

fn unknown_address(setting: &Setting, beside: &BTreeMap<String, Setting>) -> Option<Diagnostic> {
    let name = setting.listens_on.as_ref()?;
    let word = &name.value;
    if word == "*" || word.parse::<IpAddr>().is_ok() || beside.contains_key(word) {
        return None;
    }
    let title = format!("`{word}` is neither an address nor a setting");
    let expected = "expected an address, a setting, or in a table one of its fields";
    let problem = Diagnostic::new("setting::listens-on", title).label(&name.span, expected);
    Some(problem.suggest(word, beside.keys().map(String::as_str)))
}
