//! Checks the conflicts that profiles declare between values of settings.

use super::Exclusion;
use super::merge::Merged;
use super::settings::Settings;
use crate::define::profile::Conflict;
use crate::define::setting::unknown_setting;
use crate::define::{Raw, Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Reports the conflicts of `settings`. Returns the conflicts that a change of settings on the device could cause.
pub(super) fn check_conflicts(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) -> Vec<Exclusion> {
    let mut exclusions = Vec::new();
    for conflict in &merged.conflicts {
        let lineage = &merged.profile.lineage;
        // The profiles of an image do not change on the device, so a conflict with another profile cannot occur.
        if !(conflict.profiles.iter()).all(|name| lineage.contains(&name.value)) {
            continue;
        }
        let mut when = BTreeMap::new();
        let (mut given, mut absent) = (Vec::new(), Vec::new());
        let mut met = true;
        let conditions = [(&conflict.given, true), (&conflict.absent, false)];
        for (name, wanted) in conditions
            .into_iter()
            .flat_map(|(names, wanted)| names.iter().map(move |name| (name, wanted)))
        {
            let (setting, field) = path(&name.value);
            let known = known(diagnostics, merged, name, setting);
            met &= known && settings.given(setting, field) == wanted;
            let named = if wanted { &mut given } else { &mut absent };
            named.push(name.value.clone());
        }
        for (name, values) in &conflict.when {
            if !known(diagnostics, merged, name, &name.value) {
                met = false;
                continue;
            }
            let setting = &merged.profile.settings[&name.value];
            let values = read_values(diagnostics, &name.value, setting, values);
            let value = settings.value(&name.value);
            met &= value.is_some_and(|value| values.contains(value));
            when.insert(name.value.clone(), values);
        }
        if met {
            diagnostics.push(conflict_found(conflict, places));
        }
        exclusions.push(Exclusion {
            when,
            given,
            absent,
            because: conflict.because.clone(),
            help: conflict.help.clone(),
        });
    }
    exclusions
}

/// Splits `list.field`, the name of a field of the items of a list.
fn path(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        Some((list, field)) => (list, Some(field)),
        None => (name, None),
    }
}

/// Whether there is a setting `name`, which `written` names; if not, a mistake is reported.
pub(super) fn known(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    written: &Located<String>,
    name: &str,
) -> bool {
    let settings = &merged.profile.settings;
    if settings.contains_key(name) {
        return true;
    }
    let named = written.with(name.to_owned());
    diagnostics.push(unknown_setting(
        "profile::unknown-setting",
        &named,
        settings,
    ));
    false
}

/// Reads values of a setting that a profile names. A value that the setting cannot have is a mistake.
pub(super) fn read_values(
    diagnostics: &mut Diagnostics,
    name: &str,
    setting: &Setting,
    values: &[Located<Raw>],
) -> Vec<Value> {
    let problems = RefCell::new(Vec::new());
    let report = |problem| problems.borrow_mut().push(problem);
    let values = values.iter();
    let values = values.filter_map(|raw| setting.read(name, raw, &report));
    let values = values.collect();
    for problem in problems.into_inner() {
        diagnostics.push(problem);
    }
    values
}

fn conflict_found(conflict: &Conflict, places: &BTreeMap<String, Span>) -> Diagnostic {
    let problem = Diagnostic::new("setting::conflict", conflict.because.clone());
    let named = conflict.when.iter().map(|(name, _)| name);
    let named = named.chain(&conflict.given);
    let mut named: Vec<&Span> = named
        .filter_map(|name| places.get(path(&name.value).0))
        .collect();
    // The place of the setting that was given last comes first, because a person would change that one.
    named.sort_by_key(|span| std::cmp::Reverse((span.file, span.range.start)));
    let problem = named
        .into_iter()
        .fold(problem, |problem, span| problem.label(span, ""));
    problem.help(conflict.help.clone())
}
