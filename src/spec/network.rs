//! Addresses and what other settings make of them: those that have to lie in one network (`same-network`), a
//! router that has to be in reach (`gateway-of`), a server that is another machine (`other-than`), and addresses that
//! must not be in a network of the device's own (`outside`). `Imgbuild::Network` checks all but the first on the
//! device.

use super::conflict::known;
use super::merge::Merged;
use super::settings::Settings;
use crate::define::Value;
use crate::define::kind::prefixed;
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An address with its prefix, as it was given for a setting.
#[derive(Clone, Copy)]
struct Given<'s> {
    setting: &'s str,
    text: &'s str,
    address: IpAddr,
    length: u32,
}

/// Everything that the definitions say of addresses holds.
pub(super) fn check_networks(
    diagnostics: &mut Diagnostics,
    merged: &Merged,
    settings: &Settings,
    places: &BTreeMap<String, Span>,
) {
    check_same(diagnostics, merged, settings, places);
    for (name, setting) in &merged.profile.settings {
        let rules = [
            (&setting.gateway_of, out_of_reach as Rule),
            (&setting.other_than, itself as Rule),
        ];
        let rules = rules
            .into_iter()
            .filter_map(|(other, rule)| Some((other.as_ref()?, rule)));
        let outside = setting.outside_settings.iter();
        for (other, rule) in rules.chain(outside.map(|other| (other, inside as Rule))) {
            let Some(other) = present(diagnostics, merged, other) else {
                continue;
            };
            let others: Vec<_> = addresses(settings, other).collect();
            for one in addresses(settings, name) {
                let found = others.iter().find_map(|other| rule(&one, other));
                let Some(problem) = found else { continue };
                let spans = [name.as_str(), other].map(|name| places.get(name));
                let problem = (spans.into_iter().flatten())
                    .fold(problem, |problem, span| problem.label(span, ""));
                diagnostics.push(problem);
            }
        }
    }
}

/// The setting that `written` names. With `?` behind its name, it is one of a profile that may be in the image or not.
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

/// What is wrong with the first because of the second.
type Rule = fn(&Given<'_>, &Given<'_>) -> Option<Diagnostic>;

/// A router that a machine with the address `own` does not reach. One of the link itself is always in reach, and
/// with a network of one address, which networkd is told (`GatewayOnLink`), any.
fn out_of_reach(router: &Given<'_>, own: &Given<'_>) -> Option<Diagnostic> {
    let Given { setting, text, .. } = router;
    let (theirs, longest) = bits(router.address);
    let link_local = matches!(router.address, IpAddr::V6(it) if it.is_unicast_link_local());
    if link_local {
        return None;
    }
    let (mine, own_longest) = bits(own.address);
    let wrong = |why: String, help: &str| {
        let title = format!("`{text}` cannot be `{setting}`: {why}");
        Some(Diagnostic::new("setting::gateway", title).help(help.to_owned()))
    };
    let of = format!("`{}` of `{}`", own.text, own.setting);
    if longest != own_longest {
        let (router, own) = (family(router.address), family(own.address));
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
    if own.length == longest {
        return None;
    }
    let behind = longest.saturating_sub(own.length);
    if (mine ^ theirs) >> behind != 0 {
        let help = "correct one of them; a router outside of the network goes with an address of `/32` or `/128`";
        return wrong(format!("it is not in the network of {of}"), help);
    }
    let hosts = (1_u128 << behind).saturating_sub(1);
    if longest == 32 && own.length < 31 && [0, hosts].contains(&(theirs & hosts)) {
        return wrong(
            format!("no machine in the network of {of} has it"),
            "give the address of the router",
        );
    }
    None
}

/// A server that is the device itself, where none runs.
fn itself(server: &Given<'_>, own: &Given<'_>) -> Option<Diagnostic> {
    let Given { setting, text, .. } = server;
    (server.address == own.address).then(|| {
        let title = format!(
            "`{text}` of `{setting}` is the device itself, by `{}`",
            own.setting
        );
        Diagnostic::new("setting::itself", title).help("give the address of another machine")
    })
}

/// An address or network that overlaps one of the device's own.
fn inside(own: &Given<'_>, other: &Given<'_>) -> Option<Diagnostic> {
    let (mine, longest) = bits(own.address);
    let (theirs, other_longest) = bits(other.address);
    let behind = longest.saturating_sub(own.length.min(other.length));
    if longest != other_longest || (mine ^ theirs).checked_shr(behind).unwrap_or(0) != 0 {
        return None;
    }
    let title = format!(
        "`{}` of `{}` and `{}` of `{}` are in one network",
        own.text, own.setting, other.text, other.setting
    );
    let help = "take another private network for one of them, such as `192.168.42.1/24`";
    Some(Diagnostic::new("setting::one-network", title).help(help))
}

/// All addresses of two settings are in the network of the first, and differ.
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
        let alone = || {
            let address: IpAddr = text.parse().ok()?;
            Some((address, bits(address).1))
        };
        let (address, length) = prefixed(text).or_else(alone)?;
        Some(Given {
            setting,
            text,
            address,
            length,
        })
    })
}

