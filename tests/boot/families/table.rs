//! The profiles that are built on bases besides the load balancer, which differ from it.

use super::family::{ARMBIAN, CLOUD, DIETPI, RASPIOS};
use super::{boots, is_what_it_was, takes};

#[test]
fn raspios_takes_a_hotspot() {
    is_what_it_was(&RASPIOS, "tor-hotspot", &boots::HOTSPOT);
}

#[test]
fn raspios_takes_an_access_point() {
    takes(&RASPIOS, "wifi-hotspot", &[]);
}

#[test]
fn raspios_takes_a_relay() {
    takes(&RASPIOS, "tor-relay", &[]);
}

#[test]
fn raspios_takes_a_bridge() {
    takes(&RASPIOS, "bridge-relay", &[]);
}

#[test]
fn raspios_takes_an_exit() {
    let settings = [
        "i-accept-exit-liability=true",
        "contact=relay[at]example.org",
        "exit-hostname=tor-exit.example.org",
    ];
    takes(&RASPIOS, "exit-relay", &settings);
}

#[test]
fn dietpi_takes_a_hotspot() {
    takes(&DIETPI, "tor-hotspot", &[]);
}

#[test]
fn armbian_takes_a_hotspot() {
    takes(&ARMBIAN, "tor-hotspot", &[]);
}

#[test]
fn cloud_takes_a_hotspot() {
    takes(&CLOUD, "tor-hotspot", &[]);
}
