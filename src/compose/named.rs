//! Checks settings whose values are names from the image: an account, a time zone, a locale, a keyboard layout.
//!
//! The names are in files of the image, so the check runs after its packages are unpacked. An unknown name is
//! refused with the most similar known one. Without the check, a missing zone, a missing locale, or a service account
//! that becomes the administrator would only be found on the device. If the image has no list of such names, this
//! check refuses none, and the programs of the image decide (`verify`).
//!
//! Zones and locales are checked for all settings of these kinds, in any profile. Account and keyboard come from
//! the settings of the system.

mod keyboard;

use super::layer::{Layer, LayerError};
use crate::define::{Setting, Value};
use crate::diag::nearest;
use crate::plan::Plan;
use crate::specification::SystemSettings;
use crate::specification::system::{self, BUILT_IN_LOCALE, Keyboard, without_charset};
use std::fmt;

/// The folder of time zones, which has a file for each.
const ZONES: &str = "/usr/share/zoneinfo";
/// The locales that Debian's package `locales` can make, a line for each with its charset. The file is missing if
/// the package is not installed.
const LOCALES: &str = "/usr/share/i18n/SUPPORTED";

/// The folder in which packages declare accounts (sysusers.d(5)).
const SYSUSERS: &str = "/usr/lib/sysusers.d";
/// The owners of names that an administrator cannot have, in messages.
const SYSTEM: &str = "an account of the system";
const GROUP: &str = "a group";

/// A value of a setting that is a name, and the kind of the name.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The setting.
    pub setting: &'a str,
    /// The place where a person gave the value.
    pub place: Option<&'a str>,
    /// The value.
    pub value: &'a str,
    /// The kind of the name.
    pub kind: NameKind<'a>,
}

/// The kind of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind<'a> {
    /// The account of a person, which is made if it is missing.
    Person,
    /// A zone of the time zone database.
    TimeZone,
    /// A locale.
    Locale,
    /// A keyboard layout.
    Layout,
    /// A variant of this keyboard layout.
    VariantOf(&'a str),
}

/// A value that names nothing in the image, or something that it must not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misnamed {
    setting: String,
    place: Option<String>,
    value: String,
    reason: String,
}

impl fmt::Display for Misnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be `{}`", self.value, self.setting)?;
        if let Some(place) = &self.place {
            write!(f, " (of {place})")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why the names in settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The image does not have some names, or uses them itself.
    #[error(
        "settings name what the image does not have, or has for itself{}",
        .0.iter().map(|it| format!("\n  {it}")).collect::<String>()
    )]
    Misnamed(Vec<Misnamed>),
    /// The image's files cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// All names in the settings of `plan`, of which those in `system` are written into the image.
pub fn names<'a>(plan: &'a Plan, system: &'a SystemSettings) -> Vec<Named<'a>> {
    let spec = &plan.spec;
    let named = |setting, value, kind| Named {
        setting,
        place: spec.given.get(setting).map(String::as_str),
        value,
        kind,
    };
    let mut names = Vec::new();
    if let Some(administrator) = &system.administrator {
        names.push(named(system::USER, &administrator.name, NameKind::Person));
    }
    if let Some(Keyboard { layout, variant }) = &system.keyboard {
        names.push(named(system::KEYBOARD, layout, NameKind::Layout));
        let variant = variant.iter();
        let of_layout = NameKind::VariantOf(layout);
        names.extend(variant.map(|name| named(system::KEYBOARD_VARIANT, name, of_layout)));
    }
    for (name, setting) in &spec.profile.settings {
        let is_written = match name.as_str() {
            system::TIME_ZONE => system.time_zone.is_some(),
            system::LOCALE => system.locale.is_some(),
            _ => true,
        };
        let Some(value) = spec.settings.value(name).filter(|_| is_written) else {
            continue;
        };
        let mut found = Vec::new();
        collect(setting, value, &mut found);
        let found = found.into_iter();
        names.extend(found.map(|(value, kind)| named(name, value, kind)));
    }
    names
}

/// Collects the zones and locales in `value` of `setting`.
fn collect<'p>(setting: &Setting, value: &'p Value, found: &mut Vec<(&'p str, NameKind<'p>)>) {
    match (setting.kind.name(), value) {
        ("time-zone", Value::Text(text)) => found.push((text, NameKind::TimeZone)),
        ("locale", Value::Text(text)) => found.push((text, NameKind::Locale)),
        (_, Value::List(values)) => {
            if let Some(items) = &setting.items {
                values.iter().for_each(|value| collect(items, value, found));
            }
        }
        (_, Value::Table(values)) => {
            for (name, value) in values {
                if let Some(field) = setting.fields.get(name) {
                    collect(field, value, found);
                }
            }
        }
        _ => {}
    }
}

/// Checks `names` against the image of `layer`.
///
/// # Errors
///
/// The image does not have some names, or uses them itself, or its files cannot be read.
pub fn check(layer: &Layer<'_>, names: &[Named<'_>]) -> Result<(), NameError> {
    let mut misnamed = Vec::new();
    for name in names {
        let reason = match name.kind {
            NameKind::Person => person(layer, name.value)?,
            NameKind::TimeZone => time_zone(layer, name.value)?,
            NameKind::Locale => locale(layer, name.value)?,
            NameKind::Layout => keyboard::layout(layer, name.value)?,
            NameKind::VariantOf(layout) => keyboard::variant(layer, layout, name.value)?,
        };
        misnamed.extend(reason.map(|reason| Misnamed {
            setting: name.setting.to_owned(),
            place: name.place.map(str::to_owned),
            value: name.value.to_owned(),
            reason,
        }));
    }
    match misnamed.is_empty() {
        true => Ok(()),
        false => Err(NameError::Misnamed(misnamed)),
    }
}

