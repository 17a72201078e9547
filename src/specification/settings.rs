//! The values of settings: defaults of the profile, then files, then flags, each over the one
//! before; secrets from where no log and no process list sees them.

mod flag;
mod given;

use super::{BaseArgument, Secret};
use crate::define::condition::{Condition, Test};
use crate::define::read::free_table;
use crate::define::setting::{PRIVATE_KEY, UNKNOWN_FIELD};
use crate::define::{Kind, Raw, Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, FileId, Located, Problems, SourceMap, Span};
use given::{Given, open_secret, unknown};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Where the scripts of packages run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Configure {
    /// Here, in a sandbox, when the image is built.
    #[default]
    Here,
    /// On the device, when it starts for the first time.
    FirstBoot,
}

/// What a person gives.
#[derive(Clone, Debug, Default)]
pub struct UserSettings {
    /// What to start from; without, the packages that the board names.
    pub base: Option<BaseArgument>,
    /// Whether only the boot loader of that base is wanted.
    pub boot_loader_only: bool,
    /// Where packages are to be configured.
    pub configure: Configure,
    /// Settings files; later ones win.
    pub files: Vec<SettingsFile>,
    /// The texts of `--set`: `name=value`. The last one wins; those of a list add up.
    pub flags: Vec<String>,
    /// Secrets; the last one wins.
    pub secrets: Vec<GivenSecret>,
}

/// A TOML file of settings.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// Its path, for messages.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// A secret and where it came from.
#[derive(Clone, Debug)]
pub struct GivenSecret {
    /// The setting.
    pub name: String,
    /// What was typed, without the secret: `--secret wifi-passphrase=@wifi.key`.
    pub origin: String,
    /// The secret.
    pub value: Secret,
}

/// What a setting is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// Nothing: the device makes it, or does without.
    Absent,
    /// A value.
    Plain(Value),
    /// A secret.
    Secret(Secret),
}

/// Every setting of a profile and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) values: BTreeMap<String, Assigned>,
}

impl Settings {
    /// Every setting by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Assigned)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// What the setting `name` is, unless it is secret or absent.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.values.get(name)? {
            Assigned::Plain(value) => Some(value),
            Assigned::Absent | Assigned::Secret(_) => None,
        }
    }

    /// The secret `name`, if it was given.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.values.get(name)? {
            Assigned::Secret(secret) => Some(secret),
            Assigned::Absent | Assigned::Plain(_) => None,
        }
    }

    /// Whether the setting `name` is more than false or empty; of a list with `field`, whether that
    /// of any item is; of a passphrase with the field `key`, whether it is a key already.
    pub fn given(&self, name: &str, field: Option<&str>) -> bool {
        match (self.value(name), field) {
            (None, Some("key")) => {
                let kind = Kind::named("passphrase").zip(self.secret(name));
                kind.is_some_and(|(kind, secret)| kind.has_part(secret.reveal(), "key"))
            }
            (None, _) => self.secret(name).is_some(),
            (Some(value), None) => is_set(value),
            (Some(Value::List(items)), Some(field)) => items.iter().any(|item| match item {
                Value::Table(fields) => fields.get(field).is_some_and(is_set),
                _ => false,
            }),
            (Some(_), Some(_)) => false,
        }
    }

    /// Whether `condition` holds.
    pub fn holds(&self, condition: &Condition) -> bool {
        let name = &condition.setting.value;
        match &condition.test {
            Test::Set => self.given(name, None),
            Test::Unset => !self.given(name, None),
            Test::Is(text) => self.value(name).is_some_and(|value| is(value, text)),
        }
    }
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Boolean(flag) => *flag,
        Value::Text(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Integer(_) | Value::Table(_) => true,
    }
}

fn is(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(value) => value == text,
        Value::Integer(number) => number.to_string() == text,
        Value::Boolean(flag) => flag.to_string() == text,
        Value::List(_) | Value::Table(_) => false,
    }
}

