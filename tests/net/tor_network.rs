//! A Tor network that relays can join, and the clients that use it.

use crate::image;
use crate::lab::{Lab, PATIENCE, Scan};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The Tor network of all relays of this lane.
pub(crate) static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let bridge = image::tree("bridge", "bridge-relay", &["nickname=LabBridge"]);
    let lab = Lab::new(&bridge);
    let known = lab.tor_network();
    let family = Family::new(&lab);
    Network {
        lab,
        known,
        bridge,
        family,
    }
});

pub(crate) struct Network {
    pub(crate) lab: Lab,
    /// The lines by which a torrc joins this network.
    known: String,
    /// The files of a bridge. The internet and its people use them too, because they need its transport.
    pub(crate) bridge: PathBuf,
    pub(crate) family: Family,
}

/// The family of the relays of one owner.
pub(crate) struct Family {
    pub(crate) id: String,
    key: String,
}

impl Family {
    /// Makes the family as the profile's README tells the owner of relays.
    fn new(lab: &Lab) -> Self {
        let made = lab.shell("internet", "cd /tmp; tor --hush --keygen-family mine");
        let id = made.lines().find_map(|line| line.strip_prefix("FamilyId "));
        Self {
            id: id.unwrap().to_owned(),
            key: lab.shell("internet", "base64 -w0 /tmp/mine.secret_family_key"),
        }
    }

    /// The files of a relay of the family.
    pub(crate) fn tree(&self, name: &str, settings: &[&str]) -> PathBuf {
        let key = image::USER.home().join(format!("{name}.key"));
        fs_err::write(&key, &self.key).unwrap();
        let id = format!("family-id={}", self.id);
        let secret = format!("family-key=@{}", key.display());
        let settings = [settings, &[&id]].concat();
        image::tree_with_secret(name, "tor-relay", &settings, &secret)
    }
}

impl Network {
    /// Starts a device with the files below `tree`, at 198.18.0.`host`, whose Tor will join this network when
    /// it starts.
    pub(crate) fn join(&self, tree: &Path, name: &str, host: u8) {
        // With authorities that are not the public ones, Tor accepts any address as its own, even 0.0.0.0.
        let known = format!("{}Address 198.18.0.{host}\n", self.known);
        fs_err::write(tree.join("etc/tor/torrc.d/90-lab.conf"), known).unwrap();
        self.lab.device(tree, name, host);
    }

    /// Waits until the relay `nickname` of `device` is reachable and listed; gives its entry in the
    /// consensus.
    pub(crate) fn wait_for_consensus(&self, device: &str, nickname: &str) -> String {
        let reached = "/usr/lib/imgbuild/tor-says status/reachability-succeeded/or";
        self.lab.wait_for(device, &format!("[ $({reached}) = 1 ]"));
        let consensus = "http://198.18.0.11:7000/tor/status-vote/current/consensus";
        let began = Instant::now();
        loop {
            let text = self.fetch("internet", 0, consensus).unwrap_or_default();
            if let Some(listed) = entry(&text, nickname) {
                break listed;
            }
            let output = || self.lab.shell(device, "tail -n 50 /tmp/*.log");
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{nickname} is not listed\n{}", output());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// The descriptor that the relay has sent to the authorities.
    pub(crate) fn descriptor(&self, device: &str) -> String {
        let fingerprint = self
            .lab
            .shell(device, "cut -d ' ' -f 2 /var/lib/tor/fingerprint");
        let url = format!("http://198.18.0.11:7000/tor/server/fp/{fingerprint}");
        self.fetch("internet", 0, &url).unwrap()
    }

    /// The microdescriptor by which clients know the relay `nickname`, which is listed.
    pub(crate) fn microdescriptor(&self, nickname: &str) -> String {
        let fetch = |path: &str| {
            let url = format!("http://198.18.0.11:7000/tor/{path}");
            self.fetch("internet", 0, &url).unwrap()
        };
        let consensus = fetch("status-vote/current/consensus-microdesc");
        let listed = entry(&consensus, nickname).unwrap();
        let digest = listed.lines().find_map(|line| line.strip_prefix("m "));
        fetch(&format!("micro/d/{}", digest.unwrap()))
    }

    /// Checks that a person who reaches only the bridge `name` sees a page through it, with the line that the
    /// bridge shows. Gives the bridge's open ports.
    pub(crate) fn enter_by(&self, name: &str, host: u8, person: u8) -> Scan {
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
    pub(crate) fn client(&self, network: &str, port: u16, lines: &str) {
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

    /// The page at `url`, as soon as the SOCKS proxy at `port` has a circuit.
    pub(crate) fn wait_for_page(&self, network: &str, port: u16, url: &str) -> String {
        let began = Instant::now();
        loop {
            match self.fetch(network, port, url) {
                Ok(page) => break page,
                Err(error) => {
                    let log = format!("cat /tmp/client-{port}-{network}.log");
                    let late = began.elapsed() > PATIENCE;
                    assert!(!late, "{error}\n{}", self.lab.shell("internet", &log));
                }
            }
        }
    }

    /// The page at `url`, through the SOCKS proxy at `port`, or without a proxy if that is 0.
    pub(crate) fn fetch(&self, network: &str, port: u16, url: &str) -> Result<String, String> {
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

/// The entry of the relay `nickname` in the `consensus`.
fn entry(consensus: &str, nickname: &str) -> Option<String> {
    let mut entries = consensus.split("\nr ");
    let start = format!("{nickname} ");
    let entry = entries.find(|entry| entry.starts_with(&start))?;
    Some(format!("r {entry}"))
}

/// The flags of a relay in its entry `listed`.
pub(crate) fn flags(listed: &str) -> Vec<&str> {
    let line = listed.lines().find_map(|line| line.strip_prefix("s "));
    line.unwrap().split(' ').collect()
}
