//! Checks that no two programs listen on the same TCP port of the same address. The port of a setting is one of them, on the
//! address that `listens-on` names; ports that do not depend on settings are in `[ports.NAME]` of the overlays.
//! `Imgbuild::Ports` makes the same checks on the device.

use super::conflict::known;
use super::merge::Merged;
use super::settings::Settings;
use crate::define::overlay::FixedPort;
use crate::define::{Overlay, Setting, Value};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The addresses on which a program listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// All addresses.
    Everywhere,
    /// All IPv4 addresses.
    Version4,
    /// One address.
    One(IpAddr),
}

impl Bound {
    /// Reads an address with or without a prefix; any other text stands for all addresses.
    fn of(text: &str) -> Self {
        let address = text.split('/').next().unwrap_or_default();
        match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) if address.is_unspecified() => Self::Version4,
            // Linux accepts IPv4 connections on this address too.
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

/// A program that listens on a port.
struct Listener<'s> {
    port: i64,
    bound: Bound,
    /// The setting that decides the port; `None` if it is the same on every device.
    setting: Option<&'s str>,
    /// The name of the program if no setting decides the port.
    help: &'s str,
}

/// The fixed ports of `overlays` by name; a later overlay replaces the port of an earlier one.
pub(super) fn fixed(overlays: &[Overlay]) -> BTreeMap<&str, &FixedPort> {
    let ports = overlays.iter().flat_map(|overlay| &overlay.ports);
    ports.map(|port| (port.name.as_str(), port)).collect()
}

/// Reports programs that listen on the same port of the same address. A setting counts only if its `used-with` holds.
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

/// Adds the ports in `value` to `found`, with their addresses. `beside` finds the setting or field that `listens-on` names.
fn listening<'v>(
    setting: &Setting,
    value: &Value,
    beside: &dyn Fn(&str) -> Option<&'v Value>,
    found: &mut Vec<(i64, Bound)>,
) {
    match value {
        Value::Integer(port) if setting.kind.is("port") => {
            let named = setting.listens_on.as_ref().map(|name| name.value.as_str());
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
    use crate::specification::mistakes;

    #[test]
    fn fixed_ports_are_taken() {
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
            let found = mistakes(profile, flags);
            assert!(found.contains(who), "{profile} {setting}: {found}");
        }
    }

    #[test]
    fn a_port_that_nothing_listens_on_is_free() {
        let twice = "`or-port` and `obfs4-port` both listen on port 9443";
        let twice_by_name = "`obfs4-port` and `or-port` both listen on port 9443";
        let found = mistakes("bridge-relay", ["obfs4-port=9443"]);
        assert!(
            found.contains(twice) || found.contains(twice_by_name),
            "{found}"
        );
        // Tor then listens on a port of the loopback interface that the kernel chooses.
        let hidden = ["obfs4-port=9443", "hide-or-port=true"];
        assert_eq!(mistakes("bridge-relay", hidden), "");
    }

    #[test]
    fn one_port_of_two_addresses_is_two_ports() {
        let front = |bind: &str, more: &str| {
            format!(
                "http-frontends=[{{ name = \"a\", port = 8080, bind = \"{bind}\", servers = [\"w=h:80\"]{more} }}]"
            )
        };
        let twice = "both listen on port 8080";
        for (one, other, reason) in [
            ("10.0.0.1", "stats-bind=10.0.0.2", ""),
            ("10.0.0.1", "stats-bind=10.0.0.1", twice),
            ("10.0.0.1", "stats-bind=*", twice),
            ("0.0.0.0", "stats-bind=10.0.0.1", twice),
            ("0.0.0.0", "stats-bind=fd00::1", ""),
            ("::0", "stats-bind=10.0.0.1", twice),
            ("::1", "stats-bind=0:0:0:0:0:0:0:1", twice),
        ] {
            let found = mistakes("haproxy-node", ["stats-port=8080", other, &front(one, "")]);
            assert!(found.contains(reason), "{one} {other}: {found}");
            assert_eq!(
                found.is_empty(),
                reason.is_empty(),
                "{one} {other}: {found}"
            );
        }
        let both = mistakes("haproxy-node", [&*front("::1", ", redirect-port = 8080")]);
        assert!(both.contains(twice), "{both}");
        // The fixed port 10000 is on the loopback interface only.
        let flags = ["stats-port=10000", "stats-bind=10.0.0.1"];
        assert_eq!(mistakes("haproxy-node", flags), "");
    }
}
