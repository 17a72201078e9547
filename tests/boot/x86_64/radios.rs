//! A hotspot and its clients on simulated radios (mac80211_hwsim): who can reach whom, and changes of
//! settings while clients are connected. A further radio joins another network as the uplink.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

mod simulated;

use super::BUILT;
use super::guest::{Firmware, Guest, Pc};
use super::settings::put_on_card;
use crate::lab::Lab;
use crate::support::run_folder;
use simulated::{HOME, Network, SimulatedRadio, Way};

/// All of this is one test, because it starts the machine only twice.
#[test]
fn x86_64_a_hotspot_serves_clients_and_changes_under_them() {
    let both = "wifi-hotspot+wifi-uplink";
    let radios = ["wifi-interface=wlan0", "uplink-radio=wlan3"];
    let image = BUILT.user.build("x86_64", both, &radios);
    let lab = Lab {
        image: &image,
        architecture: "amd64",
        packages: &[],
        scripts: &["radios"],
    };
    let lab = lab.disk(&run_folder().join("x86_64-lab"));
    let pc = Pc {
        firmware: Firmware::Bios,
        forwards: &[],
        lab: Some(&lab),
    };
    let card = "wifi-ssid = Zum Löwen\r\nwifi-channel = 11\r\n";
    let guest = Guest::start_with(&image, &pc, |disk| put_on_card(disk, card));
    let mut radio = SimulatedRadio::new(guest);
    let network = radio.first_boot();
    assert_eq!(network.name, "Zum Löwen");

    radio.radios();
    clients_are_kept_apart(&mut radio, &network);
    let changed = the_network_changes_under_its_clients(&mut radio, &network);
    what_is_wrong_changes_nothing(&mut radio);
    let fast = five_gigahertz(&mut radio, &changed);
    what_does_not_start_is_taken_back(&mut radio, &fast);
    it_joins_a_network_itself(&mut radio);
    a_radio_is_pulled_out_and_put_back(&mut radio, &fast);
    another_boot_keeps_it_all(&mut radio, &fast, card);
    drop(radio);
    fs_err::remove_file(&image).unwrap();
}

/// All clients reach the device and the internet. They reach neither each other nor the network that the
/// device has joined, unless the settings allow it.
fn clients_are_kept_apart(radio: &mut SimulatedRadio, network: &Network) {
    let refused = radio.join(1, &network.with_passphrase("wrong-passphrase"), Way::Wpa2);
    assert_eq!(refused.unwrap_err(), "refused");
    for (client, way) in [(1, Way::Wpa3), (2, Way::Wpa2)] {
        let joined = radio.join(client, network, way).unwrap();
        let lease = "/24 router=192.168.42.1 dns=192.168.42.1";
        assert!(joined.ends_with(lease), "{joined}");
    }
    assert_eq!(
        radio.neighbours(),
        "gateway yes, echo no, tcp no, detour no, question no"
    );
    assert_eq!(radio.pages(), ["", "visitor 192.168.7.2"]);

    // The control: if the settings allow both, and no rules stop a detour, everything gets through.
    radio.set("client-isolation=false lan-access=true");
    radio.await_return(1);
    radio.await_return(2);
    assert_eq!(radio.pages(), ["visitor 192.168.7.2"; 2]);
    radio.succeed("nft flush ruleset");
    assert_eq!(
        radio.neighbours(),
        "gateway yes, echo yes, tcp yes, detour yes, question yes"
    );
    radio.succeed("systemctl reload nftables");
}

/// Name and passphrase change at once, and only the access point is restarted.
fn the_network_changes_under_its_clients(radio: &mut SimulatedRadio, old: &Network) -> Network {
    let before = radio.services();
    let new = Network {
        name: "Stern".to_owned(),
        passphrase: "correct horse battery".to_owned(),
        mhz: old.mhz,
    };
    radio.succeed(&format!(
        "echo '{}' | imgbuild-config set wifi-ssid={} wifi-passphrase=@-",
        new.passphrase, new.name
    ));
    assert_eq!(before.restarted(&radio.services()), ["hotspot.service"]);

    radio.await_loss(1);
    let refused = radio.join(1, &new.with_passphrase(&old.passphrase), Way::Wpa2);
    assert_eq!(refused.unwrap_err(), "refused");
    radio.join(1, &new, Way::Wpa2).unwrap();
    new
}

/// Invalid values, and values that contradict each other.
fn what_is_wrong_changes_nothing(radio: &mut SimulatedRadio) {
    let (services, files) = (radio.services(), radio.files());
    for (settings, reason) in [
        ("wifi-ssid=", "`wifi-ssid`: expected 1 to 32 bytes"),
        ("wifi-channel=14", "`wifi-channel`: expected one of 1, 2,"),
        (
            "wifi-band=5 wifi-channel=36",
            "the 5 GHz band needs a country",
        ),
        ("wifi-channel=13", "channels 12 and 13 need a country"),
    ] {
        let output = radio.refused(settings);
        assert!(output.contains(reason), "{settings}: {output}");
        assert_eq!(radio.files(), files, "{settings}");
    }
    assert_eq!(services.restarted(&radio.services()), [""; 0]);
    radio.await_return(1);
}

