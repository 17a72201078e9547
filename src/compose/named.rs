//! Values that name what the image has: an account, a time zone, a locale, a keyboard's layout.
//!
//! The truth is in the image's own files, so this is known once its packages are unpacked, and no earlier. A name
//! that is not there is refused with the nearest one that is: a zone that dangles, a locale that no program
//! finds, or a service that becomes an administrator would be seen by nobody before the device starts. Where the
//! image has no list of the kind, nothing is refused here, and its programs decide (`verify`).
//!
//! Zones and locales are looked up for every setting of their kind, in anybody's profile. An account and a
//! keyboard are known by the settings of the system.

mod keyboard;

use super::layer::{Layer, LayerError};
use crate::define::{Setting, Value};
use crate::diag::nearest;
use crate::plan::Plan;
use crate::specification::SystemSettings;
use crate::specification::system::{self, BUILT_IN_LOCALE, Keyboard, without_charset};
use std::fmt;

/// Where zones lie, each as a file of its name.
const ZONES: &str = "/usr/share/zoneinfo";
/// Which locales Debian's package `locales` makes, a line for each with its charset; where it is not installed, there is no
/// such file.
const LOCALES: &str = "/usr/share/i18n/SUPPORTED";

/// Where packages say which accounts are to be made.
const SYSUSERS: &str = "/usr/lib/sysusers.d";
/// What has the name that a person is to have.
const SYSTEM: &str = "an account of the system";
const GROUP: &str = "a group";

/// A value of a setting, and what it is the name of.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The setting.
    pub setting: &'a str,
    /// Where a person gave it.
    pub place: Option<&'a str>,
    /// Its value.
    pub value: &'a str,
    /// What that names.
    pub thing: Thing<'a>,
}

/// What a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing<'a> {
    /// A person's account, which is made where it is missing.
    Person,
    /// A zone of the time zone database.
    TimeZone,
    /// A locale.
    Locale,
    /// A keyboard's layout.
    Layout,
    /// A variant of this layout.
    VariantOf(&'a str),
}

/// A value that names nothing of the image, or what it must not name.
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

/// Why names of the image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Some are not there.
    #[error("settings name what the image does not have, or has for itself\n{}", lines(.0))]
    Misnamed(Vec<Misnamed>),
    /// The image's files cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// A line for each.
fn lines(found: &[Misnamed]) -> String {
    let lines: Vec<String> = found.iter().map(|found| format!("  {found}")).collect();
    lines.join("\n")
}

/// Everything that settings of `plan` name, of which `system` is what is written into the image.
pub fn names<'a>(plan: &'a Plan, system: &'a SystemSettings) -> Vec<Named<'a>> {
    let spec = &plan.spec;
    let named = |setting, value, thing| Named {
        setting,
        place: spec.given.get(setting).map(String::as_str),
        value,
        thing,
    };
    let mut names = Vec::new();
    if let Some(administrator) = &system.administrator {
        names.push(named(system::USER, &administrator.name, Thing::Person));
    }
    if let Some(Keyboard { layout, variant }) = &system.keyboard {
        names.push(named(system::KEYBOARD, layout, Thing::Layout));
        let variant = variant.iter();
        let of_layout = Thing::VariantOf(layout);
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
        names.extend(
            found
                .into_iter()
                .map(|(value, thing)| named(name, value, thing)),
        );
    }
    names
}

/// Zones and locales in `value` of `setting`.
fn collect<'p>(setting: &Setting, value: &'p Value, found: &mut Vec<(&'p str, Thing<'p>)>) {
    match (setting.kind.name(), value) {
        ("time-zone", Value::Text(text)) => found.push((text, Thing::TimeZone)),
        ("locale", Value::Text(text)) => found.push((text, Thing::Locale)),
        (_, Value::List(values)) => {
            let items = setting.items.as_deref();
            let pairs = items
                .into_iter()
                .flat_map(|items| values.iter().map(move |it| (items, it)));
            pairs.for_each(|(items, value)| collect(items, value, found));
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

/// Refuses what among `names` the image of `layer` does not have, or has for itself.
pub fn check(layer: &Layer<'_>, names: &[Named<'_>]) -> Result<(), NameError> {
    let mut misnamed = Vec::new();
    for name in names {
        let reason = match name.thing {
            Thing::Person => person(layer, name.value)?,
            Thing::TimeZone => time_zone(layer, name.value)?,
            Thing::Locale => locale(layer, name.value)?,
            Thing::Layout => keyboard::layout(layer, name.value)?,
            Thing::VariantOf(layout) => keyboard::variant(layer, layout, name.value)?,
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

/// An account of the system must not become a person's: it has no password, or a service runs by it. Nor can a
/// person have the name of a group that is somebody else's, for the own group has it too.
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

/// What sysusers.d(5) of the image makes of `name`, when its packages are configured or when it starts.
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

/// Whether the image has `zone`: a file of zic(8), as systemd and the C library ask for it. Names that begin with a
/// small letter are links for programs of old.
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
    // zic(8): `L TARGET NAME` is a link, of which Debian has those of old in tzdata-legacy alone; `Z NAME` is a zone.
    let links = data.lines().filter_map(|line| {
        let mut words = line.strip_prefix("L ")?.split(' ');
        Some((words.next()?, words.next()?))
    });
    let links: Vec<(&str, &str)> = links.collect();
    let zones = data
        .lines()
        .filter_map(|line| line.strip_prefix("Z ")?.split(' ').next());
    let known: Vec<&str> = links.iter().map(|(_, name)| *name).chain(zones).collect();
    // `Berlin` and `europe/berlin` are names of a zone that is written in another way.
    let city = |name: &str| {
        name.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(zone))
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

/// Debian makes what it lists, some without a charset in their names: `de_DE.UTF-8 UTF-8`, `hi_IN UTF-8`, `ca_ES@valencia UTF-8`.
/// `C.UTF-8` is part of the C library.
fn locale(layer: &Layer<'_>, locale: &str) -> Result<Option<String>, LayerError> {
    let list = layer.text(LOCALES)?;
    let names = list
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" UTF-8"));
    let known: Vec<String> = names.map(without_charset).collect();
    let wanted = without_charset(locale);
    if locale == BUILT_IN_LOCALE || known.is_empty() || known.contains(&wanted) {
        return Ok(None);
    }
    // The language comes first, for it is what a person reads.
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
