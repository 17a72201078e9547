//! Images that people start from, made by the tools of other projects to be like those of each family
//! (tests/families), and profiles on top of them. Everything that a build has no reason to change must be as
//! it was.
#![expect(
    clippy::print_stderr,
    reason = "figures, for whoever runs it with --nocapture"
)]

mod boots;
mod disk;
mod family;
mod files;
mod profile;
mod reasons;
mod table;
mod texts;

use family::{ARMBIAN, CLOUD, DIETPI, Family, RASPIOS};
use std::path::Path;
use std::time::Instant;

#[test]
fn raspios_takes_a_load_balancer() {
    takes(&RASPIOS, "haproxy-node", &[]);
}

#[test]
fn dietpi_takes_a_load_balancer() {
    takes(&DIETPI, "haproxy-node", &[]);
}

#[test]
fn armbian_takes_a_load_balancer() {
    takes(&ARMBIAN, "haproxy-node", &[]);
}

#[test]
fn cloud_takes_a_load_balancer() {
    is_what_it_was(&CLOUD, "haproxy-node", &boots::BALANCER);
}

/// Builds `profile` with `settings` on the base of `family`, and checks every part of the image.
fn takes(family: &Family, profile: &str, settings: &[&str]) {
    let image = family.with(profile, settings);
    is_what_it_was(family, profile, &image);
    fs_err::remove_file(&image).unwrap();
}

/// Checks every part of `image`, which is the base of `family` with `profile` on it.
fn is_what_it_was(family: &Family, profile: &str, image: &Path) {
    let began = Instant::now();
    disk::judge(family, image);
    files::judge(family, image, profile);
    let name = family.name;
    eprintln!("{name} + {profile}: judged in {:?}", began.elapsed());
}
