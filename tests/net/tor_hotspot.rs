//! The Tor hotspot: its clients reach the internet through Tor only.

use crate::attempt::Attempt;
use crate::image;
use crate::lab::Lab;
use crate::programs;
use std::collections::BTreeSet;

const DEVICE: &str = "hotspot";

/// A hotspot with a Tor network and two clients.
struct Hotspot {
    lab: Lab,
}

#[test]
fn clients_go_through_tor_or_nowhere() {
    let hotspot = Hotspot::new();
    hotspot.say_nothing_of_itself();
    hotspot.is_content_with_its_files();
    hotspot.reach();
    hotspot.keep_clients_apart();
    hotspot.say_how_it_is();
    hotspot.leak_nothing();
    hotspot.replace_rules_under_fire();
    hotspot.see_the_control();
}

impl Hotspot {
    fn new() -> Self {
        let tree = image::tree(DEVICE, "tor-hotspot", &[]);
        let lab = Lab::new(&tree);
        let known = lab.tor_network();
        fs_err::write(tree.join("etc/tor/torrc.d/90-lab.conf"), known).unwrap();
        lab.watch();
        lab.device(&tree, DEVICE, 2);
        lab.start(DEVICE, &["tor@default.service"]);
        for client in ["1", "2"] {
            let lease = lab.script("client.sh", &[DEVICE, client, "unasked"]);
            assert!(lease.starts_with("lease=192.168.42."), "{lease}");
            let options = "/24 router=192.168.42.1 dns=192.168.42.1";
            assert!(lease.trim().ends_with(options), "{lease}");
        }
        Self { lab }
    }

    fn attempt(&self, client: u8, what: &str) -> Attempt {
        let client = format!("{DEVICE}-{client}");
        let output = self.lab.script("capture.sh", &[DEVICE, "2", &client, what]);
        Attempt::parse(&output)
    }

    fn shell(&self, script: &str) -> String {
        self.lab.shell(DEVICE, script)
    }

    /// The answer of Tor to GETINFO `key`, by the image's own program.
    fn tor_says(&self, key: &str) -> String {
        self.shell(&format!("/usr/lib/imgbuild/tor-says {key}"))
    }

    /// The device has sent nothing about itself since it was connected: not even its host name, which
    /// systemd-resolved would send by LLMNR.
    fn say_nothing_of_itself(&self) {
        let output = self.lab.script("birth.sh", &[DEVICE, "2"]);
        assert_eq!(output, "");
    }

    fn is_content_with_its_files(&self) {
        let settings = [
            "",
            "onion-isolation = client+dest\nhotspot-address = 10.9.8.1/28\ndhcp-lease = 2h",
        ];
        let own = [
            "/etc/tor/torrc",
            "/etc/udev/rules.d/70-hotspot.rules",
            "/run/hotspot/hostapd.conf",
            "hotspot.service 2.5",
            "systemd-time-wait-sync.service 9.4",
            "tor@default.service 2.8",
        ];
        programs::judge(
            &mut self.lab.command(DEVICE),
            "tor-hotspot",
            &settings,
            &own,
        );
    }

    /// Names, pages and onion services work, through Tor.
    fn reach(&self) {
        self.attempt(1, "inside").assert_inside();
        let log = self.lab.shell("internet", "cat /tmp/internet.log");
        let asked_by = |host: &str| {
            let start = format!("DNS {host} ");
            let mut lines = log.lines();
            lines.any(|line| line.starts_with(&start) && line.contains("example"))
        };
        assert!(!asked_by("198.18.0.2"), "the device asked itself:\n{log}");
        // The resolver of the exits is that of the internet.
        assert!(asked_by("198.18.0.1"), "{log}");
    }

    /// Each client has circuits of its own, of three relays.
    fn keep_clients_apart(&self) {
        let mut known = BTreeSet::new();
        for (client, streams) in [(1, 2), (2, 4)] {
            let client = format!("{DEVICE}-{client}");
            let hold = ["python3", "/tmp/lab/probe.py", "hold"];
            self.lab.daemon(&client, &format!("{client}.log"), &hold);
            let open = "/usr/lib/imgbuild/tor-says stream-status | grep -c SUCCEEDED";
            let open = format!("[ $({open}) -ge {streams} ]");
            self.lab.wait_for(DEVICE, &open);
            let all: BTreeSet<_> = self
                .tor_says("stream-status")
                .lines()
                .filter_map(circuit)
                .collect();
            let own = &all - &known;
            assert!(!own.is_empty(), "client {client} on a circuit of another");
            let circuits = self.tor_says("circuit-status");
            for id in own {
                let of_id = |line: &&str| line.starts_with(&format!("{id} BUILT "));
                let line = circuits.lines().find(of_id).expect("a circuit");
                let relays = line.split(' ').nth(2).unwrap().split(',').count();
                assert_eq!(relays, 3, "{line}");
                known.insert(id);
            }
        }
    }

