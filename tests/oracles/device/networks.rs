//! Addresses and ports that contradict each other: the device refuses the same pairs as imgbuild
//! does.

use super::{Case, build, image, perl};
use imgbuild::compose::device::carried;

const OWN: [&str; 10] = [
    "192.168.1.10/24",
    "192.168.42.9/24",
    "10.0.0.0/31",
    "203.0.113.7/32",
    "10.0.0.9/30",
    "172.16.0.1/12",
    "2001:db8::10/64",
    "2001:db8::10/128",
    "2001:db8::/127",
    "192.0.2.1/1",
];
const ROUTERS: [&str; 19] = [
    "192.168.1.1",
    "192.168.1.0",
    "192.168.1.255",
    "192.168.1.10",
    "192.168.2.1",
    "192.168.42.1",
    "10.0.0.0",
    "10.0.0.1",
    "10.0.0.10",
    "10.0.0.11",
    "203.0.113.1",
    "203.0.113.7",
    "172.31.255.254",
    "172.31.255.255",
    "fe80::1",
    "2001:db8::1",
    "2001:db8::10",
    "2001:db8:1::1",
    "2001:DB8:0:0::",
];

/// Checks that the device accepts a pair if imgbuild does. Gives the numbers of accepted and of
/// refused pairs.
fn agree(profile: &str, pairs: &[[(&str, &str); 2]]) -> (usize, usize) {
    let of_image = image(profile, &Case::new(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let known = carried(&of_image, build()).unwrap();
    let case = |pair: &[(&str, &str); 2]| -> Case {
        let pair = pair.iter();
        pair.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    };
    let cases: Vec<Case> = pairs.iter().map(case).collect();
    let mut taken = 0;
    for (case, answer) in cases.iter().zip(perl(&known, &cases)) {
        let ours = image(profile, case, &[])
            .err()
            .map(|wrong| wrong.to_string());
        let theirs = answer["refused"].as_str();
        let reasons = format!("{case:?}: {ours:?}, {theirs:?}");
        assert_eq!(ours.is_none(), theirs.is_none(), "{reasons}");
        taken += usize::from(ours.is_none());
    }
    (taken, cases.len() - taken)
}

fn pairs<'a>(
    (one, ones): (&'a str, &[&'a str]),
    (other, others): (&'a str, &[&'a str]),
) -> Vec<[(&'a str, &'a str); 2]> {
    let pairs = ones.iter().flat_map(|&first| {
        let others = others.iter();
        others.map(move |&second| [(one, first), (other, second)])
    });
    pairs.collect()
}

#[test]
fn networks_that_contradict_each_other_are_refused_as_imgbuild_does() {
    let own = ("uplink-address", &OWN[..]);
    let (taken, refused) = agree("base", &pairs(own, ("uplink-gateway", &ROUTERS)));
    assert!(taken > 40 && refused > 60, "{taken} {refused}");
    let (taken, refused) = agree("base", &pairs(own, ("uplink-dns", &ROUTERS)));
    assert!(taken > 100 && refused > 3, "{taken} {refused}");
    let clients = (
        "hotspot-address",
        &[
            "192.168.42.1/24",
            "192.168.1.1/28",
            "10.0.0.1/24",
            "172.20.0.1/24",
        ][..],
    );
    for profile in ["wifi-hotspot", "tor-hotspot"] {
        for (name, others) in [
            ("uplink-address", &OWN[..]),
            ("uplink-gateway", &ROUTERS),
            ("uplink-dns", &ROUTERS),
        ] {
            let (taken, refused) = agree(profile, &pairs(clients, (name, others)));
            assert!(
                taken > 10 && refused > 3,
                "{profile} {name}: {taken} {refused}"
            );
        }
    }
    let channel = ("wifi-channel", &["1", "6"][..]);
    let counts = agree("haproxy-ha+wifi-hotspot", &pairs(clients, channel));
    assert_eq!(counts, (6, 2), "10.0.0.1 is in the network of the pair");
}

#[test]
fn one_interface_for_two_purposes_is_refused_as_imgbuild_does() {
    let names = ["wlan0", "wlan1", "eth0", "auto", "hotspot0"];
    let (point, radio) = (("wifi-interface", &names[..]), ("uplink-radio", &names[..]));
    let cable = ("uplink-interface", &names[..]);
    let both = "wifi-hotspot+wifi-uplink";
    // Each setting gets three different names.
    assert_eq!(agree(both, &pairs(point, radio)), (6, 19));
    // The other radio is wlan1 or wlan0.
    assert_eq!(agree(both, &pairs(point, cable)), (2, 23));
    assert_eq!(agree(both, &pairs(radio, cable)), (2, 23));
    // If only one setting names a radio, `auto` means that one is looked for.
    assert_eq!(agree("wifi-hotspot", &pairs(point, cable)), (9, 16));
}

#[test]
fn what_has_to_be_given_is_not_taken_away_on_the_device() {
    let contact = ("contact", &["", " ", "me"][..]);
    let host = ("exit-hostname", &["exit.example.org"][..]);
    assert_eq!(agree("exit-relay", &pairs(contact, host)), (1, 2));
    let long = "x".repeat(1000);
    let longer = "x".repeat(1001);
    let contact = ("contact", &[&*long, &*longer][..]);
    assert_eq!(agree("exit-relay", &pairs(contact, host)), (1, 1));
    let lease = (
        "dhcp-lease",
        &[
            "0s",
            "59s",
            "1min",
            "365d",
            "8761h",
            "18446744073709551615s",
        ][..],
    );
    let width = ("wifi-width", &["20"][..]);
    assert_eq!(agree("wifi-hotspot", &pairs(lease, width)), (2, 4));
}

#[test]
fn ports_that_are_taken_are_refused_as_imgbuild_does() {
    let transport = ("obfs4-port", &["9443", "9444"][..]);
    let hidden = ("hide-or-port", &["true", "false"][..]);
    let counts = agree("bridge-relay", &pairs(transport, hidden));
    assert_eq!(counts, (3, 1));
    let ports = [
        "22", "53", "80", "443", "1338", "8080", "9035", "9040", "10000",
    ];
    let binds = [
        "*",
        "0.0.0.0",
        "::",
        "::1",
        "127.0.0.1",
        "127.0.0.53",
        "10.0.0.1",
        "192.168.42.1",
    ];
    for profile in [
        "haproxy-node",
        "haproxy-node+tor-hotspot",
        "haproxy-node+wifi-hotspot",
        "haproxy-node+tor-relay",
    ] {
        // Both listen on 443 by default.
        let (taken, refused) = agree(
            profile,
            &pairs(("stats-port", &ports), ("stats-bind", &binds)),
        );
        assert!(taken > 20 && refused > 10, "{profile}: {taken} {refused}");
        let front = |bind: &str| {
            format!("[{{ name = \"a\", port = 8080, bind = \"{bind}\", servers = [\"w=h:80\"] }}]")
        };
        let fronts: Vec<String> = binds.iter().map(|bind| front(bind)).collect();
        let fronts: Vec<&str> = fronts.iter().map(String::as_str).collect();
        agree(
            profile,
            &pairs(("stats-port", &ports), ("http-frontends", &fronts)),
        );
    }
}
