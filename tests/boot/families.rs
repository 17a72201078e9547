//! Images that people start from, made like those of each family with other people's tools
//! (tests/families), and profiles on top of them: what a build has no reason to change is as it was.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

mod boots;
mod disk;
mod family;
mod files;

use family::{ARMBIAN, CLOUD, DIETPI, Family, RASPIOS};
use std::time::Instant;

#[test]
fn raspios_takes_a_hotspot() {
    takes(&RASPIOS, "tor-hotspot");
}

#[test]
fn raspios_takes_a_load_balancer() {
    takes(&RASPIOS, "haproxy-node");
}

#[test]
fn dietpi_takes_a_hotspot() {
    takes(&DIETPI, "tor-hotspot");
}

#[test]
fn dietpi_takes_a_load_balancer() {
    takes(&DIETPI, "haproxy-node");
}

#[test]
fn armbian_takes_a_hotspot() {
    takes(&ARMBIAN, "tor-hotspot");
}

#[test]
fn armbian_takes_a_load_balancer() {
    takes(&ARMBIAN, "haproxy-node");
}

#[test]
fn cloud_takes_a_hotspot() {
    takes(&CLOUD, "tor-hotspot");
}

#[test]
fn cloud_takes_a_load_balancer() {
    takes(&CLOUD, "haproxy-node");
}

/// Puts `profile` on the base of `family` and judges every part of the image.
fn takes(family: &Family, profile: &str) {
    let began = Instant::now();
    let image = family.user.build_on(&family.disk, family.board, profile);
    let built = began.elapsed();
    disk::judge(family, &image);
    files::judge(family, &image);
    fs_err::remove_file(&image).unwrap();
    let name = family.name;
    eprintln!(
        "{name} + {profile}: {built:?} to build, then {:?} to judge",
        began.elapsed() - built
    );
}
