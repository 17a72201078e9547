//! `imgbuild list` and `imgbuild show`.

use super::args::DefinitionArgs;
use super::build::definitions;
use super::failure::Failure;
use super::{print_json, print_text};
use crate::compose::boot_text::{described, expected};
use crate::diag::Diagnostics;
use crate::specification::{self, Profile};
use serde_json::json;

/// Names and titles.
struct Listing(Vec<(String, String)>);

impl Listing {
    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            let rows = self
                .0
                .iter()
                .map(|(name, title)| json!({ "name": name, "title": title }));
            return print_json(&rows.collect());
        }
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let rows = self
            .0
            .iter()
            .map(|(name, title)| format!("{name:<width$}  {title}\n"));
        print_text(&rows.collect::<String>())
    }
}

/// Prints every board.
pub(super) fn boards(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(&args.definitions);
    let mut diagnostics = Diagnostics::default();
    let mut rows = Vec::new();
    for name in definitions.boards()? {
        if let Some(board) = definitions.board(&mut diagnostics, name.as_str()) {
            rows.push((name, board.title));
        }
    }
    finish(diagnostics)?;
    Listing(rows).print(json)
}

/// Prints every profile.
pub(super) fn profiles(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(&args.definitions);
    let mut rows = Vec::new();
    for name in definitions.profiles()? {
        let profile = specification::profile(&definitions, &name)?;
        rows.push((name, profile.title));
    }
    Listing(rows).print(json)
}

/// Prints a profile with its settings.
pub(super) fn profile(name: &str, args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let profile = specification::profile(&definitions(&args.definitions), name)?;
    match json {
        true => print_json(&profile.to_json()),
        false => print_text(&text(&profile)),
    }
}

fn text(profile: &Profile) -> String {
    let mut text = format!(
        "{}: {}\n\n{}\n\nsettings\n",
        profile.name,
        profile.title,
        profile.help.trim()
    );
    for (name, setting) in &profile.settings {
        let default = match (&setting.default, setting.required) {
            (Some(default), _) => format!(", default {}", default.value),
            (None, true) => ", required".to_owned(),
            (None, false) if setting.generate.is_some() => ", made at the first boot".to_owned(),
            (None, false) => String::new(),
        };
        let secret = if setting.secret { ", secret" } else { "" };
        text += &format!(
            "  {name} ({}{secret}{default})\n      {}\n      {}\n",
            setting.kind.word(),
            setting.help,
            expected(setting)
        );
        for (field, definition) in setting.items.iter().flat_map(|items| &items.fields) {
            text += &format!("        {field}: {}\n", described(definition));
        }
    }
    text
}

fn finish(diagnostics: Diagnostics) -> Result<(), Failure> {
    if diagnostics.is_empty() {
        Ok(())
    } else {
        Err(diagnostics.into())
    }
}
