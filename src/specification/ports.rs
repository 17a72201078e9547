//! TCP ports: nothing listens twice on one port of one address. What a setting means to listen on is its own
//! port, on the address that `listens-on` names; what listens whatever is set stands under `[ports.NAME]` of the
//! overlays. `Imgbuild::Store` checks the same on the device.

use super::conflict::known;
use super::merge::Merged;
use super::settings::Settings;
use crate::define::overlay::FixedPort;
use crate::define::{Overlay, Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Where somebody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// On every address.
    Everywhere,
    /// On every address of IPv4.
    Version4,
    /// On this one.
    One(IpAddr),
}

impl Bound {
    /// What `text` names, an address with or without a prefix.
    fn of(text: &str) -> Self {
        let address = text.split('/').next().unwrap_or_default();
        match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) if address.is_unspecified() => Self::Version4,
            // Linux gives it to IPv4 too.
            Ok(IpAddr::V6(address)) if address.is_unspecified() => Self::Everywhere,
            Ok(address) => Self::One(address),
            Err(_) => Self::Everywhere,
        }
    }

    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Everywhere, _) | (_, Self::Everywhere) => true,
            (Self::Version4, Self::Version4) => true,
            (Self::Version4, Self::One(address)) | (Self::One(address), Self::Version4) => {
                address.is_ipv4()
            }
            (Self::One(one), Self::One(other)) => one == other,
        }
    }
}

/// Who listens on a port.
struct Listener<'s> {
    port: i64,
    bound: Bound,
    /// The setting; none where the image decides it.
    setting: Option<&'s str>,
    /// Of what the image decides, who it is.
    help: &'s str,
}

/// The ports that `overlays` take, by name: a later one's word holds.
pub(super) fn fixed(overlays: &[Overlay]) -> BTreeMap<&str, &FixedPort> {
    let ports = overlays.iter().flat_map(|overlay| &overlay.ports);
    ports.map(|port| (port.name.as_str(), port)).collect()
}

/// No two listen on the same port of the same address. A setting that means nothing without another one that
/// is not given does not count.
pub(super) fn check_ports(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    overlays: &[Overlay],
    (settings, places): (&Settings, &BTreeMap<String, Span>),
) {
    let mut listeners: Vec<Listener<'_>> = Vec::new();
    for port in fixed(overlays).into_values() {
        listeners.push(Listener {
            port: port.port,
            bound: fixed_bound(diagnostics, merged, settings, port),
            setting: None,
            help: &port.help,
        });
    }
    for (name, setting) in &merged.profile.settings {
        let used = match setting.used() {
            Some((other, wanted)) => {
                let written = at(other, &setting.span);
                known(diagnostics, merged, &written, other) && settings.given(other, None) == wanted
            }
            None => true,
        };
        let Some(value) = settings.value(name).filter(|_| used) else {
            continue;
        };
        let mut found = Vec::new();
        listening(setting, value, &|name| settings.value(name), &mut found);
        for (port, bound) in found {
            let twin = listeners
                .iter()
                .find(|other| other.port == port && other.bound.meets(bound));
            if let Some(twin) = twin {
                diagnostics.push(taken(name, twin, places));
            }
            listeners.push(Listener {
                port,
                bound,
                setting: Some(name),
                help: "",
            });
        }
    }
}

fn at(name: &str, span: &Span) -> Located<String> {
    Located {
        value: name.to_owned(),
        span: span.clone(),
    }
}

fn taken(name: &str, twin: &Listener<'_>, places: &BTreeMap<String, Span>) -> Diagnostic {
    let port = twin.port;
    let title = match twin.setting {
        Some(other) => format!("`{name}` and `{other}` both listen on port {port}"),
        None => format!(
            "`{name}` cannot listen on port {port}: {} does on this device",
            twin.help
        ),
    };
    let mut names = vec![name];
    names.extend(twin.setting.filter(|other| *other != name));
    let problem = Diagnostic::new("setting::port-twice", title);
    (names.into_iter().filter_map(|name| places.get(name)))
        .fold(problem, |problem, span| problem.label(span, ""))
        .help(match twin.setting {
            Some(_) => "give one of them another port",
            None => "give it another port",
        })
}

fn fixed_bound(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    port: &FixedPort,
) -> Bound {
    let Some(address) = &port.address else {
        return Bound::Everywhere;
    };
    if address.value.parse::<IpAddr>().is_ok() {
        return Bound::of(&address.value);
    }
    known(diagnostics, merged, address, &address.value);
    match settings.value(&address.value) {
        Some(Value::Text(text)) => Bound::of(text),
        _ => Bound::Everywhere,
    }
}

