//! The files and secrets that a device has made for itself, which no other device of the same image may have.

use super::machine::Machine;
use std::collections::{BTreeMap, BTreeSet};

/// The files that are newer than the image and not empty, with their digests; then the text that the owner is
/// shown, and the addresses of interfaces without hardware.
const LOOK: &str = "find / $(findmnt -no TARGET -t vfat) -xdev -type f -size +0 \
     -newer /usr/lib/imgbuild/settings/settings.json -exec sha256sum {} +; \
     echo; cat $(findmnt -no TARGET -t vfat)/imgbuild-secrets.txt; \
     cd /sys/devices/virtual/net; grep . $(ls | grep -vx lo | sed 's,$,/address,') /dev/null; true";

/// Files that may be the same on two devices: each device makes them, or the kernel and packages on it, and
/// they say nothing about the device.
const ALIKE: [&str; 9] = [
    "/etc/imgbuild/",
    "/etc/ld.so.cache",
    "/var/cache/",
    "/var/lib/imgbuild/applied/secrets",
    "/var/lib/imgbuild/applied/settings",
    "/var/lib/imgbuild/firstboot-done",
    "/var/lib/imgbuild/root-grown",
    // This has the names of the checks that passed.
    "/var/lib/imgbuild/well",
    "/var/lib/systemd/catalog/",
];

/// The files that every device has.
const NEEDED: [&str; 7] = [
    "/etc/machine-id",
    "/etc/shadow",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ecdsa_key.pub",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/var/lib/systemd/random-seed",
];

/// The files and texts that identify a device.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Path → digest.
    files: BTreeMap<String, String>,
    /// The lines of the text that the owner is shown, and addresses.
    shown: BTreeSet<String>,
}

impl Identity {
    /// The identity of a device after its first boot.
    pub(crate) fn of(machine: &mut Machine) -> Self {
        let seen = machine.succeed(LOOK);
        Self::parse(&seen)
    }

    fn parse(seen: &str) -> Self {
        let (files, shown) = seen.split_once("\n\n").expect("files, then words");
        let file = |line: &str| {
            let (digest, path) = line.split_once("  ").expect("a digest and a path");
            (path.to_owned(), digest.to_owned())
        };
        Self {
            files: files.lines().map(file).collect(),
            shown: shown.lines().map(str::to_owned).collect(),
        }
    }

    /// Panics if the device lacks one of `labels`: files, or labels in the text that the owner is shown.
    pub(crate) fn has(&self, labels: &[&str]) {
        for label in labels {
            let shown = || self.shown.iter().any(|line| line.starts_with(label));
            let there = self.files.contains_key(*label) || shown();
            assert!(there, "no {label} in {self:#?}");
        }
    }

    /// Panics if the two devices share a key, an id or a password, or lack one that every device has.
    pub(crate) fn shares_nothing_with(&self, other: &Self) {
        self.has(&NEEDED);
        other.has(&NEEDED);
        let shared = self.shared(other);
        assert_eq!(shared, [""; 0], "two devices of one image have the same");
    }

    fn shared<'s>(&'s self, other: &Self) -> Vec<&'s str> {
        let alike = |path: &str| ALIKE.iter().any(|prefix| path.starts_with(prefix));
        let files = self
            .files
            .iter()
            .filter(|(path, digest)| !alike(path) && other.files.get(*path) == Some(digest));
        let known = |line: &str| {
            line.is_empty()
                || line.starts_with("console login: ")
                || line.starts_with("statistics page: ")
                || line.ends_with(": made at the first boot of this device")
        };
        let shown = self.shown.iter().map(String::as_str);
        let shown = shown.filter(|line| other.shown.contains(*line) && !known(line));
        files.map(|(path, _)| path.as_str()).chain(shown).collect()
    }
}

#[test]
fn what_two_devices_share_is_named() {
    let device = |id: &str, seed: &str, password: &str| {
        Identity::parse(&format!(
            "{id}  /etc/machine-id\n{seed}  /var/lib/systemd/random-seed\nc  /var/cache/x\n\n\
             box: made at the first boot of this device\nconsole login: admin\npassword: {password}\n"
        ))
    };
    let one = device("1", "2", "abcd");
    assert_eq!(one.shared(&device("3", "4", "efgh")), [""; 0]);
    assert_eq!(
        one.shared(&device("3", "2", "abcd")),
        ["/var/lib/systemd/random-seed", "password: abcd"]
    );
}
