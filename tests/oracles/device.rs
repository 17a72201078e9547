//! Compares the Perl code of the device with imgbuild itself: the same settings give the same bytes
//! in every file, and the same values are refused.
#![expect(clippy::unwrap_used, reason = "what cannot be done fails the test")]

mod card;
mod certificate;
mod channels;
mod command;
mod credentials;
mod kind_rules;
mod networks;
mod patterns;
mod provisional;
mod reasons;
mod scratch;
mod scripts;
mod templates;
mod texts;
mod verdict;

use super::values::{kinds, ssh, tor};
use crate::command::{input, stdout};
use crate::render::{render, wanted};
use imgbuild::compose::device::carried;
use imgbuild::compose::setting_syntax;
use imgbuild::define::kind::Form;
use imgbuild::define::{Definitions, Raw, Setting};
use imgbuild::diag::{Diagnostics, Located, Span};
use imgbuild::specification::{self, GivenSecret, Secret, Spec, UserSettings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use texts::{ARRAYS, TEXTS};

/// Settings by name, as they are written on the command line.
type Case = BTreeMap<String, String>;

const PAIR: [&str; 4] = [
    "ha-node=1",
    "ha-addresses=10.0.0.11/24,10.0.0.12/24",
    "ha-virtual-address=10.0.0.10/24",
    "http-servers=web1=10.0.0.11:8080",
];
const IMAGE_SETTINGS: [(&str, &[&str]); 5] = [
    (
        "wifi-hotspot+wifi-uplink",
        &["wifi-interface=wlan0", "uplink-radio=wlan1"],
    ),
    (
        "exit-relay",
        &[
            "i-accept-exit-liability=true",
            "contact=tor <tor[at]example.org>",
            "exit-hostname=exit.example.org",
        ],
    ),
    (
        "haproxy-node",
        &[
            "http-servers=web1=10.0.0.11:8080,web2=[fd00::1]:8080",
            "tcp-servers=db=db.example:5432",
        ],
    ),
    ("haproxy-ha", &PAIR),
    ("haproxy-ha+wifi-hotspot", &PAIR),
];

fn image(profile: &str, settings: &Case, secrets: &[(&str, &str)]) -> Result<Spec, Diagnostics> {
    let given = IMAGE_SETTINGS.iter().find(|(name, _)| *name == profile);
    let mut flags: Vec<String> = given
        .map_or(&[][..], |given| given.1)
        .iter()
        .map(|&flag| flag.to_owned())
        .collect();
    // A second flag for a list adds to the first one, while a change on the device replaces the
    // list.
    flags.retain(|flag| !settings.contains_key(flag.split('=').next().unwrap_or_default()));
    flags.extend(settings.iter().map(|(name, text)| format!("{name}={text}")));
    let secrets = secrets.iter().map(|&(name, text)| GivenSecret {
        name: name.to_owned(),
        origin: format!("--secret {name}"),
        value: Secret::new(text.to_owned()),
    });
    let user = UserSettings {
        flags,
        secrets: secrets.collect(),
        ..UserSettings::default()
    };
    specification::check(&Definitions::find(&[]), "rpi4", profile, &user)
}

/// The values of the build that templates see.
fn build() -> Value {
    json!({ "name": "a test", "build-id": "0", "boot-mount": "/boot/firmware", "boot-mount-unit": "boot-firmware.mount" })
}

/// The files that imgbuild makes at the paths at which, by `carried`, the device makes its own.
fn files(spec: &Spec, carried: &Value, secrets: &serde_json::Map<String, Value>) -> Value {
    let mut context = spec.context(build());
    for (name, stored) in secrets {
        context["settings"][name] = stored.clone();
    }
    let paths: Vec<&str> = carried["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    let mut files = serde_json::Map::new();
    for file in wanted(spec) {
        let path = file.path.to_string();
        if paths.contains(&&*path) {
            files.insert(path, render(file, &context).into());
        }
    }
    files.into()
}

/// The answers of the Perl code to each of `cases`.
fn perl(image: &Value, cases: &[Case]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases_text = json!({ "image": image, "cases": cases }).to_string();
    let answers = stdout(
        Command::new("perl")
            .arg("-I")
            .arg(root.join("overlays/base/root/usr/lib/imgbuild/perl"))
            .arg(root.join("tests/oracles/device/judge.pl"))
            .stdin(input(cases_text)),
    );
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// Pseudo-random numbers (Marsaglia's xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Every setting with every text, and many settings at once.
fn cases(spec: &Spec) -> Vec<Case> {
    let settings = spec.changeable().into_iter().filter_map(|name| {
        let setting = &spec.profile.settings[name];
        let texts = TEXTS.iter().map(|&text| text.to_owned());
        let texts = texts.chain(setting.values.iter().cloned());
        let sound = |text: &String| setting.read(name, &raw(text), &|_| ()).is_some();
        let mut texts: Vec<String> = texts.filter(sound).collect();
        let tables = setting.items.as_ref();
        if tables.is_some_and(|items| items.kind.is("table")) {
            texts.extend([
                ARRAYS[14].to_owned(),
                ARRAYS[15].to_owned(),
                ARRAYS[16].to_owned(),
            ]);
        }
        (!setting.secret && !texts.is_empty()).then_some((name, texts))
    });
    let settings: Vec<(&str, Vec<String>)> = settings.collect();
    let mut cases = vec![Case::new()];
    for (name, texts) in &settings {
        let each = texts.iter().step_by(1 + texts.len() / 8);
        cases.extend(each.map(|text| Case::from([((*name).to_owned(), text.clone())])));
        let items = spec.profile.settings[*name].items.as_ref();
        if items.is_some_and(|items| items.kind.is("ssh-key")) {
            let lists = ssh::lists().into_iter();
            cases.extend(lists.map(|text| Case::from([((*name).to_owned(), text)])));
        }
        if items.is_some() {
            let each = ARRAYS.map(|text| Case::from([((*name).to_owned(), text.to_owned())]));
            cases.extend(each);
        }
    }
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for _ in 0..30 {
        let some = settings
            .iter()
            .filter(|_| dice.below(3) == 0)
            .collect::<Vec<_>>();
        let some = some
            .into_iter()
            .map(|(name, texts)| ((*name).to_owned(), texts[dice.below(texts.len())].clone()));
        cases.push(some.collect());
    }
    cases
}

fn raw(text: &str) -> Located<Raw> {
    Located {
        value: Raw::Text(text.to_owned()),
        span: Span {
            file: Diagnostics::default().sources.add("", ""),
            range: 0..0,
        },
    }
}

/// A setting as a person would write it to get the same image.
fn shown(spec: &Spec, name: &str) -> String {
    let value = spec.settings.value(name).unwrap();
    setting_syntax::of(&spec.profile.settings[name], value)
}

/// The number of settings that were refused together although each is accepted alone.
fn agrees(profile: &str, secrets: &[(&str, &str)]) -> usize {
    let of_image = image(profile, &Case::new(), secrets).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut known = carried(&of_image, build()).unwrap();
    let stored = of_image.stored_secrets();
    known["secrets"] = stored.clone().into();
    let cases = cases(&of_image);
    let mut accepted = 0;
    for (case, answer) in cases.iter().zip(perl(&known, &cases)) {
        match image(profile, case, secrets) {
            Ok(spec) => {
                assert_eq!(
                    answer["files"],
                    files(&spec, &known, &stored),
                    "{profile} with {case:?}: {answer}"
                );
                let shown = case.keys().map(|name| (name.clone(), shown(&spec, name)));
                let shown: Case = shown.collect();
                assert_eq!(answer["shown"], json!(shown), "{profile} with {case:?}");
                let again = image(profile, &shown, secrets);
                let again = again.unwrap_or_else(|wrong| panic!("{shown:?}: {wrong}"));
                assert_eq!(again.settings, spec.settings, "{shown:?}");
                accepted += 1;
            }
            Err(wrong) => assert!(
                answer["refused"].is_string(),
                "{profile} takes {case:?}, but:\n{wrong}"
            ),
        }
    }
    assert!(accepted > 20, "{profile}: {accepted} of {}", cases.len());
    cases.len() - accepted
}

#[test]
fn the_device_renders_and_refuses_as_imgbuild_does() {
    let profiles = Definitions::find(&[]).profiles().unwrap();
    let refused: usize = profiles.iter().map(|profile| agrees(profile, &[])).sum();
    assert!(refused > 20, "{refused}");
}

#[test]
fn secrets_of_the_image_stand_in_the_same_files() {
    agrees("wifi-hotspot", &[("wifi-passphrase", "p'a\"s$s\\phrase &")]);
    agrees(
        "haproxy-node",
        &[("stats-password", "correct horse battery")],
    );
}

/// Kinds that no shipped profile lets a device change are checked by the same code.
#[test]
fn each_kind_takes_the_same_texts() {
    let of_image = image("wifi-hotspot", &Case::new(), &[]).unwrap();
    let known = carried(&of_image, build()).unwrap();
    let mut texts: Vec<String> = TEXTS.map(str::to_owned).to_vec();
    let mut dice = Dice(0x0bad_5eed_0bad_5eed);
    for _ in 0..600 {
        let mut text = TEXTS[dice.below(TEXTS.len())].to_owned();
        for _ in 0..=dice.below(2) {
            let places: Vec<usize> = (0..=text.len())
                .filter(|&at| text.is_char_boundary(at))
                .collect();
            let at = places[dice.below(places.len())];
            match (dice.below(3), text[at..].chars().next()) {
                (0, Some(_)) => drop(text.remove(at)),
                _ => text.insert(
                    at,
                    "0179af:./-+ =,[]\"_ZÄ".chars().nth(dice.below(20)).unwrap(),
                ),
            }
        }
        texts.push(text);
    }
    texts.extend(ssh::texts().into_iter().chain(tor::all()));
    let long = "x".repeat(63);
    let more = [
        long.clone(),
        format!("{long}x"),
        format!("{long}.{long}.{long}.{long}"),
        format!("/{}", "x".repeat(255)),
        format!("/{}", "x".repeat(256)),
        "no-pty".to_owned(),
        "203012312359Z".to_owned(),
    ];
    texts.extend(more);
    let mut rules = serde_json::Map::new();
    let kinds = kinds().into_iter().filter(|kind| {
        let has_parts = matches!(kind.form(), Form::Enum | Form::List | Form::Table);
        !has_parts && !kind.is("certificate")
    });
    for kind in kinds.clone() {
        kind.carry(&mut rules);
    }
    for kind in kinds {
        let setting = Setting {
            kind: kind.clone(),
            ..of_image.profile.settings["wifi-hidden"].clone()
        };
        let mut image = known.clone();
        image["kinds"] = rules.clone().into();
        image["settings"]["wifi-hidden"]["type"] = kind.name().into();
        image["files"] = json!([]);
        let cases: Vec<Case> = texts
            .iter()
            .map(|text| Case::from([("wifi-hidden".to_owned(), text.clone())]))
            .collect();
        let mut taken = 0;
        for (text, answer) in texts.iter().zip(perl(&image, &cases)) {
            let ours = setting.read("wifi-hidden", &raw(text), &|_| ()).is_some();
            // A port may be in use by another setting, which is not the subject of this test.
            let theirs = answer["refused"]
                .as_str()
                .is_none_or(|reason| reason.contains("listen on port"));
            assert_eq!(ours, theirs, "{}: {text:?}: {answer}", kind.name());
            taken += usize::from(ours);
        }
        assert!(taken > 0, "no text was a {}", kind.name());
    }
}
