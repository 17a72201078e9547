//! A hotspot with two clients on simulated radios, and the actions of its owner and of its clients.

use crate::machine::{Finished, Machine};
use crate::x86_64::guest::Guest;
use std::collections::BTreeMap;
use std::path::Path;

/// The passphrase of the network that the device joins.
pub(super) const HOME: &str = "no place \"like\" it";

/// The facts that a client needs to join.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) passphrase: String,
    /// The frequency, so that a client need not scan all channels.
    pub(super) mhz: u32,
}

/// The protocol by which a client joins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Wpa2,
    Wpa3,
}

/// The services that are active, each with the id of its start.
pub(super) struct Services(BTreeMap<String, String>);

/// The PC that is the hotspot. Its clients are in network namespaces of the same PC.
pub(super) struct SimulatedRadio {
    guest: Guest,
}

impl Network {
    pub(super) fn with_passphrase(&self, passphrase: &str) -> Self {
        Self {
            passphrase: passphrase.to_owned(),
            ..self.clone()
        }
    }
}

impl Services {
    /// The services that were started again since, or that are not active any more.
    pub(super) fn restarted(&self, since: &Self) -> Vec<&str> {
        let other = |(unit, start): &(&String, &String)| since.0.get(*unit) != Some(start);
        self.0
            .iter()
            .filter(other)
            .map(|(unit, _)| unit.as_str())
            .collect()
    }
}

impl SimulatedRadio {
    pub(super) fn new(guest: Guest) -> Self {
        Self { guest }
    }

    fn machine(&mut self) -> &mut Machine {
        &mut self.guest.machine
    }

    /// Waits for the end of the first boot; gives the network that the owner is shown.
    pub(super) fn first_boot(&mut self) -> Network {
        let console = self.machine().log_in();
        self.settle();
        let of = |label: &str| {
            let line = console
                .lines()
                .rev()
                .find_map(|line| line.split_once(label));
            let (_, value) = line.unwrap_or_else(|| panic!("no `{label}`:\n{console}"));
            value.trim().to_owned()
        };
        Network {
            name: of("Wi-Fi name: "),
            passphrase: of("Wi-Fi passphrase: "),
            mhz: 2462,
        }
    }

    /// Switches the device off and on again; gives the text on its console.
    pub(super) fn start_again(&mut self, edit: impl FnOnce(&Path)) -> String {
        self.guest.start_again(edit);
        let console = self.machine().log_in();
        self.settle();
        console
    }

    /// Checks the device after its boot, when it has no radio yet. A cable connects it to a network with a
    /// web server.
    fn settle(&mut self) {
        self.guest.settle();
        let state = self.run("systemctl is-active hotspot").output;
        assert_eq!(state, "inactive");
        self.succeed("mount -o ro LABEL=lab /mnt && sh /mnt/lab/near.sh");
    }

    /// Loads the simulated radios; the first one starts the hotspot.
    pub(super) fn radios(&mut self) {
        self.succeed("modprobe mac80211_hwsim radios=5");
        let up =
            "until hostapd_cli -p /run/hostapd status | grep -q state=ENABLED; do sleep 0.2; done";
        self.succeed(&format!("timeout 300 bash -c '{up}' 2> /dev/null"));
        eprintln!("access point after {:?}", self.machine().uptime());
    }

    pub(super) fn run(&mut self, command: &str) -> Finished {
        self.machine().run(command)
    }

    pub(super) fn succeed(&mut self, command: &str) -> String {
        self.machine().succeed(command)
    }

    pub(super) fn set(&mut self, settings: &str) {
        self.succeed(&format!("imgbuild-config set {settings}"));
    }

    /// The error of the device for `settings`, which it must refuse.
    pub(super) fn refused(&mut self, settings: &str) -> String {
        let finished = self.run(&format!("imgbuild-config set {settings}"));
        assert_eq!(finished.status, 1, "{settings}: {}", finished.output);
        finished.output
    }

