//! The settings of the system: host name, administrator, time zone, locale and keyboard.
//!
//! All other settings reach the image only through templates, and imgbuild does not know their names. It has to know these
//! settings, because a template cannot write what depends on them: lines of account files to which packages and a base image
//! add lines too, one line of /etc/hosts, links into the zone database, and the answers to debconf that scripts of packages
//! need before any overlay is there. `profiles/README.md` lists their names and types.

use super::settings::Settings;
use crate::define::{Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, Span};
use std::collections::BTreeMap;

/// The name of the setting of the host name.
pub const HOST_NAME: &str = "hostname";
/// The name of the setting of the administrator's account.
pub const USER: &str = "user";
/// The name of the setting of the administrator's SSH keys.
pub const SSH_KEYS: &str = "ssh-keys";
/// The name of the setting of the time zone.
pub const TIME_ZONE: &str = "time-zone";
/// The name of the setting of the locale.
pub const LOCALE: &str = "locale";
/// The name of the setting of the keyboard layout of the console.
pub const KEYBOARD: &str = "keyboard";
/// The name of the setting of the variant of the keyboard layout.
pub const KEYBOARD_VARIANT: &str = "keyboard-variant";

/// The locale that is part of the C library. All others are compiled from the package `locales`.
pub const BUILT_IN_LOCALE: &str = "C.UTF-8";

/// The type of a setting of the system.
#[derive(Clone, Copy)]
enum Type {
    /// A value of this kind.
    One(&'static str),
    /// A list of this kind.
    ListOf(&'static str),
}

const TYPES: [(&str, Type); 7] = [
    (HOST_NAME, Type::One("hostname")),
    (USER, Type::One("username")),
    (SSH_KEYS, Type::ListOf("ssh-key")),
    (TIME_ZONE, Type::One("time-zone")),
    (LOCALE, Type::One("locale")),
    (KEYBOARD, Type::One("name")),
    (KEYBOARD_VARIANT, Type::One("name")),
];

/// The values of the settings of the system. Nothing is written into the image for a setting without a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemSettings {
    /// The host name. Only an image with a base, which has its own host name, can be without it.
    pub host_name: Option<String>,
    /// The administrator.
    pub administrator: Option<Administrator>,
    /// The time zone, by its name in the time zone database: `Europe/Berlin`.
    pub time_zone: Option<Choice>,
    /// The locale: `C.UTF-8`.
    pub locale: Option<Choice>,
    /// The keyboard of the console.
    pub keyboard: Option<Keyboard>,
}

/// An administrator, who may use sudo, and log in over SSH with one of `ssh_keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// The login name.
    pub name: String,
    /// The lines of `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

/// A value that may be only the default of the profile. A base image keeps its own value in place of a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// Whether the value is the default of the profile.
    pub is_default: bool,
}

/// A keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyboard {
    /// The layout: `de`.
    pub layout: String,
    /// The variant of that layout: `nodeadkeys`.
    pub variant: Option<String>,
}

impl SystemSettings {
    /// These settings without a time zone or locale that is only a default: a base image keeps its
    /// own.
    pub fn chosen(&self) -> Self {
        let chosen = |choice: &Option<Choice>| choice.clone().filter(|choice| !choice.is_default);
        Self {
            time_zone: chosen(&self.time_zone),
            locale: chosen(&self.locale),
            ..self.clone()
        }
    }

    /// The settings of the system in `settings`, whose definitions are `known`.
    pub(super) fn of(known: &BTreeMap<String, Setting>, settings: &Settings) -> Self {
        let choice = |name| {
            let value = text(settings, name)?;
            let setting = known.get(name);
            let is_default = setting.is_some_and(|setting| setting.is_default(&value));
            Some(Choice { value, is_default })
        };
        Self {
            host_name: text(settings, HOST_NAME),
            administrator: text(settings, USER).map(|name| Administrator {
                name,
                ssh_keys: texts(settings, SSH_KEYS),
            }),
            time_zone: choice(TIME_ZONE),
            locale: choice(LOCALE),
            keyboard: text(settings, KEYBOARD).map(|layout| Keyboard {
                layout,
                variant: text(settings, KEYBOARD_VARIANT),
            }),
        }
    }
}

/// Refuses definitions of the wrong type, and SSH keys without an administrator.
pub(super) fn check_system(
    diagnostics: &mut Diagnostics,
    known: &BTreeMap<String, Setting>,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) {
    for (name, kind) in TYPES {
        if let Some(setting) = known.get(name).filter(|setting| !kind.fits(setting)) {
            diagnostics.push(wrong_type(name, kind, setting));
        }
    }
    if settings.value(USER).is_none()
        && settings.secret(USER).is_none()
        && settings.given(SSH_KEYS, None)
        && let Some(place) = places.get(SSH_KEYS)
    {
        let title = format!("nobody could log in with these `{SSH_KEYS}`");
        let problem = Diagnostic::new("setting::no-user", title).label(place, "");
        diagnostics.push(problem.help(format!(
            "they are of the account that `{USER}` names; give `--set {USER}=…` where the profile has this setting"
        )));
    }
}

/// `locale` without its charset, as Debian lists some locales: `de_DE`, `ca_ES@valencia`.
pub fn without_charset(locale: &str) -> String {
    locale.replacen(".UTF-8", "", 1)
}

impl Type {
    fn fits(self, setting: &Setting) -> bool {
        let is_of = match self {
            Self::One(kind) => setting.kind.is(kind),
            Self::ListOf(kind) => {
                let items = setting.items.as_deref();
                setting.kind.is("list") && items.is_some_and(|items| items.kind.is(kind))
            }
        };
        is_of && !setting.secret
    }

