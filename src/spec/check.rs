//! Definitions and a person's settings become a Spec, or the list of all that is wrong.

use super::base;
use super::merge::{self, Merged};
use super::settings::{self, Settings, UserSettings};
use super::{Configure, Exclusion, ImageBase, Profile, Spec};
use crate::define::overlay::Condition;
use crate::define::profile::Conflict;
use crate::define::{Board, Definitions, Kind, Overlay, Raw, Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What `board` and `profile` with the settings of `user` mean.
pub fn check(
    definitions: &Definitions,
    board: &str,
    profile: &str,
    user: &UserSettings,
) -> Result<Spec, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let board = definitions.board(&mut diagnostics, board);
    let merged = merge::profile(&mut diagnostics, definitions, profile);
    let Some(merged) = merged else {
        return Err(diagnostics);
    };
    let (settings, places) = settings::assign(&mut diagnostics, &merged.profile.settings, user);
    let overlays = overlays(&mut diagnostics, definitions, &merged);
    let exclusions = check_conflicts(&mut diagnostics, &merged, &settings, &places);
    check_ports(&mut diagnostics, &merged, &settings, &places);
    if let Some(board) = &board {
        check_board(&mut diagnostics, board, &merged);
    }
    let base =
        (board.as_ref()).and_then(|board| base::image(&mut diagnostics, board, user.base.as_ref()));
    match board {
        Some(board) if diagnostics.is_empty() => {
            let (base, loader) = match user.boot_loader_only {
                true => (None, base),
                false => (base, None),
            };
            let spec = spec(board, base, merged, settings, overlays);
            Ok(Spec {
                loader,
                configure: user.configure,
                exclusions,
                ..spec
            })
        }
        _ => Err(diagnostics),
    }
}

/// The profile `name` with all that it extends: what `imgbuild show profile` shows.
pub fn profile(definitions: &Definitions, name: &str) -> Result<Profile, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    match merge::profile(&mut diagnostics, definitions, name) {
        Some(merged) if diagnostics.is_empty() => Ok(merged.profile),
        _ => Err(diagnostics),
    }
}

