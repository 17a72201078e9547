//! Addresses of the uplink: networkd reads them, and the kernel shows the result.

use super::{Case, Cases, generated, kind};
use imgbuild::define::Raw;
use proptest::prelude::{Strategy, any};

#[test]
fn the_router_that_was_set_is_the_way_out() {
    let given = [
        // (address, router, the way out)
        (
            "203.0.113.7/32",
            "203.0.113.1",
            "default via 203.0.113.1 dev eth0 proto static onlink",
        ),
        (
            "203.0.113.7/32",
            "172.31.1.1",
            "default via 172.31.1.1 dev eth0 proto static onlink",
        ),
        (
            "192.168.1.10/24",
            "192.168.1.1",
            "default via 192.168.1.1 dev eth0 proto static onlink",
        ),
        (
            "10.0.0.0/31",
            "10.0.0.1",
            "default via 10.0.0.1 dev eth0 proto static onlink",
        ),
        (
            "2001:db8::10/64",
            "2001:db8::1",
            "default via 2001:db8::1 dev eth0 proto static",
        ),
        (
            "2001:db8::10/128",
            "2001:db8:ffff::1",
            "default via 2001:db8:ffff::1 dev eth0 proto static",
        ),
        (
            "2001:db8::10/64",
            "fe80::1",
            "default via fe80::1 dev eth0 proto static",
        ),
        (
            "192.168.1.10/24",
            "fe80::1",
            "default via fe80::1 dev eth0 proto static",
        ),
    ];
    let cases = given.map(|(address, router, _)| Case {
        settings: vec![
            ("uplink-address", address.to_owned()),
            ("uplink-gateway", router.to_owned()),
        ],
        ..Case::default()
    });
    let read = Cases::read("base", &cases, "network.sh");
    let output = read
        .output("routes")
        .zip(read.output("addresses"))
        .zip(read.output("networkd"));
    for ((address, _, expected), ((routes, addresses), log)) in given.iter().zip(output) {
        assert!(
            routes.starts_with(expected),
            "{address} {expected}: {routes}\n{log}"
        );
        assert!(addresses.contains(&format!(" {address} ")), "{addresses}");
    }
}

#[test]
fn addresses_and_resolvers_are_what_networkd_has_of_them() {
    let v4 = (1..=32_u32, any::<u32>())
        .prop_map(|(length, bits)| format!("{}/{length}", std::net::Ipv4Addr::from_bits(bits)));
    let v6 = (1..=128_u32, any::<u128>())
        .prop_map(|(length, bits)| format!("{}/{length}", std::net::Ipv6Addr::from_bits(bits)));
    let fits = |name: &str, text: &str| kind(name).read(&Raw::Text(text.to_owned())).is_some();
    let mut addresses = generated(&v4, 8);
    addresses.extend(generated(&v6, 8));
    // An address of one link only, or of no machine, is not accepted for an uplink.
    addresses.retain(|text| fits("prefixed-address", text) && !text.starts_with("fe"));
    assert!(addresses.len() > 8, "{addresses:?}");
    let resolver = |address: &String| match address.contains(':') {
        true => "2001:db8:0:1::53,9.9.9.9".to_owned(),
        false => "198.51.100.53,2620:fe::fe".to_owned(),
    };
    let case = |address: &String| Case {
        settings: vec![
            ("uplink-address", address.clone()),
            ("uplink-dns", resolver(address)),
        ],
        ..Case::default()
    };
    let cases: Vec<Case> = addresses.iter().map(case).collect();
    let read = Cases::read("base", &cases, "network.sh");
    let output =
        (read.output("addresses").zip(read.output("resolvers"))).zip(read.output("networkd"));
    for (address, ((found, resolvers), log)) in addresses.iter().zip(output) {
        let spelled = format!(" {address} ");
        assert!(found.contains(&spelled), "{address}: {found}\n{log}");
        assert_eq!(
            resolvers.trim().replace(' ', ","),
            resolver(address),
            "{log}"
        );
    }
}

#[test]
fn clients_are_told_what_was_set_of_their_network() {
    let cases = [
        // (address, mask, names, lease, seconds)
        ("192.168.42.1/24", "255.255.255.0", "", "12h", "43200"),
        (
            "10.1.2.3/26",
            "255.255.255.192",
            "9.9.9.9,1.1.1.1",
            "60s",
            "60",
        ),
        (
            "172.16.5.14/28",
            "255.255.255.240",
            "192.0.2.1",
            "365d",
            "31536000",
        ),
        (
            "192.168.0.254/24",
            "255.255.255.0",
            "223.255.255.254",
            "30min",
            "1800",
        ),
    ];
    let case = |(address, _, names, lease, _): &(&str, &str, &str, &str, &str)| Case {
        settings: vec![
            ("hotspot-address", (*address).to_owned()),
            ("client-dns", (*names).to_owned()),
            ("dhcp-lease", (*lease).to_owned()),
        ],
        ..Case::default()
    };
    let given: Vec<Case> = cases.iter().map(case).collect();
    let read = Cases::read("wifi-hotspot", &given, "dhcp.sh");
    let output = read.output("dhcp").zip(read.output("networkd"));
    for ((address, mask, names, _, seconds), (found, log)) in cases.into_iter().zip(output) {
        let own = address.split('/').next().unwrap();
        let names = if names.is_empty() { own } else { names };
        let expected = format!("mask {mask}\nrouter {own}\nnames {names}\nseconds {seconds}\n");
        assert_eq!(found, expected, "{address}: {log}");
    }
}

#[test]
fn an_uplink_that_comes_into_the_clients_network_is_told() {
    let read = Cases::read("wifi-hotspot", &[Case::default()], "apart.sh");
    let output = read.output("apart").next().unwrap();
    let found: Vec<&str> = output.split_inclusive('\n').collect();
    let of = |address: &str| {
        let end = found
            .iter()
            .position(|line| line.trim() == format!("end of {address}"));
        let before = end.and_then(|end| end.checked_sub(1)).map(|at| found[at]);
        before.is_some_and(|line| line.contains("imgbuild-config set hotspot-address="))
    };
    for address in ["192.168.42.9/24", "192.168.9.9/16", "192.168.42.70/28"] {
        assert!(of(address), "{address}: {output}");
    }
    for address in ["192.168.1.5/24", "10.0.0.1/32"] {
        assert!(!of(address), "{address}: {output}");
    }
}