    /// All health checks pass except those for the radio and the clock, which the lab does not have. Without
    /// rules, more of them fail.
    fn say_how_it_is(&self) {
        let absent = ["access-point", "clock"];
        assert_eq!(self.lab.failing(DEVICE), absent);
        self.shell("nft flush ruleset; ip rule del priority 100");
        let exposed = [
            "access-point",
            "blackhole-rule",
            "clock",
            "firewall",
            "tor-only",
        ];
        assert_eq!(self.lab.failing(DEVICE), exposed);
        self.shell("ip rule add priority 100 iif hotspot0 type blackhole");
        self.lab.start(DEVICE, &["nftables.service"]);
    }

    /// Only Tor's own connections leave the device: with Tor, without Tor, and even without rules and with
    /// forwarding.
    fn leak_nothing(&self) {
        let with_tor = self.attempt(2, "outside");
        assert_eq!(with_tor.leaked, [""; 0]);
        assert!(!with_tor.result("page").contains("192.168.42."));
        with_tor.assert_unanswered(&["names", "page"]);

        let gateway = self.attempt(1, "gateway");
        assert_eq!(gateway.results.len(), 9);
        let closed = gateway.results.values().all(|result| result != "open");
        assert!(closed, "{gateway:?}");

        let less_and_less = [
            "kill $(cat /run/tor/tor.pid); while [ -e /run/tor/tor.pid ]; do sleep 0.1; done",
            "nft flush ruleset",
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
        ];
        for step in less_and_less {
            self.shell(step);
            let outside = self.attempt(2, "outside");
            assert_eq!(outside.leaked, [""; 0], "after `{step}`");
            outside.assert_unanswered(&[]);
        }
    }

    /// With all other guards gone, no packet leaves while the rules are replaced.
    fn replace_rules_under_fire(&self) {
        self.lab.start(DEVICE, &["nftables.service"]);
        self.shell("ip rule del priority 100; ip -6 rule del priority 100");
        let reload = "nft -f /etc/nftables.conf";
        assert_eq!(self.leaked_under_fire(reload), 0);
        // The control: what a restart of Debian's own unit does.
        let restart = "nft flush ruleset; nft -f /etc/nftables.conf";
        assert_ne!(self.leaked_under_fire(restart), 0);
    }

    /// The number of packets that leave the device while clients send as much as they can and the device does
    /// `work` at least sixty times.
    fn leaked_under_fire(&self, work: &str) -> usize {
        self.shell("rm -f /tmp/enough /tmp/rounds");
        let script = format!(
            "until [ -e /tmp/enough ]; do {work}; echo >> /tmp/rounds; done; rm /tmp/enough"
        );
        self.lab
            .daemon(DEVICE, "work.log", &["bash", "-c", &script]);
        let mut leaked = 0;
        loop {
            leaked += self.attempt(2, "flood").leaked.len();
            let rounds = self.shell("wc -l < /tmp/rounds").parse::<usize>().unwrap();
            if rounds > 60 {
                break;
            }
        }
        self.shell("touch /tmp/enough; while [ -e /tmp/enough ]; do sleep 0.1; done");
        leaked
    }

    /// Without any guard, everything leaves the hotspot, and the capture sees all of it.
    fn see_the_control(&self) {
        self.shell("nft flush ruleset; ip address add fd42::1/64 dev hotspot0 nodad");
        self.attempt(2, "outside").assert_leaky();
    }
}

/// The circuit of an open stream, as in `12 SUCCEEDED 5 198.18.0.80:80`.
fn circuit(stream: &str) -> Option<String> {
    let words: Vec<_> = stream.split(' ').collect();
    (words.get(1) == Some(&"SUCCEEDED")).then(|| words[2].to_owned())
}
