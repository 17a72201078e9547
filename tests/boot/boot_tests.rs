//! Runs `imgbuild test` on images of every profile, which builds and starts them and asks for their health.
//!
//! The other tests look closely at one profile each. These use QEMU's `virt` machine for a board's image, and
//! show that each profile comes up on a device that has just been flashed.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

use super::command::run;
use super::support::User;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Instant;

/// The user who builds; the images share one store.
static USER: LazyLock<User> = LazyLock::new(|| User::first("boot-tests"));

/// The settings without which no exit relay is built.
const EXIT: [&str; 3] = [
    "i-accept-exit-liability=true",
    "contact=exit-abuse@example.org",
    "exit-hostname=tor-exit.example.org",
];

/// One of two load balancers.
const PAIR: [&str; 3] = [
    "ha-node=1",
    "ha-addresses=10.0.2.15/24,10.0.2.16/24",
    "ha-virtual-address=10.0.2.10/24",
];

/// Builds `profile`, or several with `+` between them, for `board`, starts the image, and checks that the
/// checks `own` are among those that passed.
fn passes(board: &str, profile: &str, settings: &[&str], own: &[&str]) {
    let began = Instant::now();
    let image = image(board, profile);
    let mut command = USER.imgbuild();
    command.args(["test", "--json", "--quiet", "--timeout", "1800"]);
    command.args(["--board", board]);
    command.args(profile.split('+').flat_map(|name| ["--profile", name]));
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    if profile.ends_with("wifi-uplink") {
        command.env("IMGBUILD_SECRET_UPLINK_PASSPHRASE", "not everybody's");
    }
    command.arg("--output").arg(&image);
    command.arg("--log").arg(image.with_extension("log"));
    let report: Value = serde_json::from_slice(&run(&mut command).stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    for name in ["started", "packages", "firewall", "units"]
        .iter()
        .chain(own)
    {
        let passed = |check: &Value| check["name"] == *name && check["outcome"] == "ok";
        assert!(
            checks.iter().any(passed),
            "`{name}` has not passed: {report:#}"
        );
    }
    for check in checks.iter().filter(|check| check["outcome"] == "skipped") {
        assert_eq!(check["detail"], "needs network", "{check}");
    }
    fs_err::remove_file(&image).unwrap();
    eprintln!(
        "{board} + {profile}: {} checks, {:?}",
        checks.len(),
        began.elapsed()
    );
}

fn image(board: &str, profile: &str) -> PathBuf {
    USER.home().join(format!("{board}-{profile}.img"))
}

/// Builds profiles on a board that no other test here starts.
fn builds(board: &str, profile: &str, settings: &[&str]) {
    fs_err::remove_file(USER.build(board, profile, settings)).unwrap();
}

#[test]
fn a_bridge_starts_on_a_raspberry_pi() {
    passes("rpi4", "bridge-relay", &[], &["transport", "configuration"]);
}

mod all {
    use super::*;

    #[test]
    fn a_wifi_hotspot_starts_on_a_pc() {
        passes(
            "x86_64",
            "wifi-hotspot",
            &[],
            &["access-point", "forwarding-on", "translation"],
        );
    }

    #[test]
    fn a_tor_hotspot_starts_on_a_pc() {
        passes(
            "x86_64",
            "tor-hotspot",
            &[],
            &["access-point", "forwarding-off", "tor-only"],
        );
    }

    #[test]
    fn a_relay_starts_on_a_pc() {
        passes("x86_64", "tor-relay", &[], &["configuration", "room"]);
    }

    #[test]
    fn a_bridge_starts_on_a_pc() {
        passes(
            "x86_64",
            "bridge-relay",
            &[],
            &["transport", "configuration"],
        );
    }

    #[test]
    fn an_exit_starts_on_a_pc() {
        passes(
            "x86_64",
            "exit-relay",
            &EXIT,
            &["notice-page", "configuration"],
        );
    }

    #[test]
    fn one_of_a_pair_starts_on_a_pc() {
        passes("x86_64", "haproxy-ha", &PAIR, &["keepalived", "alive"]);
    }

    #[test]
    fn a_load_balancer_looks_for_its_wi_fi_on_a_pc() {
        let settings = ["uplink-ssid=Home"];
        passes("x86_64", "haproxy-node+wifi-uplink", &settings, &["alive"]);
    }

    #[test]
    fn a_tor_hotspot_starts_on_a_raspberry_pi() {
        passes(
            "rpi4",
            "tor-hotspot",
            &[],
            &["access-point", "forwarding-off", "tor-only"],
        );
    }

    #[test]
    fn the_other_profiles_are_built_for_a_raspberry_pi() {
        for profile in ["haproxy-node", "wifi-hotspot", "tor-relay", "wifi-uplink"] {
            builds("rpi4", profile, &[]);
        }
        builds("rpi4", "exit-relay", &EXIT);
        builds("rpi4", "haproxy-ha", &PAIR);
    }
}
