//! The Wi-Fi hotspot: its clients reach the internet through it, and nothing else of it or near it.

use crate::attempt::Attempt;
use crate::image;
use crate::lab::{Lab, Scan};
use crate::programs;
use crate::support::said;
use std::path::Path;

const DEVICE: &str = "hotspot";

/// A hotspot with one client.
struct Hotspot {
    lab: Lab,
}

#[test]
fn clients_reach_the_internet_and_nothing_near() {
    let tree = image::tree("wifi-hotspot", "wifi-hotspot", &[]);
    let hotspot = Hotspot::new(&tree);
    let lease = hotspot.lease();
    assert!(lease.starts_with("lease=192.168.42."), "{lease}");
    let told = "/24 router=192.168.42.1 dns=192.168.42.1";
    assert!(lease.trim().ends_with(told), "{lease}");

    let through = hotspot.through("192.168.42.1");
    assert_eq!(through.result("names of the gateway"), "198.18.0.80");
    assert_eq!(through.result("page"), "visitor 198.18.0.2");
    assert_eq!(through.result("quic"), "answered");
    assert_eq!(through.result("echo"), "answered");
    assert!(!through.result("page near").contains("visitor"));
    assert!(!through.result("ipv6 page").contains("visitor"));

    let settings = [
        "",
        "wifi-band = 5\nwifi-country = DE\nwifi-channel = 36\nwifi-standard = ax\nwifi-security = wpa3",
        "wifi-hidden = true\nclient-isolation = false\nwifi-width = 20\nwifi-standard = n\nwifi-security = wpa2",
        "hotspot-ipv6 = prefix-delegation\nlan-access = true\nssh-from-clients = true\nclient-dns = 9.9.9.9,1.1.1.1",
    ];
    let own = [
        "/etc/udev/rules.d/70-hotspot.rules",
        "/run/hotspot/hostapd.conf",
        "hotspot.service 2.5",
    ];
    programs::judge(
        &mut hotspot.lab.command(DEVICE),
        "wifi-hotspot",
        &settings,
        &own,
    );

    // What is not here: a radio, and a system bus.
    let lab = &hotspot.lab;
    assert_eq!(lab.failing(DEVICE), ["access-point", "names"]);
    let inside = lab.scan(&format!("{DEVICE}-1"), "192.168.42.1");
    // The DHCP server answers only who asks for an address, as the client did.
    assert_eq!(inside, Scan::of(&[53], &[53]));
    assert_eq!(lab.scan("internet", "198.18.0.2"), Scan::of(&[22], &[]));
    // The control: without rules every port answers.
    lab.shell(DEVICE, "nft flush ruleset");
    assert!(lab.scan("internet", "198.18.0.2").tcp.len() > 65_000);
}

impl Hotspot {
    fn new(tree: &Path) -> Self {
        let lab = Lab::new(tree);
        lab.device(tree, DEVICE, 2);
        Self { lab }
    }

    /// What the first client is told when it asks for an address.
    fn lease(&self) -> String {
        self.lab.script("client.sh", &[DEVICE, "1"])
    }

    fn through(&self, gateway: &str) -> Attempt {
        let mut probe = self.lab.command(&format!("{DEVICE}-1"));
        probe.env("GATEWAY", gateway).env("PATIENCE", "5");
        Attempt::parse(&said(probe.args([
            "python3",
            "/tmp/lab/probe.py",
            "through",
        ])))
    }
}
