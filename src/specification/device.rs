//! What a device may change of its settings, and what it has to know of them to check it as
//! imgbuild does.

use super::ports::fixed;
use super::show::complete;
use super::{Assigned, Exclusion, Spec};
use crate::define::Setting;
use crate::define::overlay::FixedPort;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

impl Spec {
    /// The settings that a person may change on the device: those that decide nothing but what is in
    /// files of overlays, and whose value can be written there. One that needs packages decides these too.
    pub fn changeable(&self) -> BTreeSet<&str> {
        let files = self.overlays.iter().flat_map(|overlay| &overlay.files);
        let mut names: BTreeSet<&str> = files.flat_map(|file| file.settings()).collect();
        for overlay in &self.overlays {
            let directories = overlay.directories.iter();
            let directories = directories.filter_map(|directory| directory.when.as_ref());
            let symlinks = overlay.symlinks.iter();
            let symlinks = symlinks.filter_map(|symlink| symlink.when.as_ref());
            for condition in directories.chain(symlinks) {
                names.remove(condition.setting.value.as_str());
            }
        }
        let settings = &self.profile.settings;
        // Whether addresses lie in one network is found out here only.
        for (name, setting) in settings {
            for other in setting.same_network.iter().map(String::as_str) {
                names.retain(|&found| found != other && found != name);
            }
        }
        names.retain(|name| {
            let setting = settings.get(*name);
            setting.is_some_and(|setting| {
                setting.device && setting.packages.is_empty() && can_be_written(setting)
            })
        });
        names
    }

    /// Every setting with its definition and its value in the image, and what does not go together;
    /// of secrets, no value.
    pub fn definitions(&self) -> Json {
        let changeable = self.changeable();
        let settings = self.profile.settings.iter().map(|(name, setting)| {
            let mut shown = definition(setting);
            if let Some(Assigned::Plain(value)) = self.settings.values.get(name) {
                let value = complete(setting, value.clone().into());
                shown.insert("value".to_owned(), value);
            }
            // No value of a secret is carried; those that others depend on are fixed in the image.
            if let Some((with, wanted)) = setting.used().filter(|(with, _)| self.is_secret(with)) {
                let used = self.settings.given(with, None) == wanted;
                shown.insert("used".to_owned(), used.into());
            }
            let device = changeable.contains(name.as_str());
            shown.insert("device".to_owned(), device.into());
            (name.clone(), Json::Object(shown))
        });
        let mut kinds = Map::new();
        (self.profile.settings.values()).for_each(|setting| carry_kinds(setting, &mut kinds));
        json!({
            "kinds": kinds,
            "settings": settings.collect::<Map<_, _>>(),
            "ports": fixed(&self.overlays).into_values().map(port).collect::<Vec<_>>(),
            "exclusions": self.exclusions.iter().map(exclusion).collect::<Vec<_>>(),
        })
    }

    fn is_secret(&self, name: &str) -> bool {
        let setting = self.profile.settings.get(name);
        setting.is_some_and(|setting| setting.secret)
    }

    /// What the image holds of the secrets that were given; it must reach nobody but the image's root.
    pub fn stored_secrets(&self) -> Map<String, Json> {
        let given = self
            .settings
            .iter()
            .filter_map(|(name, assigned)| match assigned {
                Assigned::Secret(secret) => {
                    Some((name.to_owned(), self.stored(name, secret).into()))
                }
                Assigned::Absent | Assigned::Plain(_) => None,
            });
        given.collect()
    }
}

/// Adds the kinds of a setting and of all its parts.
fn carry_kinds(setting: &Setting, kinds: &mut Map<String, Json>) {
    setting.kind.carry(kinds);
    let parts = setting.items.iter().map(Box::as_ref);
    let parts = parts.chain(setting.fields.values());
    parts.for_each(|part| carry_kinds(part, kinds));
}

/// A certificate has many lines of its own; everything else is a word, or TOML.
fn can_be_written(setting: &Setting) -> bool {
    let parts = setting.items.iter().map(Box::as_ref);
    let mut parts = parts.chain(setting.fields.values());
    !setting.kind.is("certificate") && parts.all(can_be_written)
}