fn spec(
    board: Board,
    base: Option<ImageBase>,
    merged: Merged,
    settings: Settings,
    overlays: Vec<Overlay>,
) -> Spec {
    // An image has a kernel of its own, and firmware and boot loader to it.
    let (mut packages, mut donors) = (Vec::new(), Vec::new());
    if base.is_none() {
        packages.extend(board.packages.install.iter().cloned());
        packages.push(board.packages.kernel.clone());
        donors.extend(board.donors().into_iter().map(str::to_owned));
    }
    packages.extend(merged.packages.into_iter().map(|package| package.value));
    // C.UTF-8 is part of the C library; every other locale is compiled from this package.
    let other = |value: &Value| *value != Value::Text("C.UTF-8".to_owned());
    if settings.value("locale").is_some_and(other) {
        packages.push("locales".to_owned());
    }
    Spec {
        packages: sorted(packages),
        never: sorted(board.packages.never.clone()),
        donors,
        board,
        base,
        loader: None,
        configure: Configure::default(),
        profile: merged.profile,
        recommends: merged.recommends,
        overlays,
        units: merged.units,
        root_margin: merged.root_margin,
        settings,
        exclusions: Vec::new(),
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

fn overlays(
    diagnostics: &mut Diagnostics,
    definitions: &Definitions,
    merged: &Merged,
) -> Vec<Overlay> {
    let mut overlays = Vec::new();
    for name in &merged.overlays {
        if let Some(overlay) = definitions.overlay(diagnostics, name) {
            check_conditions(diagnostics, &overlay, &merged.profile.settings);
            overlays.push(overlay);
        }
    }
    overlays
}

/// A condition is about a setting that exists.
fn check_conditions(
    diagnostics: &mut Diagnostics,
    overlay: &Overlay,
    known: &BTreeMap<String, Setting>,
) {
    let files = overlay.files.iter().filter_map(|file| file.when.as_ref());
    let directories = overlay.directories.iter();
    let directories = directories.filter_map(|directory| directory.when.as_ref());
    let symlinks = overlay.symlinks.iter();
    let symlinks = symlinks.filter_map(|symlink| symlink.when.as_ref());
    for Condition { setting, .. } in files.chain(directories).chain(symlinks) {
        if !known.contains_key(&setting.value) {
            diagnostics.push(
                Diagnostic::new(
                    "overlay::unknown-setting",
                    format!("no setting is called `{}`", setting.value),
                )
                .label(&setting.span, "")
                .suggest(&setting.value, known.keys().map(String::as_str)),
            );
        }
    }
}

/// The profile works on the board, and neither brings in what the other must not have.
fn check_board(diagnostics: &mut Diagnostics, board: &Board, merged: &Merged) {
    let boards = &merged.boards;
    if let Some(first) = boards.first()
        && !boards.iter().any(|known| known.value == board.name)
    {
        let title = format!(
            "`{}` does not work on `{}`",
            merged.profile.name, board.name
        );
        let list: Vec<&str> = boards.iter().map(|board| board.value.as_str()).collect();
        diagnostics.push(
            Diagnostic::new("profile::board", title)
                .label(&first.span, format!("it works on {}", list.join(", "))),
        );
    }
    for package in &merged.packages {
        if board.packages.never.contains(&package.value) {
            let title = format!(
                "`{}` would spoil an image of `{}`",
                package.value, board.name
            );
            diagnostics.push(
                Diagnostic::new("profile::never", title)
                    .label(&package.span, "the board's `never` names it")
                    .help("remove it from the profile"),
            );
        }
    }
}

/// Values that do not go together.
fn check_conflicts(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) -> Vec<Exclusion> {
    let mut exclusions = Vec::new();
    for conflict in &merged.conflicts {
        let mut met = true;
        let mut when = BTreeMap::new();
        for (name, values) in &conflict.when {
            let Some(setting) = merged.profile.settings.get(&name.value) else {
                let known = merged.profile.settings.keys().map(String::as_str);
                diagnostics.push(
                    Diagnostic::new(
                        "profile::unknown-setting",
                        format!("no setting is called `{}`", name.value),
                    )
                    .label(&name.span, "")
                    .suggest(&name.value, known),
                );
                met = false;
                continue;
            };
            let values = meant(diagnostics, &name.value, setting, values);
            let value = settings.value(&name.value);
            met &= value.is_some_and(|value| values.contains(value));
            when.insert(name.value.clone(), values);
        }
        if met {
            diagnostics.push(conflict_found(conflict, places));
        }
        exclusions.push(Exclusion {
            when,
            because: conflict.because.clone(),
            help: conflict.help.clone(),
        });
    }
    exclusions
}

/// The values that a conflict names; a value that the setting cannot have is a mistake.
fn meant(
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
    let problems = problems.into_inner();
    problems
        .into_iter()
        .for_each(|problem| diagnostics.push(problem));
    values
}

fn conflict_found(conflict: &Conflict, places: &BTreeMap<String, Span>) -> Diagnostic {
    let problem = Diagnostic::new("setting::conflict", conflict.because.clone());
    let named = conflict.when.iter();
    let mut named: Vec<&Span> = named
        .filter_map(|(name, _)| places.get(&name.value))
        .collect();
    // What was given last is what a person would change.
    named.sort_by_key(|span| std::cmp::Reverse((span.file, span.range.start)));
    let problem = named
        .into_iter()
        .fold(problem, |problem, span| problem.label(span, ""));
    problem.help(conflict.help.clone())
}

/// No two settings give the device the same port to listen on.
fn check_ports(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) {
    let mut taken: BTreeMap<i64, &str> = BTreeMap::new();
    for (name, setting) in &merged.profile.settings {
        let Some(value) = settings.value(name) else {
            continue;
        };
        let mut ports = Vec::new();
        listening(setting, value, &mut ports);
        for port in ports {
            let Some(other) = taken.insert(port, name) else {
                continue;
            };
            let title = format!("`{name}` and `{other}` both listen on port {port}");
            let spans = [places.get(name), places.get(other)];
            let problem = Diagnostic::new("setting::port-twice", title);
            diagnostics.push(
                (spans.into_iter().flatten())
                    .fold(problem, |problem, span| problem.label(span, ""))
                    .help("give one of them another port"),
            );
        }
    }
}

fn listening(setting: &Setting, value: &Value, ports: &mut Vec<i64>) {
    match (setting.kind, value) {
        (Kind::Port, Value::Integer(port)) => ports.push(*port),
        (Kind::List, Value::List(items)) => {
            let kind = setting.items.iter();
            let pairs = kind.flat_map(|kind| items.iter().map(move |item| (kind, item)));
            pairs.for_each(|(kind, item)| listening(kind, item, ports));
        }
        (Kind::Table, Value::Table(fields)) => {
            let pairs = fields.iter().filter_map(|(name, value)| {
                let field = setting.fields.get(name)?;
                Some((field, value))
            });
            pairs.for_each(|(field, value)| listening(field, value, ports));
        }
        _ => {}
    }
}
