//! Checks addresses and interfaces against other settings: addresses that have to be in one network (`same-network`), a
//! router that has to be reachable (`gateway-of`), a server that has to be another machine and an interface that has to serve
//! nothing else (`other-than`), and addresses that must not be in a network of the device itself (`outside`).
//! `Imgbuild::Network` makes all these checks but the first on the device.

use super::conflict::known;
use super::merge::Merged;
use super::settings::Settings;
use crate::define::Value;
use crate::define::kind::prefixed;
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An address of a setting, with its prefix.
#[derive(Clone, Copy)]
struct Given<'s> {
    setting: &'s str,
    text: &'s str,
    net: IpNet,
}

impl Given<'_> {
    /// Whether the network consists of this address only.
    fn is_alone(&self) -> bool {
        self.net.prefix_len() == self.net.max_prefix_len()
    }
}

/// Checks all rules of the definitions for addresses.
pub(super) fn check_networks(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) {
    check_same(diagnostics, merged, settings, places);
    for (name, setting) in &merged.profile.settings {
        let gateway_of = setting.gateway_of.iter();
        let rules = (gateway_of.map(|other| (other, out_of_reach as Rule)))
            .chain(
                setting
                    .other_than
                    .iter()
                    .map(|other| (other, itself as Rule)),
            )
            .chain(
                setting
                    .outside_settings
                    .iter()
                    .map(|other| (other, inside as Rule)),
            );
        for (other, rule) in rules {
            let Some(other) = present(diagnostics, merged, other) else {
                continue;
            };
            let problems = match setting.kind.is("interface") {
                true => Vec::from_iter(one_interface(settings, name, other)),
                false => {
                    let others: Vec<_> = addresses(settings, other).collect();
                    let ones = addresses(settings, name);
                    ones.filter_map(|one| others.iter().find_map(|other| rule(&one, other)))
                        .collect()
                }
            };
            for problem in problems {
                let spans = [name.as_str(), other].map(|name| places.get(name));
                let problem = (spans.into_iter().flatten())
                    .fold(problem, |problem, span| problem.label(span, ""));
                diagnostics.push(problem);
            }
        }
    }
}

/// The setting that `written` names, if it exists. If its name ends in `?`, its profile need not be in the image.
fn present<'w>(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    written: &'w Located<String>,
) -> Option<&'w str> {
    let present = match written.value.strip_suffix('?') {
        Some(name) => merged.profile.settings.contains_key(name).then_some(name),
        None => Some(written.value.as_str()),
    };
    present.filter(|name| known(diagnostics, merged, written, name))
}

/// Checks the first address against the second.
type Rule = fn(&Given<'_>, &Given<'_>) -> Option<Diagnostic>;

/// Refuses a router that a machine with the address `own` cannot reach. A link-local address is always reachable. If the
/// network of `own` has only one address, every router is, because networkd is configured for that (`GatewayOnLink`).
fn out_of_reach(router: &Given<'_>, own: &Given<'_>) -> Option<Diagnostic> {
    let Given { setting, text, .. } = router;
    let (theirs, mine) = (router.net.addr(), own.net.addr());
    let link_local = matches!(theirs, IpAddr::V6(it) if it.is_unicast_link_local());
    if link_local {
        return None;
    }
    let wrong = |why: String, help: &str| {
        let title = format!("`{text}` cannot be `{setting}`: {why}");
        Some(Diagnostic::new("setting::gateway", title).help(help.to_owned()))
    };
    let of = format!("`{}` of `{}`", own.text, own.setting);
    if family(theirs) != family(mine) {
        let (router, own) = (family(theirs), family(mine));
        let why = format!("it is {router}, and {of} is {own}");
        return wrong(
            why,
            "give a router of the same family, or one of the link, such as `fe80::1`",
        );
    }
    if mine == theirs {
        return wrong(
            format!("it is the device's own, {of}"),
            "give the address of the router",
        );
    }
    if own.is_alone() {
        return None;
    }
    if !own.net.contains(&theirs) {
        let help = "correct one of them; a router outside of the network goes with an address of `/32` or `/128`";
        return wrong(format!("it is not in the network of {of}"), help);
    }
    let ends = [own.net.network(), own.net.broadcast()];
    if theirs.is_ipv4() && own.net.prefix_len() < 31 && ends.contains(&theirs) {
        return wrong(
            format!("no machine in the network of {of} has it"),
            "give the address of the router",
        );
    }
    None
}