fn definition(setting: &Setting) -> Map<String, Json> {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Json| drop(shown.insert(key.to_owned(), value));
    put("type", setting.kind.name().into());
    for (key, text) in [
        ("help", Some(&setting.help).filter(|help| !help.is_empty())),
        ("unique", setting.unique.as_ref()),
        ("used-with", setting.used_with.as_ref()),
        ("listens-on", setting.listens_on.as_ref()),
        (
            "gateway-of",
            setting.gateway_of.as_ref().map(|name| &name.value),
        ),
    ] {
        text.into_iter()
            .for_each(|text| put(key, text.clone().into()));
    }
    for (key, flag) in [
        ("secret", setting.secret),
        ("hashed", setting.hashed),
        ("required", setting.required),
    ] {
        Some(flag)
            .filter(|flag| *flag)
            .into_iter()
            .for_each(|flag| put(key, flag.into()));
    }
    for (key, bound) in [("min", setting.min), ("max", setting.max)] {
        bound.into_iter().for_each(|bound| put(key, bound.into()));
    }
    if let Some(generate) = setting.generate {
        put("generate", generate.word().into());
    }
    if !setting.values.is_empty() {
        put("values", setting.values.clone().into());
    }
    if !setting.outside.is_empty() {
        put(
            "outside",
            json!(
                setting
                    .outside
                    .iter()
                    .map(|taken| taken.bounds())
                    .collect::<Vec<_>>()
            ),
        );
    }
    for (key, names) in [
        ("outside-settings", &setting.outside_settings),
        ("other-than", &setting.other_than),
    ] {
        let names = names.iter();
        let names: Vec<&str> = names.map(|name| name.value.trim_end_matches('?')).collect();
        if !names.is_empty() {
            put(key, names.into());
        }
    }
    if let Some(items) = &setting.items {
        put("items", definition(items).into());
    }
    if !setting.fields.is_empty() {
        let fields = setting.fields.iter();
        let fields = fields.map(|(name, field)| (name.clone(), with_default(field).into()));
        put("fields", Json::Object(fields.collect()));
    }
    shown
}

/// Of a table's field, also what it is where nobody gives it.
fn with_default(field: &Setting) -> Map<String, Json> {
    let mut shown = definition(field);
    let default = field.default.as_ref();
    if let Some(value) = default.and_then(|raw| field.read("", raw, &|_| ())) {
        shown.insert("default".to_owned(), complete(field, value.into()));
    }
    shown
}

fn port(port: &FixedPort) -> Json {
    let address = port.address.as_ref();
    json!({
        "port": port.port,
        "address": address.map_or("*", |address| address.value.as_str()),
        "help": port.help,
    })
}

fn exclusion(exclusion: &Exclusion) -> Json {
    json!({
        "when": exclusion.when,
        "given": exclusion.given,
        "absent": exclusion.absent,
        "because": exclusion.because,
        "help": exclusion.help,
    })
}

#[cfg(test)]
mod tests {
    use crate::define::Definitions;
    use crate::specification::{self, UserSettings};
    use std::collections::BTreeSet;

    /// Who adds a setting that cannot change on the device says here and in profiles/README.md why.
    #[test]
    fn few_settings_are_fixed_in_the_image() {
        let user = |flags: &[&str]| UserSettings {
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..UserSettings::default()
        };
        let exit = user(&[
            "i-accept-exit-liability=true",
            "contact=me@example.org",
            "exit-hostname=exit.example.org",
        ]);
        let pair = user(&[
            "ha-node=1",
            "ha-addresses=10.0.0.11/24,10.0.0.12/24",
            "ha-virtual-address=10.0.0.10/24",
        ]);
        let mut fixed = BTreeSet::new();
        for (profile, user) in [
            ("tor-hotspot", user(&[])),
            ("bridge-relay", user(&[])),
            ("exit-relay", exit),
            ("haproxy-node", user(&[])),
            ("haproxy-ha", pair),
        ] {
            let spec = specification::check(&Definitions::find(&[]), "rpi4", profile, &user);
            let spec = spec.unwrap_or_else(|wrong| panic!("{wrong}"));
            let changeable = spec.changeable();
            let names = spec.profile.settings.keys();
            let names = names.filter(|name| !changeable.contains(name.as_str()));
            fixed.extend(names.map(|name| format!("{profile}: {name}")));
        }
        let of_all = ["keyboard", "keyboard-variant", "locale", "user"];
        let certificate = ["stats-tls", "tls-certificate"];
        let of_both = [
            "ha-addresses",
            "ha-advertisement",
            "ha-node",
            "ha-router-id",
            "ha-virtual-address",
            "peer-port",
            "uplink-address",
            "uplink-interface",
        ];
        let mut expected = BTreeSet::new();
        for (profile, names) in [
            // Each has one sound value here.
            (
                "tor-hotspot",
                &["client-dns", "hotspot-ipv6", "lan-access"][..],
            ),
            ("bridge-relay", &[]),
            ("exit-relay", &["i-accept-exit-liability"]),
            ("haproxy-node", &certificate),
            ("haproxy-ha", &[&of_both[..], &certificate].concat()),
        ] {
            let names = of_all.iter().chain(names);
            expected.extend(names.map(|name| format!("{profile}: {name}")));
        }
        assert_eq!(fixed, expected);
    }
}
