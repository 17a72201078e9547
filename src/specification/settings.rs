//! The values of settings. The default of the profile is replaced by the value in a file, and that by the value in a `--set`
//! option. Secrets come from places that no log and no process list shows.

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

/// The place where the scripts of packages run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Configure {
    /// The building host, in a sandbox.
    #[default]
    Here,
    /// The device, in its first boot.
    FirstBoot,
}

/// The settings and choices of a person.
#[derive(Clone, Debug, Default)]
pub struct UserSettings {
    /// The base image; without it, the image is made of packages.
    pub base: Option<BaseArgument>,
    /// Whether only the boot loader of the base image is used.
    pub boot_loader_only: bool,
    /// The place where packages are configured.
    pub configure: Configure,
    /// The settings files. Later files have precedence.
    pub files: Vec<SettingsFile>,
    /// The texts of the `--set` options: `name=value`. Later options have precedence, but those of a list are joined.
    pub flags: Vec<String>,
    /// The secrets. Later ones have precedence.
    pub secrets: Vec<GivenSecret>,
}

impl UserSettings {
    /// The settings of `--set` options.
    #[cfg(test)]
    pub(crate) fn of_flags<'f>(flags: impl IntoIterator<Item = &'f str>) -> Self {
        Self {
            flags: flags.into_iter().map(str::to_owned).collect(),
            ..Self::default()
        }
    }
}

/// A TOML file of settings.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// The path, for messages.
    pub path: String,
    /// The content.
    pub text: String,
}

/// A secret and its origin.
#[derive(Clone, Debug)]
pub struct GivenSecret {
    /// The setting.
    pub name: String,
    /// The option or variable, without the secret: `--secret wifi-passphrase=@wifi.key`.
    pub origin: String,
    /// The secret.
    pub value: Secret,
}

/// The value of a setting, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// The setting has no value: the device makes it or does without it.
    Absent,
    /// A value that is not secret.
    Plain(Value),
    /// A secret.
    Secret(Secret),
}

/// Every setting of a profile with its value.
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

    /// The value of the setting `name`, unless it is secret or absent.
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

    /// Whether the setting `name` has a value that is neither false nor empty. With `field`, this field of any item of the
    /// list counts; for a passphrase, the field `key` is given if the passphrase is already the derived key.
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

/// The places of settings.
pub(super) struct Places {
    /// The place of the value of each setting that has one.
    pub(super) spans: BTreeMap<String, Span>,
    /// The places of the settings that the person gave, as text for later messages.
    pub(super) given: BTreeMap<String, String>,
}

/// The values of the settings in `definitions`: those that `user` gives, and the defaults of the others; and their places.
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
                sources.line(*file, range.start)
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
    // Mistakes that are only counted may be about secrets too, next to the mistakes that are shown.
    if problems.rest() > 0 {
        diagnostics.sources.mask(&raw.span);
    }
    diagnostics.append(problems);
    match value {
        Some(value) => Assigned::Plain(value),
        // This is not `Absent`, so that a wrong value is not reported as missing too.
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
        // A line that cannot be read may contain a secret, so messages show only its key.
        mask_values(diagnostics, id, &file.text);
        return;
    };
    for (name, raw) in pairs {
        match definitions.get(&name.value) {
            Some(setting) if !setting.secret => {
                let flag = false;
                given.insert(name.value, Given { raw, flag });
            }
            // The value of a mistyped name may be a secret.
            found => {
                diagnostics.sources.mask(&raw.span);
                // In `KEY.VALUE = …`, the value is part of the key.
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
                    // This is the text that the programs of the device read.
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

/// The mistake that a secret is empty, as it is in a file that was not written yet. Any kind would be affected.
fn empty(given: &GivenSecret, span: &Span) -> Diagnostic {
    let title = format!("`{}` is given, and empty", given.name);
    Diagnostic::new("setting::empty-secret", title)
        .label(span, "nothing is in it")
        .help("write the secret into the file or variable, or do not give it")
}

/// The mistake that a secret is not of the kind of its setting. The message shows nothing of the secret.
fn refused(given: &GivenSecret, setting: &Setting, span: &Span) -> Diagnostic {
    let expected = format!("expected {}", setting.kind.expected());
    let problem = Diagnostic::new("setting::kind", format!("this cannot be `{}`", given.name));
    let why = setting.kind.secret_problem(given.value.reveal());
    let why = why.into_iter();
    why.fold(problem.label(span, expected), Diagnostic::help)
}
