//! `imgbuild show`: prints one definition.

use super::args::DefinitionArgs;
use super::failure::Failure;
use super::target::definitions;
use super::terminal::{print_json, print_text};
use crate::compose::boot_text::{described, expected};
use crate::specification::{self, Profile};

/// Prints a profile with its settings.
pub(super) fn profile(name: &str, args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let profile = specification::profile(&definitions(args)?, name)?;
    Ok(match json {
        true => print_json(&profile.to_json()),
        false => print_text(&text(&profile)),
    }?)
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
            setting.kind.name(),
            setting.help,
            expected(setting)
        );
        for (field, definition) in setting.items.iter().flat_map(|items| &items.fields) {
            text += &format!("        {field}: {}\n", described(definition));
        }
    }
    text
}
