//! A hotspot with two clients around it, and what somebody on either side does and sees.

use crate::machine::{Machine, Ran};
use crate::support::PATIENCE;
use crate::x86_64::guest::Guest;
use std::collections::BTreeMap;
use std::path::Path;

/// The passphrase of the network that the device joins.
pub(super) const HOME: &str = "no place \"like\" it";

/// What clients need to know to join.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) passphrase: String,
    /// Where it is, so that nobody has to look everywhere.
    pub(super) mhz: u32,
}

/// How a client joins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Wpa2,
    Wpa3,
}

/// Which services are up, and which of its starts each is.
pub(super) struct Services(BTreeMap<String, String>);

/// The PC that is the hotspot. Its clients live in namespaces of it.
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
    /// Those that have started again since, or have gone.
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

    /// Waits for the end of the first boot; gives the network that the owner is told of.
    pub(super) fn first_boot(&mut self) -> Network {
        let console = self.machine().log_in(PATIENCE);
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

    /// Switches the device off and on again; gives what its console says.
    pub(super) fn start_again(&mut self, edit: impl FnOnce(&Path)) -> String {
        self.guest.start_again(edit);
        let console = self.machine().log_in(PATIENCE);
        self.settle();
        console
    }

    /// The boot is over, without a radio, and all is well. A cable leads to a network with a web server.
    fn settle(&mut self) {
        self.guest.settle();
        let state = self.run("systemctl is-active hotspot").output;
        assert_eq!(state, "inactive");
        self.succeed("mount -o ro LABEL=lab /mnt && sh /mnt/lab/near.sh");
    }

    /// Radios come up, and with the first of them the hotspot.
    pub(super) fn radios(&mut self) {
        self.succeed("modprobe mac80211_hwsim radios=5");
        let up =
            "until hostapd_cli -p /run/hostapd status | grep -q state=ENABLED; do sleep 0.2; done";
        self.succeed(&format!("timeout 300 bash -c '{up}' 2> /dev/null"));
        eprintln!("access point after {:?}", self.machine().uptime());
    }

    pub(super) fn run(&mut self, command: &str) -> Ran {
        self.machine().run(command, PATIENCE)
    }

    pub(super) fn succeed(&mut self, command: &str) -> String {
        self.machine().succeed(command, PATIENCE)
    }

    pub(super) fn set(&mut self, settings: &str) {
        self.succeed(&format!("imgbuild-config set {settings}"));
    }

    /// What the device says to `settings` that it does not take.
    pub(super) fn refused(&mut self, settings: &str) -> String {
        let ran = self.run(&format!("imgbuild-config set {settings}"));
        assert_eq!(ran.status, 1, "{settings}: {}", ran.output);
        ran.output
    }

    /// Lets client `number` join; gives how it did and what address it got, or why not.
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
        let ran = self.run(&format!(
            "{script} {number} '{name}' '{passphrase}' {way} {mhz}"
        ));
        eprintln!(
            "client {number}: {ran:?} after {:?}",
            self.machine().uptime()
        );
        match ran.status {
            0 => Ok(ran.output),
            _ => Err(ran.output),
        }
    }

    /// Waits until client `number` is back by itself.
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

    /// The last radio becomes an access point of somebody else.
    pub(super) fn home(&mut self) {
        let script = "bash /mnt/lab/home.sh 4 'Mü \"7\"'";
        self.succeed(&format!(
            "{script} '{HOME}' || {{ cat /tmp/home/log; false; }}"
        ));
    }

    /// Waits until the device has joined that, and has an address.
    pub(super) fn await_uplink(&mut self) {
        let joined = "ip -4 -o address show dev wlan3 | grep -q 192.168.9.";
        self.succeed(&format!(
            "timeout 300 bash -c 'until {joined}; do sleep 0.2; done'"
        ));
        eprintln!("uplink after {:?}", self.machine().uptime());
    }

    /// What the first client reaches of the second, and by which way.
    pub(super) fn neighbours(&mut self) -> String {
        self.succeed("bash /mnt/lab/neighbours.sh 1 2")
            .replace('\n', ", ")
    }

    /// What the page at `host` says to the first client.
    pub(super) fn page(&mut self, host: &str) -> String {
        let fetch = format!("ip netns exec client1 busybox wget -q -T 5 -O - http://{host}/");
        self.run(&format!("{fetch} 2> /dev/null")).output
    }

    /// The same of one on the network that the device is a guest of, and of one beyond.
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

    /// What the device must keep, and what its settings make.
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
