//! Relays, in a Tor network of their own: found, used, and open where they should be only.

use crate::image;
use crate::lab::{Lab, PATIENCE, Scan};
use crate::programs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A Tor network that knows all relays of this lane.
static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let bridge = image::tree("bridge", "bridge-relay", &["nickname=LabBridge"]);
    let lab = Lab::new(&bridge);
    let known = lab.tor_network();
    Network { lab, known, bridge }
});

struct Network {
    lab: Lab,
    /// What a torrc must say to be of it.
    known: String,
    /// The files of a bridge; also those of the internet and of people, who need its transport.
    bridge: PathBuf,
}

#[test]
fn a_relay_is_found_and_used() {
    let network = &*NETWORK;
    let settings = ["nickname=LabRelay", "contact=relay[at]example.org"];
    let tree = image::tree("relay", "tor-relay", &settings);
    network.start(&tree, "relay", 21, &["tor@default.service"]);
    let lab = &network.lab;
    let settings = [
        "",
        "ipv6 = true\naccounting-max = 500\nor-port = 9001\ncontact = \"me\\you\"\nbandwidth-rate = 9000",
        "uplink-address = 192.0.2.10/24\nuplink-gateway = 192.0.2.1\nuplink-dns = 192.0.2.1,2001:db8::1\nntp-servers = ntp.example.org",
    ];
    judge(lab, "relay", "tor-relay", &settings, &[]);
    network.wait_for_consensus("relay", "LabRelay");
    assert_eq!(lab.failing("relay"), ["clock"]);
    assert_eq!(
        lab.scan("internet", "198.18.0.21"),
        Scan::of(&[22, 443], &[])
    );
    let descriptor = network.descriptor("relay");
    for line in [
        "router LabRelay 198.18.0.21 443 0 0",
        "contact relay[at]example.org",
        "bandwidth 2048000 4096000 ",
        "reject *:*",
    ] {
        assert!(descriptor.contains(line), "no `{line}` in {descriptor}");
    }
    let shown = lab.shell(
        "relay",
        "for part in /usr/lib/imgbuild/status.d/*; do $part; done",
    );
    let fingerprint = lab.shell("relay", "cut -d ' ' -f 2 /var/lib/tor/fingerprint");
    for line in [
        "Tor: 100 %, Done".to_owned(),
        "Nickname: LabRelay".to_owned(),
        "ORPort: reachable from outside".to_owned(),
        format!("Relay Search: https://metrics.torproject.org/rs.html#details/{fingerprint}"),
    ] {
        let found = shown.lines().any(|shown| shown == line);
        assert!(found, "no `{line}` in {shown}");
    }
}

/// What every relay has, and what only some have.
fn judge(lab: &Lab, network: &str, profile: &str, settings: &[&str], own: &[&str]) {
    let of_relays = [
        "/etc/tor/torrc",
        "systemd-time-wait-sync.service 9.4",
        "tor@default.service 2.8",
    ];
    let own = [&of_relays[..], own].concat();
    programs::judge(&mut lab.command(network), profile, settings, &own);
}

#[test]
fn a_bridge_lets_people_in_by_the_line_that_it_shows() {
    let network = &*NETWORK;
    network.start(&network.bridge, "bridge", 22, &["tor@default.service"]);
    let outside = network.enter_by("bridge", 22, 32);
    assert_eq!(outside, Scan::of(&[22, 8443, 9443], &[]));
}

#[test]
fn a_bridge_hides_its_or_port() {
    let network = &*NETWORK;
    let settings = ["hide-or-port=true", "public-port=443"];
    let tree = image::tree("hidden", "bridge-relay", &settings);
    network.start(&tree, "hidden", 23, &["tor@default.service"]);
    let settings = [
        "",
        "bridge-distribution = none\nobfs4-port = 7000\nipv6 = true",
    ];
    judge(&network.lab, "hidden", "bridge-relay", &settings, &[]);
    let outside = network.enter_by("hidden", 23, 33);
    assert_eq!(outside, Scan::of(&[22, 443, 8443], &[]));
}

#[test]
fn an_exit_is_listed_and_says_what_it_is() {
    let network = &*NETWORK;
    let settings = [
        "nickname=LabExit",
        "contact=exit <abuse@example.org>",
        "exit-hostname=tor-exit.example.org",
        "i-accept-exit-liability=true",
    ];
    let tree = image::tree("exit", "exit-relay", &settings);
    network.start(&tree, "exit", 24, &["tor@default.service"]);
    let settings = ["", "exit-policy = web-only\nipv6 = true\nor-port = 9001"];
    let resolver = [
        "/etc/unbound/unbound.conf.d/10-exit.conf",
        "unbound.service 2.7",
    ];
    judge(&network.lab, "exit", "exit-relay", &settings, &resolver);
    network.wait_for_consensus("exit", "LabExit");
    // The notice page is served; the resolver is not started here.
    assert_eq!(network.lab.failing("exit"), ["clock", "resolver"]);
}

