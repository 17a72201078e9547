//! Clients on simulated radios (mac80211_hwsim) reach the internet through Tor, or not at all.
//!
//! The internet and the Tor network are in a namespace of the machine, behind a link on which every packet is
//! captured that is not of the device's own Tor. A control that leaks on purpose shows that the capture sees
//! leaks.

use super::super::identity::Identity;
use super::super::lab::Lab;
use super::super::machine::Machine;
use super::super::support::flash;
use super::{BUILT, Built, CARD, PI3, first_boot};
use attempt::Attempt;
use std::path::Path;

#[path = "../tor/attempt.rs"]
mod attempt;

#[test]
fn clients_reach_the_internet_through_tor_only() {
    let built = &*BUILT;
    let disk = built.folder.join("hotspot");
    flash(&built.image, &disk, CARD);
    let lab = Lab {
        image: &built.image,
        architecture: "arm64",
        packages: &["tcpdump", "wpasupplicant"],
        scripts: &["tor", "radios"],
    };
    let lab = lab.disk(&built.folder.join("lab"));
    let mut machine = start(built, &disk, &lab, "first");
    let console = first_boot(&mut machine, "/dev/vda2");
    let of = |label: &str| {
        let found = console
            .lines()
            .rev()
            .find_map(|line| line.split_once(label));
        found
            .unwrap_or_else(|| panic!("no `{label}`:\n{console}"))
            .1
            .trim()
            .to_owned()
    };
    let wifi = (of("Wi-Fi name: "), of("Wi-Fi passphrase: "));
    let own = Identity::of(&mut machine);
    let identity = identity(&mut machine);

    set_up(&mut machine);
    join(&mut machine, &wifi);
    reach(&mut machine);
    leak_nothing(&mut machine);
    see_the_control(&mut machine);

    machine.succeed("rm /etc/tor/torrc.d/90-lab.conf");
    machine.switch_off();
    let mut machine = start(built, &disk, &lab, "second");
    machine.log_in();
    assert_eq!(self::identity(&mut machine), identity);
    machine.check_boot();
    drop(machine);
    let made = [
        "/etc/hotspot/ssid",
        "/etc/hotspot/passphrase",
        "password: ",
        "Wi-Fi name: ",
        "Wi-Fi passphrase: ",
        "hotspot0/address:",
    ];
    own.has(&made);
    PI3.has(&made);
    own.shares_nothing_with(&PI3);
}

fn start(built: &Built, disk: &Path, lab: &Path, boot: &str) -> Machine {
    let mut qemu = built.machine("virt", "console=ttyAMA0");
    qemu.args([
        "-cpu",
        "cortex-a72",
        "-smp",
        "2",
        "-m",
        "1024",
        "-nic",
        "none",
    ]);
    qemu.args(["-device", "virtio-rng-pci"]);
    let drive = "if=virtio,format=raw,file=";
    qemu.arg("-drive").arg(format!("{drive}{}", disk.display()));
    qemu.arg("-drive")
        .arg(format!("{drive}{},readonly=on", lab.display()));
    Machine::start(&mut qemu, &built.folder.join(format!("hotspot-{boot}.log")))
}

/// The files that the device must keep.
fn identity(machine: &mut Machine) -> String {
    let files = "/etc/machine-id /etc/ssh/ssh_host_*_key /etc/hotspot/ssid /etc/hotspot/passphrase \
        /etc/shadow /var/lib/imgbuild/firstboot-done";
    machine.succeed(&format!("sha256sum {files}"))
}

/// Starts the internet, the Tor network and the radios. The appearance of the radios alone starts the
/// hotspot.
fn set_up(machine: &mut Machine) {
    machine.succeed("dmesg -n 1; mount -o ro LABEL=lab /mnt");
    assert_eq!(
        machine.run("systemctl is-active hotspot").output,
        "inactive"
    );
    machine.succeed("modprobe mac80211_hwsim radios=3");
    machine.succeed("sh /mnt/lab/internet.sh");
    let onion = machine.succeed("bash /mnt/lab/relays.sh");
    assert!(onion.ends_with(".onion"), "{onion}");
    let known = "cp /tmp/relays/client.conf /etc/tor/torrc.d/90-lab.conf";
    machine.succeed(&format!("{known} && systemctl restart tor@default"));
    let up = "until hostapd_cli -p /run/hostapd status | grep -q state=ENABLED; do sleep 1; done";
    machine.succeed(&format!("timeout 300 bash -c '{up}'"));
    eprintln!(
        "access point, internet and relays after {:?}",
        machine.uptime()
    );
}