/// The fault of the account `name`. A system account must not become that of a person, because it has no password,
/// or a service runs as it. A group of this name must not exist either, because the person's own group gets it.
fn person(layer: &Layer<'_>, name: &str) -> Result<Option<String>, LayerError> {
    let of_name = |line: &str| {
        let mut fields = line.split(':');
        let own = fields.next() == Some(name);
        fields.nth(1).filter(|_| own)?.parse::<u32>().ok()
    };
    let id_in = |path| Ok::<_, LayerError>(layer.text(path)?.lines().find_map(of_name));
    let what = match (id_in("/etc/passwd")?, id_in("/etc/group")?) {
        (Some(uid), _) if super::accounts::PERSONS.contains(&uid) => return Ok(None),
        (Some(_), _) => SYSTEM,
        (None, Some(_)) => GROUP,
        (None, None) => match declared(layer, name)? {
            Some(what) => what,
            None => return Ok(None),
        },
    };
    Ok(Some(format!(
        "the image has {what} of this name; take another one, such as `admin`"
    )))
}

/// The owner of `name` by a file of sysusers.d(5), from which accounts are made when packages are configured or the
/// device starts.
fn declared(layer: &Layer<'_>, name: &str) -> Result<Option<&'static str>, LayerError> {
    for file in layer.files(SYSUSERS) {
        let text = layer.text(&format!("{SYSUSERS}/{file}"))?;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let kind = words.next().and_then(|kind| kind.chars().next());
            match kind.filter(|_| words.next() == Some(name)) {
                Some('u') => return Ok(Some(SYSTEM)),
                Some('g') => return Ok(Some(GROUP)),
                _ => {}
            }
        }
    }
    Ok(None)
}

/// Whether the image has `zone`, as a file of zic(8), which systemd and the C library need. Names that begin with a
/// lower-case letter are links for old programs.
fn has_zone(layer: &Layer<'_>, zone: &str) -> bool {
    let bytes = layer.bytes(&format!("{ZONES}/{zone}"));
    let is_zone = bytes.is_ok_and(|bytes| bytes.is_some_and(|bytes| bytes.starts_with(b"TZif")));
    is_zone && zone.starts_with(|first: char| first.is_ascii_uppercase())
}

fn time_zone(layer: &Layer<'_>, zone: &str) -> Result<Option<String>, LayerError> {
    if !layer.has(ZONES) || has_zone(layer, zone) {
        return Ok(None);
    }
    let data = layer.text(&format!("{ZONES}/tzdata.zi"))?;
    // zic(8): `L TARGET NAME` is a link, and `Z NAME` is a zone. Debian has old links only in tzdata-legacy.
    let links = data.lines().filter_map(|line| {
        let mut words = line.strip_prefix("L ")?.split(' ');
        Some((words.next()?, words.next()?))
    });
    let links: Vec<(&str, &str)> = links.collect();
    let zones = data.lines().filter_map(|line| line.strip_prefix("Z "));
    let zones = zones.filter_map(|zone| zone.split(' ').next());
    let known: Vec<&str> = links.iter().map(|(_, name)| *name).chain(zones).collect();
    // `Berlin` and `europe/berlin` are other spellings of a zone.
    let city = |name: &str| {
        let city = name.rsplit('/').next();
        city.is_some_and(|city| city.eq_ignore_ascii_case(zone))
    };
    let near = (known.iter().find(|name| name.eq_ignore_ascii_case(zone)))
        .or_else(|| known.iter().find(|name| city(name)))
        .copied()
        .or_else(|| nearest(zone, known.iter().copied()));
    let today = |name| {
        let link = links.iter().find(|(_, link)| *link == name);
        link.map(|(target, _)| *target)
    };
    let there = near.filter(|name| has_zone(layer, name));
    let near = there.or_else(|| today(near?).filter(|name| has_zone(layer, name)));
    Ok(Some(match near {
        Some(near) => format!("the image has no such zone; there is `{near}`"),
        None => "the image has no such zone; expected a name such as `Europe/Berlin`".to_owned(),
    }))
}

/// The fault of `locale`. Debian's list has names with and without a charset: `de_DE.UTF-8 UTF-8`, `hi_IN UTF-8`,
/// `ca_ES@valencia UTF-8`. `C.UTF-8` is part of the C library.
fn locale(layer: &Layer<'_>, locale: &str) -> Result<Option<String>, LayerError> {
    let list = layer.text(LOCALES)?;
    let lines = list.lines().map(str::trim);
    let names = lines.filter_map(|line| line.strip_suffix(" UTF-8"));
    let known: Vec<String> = names.map(without_charset).collect();
    let wanted = without_charset(locale);
    if locale == BUILT_IN_LOCALE || known.is_empty() || known.contains(&wanted) {
        return Ok(None);
    }
    // A locale of the same language is preferred, because a person has to read its messages.
    let language = |name: &str| name.split(['_', '@']).next().map(str::to_owned);
    let plain = known.iter().map(String::as_str);
    let plain = plain.filter(|name| !name.contains('@'));
    let same = plain
        .clone()
        .filter(|name| name.contains('_') && language(name) == language(&wanted));
    let bare = wanted
        .split('@')
        .next()
        .filter(|bare| plain.clone().any(|name| name == *bare));
    let near = bare
        .or_else(|| nearest(&wanted, same.clone()))
        .or_else(|| same.clone().next())
        .or_else(|| nearest(&wanted, plain));
    Ok(Some(match near {
        Some(near) => format!("the image has no such locale; there is `{near}.UTF-8`"),
        None => format!("the image has no such locale; expected one of UTF-8 of `{LOCALES}`"),
    }))
}
