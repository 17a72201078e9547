use crate::define::Definitions;
use crate::specification::{self, UserSettings};
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
    match specification::check(&Definitions::find(&[]), "rpi4", "haproxy-ha", &user) {
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
            let result = specification::check(&Definitions::find(&[]), "rpi4", &profile, &user);
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

#[test]
fn one_interface_serves_one_purpose() {
    for (flags, reason) in [
        (&["wifi-interface=wlan0", "uplink-radio=wlan1"][..], ""),
        (
            &["wifi-interface=wlan0", "uplink-radio=wlan0"],
            "`wlan0` cannot be both `wifi-interface` and `uplink-radio`",
        ),
        (
            &[
                "wifi-interface=wlan0",
                "uplink-radio=wlan1",
                "uplink-interface=wlan1",
            ],
            "`wlan1` cannot be both `uplink-radio` and `uplink-interface`",
        ),
        (
            &[
                "wifi-interface=wlan0",
                "uplink-radio=wlan1",
                "uplink-interface=hotspot0",
            ],
            "`hotspot0` is the device's own bridge",
        ),
        (
            &["wifi-interface=wlan0", "uplink-radio=auto"],
            "no radio is called so",
        ),
    ] {
        let user = UserSettings {
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..UserSettings::default()
        };
        let profile = "wifi-hotspot+wifi-uplink";
        let result = specification::check(&Definitions::find(&[]), "rpi4", profile, &user);
        let problems = result.map_or_else(|wrong| wrong.to_string(), |_| String::new());
        assert!(problems.contains(reason), "{flags:?}: {problems}");
        assert_eq!(
            problems.is_empty(),
            reason.is_empty(),
            "{flags:?}: {problems}"
        );
    }
}

/// Of settings that may be in the image or not, no build says that the name is wrong.
#[test]
fn settings_of_other_profiles_are_settings_of_some() {
    let definitions = Definitions::find(&[]);
    let names = definitions.profiles().unwrap();
    let profiles = names
        .iter()
        .map(|name| specification::profile(&definitions, name).unwrap());
    let profiles: Vec<_> = profiles.collect();
    let named = profiles
        .iter()
        .flat_map(|profile| profile.settings.values());
    let named =
        named.flat_map(|setting| setting.outside_settings.iter().chain(&setting.other_than));
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