/// Clients of the 5 GHz band get the standards that the settings offer.
fn five_gigahertz(radio: &mut SimulatedRadio, network: &Network) -> Network {
    let fast = Network {
        mhz: 5180,
        ..network.clone()
    };
    for (settings, generation, flags) in [
        (
            "wifi-country=DE wifi-band=5 wifi-channel=36",
            "5",
            "[HT][VHT]",
        ),
        ("wifi-standard=ax", "6", "[HT][VHT][HE]"),
    ] {
        radio.set(settings);
        let joined = radio.join(1, &fast, Way::Wpa3).unwrap();
        assert!(
            joined.contains(&format!("wifi_generation={generation}\n")),
            "{joined}"
        );
        let station = radio.succeed("hostapd_cli -p /run/hostapd all_sta | grep ^flags=");
        assert!(station.ends_with(flags), "{station}");
        let channel = radio.succeed("iw dev wlan0 info | grep channel");
        assert!(
            channel.contains("channel 36 (5180 MHz), width: 80 MHz"),
            "{channel}"
        );
    }
    fast
}

/// The country does not allow the channel, or the radio does not exist.
fn what_does_not_start_is_taken_back(radio: &mut SimulatedRadio, network: &Network) {
    let before = radio.files();
    for (settings, reason) in [
        (
            "wifi-country=JP wifi-channel=149",
            "has no rule for it: channel 149 (5745 MHz) in JP",
        ),
        (
            "wifi-interface=eth7",
            "no Wi-Fi interface that can be an access point yet (wanted: eth7)",
        ),
    ] {
        let output = radio.refused(settings);
        assert!(
            output.contains("nothing was changed") && output.contains(reason),
            "{output}"
        );
        assert_eq!(radio.files(), before, "{settings}");
    }
    radio.await_return(1);
    radio.join(2, network, Way::Wpa2).unwrap();
}

/// Another radio of the device is its uplink, beside the cable and in its place.
fn it_joins_a_network_itself(radio: &mut SimulatedRadio) {
    radio.home();
    radio.succeed(&format!(
        "echo '{HOME}' | imgbuild-config set uplink-ssid='Mü \"7\"' uplink-passphrase=@-"
    ));
    radio.await_uplink();
    let health = radio.succeed("/usr/lib/imgbuild/health");
    assert!(
        health.contains("wifi-uplink ok wlan3 192.168.9."),
        "{health}"
    );
    assert_eq!(radio.page("198.18.0.80"), "visitor 192.168.7.2");
    radio.succeed("ip link set uplink0 down");
    let page = radio.page("198.18.0.80");
    assert!(page.starts_with("visitor 192.168.9."), "{page}");
    radio.succeed("ip link set uplink0 up");

    let wrong = "echo wrong-passphrase | imgbuild-config --wait 5 set uplink-passphrase=@-";
    let refused = radio.run(wrong);
    assert_eq!(refused.status, 1, "{}", refused.output);
    let reason = "not well within 5 s: wifi-uplink (wlan3 has not joined: ";
    assert!(refused.output.contains(reason), "{}", refused.output);
    radio.await_uplink();
}

/// A radio is removed, as a USB dongle can be. Meanwhile the device reports why it has no network.
fn a_radio_is_pulled_out_and_put_back(radio: &mut SimulatedRadio, network: &Network) {
    radio.succeed("rmmod mac80211_hwsim");
    radio.succeed(
        "timeout 300 sh -c 'while systemctl --quiet is-active hotspot; do sleep 0.2; done'",
    );
    let health = radio.run("/usr/lib/imgbuild/health").output;
    assert!(
        health.contains("access-point FAIL there is no radio"),
        "{health}"
    );
    radio.radios();
    radio.join(1, network, Way::Wpa3).unwrap();
    radio.home();
    radio.await_uplink();
}

/// Settings that were changed on the device stay. Later mistakes on the card are reported.
fn another_boot_keeps_it_all(radio: &mut SimulatedRadio, network: &Network, card: &str) {
    let before = (radio.files(), radio.shown());
    let wrong = "wifi-country = Germany\r\nwifi-passphrase = 7-signs\r\n";
    let output = radio.start_again(|disk| put_on_card(disk, &format!("{card}{wrong}")));
    let problems = radio.succeed("cat /boot/efi/imgbuild-problems.txt");
    for text in [&output, &problems] {
        assert!(text.contains("line 3: `wifi-country`: expected"), "{text}");
        assert!(
            text.contains("line 4: `wifi-passphrase`: expected"),
            "{text}"
        );
        assert!(!text.contains("7-signs"), "{text}");
    }
    assert_eq!((radio.files(), radio.shown()), before);
    radio.radios();
    radio.join(1, network, Way::Wpa3).unwrap();
    radio.home();
    radio.await_uplink();
    assert_eq!(radio.succeed("systemctl --failed --no-legend --plain"), "");
}