/// What is wrong with `one` behind `earlier`, which are not empty.
fn problem(earlier: &[Given<'_>], one: &Given<'_>) -> Option<Diagnostic> {
    let first = earlier[0];
    let Given { setting, text, .. } = one;
    let (mine, own) = bits(one.address);
    let (theirs, longest) = bits(first.address);
    if own != longest {
        let title = format!(
            "`{text}` of `{setting}` is {}, and `{}` of `{}` is {}",
            family(one.address),
            first.text,
            first.setting,
            family(first.address)
        );
        let help = "give addresses of one family";
        return Some(Diagnostic::new("setting::network", title).help(help));
    }
    let behind = longest.saturating_sub(first.length);
    let differ = (mine ^ theirs).checked_shr(behind).unwrap_or(0) != 0;
    // An address of its own, with no network to it, is on the same link all the same.
    if differ || (one.length != first.length && one.length != longest) {
        let title = format!(
            "`{text}` of `{setting}` is not in the network of `{}`, the first of `{}`",
            first.text, first.setting
        );
        let help = format!("give an address of that network, with `/{}`", first.length);
        return Some(Diagnostic::new("setting::network", title).help(help));
    }
    let twin = earlier.iter().find(|other| other.address == one.address)?;
    let title = format!(
        "`{text}` of `{setting}` is the address `{}` of `{}`",
        twin.text, twin.setting
    );
    let help = "give each of them another address";
    Some(Diagnostic::new("setting::network", title).help(help))
}

/// The bits of an address, and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}

#[cfg(test)]
mod tests {
    use crate::define::Definitions;
    use crate::spec::{self, UserSettings};
    use std::collections::BTreeSet;

    fn check(addresses: &str, between: &str) -> String {
        let user = UserSettings {
            flags: vec![
                "ha-node=1".to_owned(),
                format!("ha-addresses={addresses}"),
                format!("ha-virtual-address={between}"),
            ],
            ..UserSettings::default()
        };
        match spec::check(&Definitions::find(&[]), "rpi4", "haproxy-ha", &user) {
            Ok(_) => String::new(),
            Err(wrong) => wrong.to_string(),
        }
    }

    #[test]
    fn what_a_pair_has_is_not_in_the_network_of_a_hotspots_clients() {
        for hotspot in ["wifi-hotspot", "tor-hotspot"] {
            let profile = format!("haproxy-ha+{hotspot}");
            for (clients, reason) in [
                ("192.168.42.1/24", ""),
                (
                    "10.0.0.1/24",
                    "`10.0.0.1/24` of `hotspot-address` and `10.0.0.11/24` of `ha-addresses` are in one network",
                ),
                (
                    "10.0.0.9/28",
                    "`10.0.0.10/32` of `ha-virtual-address` are in one network",
                ),
            ] {
                let flags = [
                    "ha-node=1",
                    "ha-addresses=10.0.0.11/24,10.0.0.12/24",
                    "ha-virtual-address=10.0.0.10/32",
                ];
                let mut flags = flags.map(str::to_owned).to_vec();
                flags.push(format!("hotspot-address={clients}"));
                let user = UserSettings {
                    flags,
                    ..UserSettings::default()
                };
                let result = spec::check(&Definitions::find(&[]), "rpi4", &profile, &user);
                let problems = result.map_or_else(|wrong| wrong.to_string(), |_| String::new());
                assert!(problems.contains(reason), "{profile} {clients}: {problems}");
                assert_eq!(
                    problems.is_empty(),
                    reason.is_empty(),
                    "{profile} {clients}: {problems}"
                );
            }
        }
    }

    /// Of settings that may be in the image or not, no build says that the name is wrong.
    #[test]
    fn settings_of_other_profiles_are_settings_of_some() {
        let definitions = Definitions::find(&[]);
        let names = definitions.profiles().unwrap();
        let profiles = names
            .iter()
            .map(|name| spec::profile(&definitions, name).unwrap());
        let profiles: Vec<_> = profiles.collect();
        let named = profiles
            .iter()
            .flat_map(|profile| profile.settings.values());
        let named = named.flat_map(|setting| &setting.outside_settings);
        let optional: BTreeSet<&str> = named
            .filter_map(|name| name.value.strip_suffix('?'))
            .collect();
        assert!(optional.len() >= 2, "{optional:?}");
        for name in optional {
            assert!(
                profiles
                    .iter()
                    .any(|profile| profile.settings.contains_key(name)),
                "{name}"
            );
        }
    }

    #[test]
    fn addresses_of_a_pair_lie_in_one_network() {
        let pair = "10.0.0.11/24,10.0.0.12/24";
        assert_eq!(check(pair, "10.0.0.10/24"), "");
        assert_eq!(check(pair, "10.0.0.10/32"), "");
        let six = "2001:db8::11/64,2001:db8::12/64";
        assert_eq!(check(six, "2001:db8::10/64"), "");
        for (addresses, between, reason) in [
            (
                pair,
                "2001:db8::10/64",
                "`2001:db8::10/64` of `ha-virtual-address` is IPv6, and `10.0.0.11/24` of `ha-addresses` is IPv4",
            ),
            (
                pair,
                "10.0.1.10/24",
                "`10.0.1.10/24` of `ha-virtual-address` is not in the network of `10.0.0.11/24`",
            ),
            (
                pair,
                "10.0.0.10/16",
                "give an address of that network, with `/24`",
            ),
            (
                six,
                "2001:db8:0:1::10/64",
                "`2001:db8:0:1::10/64` of `ha-virtual-address` is not in the network",
            ),
            (
                pair,
                "10.0.0.12/24",
                "`10.0.0.12/24` of `ha-virtual-address` is the address `10.0.0.12/24` of `ha-addresses`",
            ),
            (
                "10.0.0.11/24,10.9.0.12/24",
                "10.0.0.10/24",
                "`10.9.0.12/24` of `ha-addresses` is not in the network of `10.0.0.11/24`",
            ),
            (
                "10.0.0.11/24,10.0.0.11/24",
                "10.0.0.10/24",
                "is the address `10.0.0.11/24` of `ha-addresses`",
            ),
        ] {
            let said = check(addresses, between);
            assert!(said.contains(reason), "{addresses} {between}: {said}");
        }
    }
}
