//! Relays in a Tor network of their own are found and used, and only the ports that must be open are open.

use crate::command::run;
use crate::image;
use crate::lab::{Lab, Scan};
use crate::programs;
use crate::tor_network::{NETWORK, Network, flags};
use std::sync::LazyLock;

/// A relay with the family key of its owner; its nickname is LabRelay.
static RELAY: LazyLock<&Network> = LazyLock::new(|| {
    let network = &*NETWORK;
    let settings = ["nickname=LabRelay", "contact=relay[at]example.org"];
    let tree = network.family.tree("relay", &settings);
    network.join(&tree, "relay", 21);
    network.lab.shell("relay", "/usr/lib/imgbuild/firstboot");
    network.lab.start("relay", &["tor@default.service"]);
    network
});

#[test]
fn a_relay_is_found_and_used() {
    let network = *RELAY;
    let lab = &network.lab;
    let settings = [
        "",
        "ipv6 = true\naccounting-max = 500\nor-port = 9001\ncontact = \"me\\you\"\nbandwidth-rate = 9000",
        "uplink-address = 192.0.2.10/24\nuplink-gateway = 192.0.2.1\nuplink-dns = 192.0.2.1,2001:db8::1\nntp-servers = ntp.example.org",
    ];
    judge(lab, "relay", "tor-relay", &settings, &[]);
    let listed = network.wait_for_consensus("relay", "LabRelay");
    assert!(!flags(&listed).contains(&"Exit"), "{listed}");
    lab.wait_for_health("relay", &["clock"]);
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
    show_the_monitor(lab);
}

/// Checks that `nyx`, started as the owner would, finds the relay.
fn show_the_monitor(lab: &Lab) {
    // No process can change to another user here, and the image's own sudo refuses to try.
    let sudo = "mkdir /tmp/bin; printf '#!/bin/sh\nshift 2; exec \"$@\"' > /tmp/bin/sudo; chmod +x /tmp/bin/sudo";
    lab.shell("relay", sudo);
    let watch = "PATH=/tmp/bin:$PATH python3 /tmp/lab/screen.py 'LabRelay - 198.18.0.21:443' /usr/local/bin/nyx";
    lab.shell("relay", watch);
}

#[test]
fn a_relay_works_without_its_master_key_and_is_of_its_family() {
    let network = *RELAY;
    let settings = ["nickname=LabKin", "offline-master-key=true"];
    let tree = network.family.tree("kin", &settings);
    network.join(&tree, "kin", 25);
    let lab = &network.lab;
    lab.shell("kin", "/usr/lib/imgbuild/firstboot");
    lab.start("kin", &["tor@default.service"]);
    let refused = "grep -q 'OfflineMasterKey is set' /tmp/tor.log";
    let ended = "[ -z \"$(ss -Hltn 'sport = :443')\" ]";
    lab.wait_for("kin", &format!("{refused} && {ended}"));

    // The owner makes the master key on another computer, and copies the rest to the device.
    let make = "tor --quiet --keygen --no-passphrase -f /dev/null --DataDirectory /tmp/master";
    lab.shell("internet", make);
    let [from, to] = ["internet/tmp/master", "kin/var/lib/tor"]
        .map(|folder| format!("/run/roots/{folder}/keys"));
    for file in [
        "ed25519_master_id_public_key",
        "ed25519_signing_secret_key",
        "ed25519_signing_cert",
    ] {
        let mut copy = lab.outside("kin");
        run(copy.args(["cp", "-p", &format!("{from}/{file}"), &to]));
    }
    lab.start("kin", &["tor@default.service"]);
    network.wait_for_consensus("kin", "LabKin");
    lab.wait_for_health("kin", &["clock"]);
    assert!(lab.succeeds(
        "kin",
        "[ ! -e /var/lib/tor/keys/ed25519_master_id_secret_key ]"
    ));
    let public = "tail -c 32 /tmp/master/keys/ed25519_master_id_public_key | base64 | tr -d =";
    let master = format!("\nmaster-key-ed25519 {}\n", lab.shell("internet", public));
    let descriptor = network.descriptor("kin");
    assert!(
        descriptor.contains(&master),
        "no `{master}` in {descriptor}"
    );

    network.wait_for_consensus("relay", "LabRelay");
    let family = format!("family-ids ed25519:{}", network.family.id);
    let of = |nickname| {
        network
            .microdescriptor(nickname)
            .lines()
            .any(|line| line == family)
    };
    assert_eq!(["LabRelay", "LabKin", "exit4"].map(of), [true, true, false]);
}

/// Checks the files of a relay; `own` are the checks that only some relays have.
pub(crate) fn judge(lab: &Lab, network: &str, profile: &str, settings: &[&str], own: &[&str]) {
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
    network.join(&network.bridge, "bridge", 22);
    network.lab.start("bridge", &["tor@default.service"]);
    let outside = network.enter_by("bridge", 22, 32);
    assert_eq!(outside, Scan::of(&[22, 8443, 9443], &[]));
}

#[test]
fn a_bridge_hides_its_or_port() {
    let network = &*NETWORK;
    let settings = ["hide-or-port=true", "public-port=443"];
    let tree = image::tree("hidden", "bridge-relay", &settings);
    network.join(&tree, "hidden", 23);
    network.lab.start("hidden", &["tor@default.service"]);
    let settings = [
        "",
        "bridge-distribution = none\nobfs4-port = 7000\nipv6 = true",
    ];
    judge(&network.lab, "hidden", "bridge-relay", &settings, &[]);
    let outside = network.enter_by("hidden", 23, 33);
    assert_eq!(outside, Scan::of(&[22, 443, 8443], &[]));
}