/// Where settings stand.
pub(super) struct Places {
    /// Of each that has a value, the place of that.
    pub(super) spans: BTreeMap<String, Span>,
    /// Of each that the person gave, for messages after everything was checked.
    pub(super) given: BTreeMap<String, String>,
}

/// The values of `definitions` with what `user` gives over their defaults, and the place of each.
pub(super) fn assign(
    diagnostics: &mut Diagnostics,
    definitions: &BTreeMap<String, Setting>,
    user: &UserSettings,
) -> (Settings, Places) {
    let mut given = BTreeMap::new();
    for file in &user.files {
        read_file(diagnostics, definitions, file, &mut given);
    }
    for flag in &user.flags {
        flag::read(diagnostics, definitions, flag, &mut given);
    }
    let mut secrets = read_secrets(diagnostics, definitions, &user.secrets);
    let (mut settings, mut spans) = (Settings::default(), BTreeMap::new());
    for (name, setting) in definitions {
        let assigned = match secrets.remove(name) {
            Some(secret) => Assigned::Secret(secret),
            None => {
                let raw = given.get(name).map(|given: &Given| &given.raw);
                let raw = raw.or(setting.default.as_ref());
                if let Some(raw) = raw {
                    spans.insert(name.clone(), raw.span.clone());
                }
                value_of(diagnostics, name, setting, raw)
            }
        };
        if assigned == Assigned::Absent && setting.required {
            diagnostics.push(missing(name, setting));
        }
        settings.values.insert(name.clone(), assigned);
    }
    let given = given_places(&diagnostics.sources, &given, &user.secrets);
    (settings, Places { spans, given })
}

fn given_places(
    sources: &SourceMap,
    given: &BTreeMap<String, Given>,
    secrets: &[GivenSecret],
) -> BTreeMap<String, String> {
    let place = |(name, given): (&String, &Given)| {
        let Span { file, range } = &given.raw.span;
        let place = match given.flag {
            true => "`--set`".to_owned(),
            false => format!(
                "{}:{}",
                sources.name(*file),
                sources.position(*file, range.start).line
            ),
        };
        (name.clone(), place)
    };
    let secret = |given: &GivenSecret| (given.name.clone(), format!("`{}`", given.origin));
    given
        .iter()
        .map(place)
        .chain(secrets.iter().map(secret))
        .collect()
}

fn value_of(
    diagnostics: &mut Diagnostics,
    name: &str,
    setting: &Setting,
    raw: Option<&Located<Raw>>,
) -> Assigned {
    let Some(raw) = raw.filter(|_| !setting.secret) else {
        return Assigned::Absent;
    };
    let problems = RefCell::new(Problems::default());
    let report = |problem| problems.borrow_mut().note(|| problem);
    let value = setting.read(name, raw, &report);
    let problems = problems.into_inner();
    let failed = value.is_none();
    for problem in problems.first() {
        if [UNKNOWN_FIELD, PRIVATE_KEY].contains(&problem.code) {
            let places = problem.labels.iter();
            places.for_each(|label| diagnostics.sources.mask(&label.span));
        }
    }
    // What is only counted was not looked at, and stands beside what is shown.
    if problems.rest() > 0 {
        diagnostics.sources.mask(&raw.span);
    }
    diagnostics.append(problems);
    match value {
        Some(value) => Assigned::Plain(value),
        // Not Absent: a wrong value is reported once, not as missing too.
        None => {
            debug_assert!(failed && !diagnostics.is_empty(), "a refusal is reported");
            Assigned::Plain(Value::Text(String::new()))
        }
    }
}

fn missing(name: &str, setting: &Setting) -> Diagnostic {
    let how = match setting.secret {
        true => format!("give it with `--secret {name}=@FILE`"),
        false => format!("give it with `--set {name}=…`"),
    };
    Diagnostic::new("setting::missing", format!("`{name}` has to be given"))
        .label(&setting.span, setting.help.clone())
        .help(format!("{how}; expected {}", setting.kind.expected()))
}

