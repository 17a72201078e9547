//! `settings`: what a person sets, in a file and on the command line.
//!
//! Invariant: whatever it is, checking it against a shipped profile and showing what is wrong end without a
//! panic, in memory of 64 MiB; what is refused is refused with a reason, what is shown has no control
//! characters.
//!
//! Input: a byte that chooses the profile; lines that begin with `--set ` are flags, the others the text
//! of the file.

use super::limits::within;
use super::shown::shown;
use imgbuild::define::Definitions;
use imgbuild::specification::{SettingsFile, UserSettings, check};

const PROFILES: [&str; 4] = ["base", "haproxy-node", "tor-hotspot", "wifi-uplink"];

pub fn run(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let profile = PROFILES[usize::from(*first) % PROFILES.len()];
    let mut user = UserSettings::default();
    let mut file = String::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("--set ") {
            Some(flag) => user.flags.push(flag.trim_end_matches('\n').to_owned()),
            None => file.push_str(line),
        }
    }
    user.files.push(SettingsFile {
        path: "settings.toml".to_owned(),
        text: file,
    });
    within(64 << 20, || {
        let definitions = Definitions::find(&[]);
        match check(&definitions, "qemu-arm64", profile, &user) {
            Ok(spec) => drop((spec.digest(), spec.to_text())),
            Err(diagnostics) => {
                assert!(!diagnostics.is_empty());
                shown(&diagnostics);
            }
        }
    });
}
