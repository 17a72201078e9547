//! Turns definitions and the settings of a person into a Spec, or into the list of all mistakes.

use super::base;
use super::conflict::{check_conflicts, read_values};
use super::merge::{self, Merged};
use super::network::check_networks;
use super::ports::check_ports;
use super::settings::{self, Settings, UserSettings};
use super::system::{HOST_NAME, SystemSettings, check_system};
use super::{Configure, ImageBase, Profile, Spec};
use crate::define::condition::Condition;
use crate::define::setting::unknown_setting;
use crate::define::{Board, Definitions, Overlay, Setting};
use crate::diag::{Diagnostic, Diagnostics, Located};
use std::collections::BTreeMap;

/// Makes the Spec of `board` and `profile` with the settings of `user`. The profile `a+b` is both profiles in one image.
///
/// # Errors
///
/// All mistakes in the definitions and settings.
pub fn check(
    definitions: &Definitions,
    board: &str,
    profile: &str,
    user: &UserSettings,
) -> Result<Spec, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let board = definitions.board(&mut diagnostics, board);
    let merged = merge::profile(&mut diagnostics, definitions, profile);
    let Some(mut merged) = merged else {
        return Err(diagnostics);
    };
    let (settings, places) = settings::assign(&mut diagnostics, &merged.profile.settings, user);
    let needed = needed_packages(&mut diagnostics, &merged.profile, &settings);
    merged.packages.extend(needed);
    let overlays = overlays(&mut diagnostics, definitions, &merged);
    merged.check_files(&mut diagnostics, &overlays);
    let settings::Places { spans, given } = places;
    let exclusions = check_conflicts(&mut diagnostics, &merged, &settings, &spans);
    check_ports(&mut diagnostics, &merged, &overlays, (&settings, &spans));
    check_networks(&mut diagnostics, &merged, &settings, &spans);
    if let Some(board) = &board {
        check_board(&mut diagnostics, board, &merged);
    }
    let (argument, loader_only) = (user.base.as_ref(), user.boot_loader_only);
    let base = (board.as_ref())
        .and_then(|board| base::image(&mut diagnostics, board, argument, loader_only));
    let known = &merged.profile.settings;
    check_system(&mut diagnostics, known, &settings, &spans);
    if base.is_none() || user.boot_loader_only {
        check_name(&mut diagnostics, &merged, &settings);
    }
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
                given,
                exclusions,
                remarks: diagnostics.remarks().to_vec(),
                ..spec
            })
        }
        _ => Err(diagnostics),
    }
}

/// The profile `name` merged with all that it extends, as `imgbuild show profile` shows it.
///
/// # Errors
///
/// All mistakes in the profiles.
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
    // A base image brings its own kernel, firmware and boot loader.
    let (mut packages, mut file_packages) = (Vec::new(), Vec::new());
    if base.is_none() {
        packages.extend(board.packages.install.iter().cloned());
        packages.push(board.packages.kernel.clone());
        file_packages.extend(board.file_packages().into_iter().map(str::to_owned));
    }
    let system = SystemSettings::of(&merged.profile.settings, &settings);
    packages.extend(merged.packages.into_iter().map(|package| package.value));
    Spec {
        packages: sorted(packages),
        never: sorted(board.packages.never.clone()),
        file_packages,
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
        system,
        given: BTreeMap::new(),
        exclusions: Vec::new(),
        remarks: Vec::new(),
    }
}

/// The packages that the values of the given settings need.
fn needed_packages(
    diagnostics: &mut Diagnostics,
    profile: &Profile,
    settings: &Settings,
) -> Vec<Located<String>> {
    let mut needed = Vec::new();
    for (name, setting) in &profile.settings {
        let without = read_values(diagnostics, name, setting, &setting.packages_unless);
        let value = settings.value(name);
        let is_without = value.is_some_and(|value| without.contains(value));
        if settings.given(name, None) && !is_without {
            needed.extend_from_slice(&setting.packages);
        }
    }
    needed
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

/// Reports conditions on settings that do not exist.
fn check_conditions(
    diagnostics: &mut Diagnostics,
    overlay: &Overlay,
    known: &BTreeMap<String, Setting>,
) {
    for Condition { setting, .. } in overlay.conditions() {
        if !known.contains_key(&setting.value) {
            diagnostics.push(unknown_setting("overlay::unknown-setting", setting, known));
        }
    }
}

/// Checks that a device made of packages gets a name. A base image brings its own.
fn check_name(diagnostics: &mut Diagnostics, merged: &Merged, settings: &Settings) {
    let known = merged.profile.settings.get(HOST_NAME);
    // That a required setting is missing, or that the name cannot be a secret, is reported elsewhere.
    let is_reported = known.is_some_and(|setting| setting.required || setting.secret);
    if settings.value(HOST_NAME).is_some() || is_reported {
        return;
    }
    let (place, help) = match known {
        Some(setting) => (
            &setting.span,
            format!("give `--set {HOST_NAME}=…`, or write a `default` in the profile"),
        ),
        None => (
            &merged.place,
            format!(
                "write `[settings.{HOST_NAME}]` with `type = \"hostname\"` and a `default`, or extend `base`"
            ),
        ),
    };
    let title = format!("a device of `{}` would have no name", merged.profile.name);
    let problem = Diagnostic::new("profile::no-hostname", title).label(place, "");
    diagnostics.push(problem.help(help));
}

/// Checks that the profile works on the board and installs no package that the board must not have.
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