/// Adds each port that `value` listens on, with where; `beside` finds what `listens-on` names.
fn listening<'v>(
    setting: &Setting,
    value: &Value,
    beside: &dyn Fn(&str) -> Option<&'v Value>,
    found: &mut Vec<(i64, Bound)>,
) {
    match value {
        Value::Integer(port) if setting.kind.is("port") => {
            let named = setting.listens_on.as_deref();
            let bound = match named.map(|name| (name, beside(name))) {
                Some((_, Some(Value::Text(text)))) => Bound::of(text),
                Some((address, None)) => Bound::of(address),
                Some((_, Some(_))) | None => Bound::Everywhere,
            };
            found.push((*port, bound));
        }
        Value::List(items) => {
            let kind = setting.items.iter();
            let pairs = kind.flat_map(|kind| items.iter().map(move |item| (kind, item)));
            pairs.for_each(|(kind, item)| listening(kind, item, beside, found));
        }
        Value::Table(fields) => {
            let of_table = |name: &str| fields.get(name);
            for (name, value) in fields {
                if let Some(field) = setting.fields.get(name) {
                    listening(field, value, &of_table, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::define::Definitions;
    use crate::specification::{self, UserSettings};

    fn check(profile: &str, flags: &[&str]) -> String {
        let user = UserSettings {
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..UserSettings::default()
        };
        match specification::check(&Definitions::find(&[]), "rpi4", profile, &user) {
            Ok(_) => String::new(),
            Err(wrong) => wrong.to_string(),
        }
    }

    #[test]
    fn what_the_device_listens_on_itself_is_taken() {
        let exit = [
            "i-accept-exit-liability=true",
            "exit-hostname=e.example.org",
            "contact=x",
        ];
        for (profile, setting, who) in [
            (
                "haproxy-node",
                "tcp-frontends=[{ name = \"git-ssh\", port = 22, servers = [\"git1=10.0.0.5:22\"] }]",
                "`tcp-frontends` cannot listen on port 22: SSH does",
            ),
            ("haproxy-node", "stats-port=22", "22: SSH does"),
            ("haproxy-node", "stats-port=53", "53: the resolver does"),
            ("bridge-relay", "public-port=22", "22: SSH does"),
            (
                "tor-relay",
                "or-port=9035",
                "9035: Tor with its metrics does",
            ),
            (
                "exit-relay",
                "or-port=80",
                "80: Tor with the page about the exit does",
            ),
            ("exit-relay", "or-port=53", "53: "),
            (
                "tor-hotspot+haproxy-node",
                "stats-port=9040",
                "9040: Tor for the clients does",
            ),
            (
                "wifi-hotspot+haproxy-node",
                "http-frontends=[{ name = \"a\", port = 53, bind = \"192.168.42.1\", servers = [\"w=h:80\"] }]",
                "53: the resolver for the clients does",
            ),
        ] {
            let mut flags = vec![setting];
            flags.extend(exit.iter().filter(|_| profile == "exit-relay"));
            let said = check(profile, &flags);
            assert!(said.contains(who), "{profile} {setting}: {said}");
        }
    }

    #[test]
    fn a_port_that_nothing_listens_on_is_free() {
        let twice = "`or-port` and `obfs4-port` both listen on port 9443";
        let twice_by_name = "`obfs4-port` and `or-port` both listen on port 9443";
        let said = check("bridge-relay", &["obfs4-port=9443"]);
        assert!(
            said.contains(twice) || said.contains(twice_by_name),
            "{said}"
        );
        // Tor takes a port of the loopback then that the kernel gives it.
        assert_eq!(
            check("bridge-relay", &["obfs4-port=9443", "hide-or-port=true"]),
            ""
        );
    }

    #[test]
    fn one_port_of_two_addresses_is_two_ports() {
        let front = |bind: &str, more: &str| {
            format!(
                "http-frontends=[{{ name = \"a\", port = 8080, bind = \"{bind}\", servers = [\"w=h:80\"]{more} }}]"
            )
        };
        let twice = "both listen on port 8080";
        for (one, other, said) in [
            ("10.0.0.1", "stats-bind=10.0.0.2", ""),
            ("10.0.0.1", "stats-bind=10.0.0.1", twice),
            ("10.0.0.1", "stats-bind=*", twice),
            ("0.0.0.0", "stats-bind=10.0.0.1", twice),
            ("0.0.0.0", "stats-bind=fd00::1", ""),
            ("::0", "stats-bind=10.0.0.1", twice),
            ("::1", "stats-bind=0:0:0:0:0:0:0:1", twice),
        ] {
            let found = check("haproxy-node", &["stats-port=8080", other, &front(one, "")]);
            assert!(found.contains(said), "{one} {other}: {found}");
            assert_eq!(found.is_empty(), said.is_empty(), "{one} {other}: {found}");
        }
        let both = check("haproxy-node", &[&front("::1", ", redirect-port = 8080")]);
        assert!(both.contains(twice), "{both}");
        // Only on the loopback: reloads alone need it.
        assert_eq!(
            check("haproxy-node", &["stats-port=10000", "stats-bind=10.0.0.1"]),
            ""
        );
    }
}
