//! Checks every script of a profile with shellcheck.

use super::{Case, build, image};
use crate::command::run;
use crate::render::render;
use imgbuild::define::Definitions;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The shell that runs the file, if it is a script.
fn shell(path: &str, text: &str) -> Option<&'static str> {
    match text.lines().next()? {
        "#!/bin/sh" => Some("dash"),
        "#!/bin/bash" => Some("bash"),
        _ if path.contains("/health.d/") => Some("bash"),
        _ if path.contains("/firstboot.d/") || path.contains("/credentials.d/") => Some("dash"),
        _ => None,
    }
}

#[test]
fn shellcheck_has_nothing_to_say_about_the_scripts_of_all_profiles() {
    let mut scripts: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for profile in Definitions::find(&[]).profiles().unwrap() {
        let spec = image(&profile, &Case::new(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let context = spec.context(build());
        for file in spec.overlays.iter().flat_map(|overlay| &overlay.files) {
            if std::str::from_utf8(&file.bytes).is_err() {
                continue;
            }
            let text = render(file, &context);
            let path = file.path.to_string();
            if let Some(shell) = shell(&path, &text) {
                scripts.entry(shell).or_default().insert((path, text));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for (shell, scripts) in scripts {
        assert!(scripts.len() > 5, "{shell}: {}", scripts.len());
        let mut shellcheck = Command::new("shellcheck");
        // Some parts are read by scripts that find them in a folder.
        shellcheck.args(["--shell", shell, "--severity=warning", "--exclude=SC1090"]);
        for (index, (path, text)) in scripts.iter().enumerate() {
            let file = folder
                .path()
                .join(format!("{index}{}", path.replace('/', "_")));
            fs_err::write(&file, text).unwrap();
            shellcheck.arg(file);
        }
        run(&mut shellcheck);
    }
}