fn read_file(
    diagnostics: &mut Diagnostics,
    definitions: &BTreeMap<String, Setting>,
    file: &SettingsFile,
    given: &mut BTreeMap<String, Given>,
) {
    let id = diagnostics.sources.add(&file.path, &file.text);
    let Some(pairs) = free_table(diagnostics, id, &file.text) else {
        // A line that cannot be read may hold a secret; a message shows its key only.
        mask_values(diagnostics, id, &file.text);
        return;
    };
    for (name, raw) in pairs {
        match definitions.get(&name.value) {
            Some(setting) if !setting.secret => {
                let flag = false;
                given.insert(name.value, Given { raw, flag });
            }
            // What is mistyped may have been meant to be a secret.
            found => {
                diagnostics.sources.mask(&raw.span);
                // `KEY.VALUE = …` has it in the key.
                let behind = &file.text[name.span.range.end..];
                let line = match behind.starts_with('.') {
                    true => behind.find('\n').unwrap_or(behind.len()),
                    false => 0,
                };
                let range = name.span.range.end..name.span.range.end + line;
                diagnostics.sources.mask(&Span { file: id, range });
                diagnostics.note(|| match found {
                    Some(_) => open_secret(&name.value, &name.span),
                    None => unknown(&name.value, &name.span, definitions),
                });
            }
        }
    }
}

fn mask_values(diagnostics: &mut Diagnostics, file: FileId, text: &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let value = line.find('=').map_or(start, |equals| start + equals + 1);
        let range = value..end;
        diagnostics.sources.mask(&Span { file, range });
        start = end;
    }
}

fn read_secrets(
    diagnostics: &mut Diagnostics,
    definitions: &BTreeMap<String, Setting>,
    secrets: &[GivenSecret],
) -> BTreeMap<String, Secret> {
    let mut found = BTreeMap::new();
    for given in secrets {
        let file = diagnostics.sources.add("<secrets>", &given.origin);
        let span = diagnostics.sources.whole(file);
        match definitions.get(&given.name) {
            None => diagnostics.push(unknown(&given.name, &span, definitions)),
            Some(setting) if !setting.secret => diagnostics.push(
                Diagnostic::new(
                    "setting::no-secret",
                    format!("`{}` is no secret", given.name),
                )
                .label(&span, "")
                .help(format!("give it with `--set {}=…`", given.name)),
            ),
            Some(_) if given.value.reveal().is_empty() => diagnostics.push(empty(given, &span)),
            Some(setting) => {
                let secret = match setting
                    .kind
                    .read(&Raw::Text(given.value.reveal().to_owned()))
                {
                    // As the device's programs shall read it.
                    Some(Value::Text(text)) => Secret::new(text),
                    Some(_) => given.value.clone(),
                    None => {
                        diagnostics.push(refused(given, setting, &span));
                        given.value.clone()
                    }
                };
                found.insert(given.name.clone(), secret);
            }
        }
    }
    found
}

/// A secret of no letters, which everybody knows; whatever its kind, a file that was not written yet gives one.
fn empty(given: &GivenSecret, span: &Span) -> Diagnostic {
    let title = format!("`{}` is given, and empty", given.name);
    Diagnostic::new("setting::empty-secret", title)
        .label(span, "nothing is in it")
        .help("write the secret into the file or variable, or do not give it")
}

/// A secret that its setting does not take; nothing of it is shown.
fn refused(given: &GivenSecret, setting: &Setting, span: &Span) -> Diagnostic {
    let expected = format!("expected {}", setting.kind.expected());
    let problem = Diagnostic::new("setting::kind", format!("this cannot be `{}`", given.name));
    let why = setting.kind.secret_problem(given.value.reveal());
    let why = why.into_iter();
    why.fold(problem.label(span, expected), Diagnostic::help)
}
