//! Values keep their bytes: the programs of an image must read exactly what was set.
//!
//! The values are generated from all that their kinds allow, and mostly from characters that have a
//! meaning in configuration files, shells and templates. Debian's programs, which ci/setup unpacks,
//! read the files that imgbuild makes of them; no reader of this program takes part. The tests in
//! `device` check that the device makes the same files.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]

mod balancer;
mod certificate;
mod interface;
mod machines;
mod named;
mod network;
pub(crate) mod ssh;
pub(crate) mod tor;
mod wifi;

use crate::command::run;
use crate::render::{render, wanted};
use imgbuild::define::{Definitions, Kind};
use imgbuild::diag::Diagnostics;
use imgbuild::specification::{self, GivenSecret, Secret, Spec, UserSettings};
use proptest::prelude::{any, prop};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with Debian's programs of the release of the images.
pub(crate) const PROGRAMS: &str = "/usr/local/lib/imgbuild-oracles/programs";

/// Every kind, of all profiles and of those that are shipped.
pub(crate) fn kinds() -> Vec<Kind> {
    let definitions = Definitions::find(&[]);
    let mut diagnostics = Diagnostics::default();
    let mut kinds: Vec<Kind> = Kind::common().cloned().collect();
    for profile in definitions.profiles().unwrap() {
        let file = definitions.profile(&mut diagnostics, profile.as_str());
        kinds.extend(file.unwrap().kinds.into_iter().map(|(_, kind)| kind));
    }
    kinds
}

/// The kind `name`.
fn kind(name: &str) -> Kind {
    let own = || kinds().into_iter().find(|kind| kind.is(name));
    Kind::named(name).or_else(own).unwrap()
}

/// Characters that have a meaning for some reader, of one to four bytes.
const AWKWARD: &str = "\"'\\$`#%{}[]()<>&|;*?~!=:, /-n0cx\u{e9}\u{df}\u{a0}\u{20ac}\u{1f4e1}";

/// `count` values of `strategy`, the same in every run.
fn generated<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let mut value = || strategy.new_tree(&mut runner).unwrap().current();
    (0..count).map(|_| value()).collect()
}

/// Texts of `lengths` bytes, in which every other character has a meaning for some reader.
fn awkward(lengths: std::ops::RangeInclusive<usize>, ascii: bool) -> impl Strategy<Value = String> {
    let meaning: Vec<char> = AWKWARD.chars().filter(|c| !ascii || c.is_ascii()).collect();
    let character = (
        any::<bool>(),
        prop::sample::select(meaning),
        prop::char::range(' ', '~'),
    );
    let character = character.prop_map(|(is_awkward, awkward, plain)| match is_awkward {
        true => awkward,
        false => plain,
    });
    let (low, high) = lengths.into_inner();
    prop::collection::vec(character, low..=high).prop_map(move |characters| {
        let mut text = String::new();
        for c in characters {
            if text.len() + c.len_utf8() <= high {
                text.push(c);
            }
        }
        text
    })
}

/// Settings and secrets by name.
#[derive(Clone, Debug, Default)]
struct Case {
    settings: Vec<(&'static str, String)>,
    secrets: Vec<(&'static str, String)>,
}

impl Case {
    fn spec(&self, profile: &str) -> Spec {
        let settings = self.settings.iter();
        let secrets = self.secrets.iter().map(|(name, text)| GivenSecret {
            name: (*name).to_owned(),
            origin: format!("--secret {name}"),
            value: Secret::new(text.clone()),
        });
        let user = UserSettings {
            flags: settings
                .map(|(name, text)| format!("{name}={text}"))
                .collect(),
            secrets: secrets.collect(),
            ..UserSettings::default()
        };
        let spec = specification::check(&Definitions::find(&[]), "x86_64", profile, &user);
        spec.unwrap_or_else(|wrong| panic!("{self:?}: {wrong}"))
    }
}

/// Cases, as folders with the files of their images.
struct Cases {
    folder: tempfile::TempDir,
    count: usize,
}

impl Cases {
    /// Lets `script` read the files that `profile` has in each of `cases`.
    fn read(profile: &str, cases: &[Case], script: &str) -> Self {
        Self::read_with(profile, cases, script, [])
    }

    /// The same, with a text for each case in `output/given`, which is not a file of the image.
    fn read_with(
        profile: &str,
        cases: &[Case],
        script: &str,
        given: impl IntoIterator<Item = String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut given = given.into_iter();
        for (index, case) in cases.iter().enumerate() {
            let files = folder.path().join(format!("{index:04}"));
            write(&case.spec(profile), &files);
            if let Some(text) = given.next() {
                fs_err::create_dir_all(files.join("output")).unwrap();
                fs_err::write(files.join("output/given"), text).unwrap();
            }
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values");
        let mut inside = Command::new("unshare");
        inside.args(["--map-root-user", "--mount", "--net", "--pid", "--fork"]);
        inside
            .args(["--kill-child", "bash"])
            .arg(scripts.join("inside.sh"));
        inside.arg(PROGRAMS).arg(folder.path());
        run(inside.arg(scripts.join(script)));
        let count = cases.len();
        Self { folder, count }
    }

    /// The output of `program` in each case.
    fn output(&self, program: &str) -> impl Iterator<Item = String> {
        let folders = (0..self.count).map(|index| self.folder.path().join(format!("{index:04}")));
        let paths: Vec<PathBuf> = folders
            .map(|folder| folder.join("output").join(program))
            .collect();
        paths.into_iter().map(|path| {
            let bytes = fs_err::read(path).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
}

/// Writes the files of `spec` below `folder`.
fn write(spec: &Spec, folder: &Path) {
    let image = serde_json::json!({
        "name": "a test", "build-id": "0", "boot-mount": "/boot", "boot-mount-unit": "boot.mount",
    });
    let context = spec.context(image);
    for overlay in &spec.overlays {
        let holds = |when: &Option<_>| when.as_ref().is_none_or(|when| spec.settings.holds(when));
        for directory in overlay.directories.iter().filter(|it| holds(&it.when)) {
            fs_err::create_dir_all(below(folder, &directory.path.to_string())).unwrap();
        }
    }
    for file in wanted(spec) {
        let path = below(folder, &file.path.to_string());
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, render(file, &context)).unwrap();
        let mode = file.ownership.mode.into();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs_err::set_permissions(path, mode).unwrap();
    }
}

fn below(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}