    /// Lets client `number` join; gives its state and its address, or the reason for which it could not.
    pub(super) fn join(
        &mut self,
        number: u8,
        network: &Network,
        way: Way,
    ) -> Result<String, String> {
        let way = match way {
            Way::Wpa2 => "WPA-PSK",
            Way::Wpa3 => "SAE",
        };
        let Network {
            name,
            passphrase,
            mhz,
        } = network;
        let script = "bash /mnt/lab/client.sh";
        let finished = self.run(&format!(
            "{script} {number} '{name}' '{passphrase}' {way} {mhz}"
        ));
        eprintln!(
            "client {number}: {finished:?} after {:?}",
            self.machine().uptime()
        );
        match finished.status {
            0 => Ok(finished.output),
            _ => Err(finished.output),
        }
    }

    /// Waits until client `number` has joined again by itself.
    pub(super) fn await_return(&mut self, number: u8) {
        self.await_state(number, "grep -qx wpa_state=COMPLETED");
    }

    /// Waits until client `number` has noticed that its network is gone.
    pub(super) fn await_loss(&mut self, number: u8) {
        self.await_state(number, "grep ^wpa_state= | grep -qvx wpa_state=COMPLETED");
    }

    fn await_state(&mut self, number: u8, wanted: &str) {
        let ask = format!("wpa_cli -p /tmp/client{number}/control status");
        let wait =
            format!("until ip netns exec client{number} {ask} | {wanted}; do sleep 0.2; done");
        self.succeed(&format!("timeout 300 bash -c \"{wait}\""));
    }

    /// Makes the last radio the access point of another network.
    pub(super) fn home(&mut self) {
        let script = "bash /mnt/lab/home.sh 4 'Mü \"7\"'";
        self.succeed(&format!(
            "{script} '{HOME}' || {{ cat /tmp/home/log; false; }}"
        ));
    }

    /// Waits until the device has joined the other network and has an address in it.
    pub(super) fn await_uplink(&mut self) {
        let joined = "ip -4 -o address show dev wlan3 | grep -q 192.168.9.";
        self.succeed(&format!(
            "timeout 300 bash -c 'until {joined}; do sleep 0.2; done'"
        ));
        eprintln!("uplink after {:?}", self.machine().uptime());
    }

    /// The ways by which the first client reaches the second.
    pub(super) fn neighbours(&mut self) -> String {
        self.succeed("bash /mnt/lab/neighbours.sh 1 2")
            .replace('\n', ", ")
    }

    /// The text of the page at `host` for the first client.
    pub(super) fn page(&mut self, host: &str) -> String {
        let fetch = format!("ip netns exec client1 busybox wget -q -T 5 -O - http://{host}/");
        self.run(&format!("{fetch} 2> /dev/null")).output
    }

    /// The text of the pages of a server in the network that the device has joined, and of one behind it.
    pub(super) fn pages(&mut self) -> [String; 2] {
        ["192.168.7.1", "198.18.0.80"].map(|host| self.page(host))
    }

    /// The services that are up, each with the id of its start.
    pub(super) fn services(&mut self) -> Services {
        let show = "systemctl show --state=active -p Id -p InvocationID '*.service'";
        let text = self.succeed(show);
        let of_unit = |unit: &str| {
            let value = |key| unit.lines().find_map(|line| line.strip_prefix(key));
            Some((value("Id=")?.to_owned(), value("InvocationID=")?.to_owned()))
        };
        Services(text.split("\n\n").filter_map(of_unit).collect())
    }

    /// The files that the device must keep, and those that are made from its settings.
    pub(super) fn files(&mut self) -> String {
        let files = "/etc/machine-id /etc/ssh/ssh_host_*_key /etc/shadow /etc/hotspot/* /etc/imgbuild/* \
             /etc/modprobe.d/* /etc/nftables.d/*.nft /etc/nftables.d/*/* /var/lib/imgbuild/made";
        self.succeed(&format!("sha256sum {files}"))
    }

    /// The settings as the device shows them.
    pub(super) fn shown(&mut self) -> String {
        self.succeed("imgbuild-config show")
    }
}