/// Refuses a server that is the device itself, on which no such server runs.
fn itself(server: &Given<'_>, own: &Given<'_>) -> Option<Diagnostic> {
    let Given { setting, text, .. } = server;
    (server.net.addr() == own.net.addr()).then(|| {
        let title = format!(
            "`{text}` of `{setting}` is the device itself, by `{}`",
            own.setting
        );
        Diagnostic::new("setting::itself", title).help("give the address of another machine")
    })
}

/// Refuses one interface for two purposes: the first program would get it, and the other one would wait for ever.
fn one_interface(settings: &Settings, name: &str, other: &str) -> Option<Diagnostic> {
    let interface = settings.value(name)?;
    let Value::Text(text) = interface else {
        return None;
    };
    (settings.value(other)? == interface).then(|| {
        let title = format!("`{text}` cannot be both `{name}` and `{other}`");
        Diagnostic::new("setting::one-interface", title)
            .help("give each of them an interface of its own")
    })
}

/// Refuses an address or network that overlaps a network of the device itself.
fn inside(own: &Given<'_>, other: &Given<'_>) -> Option<Diagnostic> {
    if !own.net.contains(&other.net) && !other.net.contains(&own.net) {
        return None;
    }
    let title = format!(
        "`{}` of `{}` and `{}` of `{}` are in one network",
        own.text, own.setting, other.text, other.setting
    );
    let help = "take another private network for one of them, such as `192.168.42.1/24`";
    Some(Diagnostic::new("setting::one-network", title).help(help))
}

/// Checks `same-network`: all addresses of two settings are in the network of the first one, and differ.
fn check_same(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) {
    for (name, setting) in &merged.profile.settings {
        let Some(other) = &setting.same_network else {
            continue;
        };
        let written = Located {
            value: other.clone(),
            span: setting.span.clone(),
        };
        if !known(diagnostics, merged, &written, other) {
            continue;
        }
        let given: Vec<Given<'_>> = [other, name]
            .into_iter()
            .flat_map(|name| addresses(settings, name))
            .collect();
        for (index, one) in given.iter().enumerate().skip(1) {
            let earlier = &given[..index];
            let Some(problem) = problem(earlier, one) else {
                continue;
            };
            let problem = match places.get(one.setting) {
                Some(place) => problem.label(place, ""),
                None => problem,
            };
            diagnostics.push(problem);
        }
    }
}

fn addresses<'s>(settings: &'s Settings, setting: &'s str) -> impl Iterator<Item = Given<'s>> {
    let values = match settings.value(setting) {
        Some(Value::List(items)) => items.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(move |value| {
        let Value::Text(text) = value else {
            return None;
        };
        let alone = || Some(text.parse::<IpAddr>().ok()?.into());
        let net = prefixed(text).or_else(alone)?;
        Some(Given { setting, text, net })
    })
}

/// Checks `one` against the addresses `earlier`, which are not empty.
fn problem(earlier: &[Given<'_>], one: &Given<'_>) -> Option<Diagnostic> {
    let first = earlier[0];
    let Given { setting, text, .. } = one;
    let (mine, theirs) = (one.net.addr(), first.net.addr());
    if family(mine) != family(theirs) {
        let title = format!(
            "`{text}` of `{setting}` is {}, and `{}` of `{}` is {}",
            family(mine),
            first.text,
            first.setting,
            family(theirs)
        );
        let help = "give addresses of one family";
        return Some(Diagnostic::new("setting::network", title).help(help));
    }
    let length = first.net.prefix_len();
    // An address with a prefix of its full length is on the same link too.
    if !first.net.contains(&mine) || (one.net.prefix_len() != length && !one.is_alone()) {
        let title = format!(
            "`{text}` of `{setting}` is not in the network of `{}`, the first of `{}`",
            first.text, first.setting
        );
        let help = format!("give an address of that network, with `/{length}`");
        return Some(Diagnostic::new("setting::network", title).help(help));
    }
    let twin = earlier.iter().find(|other| other.net.addr() == mine)?;
    let title = format!(
        "`{text}` of `{setting}` is the address `{}` of `{}`",
        twin.text, twin.setting
    );
    let help = "give each of them another address";
    Some(Diagnostic::new("setting::network", title).help(help))
}

fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}

#[cfg(test)]
mod tests;