impl Network {
    /// A device with the files below `tree`, at 198.18.0.`host`, as one of this network.
    fn start(&self, tree: &Path, name: &str, host: u8, units: &[&str]) {
        // Among authorities that are not the public ones Tor takes any address for its own, also 0.0.0.0.
        let known = format!("{}Address 198.18.0.{host}\n", self.known);
        fs_err::write(tree.join("etc/tor/torrc.d/90-lab.conf"), known).unwrap();
        self.lab.device(tree, name, host);
        self.lab.start(name, units);
    }

    /// Waits until the relay `nickname` of `device` is reachable, and listed.
    fn wait_for_consensus(&self, device: &str, nickname: &str) {
        let reached = "/usr/lib/imgbuild/tor-says status/reachability-succeeded/or";
        self.lab.wait_for(device, &format!("[ $({reached}) = 1 ]"));
        let consensus = "http://198.18.0.11:7000/tor/status-vote/current/consensus";
        let began = Instant::now();
        loop {
            let text = self.fetch("internet", 0, consensus).unwrap_or_default();
            if text
                .lines()
                .any(|line| line.starts_with(&format!("r {nickname} ")))
            {
                break;
            }
            let said = || self.lab.shell(device, "tail -n 50 /tmp/*.log");
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{nickname} is not listed\n{}", said());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What the relay says of itself to the authorities.
    fn descriptor(&self, device: &str) -> String {
        let fingerprint = self
            .lab
            .shell(device, "cut -d ' ' -f 2 /var/lib/tor/fingerprint");
        let url = format!("http://198.18.0.11:7000/tor/server/fp/{fingerprint}");
        self.fetch("internet", 0, &url).unwrap()
    }

    /// Somebody who reaches nothing but the bridge `name` sees a page through it, by the line that it shows.
    /// Gives the bridge's open ports.
    fn enter_by(&self, name: &str, host: u8, person: u8) -> Scan {
        let lab = &self.lab;
        lab.wait_for(name, "/usr/lib/imgbuild/bridge-line");
        let line = lab.shell(name, "/usr/lib/imgbuild/bridge-line");
        let censored = format!("person{person}");
        lab.script(
            "person.sh",
            &[&censored, &person.to_string(), &host.to_string()],
        );
        assert!(self.fetch(&censored, 0, "http://198.18.0.80/").is_err());
        let bridge = format!(
            "UseBridges 1\nBridge {line}\nClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy\n"
        );
        self.client(&censored, 9150, &bridge);
        self.wait_for_page(&censored, 9150, "http://198.18.0.80/");
        lab.scan("internet", &format!("198.18.0.{host}"))
    }

    /// Starts a Tor client in `network`, with its SOCKS proxy at `port`.
    fn client(&self, network: &str, port: u16, lines: &str) {
        let torrc = format!(
            "{}SocksPort {port}\nDataDirectory /tmp/client-{port}-{network}\n{lines}",
            self.known
        );
        let file = format!("/tmp/client-{port}-{network}.torrc");
        self.lab
            .shell(network, &format!("cat > {file} <<'X'\n{torrc}X"));
        let log = format!("client-{port}-{network}.log");
        self.lab.daemon(
            network,
            &log,
            &["tor", "--defaults-torrc", "/dev/null", "-f", &file],
        );
    }

    /// Waits until there is a way through the SOCKS proxy at `port`.
    fn wait_for_page(&self, network: &str, port: u16, url: &str) {
        let began = Instant::now();
        while let Err(error) = self.fetch(network, port, url) {
            let log = format!("cat /tmp/client-{port}-{network}.log");
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{error}\n{}", self.lab.shell("internet", &log));
        }
    }

    /// The page at `url`, through the SOCKS proxy at `port`, or straight at 0.
    fn fetch(&self, network: &str, port: u16, url: &str) -> Result<String, String> {
        let mut curl = self.lab.outside(network);
        curl.args(["curl", "--fail", "--silent", "--show-error"]);
        curl.args(["--max-time", "20", "--noproxy", ""]);
        if port != 0 {
            curl.args(["--proxy", &format!("socks5h://127.0.0.1:{port}")]);
        }
        let output = curl.arg(url).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}
