//! The settings that a device may change, and the definitions by which it checks them as imgbuild does.

use super::ports::fixed;
use super::show::complete;
use super::{Assigned, Exclusion, Spec};
use crate::define::Setting;
use crate::define::overlay::FixedPort;
use crate::define::setting::Generate;
use crate::diag::Located;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

impl Spec {
    /// The settings that a person may change on the device: those on which only the contents of files of overlays depend, and
    /// whose values can be written there. A setting that needs packages is not among them.
    pub fn changeable(&self) -> BTreeSet<&str> {
        let files = self.overlays.iter().flat_map(|overlay| &overlay.files);
        let mut names: BTreeSet<&str> = files.flat_map(|file| file.settings()).collect();
        for overlay in &self.overlays {
            for condition in overlay.conditions_but_of_files() {
                names.remove(condition.setting.value.as_str());
            }
        }
        let settings = &self.profile.settings;
        // The device cannot check whether addresses are in one network.
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

    /// Every setting with its definition and, unless it is secret, its value in the image; and the conflicts, the fixed ports
    /// and the kinds.
    pub fn definitions(&self) -> Json {
        let changeable = self.changeable();
        let settings = self.profile.settings.iter().map(|(name, setting)| {
            let mut shown = definition(setting);
            if let Some(Assigned::Plain(value)) = self.settings.values.get(name) {
                let value = complete(setting, value.clone().into());
                shown.insert("value".to_owned(), value);
            }
            // The device does not get the value of a secret here, so it gets whether `used-with` holds.
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

    /// The given secrets as the image holds them. Only root of the image may read them.
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

/// Whether the value can be written on the device: everything but a certificate, which has many lines, is a word or TOML.
fn can_be_written(setting: &Setting) -> bool {
    let parts = setting.items.iter().map(Box::as_ref);
    let mut parts = parts.chain(setting.fields.values());
    !setting.kind.is("certificate") && parts.all(can_be_written)
}

/// The definition of a setting, without keys that say nothing.
fn definition(setting: &Setting) -> Map<String, Json> {
    let names = |names: &[Located<String>]| -> Json {
        let names = names.iter().map(|name| name.value.trim_end_matches('?'));
        names.collect()
    };
    let bounds = setting.outside.iter().map(|network| network.bounds());
    let fields = setting.fields.iter();
    let fields = fields.map(|(name, field)| (name.clone(), with_default(field).into()));
    let shown = json!({
        "type": setting.kind.name(),
        "help": setting.help,
        "secret": setting.secret,
        "hashed": setting.hashed,
        "required": setting.required,
        "generate": setting.generate.map(Generate::word),
        "min": setting.min,
        "max": setting.max,
        "values": setting.values,
        "unique": setting.unique,
        "used-with": setting.used_with,
        "listens-on": setting.listens_on.as_ref().map(|name| &name.value),
        "gateway-of": setting.gateway_of.as_ref().map(|name| &name.value),
        "other-than": names(&setting.other_than),
        "outside": bounds.collect::<Vec<_>>(),
        "outside-settings": names(&setting.outside_settings),
        "items": setting.items.as_deref().map(definition),
        "fields": fields.collect::<Map<_, _>>(),
    });
    let Json::Object(mut shown) = shown else {
        unreachable!("it is written as an object");
    };
    shown.retain(|_, value| match value {
        Json::Null | Json::Bool(false) => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        Json::Bool(true) | Json::Number(_) => true,
    });
    shown
}

/// The definition of a field of a table, with its default.
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

    /// A new setting that cannot change on the device has to be added here, with the reason in profiles/README.md.
    #[test]
    fn few_settings_are_fixed_in_the_image() {
        let exit = [
            "i-accept-exit-liability=true",
            "contact=me@example.org",
            "exit-hostname=exit.example.org",
        ];
        let pair = [
            "ha-node=1",
            "ha-addresses=10.0.0.11/24,10.0.0.12/24",
            "ha-virtual-address=10.0.0.10/24",
        ];
        let mut fixed = BTreeSet::new();
        for (profile, flags) in [
            ("tor-hotspot", &[][..]),
            ("bridge-relay", &[]),
            ("exit-relay", &exit),
            ("haproxy-node", &[]),
            ("haproxy-ha", &pair),
        ] {
            let user = UserSettings::of_flags(flags.iter().copied());
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
            // Each of these settings has only one possible value here.
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
