//! The Wi-Fi hotspot: its clients reach the internet through it, and neither other services of the device nor
//! the networks near it.

use crate::attempt::Attempt;
use crate::command::stdout;
use crate::image;
use crate::lab::{Lab, Scan};
use crate::programs;

const DEVICE: &str = "hotspot";
const CLIENT: &str = "hotspot-1";

/// A hotspot with one client.
struct Hotspot {
    lab: Lab,
}

#[test]
fn clients_reach_the_internet_and_nothing_near() {
    let tree = image::tree("wifi-hotspot", "wifi-hotspot", &[]);
    let lab = Lab::new(&tree);
    lab.device(&tree, DEVICE, 2);
    let hotspot = Hotspot { lab };
    let lease = hotspot.lease("unasked");
    assert!(lease.starts_with("lease=192.168.42."), "{lease}");
    let options = "/24 router=192.168.42.1 dns=192.168.42.1";
    assert!(lease.trim().ends_with(options), "{lease}");

    let through = hotspot.through("192.168.42.1", "fd98::1");
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

    // The lab has neither a radio nor a system bus.
    let lab = &hotspot.lab;
    assert_eq!(lab.failing(DEVICE), ["access-point", "names"]);
    let inside = lab.scan(CLIENT, "192.168.42.1");
    // The DHCP server answers only requests for an address, such as the client's.
    assert_eq!(inside, Scan::of(&[53], &[53]));
    assert_eq!(lab.scan("internet", "198.18.0.2"), Scan::of(&[22], &[]));
    // The control: without rules every port answers.
    lab.shell(DEVICE, "nft flush ruleset");
    assert!(lab.scan("internet", "198.18.0.2").tcp.len() > 65_000);
}

#[test]
fn clients_reach_private_networks_and_get_addresses_where_the_owner_says_so() {
    let settings = [
        "hotspot-address=10.20.30.1/28",
        "hotspot-ipv6=prefix-delegation",
        "lan-access=true",
    ];
    let tree = image::tree("delegated", "wifi-hotspot", &settings);
    let lab = Lab::new(&tree);
    lab.device_with_own_uplink(&tree, DEVICE, 2);
    lab.script("uplink.sh", &[DEVICE]);
    let hotspot = Hotspot { lab };
    let lab = &hotspot.lab;
    let lease = hotspot.lease("");
    let address = lease.strip_prefix("lease=10.20.30.").unwrap();
    let (host, options) = address.split_once('/').unwrap();
    assert!((2..15).contains(&host.parse::<u8>().unwrap()), "{lease}");
    assert_eq!(options.trim(), "28 router=10.20.30.1 dns=10.20.30.1");

    let own = "ip -6 -o address show dev wlan0 scope global -tentative | sed -n 's,.*inet6 \\([^/]*\\)/64 .*,\\1,p'";
    lab.wait_for(CLIENT, &format!("{own} | grep ^2001:2:0:1"));
    let own = lab.shell(CLIENT, own);
    let through = hotspot.through("10.20.30.1", "2001:2::80");
    assert_eq!(through.result("names of the gateway"), "198.18.0.80");
    assert_eq!(through.result("page"), "visitor 198.18.0.2");
    assert_eq!(through.result("page near"), "visitor 198.18.0.2");
    assert_eq!(through.result("ipv6 page"), format!("visitor {own}"));
    assert_eq!(lab.failing(DEVICE), ["access-point", "names"]);

    let serve = ["python3", "-m", "http.server", "--bind", "::", "8080"];
    lab.daemon(CLIENT, "serve.log", &serve);
    let ask = |host: &str| format!("exec 3<> /dev/tcp/{host}/8080");
    lab.wait_for(CLIENT, &ask("::1"));
    let ask_from_outside =
        || lab.succeeds("internet", &format!("timeout 3 bash -c '{}'", ask(&own)));
    assert!(!ask_from_outside());
    // The control: without rules, hosts of the internet reach the client.
    lab.shell(DEVICE, "nft flush ruleset");
    assert!(ask_from_outside());
}

impl Hotspot {
    /// The answer of the DHCP server to the first client.
    fn lease(&self, version_6: &str) -> String {
        self.lab.script("client.sh", &[DEVICE, "1", version_6])
    }

    /// The results of the first client's probes, with `web` as the internet's server by IPv6.
    fn through(&self, gateway: &str, web: &str) -> Attempt {
        let mut probe = self.lab.command(CLIENT);
        probe.env("GATEWAY", gateway).env("WEB_6", web);
        probe.env("PATIENCE", "5");
        Attempt::parse(&stdout(probe.args([
            "python3",
            "/tmp/lab/probe.py",
            "through",
        ])))
    }
}
