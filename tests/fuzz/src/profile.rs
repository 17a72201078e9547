//! `profile`: a profile's file with its settings, their kinds and conflicts.
//!
//! Invariant: whatever the text is, reading and showing what is wrong end without a panic, in memory of
//! 8 MiB and 1,024 times the text; what is refused is refused with a reason, what is shown has no control
//! characters; a setting that was read shows its default.
//!
//! Input: the text of `profile.toml`.

use super::limits::within;
use super::shown::{memory, shown};
use imgbuild::define::ProfileFile;
use imgbuild::define::kind::Kinds;
use imgbuild::diag::Diagnostics;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within(memory(text), || {
        let mut diagnostics = Diagnostics::default();
        let profile = ProfileFile::parse(&mut diagnostics, "x", "profiles/x/profile.toml", text);
        assert_eq!(profile.is_some(), diagnostics.is_empty());
        shown(&diagnostics);
        let mut kinds = Kinds::default();
        for (name, kind) in profile.iter().flat_map(|profile| &profile.kinds) {
            kinds.add(name, kind.clone());
        }
        for edit in profile.iter().flat_map(|profile| &profile.settings) {
            let setting = edit.define(&kinds);
            let Some(default) = &setting.default else {
                continue;
            };
            let _ = default.value.to_string();
            let value = setting.read("x", default, &|problem| {
                let mut diagnostics = diagnostics.clone();
                diagnostics.push(problem);
                shown(&diagnostics);
            });
            if let Some(value) = value {
                let _ = imgbuild::compose::setting_syntax::of(&setting, &value);
            }
        }
    });
}