    fn written(self) -> String {
        match self {
            Self::One(kind) => format!("`type = \"{kind}\"`"),
            Self::ListOf(kind) => {
                format!("`type = \"list\"` and `items = {{ type = \"{kind}\" }}`")
            }
        }
    }
}

fn wrong_type(name: &str, kind: Type, setting: &Setting) -> Diagnostic {
    let expected = match setting.secret {
        true => format!("expected {} without `secret`", kind.written()),
        false => format!("expected {}", kind.written()),
    };
    let title = format!("the system cannot take its `{name}` from this setting");
    Diagnostic::new("profile::system-setting", title)
        .label(&setting.span, expected)
        .help("a setting of any other name can be of any type")
}

/// The text of the setting `name`, if it is set.
fn text(settings: &Settings, name: &str) -> Option<String> {
    match settings.value(name)? {
        Value::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// The texts of the list `name`.
fn texts(settings: &Settings, name: &str) -> Vec<String> {
    let items = match settings.value(name) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    let text = |item: &Value| match item {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Definitions;
    use crate::specification::{BaseArgument, Spec, UserSettings, check};

    /// The Spec of a profile `p` with the lines `profile`, for `user`.
    fn spec(profile: &str, user: &UserSettings) -> Result<Spec, Diagnostics> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles/p");
        fs_err::create_dir_all(&path).unwrap();
        let text = format!("schema = 1\ntitle = \"t\"\n{profile}");
        fs_err::write(path.join("profile.toml"), text).unwrap();
        check(
            &Definitions::find(&[folder.path().to_owned()]),
            "rpi4",
            "p",
            user,
        )
    }

    fn on_base() -> UserSettings {
        UserSettings {
            base: Some(BaseArgument::Named("raspios-lite".to_owned())),
            ..UserSettings::default()
        }
    }

    #[test]
    fn the_readme_lists_the_settings_of_the_system_with_their_types() {
        let readme = include_str!("../../profiles/README.md");
        let section = readme.split("## Settings of the system").nth(1).unwrap();
        let rows = section.split("\n## ").next().unwrap().lines();
        let rows = rows.filter_map(|row| row.strip_prefix("| `"));
        let found: Vec<String> = rows
            .map(|row| row.replacen("` | ", " ", 1))
            .map(|row| row.split(" |").next().unwrap().to_owned())
            .collect();
        let expected = TYPES.map(|(name, of)| match of {
            Type::One(kind) => format!("{name} {kind}"),
            Type::ListOf(kind) => format!("{name} list of {kind}"),
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn only_a_base_image_can_be_without_a_host_name_setting() {
        let optional = "[settings.hostname]\ntype = \"hostname\"\n";
        for profile in ["", optional] {
            let spec = spec(profile, &on_base()).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(spec.system, SystemSettings::default());
        }
        let nameless = [
            UserSettings::default(),
            UserSettings {
                boot_loader_only: true,
                ..on_base()
            },
        ];
        for (profile, user) in nameless
            .iter()
            .flat_map(|user| [("", user), (optional, user)])
        {
            let wrong = spec(profile, user).unwrap_err().to_string();
            assert!(
                wrong.contains("a device of `p` would have no name"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_base_keeps_its_own_value_in_place_of_a_default() {
        let profile = "extends = [\"base\"]\n[settings.locale]\ndefault = \"de_DE.UTF-8\"\n";
        let chosen = |flags: &[&str]| {
            let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
            let spec = spec(profile, &UserSettings { flags, ..on_base() });
            let system = spec
                .unwrap_or_else(|wrong| panic!("{wrong}"))
                .system
                .chosen();
            let value = |choice: Option<Choice>| choice.map(|choice| choice.value);
            (
                system.host_name,
                value(system.time_zone),
                value(system.locale),
            )
        };
        let name = Some("debian".to_owned());
        assert_eq!(chosen(&[]), (name.clone(), None, None));
        let flags = ["time-zone=Europe/Berlin", "locale=C.UTF-8"];
        let (zone, locale) = ("Europe/Berlin".to_owned(), "C.UTF-8".to_owned());
        assert_eq!(chosen(&flags), (name, Some(zone), Some(locale)));
    }

    #[test]
    fn packages_come_with_the_value_that_needs_them() {
        let german = "extends = [\"base\"]\n[settings.locale]\ndefault = \"de_DE.UTF-8\"\n";
        let own = "extends = [\"base\"]\n[settings.shell]\ntype = \"enum\"\nvalues = [\"bash\", \"zsh\"]\n\
                   default = \"bash\"\npackages = [\"zsh\"]\npackages-unless = [\"bash\"]\n";
        let keyboard = ["console-setup", "kbd", "keyboard-configuration"];
        for (profile, flag, expected) in [
            ("extends = [\"base\"]\n", "", &[][..]),
            ("extends = [\"base\"]\n", "locale=de_DE.UTF-8", &["locales"]),
            ("extends = [\"base\"]\n", "keyboard=us", &keyboard),
            (german, "", &["locales"]),
            (german, "locale=C.UTF-8", &[]),
            (own, "shell=bash", &[]),
            (own, "shell=zsh", &["zsh"]),
        ] {
            let flags = Some(flag).filter(|flag| !flag.is_empty());
            let user = UserSettings::of_flags(flags);
            let spec = spec(profile, &user).unwrap_or_else(|wrong| panic!("{wrong}"));
            let known = ["locales", "zsh"].iter().chain(&keyboard);
            let mut found: Vec<&str> = known
                .copied()
                .filter(|name| spec.packages.iter().any(|it| it == name))
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{flag}");
            assert!(!spec.changeable().contains("locale") && !spec.changeable().contains("shell"));
        }
    }
}
