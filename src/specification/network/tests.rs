use crate::define::Definitions;
use crate::specification::{self, mistakes};
use std::collections::BTreeSet;

#[test]
fn the_addresses_of_a_pair_are_not_in_the_network_of_a_hotspots_clients() {
    let one = "`10.0.0.1/24` of `hotspot-address` and `10.0.0.11/24` of `ha-addresses` are in one network";
    let virtual_one = "`10.0.0.10/32` of `ha-virtual-address` are in one network";
    for hotspot in ["wifi-hotspot", "tor-hotspot"] {
        let profile = format!("haproxy-ha+{hotspot}");
        for (clients, reason) in [
            ("192.168.42.1/24", ""),
            ("10.0.0.1/24", one),
            ("10.0.0.9/28", virtual_one),
        ] {
            let flags = [
                "ha-node=1",
                "ha-addresses=10.0.0.11/24,10.0.0.12/24",
                "ha-virtual-address=10.0.0.10/32",
                &format!("hotspot-address={clients}"),
            ];
            let found = mistakes(&profile, flags);
            assert!(found.contains(reason), "{flags:?}: {found}");
            assert_eq!(found.is_empty(), reason.is_empty(), "{flags:?}: {found}");
        }
    }
}

#[test]
fn one_interface_serves_one_purpose() {
    for (flags, reason) in [
        ("uplink-radio=wlan1", ""),
        (
            "uplink-radio=wlan0",
            "`wlan0` cannot be both `wifi-interface` and `uplink-radio`",
        ),
        (
            "uplink-radio=wlan1 uplink-interface=wlan1",
            "`wlan1` cannot be both `uplink-radio` and `uplink-interface`",
        ),
        (
            "uplink-radio=wlan1 uplink-interface=hotspot0",
            "`hotspot0` is the device's own bridge",
        ),
        ("uplink-radio=auto", "no radio is called so"),
    ] {
        let flags = ["wifi-interface=wlan0"].into_iter().chain(flags.split(' '));
        let found = mistakes("wifi-hotspot+wifi-uplink", flags.clone());
        assert!(found.contains(reason), "{flags:?}: {found}");
        assert_eq!(found.is_empty(), reason.is_empty(), "{flags:?}: {found}");
    }
}

/// A name with `?` may be that of a setting of no profile at all, and no build would report it.
#[test]
fn settings_that_may_be_missing_are_those_of_some_profile() {
    let definitions = Definitions::find(&[]);
    let names = definitions.profiles().unwrap();
    let profiles = names
        .iter()
        .map(|name| specification::profile(&definitions, name).unwrap());
    let settings = profiles.flat_map(|profile| profile.settings);
    let settings: Vec<_> = settings.collect();
    let named = settings.iter().flat_map(|(_, setting)| {
        let outside = setting.outside_settings.iter();
        outside.chain(&setting.other_than)
    });
    let optional = named.filter_map(|name| name.value.strip_suffix('?'));
    let optional: BTreeSet<&str> = optional.collect();
    assert!(optional.len() >= 2, "{optional:?}");
    let known: BTreeSet<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
    assert!(optional.is_subset(&known), "{optional:?}");
}

#[test]
fn addresses_of_a_pair_lie_in_one_network() {
    let pair = "10.0.0.11/24,10.0.0.12/24";
    let six = "2001:db8::11/64,2001:db8::12/64";
    for (addresses, between, reason) in [
        (pair, "10.0.0.10/24", ""),
        (pair, "10.0.0.10/32", ""),
        (six, "2001:db8::10/64", ""),
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
        let flags = [
            "ha-node=1",
            &format!("ha-addresses={addresses}"),
            &format!("ha-virtual-address={between}"),
        ];
        let found = mistakes("haproxy-ha", flags);
        assert!(found.contains(reason), "{flags:?}: {found}");
        assert_eq!(found.is_empty(), reason.is_empty(), "{flags:?}: {found}");
    }
}