/// Clients join by WPA2 and by WPA3, and a wrong passphrase is refused.
fn join(machine: &mut Machine, (name, passphrase): &(String, String)) {
    let client = |number: u8, passphrase: &str, way: &str| {
        format!("bash /mnt/lab/client.sh {number} '{name}' '{passphrase}' {way}")
    };
    let refused = machine.run(&client(1, "wrong-passphrase", "WPA-PSK"));
    assert_eq!((refused.status, &*refused.output), (1, "refused"));
    for (number, way, shown) in [
        (1, "WPA-PSK", "key_mgmt=WPA2-PSK"),
        (2, "SAE", "key_mgmt=SAE"),
    ] {
        let joined = machine.succeed(&client(number, passphrase, way));
        eprintln!("client {number}: {joined:?} after {:?}", machine.uptime());
        assert!(joined.contains(shown), "{joined}");
        let lease = joined
            .lines()
            .find_map(|line| line.strip_prefix("lease=192.168.42."));
        let lease = lease.unwrap_or_else(|| panic!("no lease: {joined}"));
        assert!(
            lease.ends_with("/24 router=192.168.42.1 dns=192.168.42.1"),
            "{lease}"
        );
    }
}

fn attempt(machine: &mut Machine, client: u8, what: &str) -> Attempt {
    let output = machine.succeed(&format!("bash /mnt/lab/capture.sh {client} {what}"));
    let attempt = Attempt::parse(&output);
    eprintln!("{what} of client {client}: {attempt:#?}");
    attempt
}

/// Names, pages and onion services work through Tor, and the device reports that it is well.
fn reach(machine: &mut Machine) {
    let inside = attempt(machine, 1, "inside");
    inside.assert_inside();
    let health = machine.succeed("/usr/lib/imgbuild/health");
    assert_eq!(
        health.lines().filter(|line| line.contains(" ok")).count(),
        13,
        "{health}"
    );
    let asked = machine.succeed("grep -c '^DNS 198.18.0.2 .*example' /tmp/internet.log; true");
    assert_eq!(asked, "0", "the device itself asked for a client's name");
    eprintln!("reached after {:?}\n{health}", machine.uptime());
}

/// Only Tor's own connections leave the device: with Tor, without Tor, and even without rules and with
/// forwarding.
fn leak_nothing(machine: &mut Machine) {
    let with_tor = attempt(machine, 2, "outside");
    assert_eq!(with_tor.leaked, [""; 0]);
    let page = &with_tor.results["page"];
    assert!(!page.contains("192.168.42."), "{page}");
    with_tor.assert_unanswered(&["names", "page"]);

    let gateway = attempt(machine, 1, "gateway");
    assert_eq!(gateway.results.len(), 9);
    assert!(
        gateway.results.values().all(|result| result != "open"),
        "{gateway:?}"
    );

    let less_and_less = [
        "systemctl stop tor@default",
        "nft flush ruleset",
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    ];
    for step in less_and_less {
        machine.succeed(step);
        let outside = attempt(machine, 2, "outside");
        assert_eq!(outside.leaked, [""; 0], "after `{step}`");
        outside.assert_unanswered(&[]);
    }
    // The rules are replaced while clients send as much as they can. With all other guards gone, there is no
    // moment without rules.
    machine.succeed(
        "systemctl reload nftables; ip rule del priority 100; ip -6 rule del priority 100",
    );
    let reloads = "(for i in $(seq 20); do nft -f /etc/nftables.conf; done) &";
    machine.succeed(reloads);
    let under_fire = attempt(machine, 2, "flood");
    machine.succeed("wait");
    assert_eq!(under_fire.leaked, [""; 0]);
}

/// Without any guard, everything leaves the hotspot, and the capture sees all of it.
fn see_the_control(machine: &mut Machine) {
    machine.succeed("nft flush ruleset; ip address add fd42::1/64 dev hotspot0 nodad");
    let control = attempt(machine, 2, "outside");
    control.assert_leaky();
}
