//! A build accepts all files that Debian's packages put into the folders of a rule. It also accepts files of
//! other projects' images of which programs complain although they use them.

use super::{Definitions, OF_OTHERS, PACKAGES};
use crate::command::{run, stdout};
use crate::support::{mirror, run_folder};
use imgbuild::define::overlay::Overlay;
use imgbuild::diag::Diagnostics;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The folders of configuration, as a pattern for a line of `Contents-….gz`.
const PLACES: &str =
    r"^(etc|usr/lib/[a-z-]+\.d|usr/(lib|share)/(udev|systemd|polkit-1|dbus-1|NetworkManager))/";

/// Files that are not for the program that reads the folder.
const FOR_OTHERS: [&str; 4] = [
    // Shells that do not read /etc/profile.
    ".csh",
    ".bash",
    ".zsh",
    // systemd ignores this one, to which the maintainer scripts of Wine link (wine 10.0).
    "binfmt.d/wine",
];

/// Files of which programs complain although they use them.
const SOUND: [(&str, &str); 8] = [
    // From MainsailOS; udev complains of the style.
    (
        "etc/udev/rules.d/10-can.rules",
        "SUBSYSTEM==\"net\", ACTION==\"change|add\", KERNEL==\"can*\"  ATTR{tx_queue_len}=\"128\"\n",
    ),
    // From most routers; networkd calls it deprecated.
    (
        "etc/systemd/network/10-lan.network",
        "[Match]\nName=eth1\n\n[Network]\nAddress=10.9.0.21\nIPForward=yes\n",
    ),
    // From RaspAP, with the mode that files of overlays have: sudo accepts it, and visudo expects 0440.
    (
        "etc/sudoers.d/090_raspap",
        "%sudo ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart haproxy\n",
    ),
    // The accounts are those of the same overlay.
    (
        "etc/sysusers.d/sound.conf",
        "u sound - \"Sound\" /var/lib/sound\ng soundio -\n",
    ),
    (
        "etc/tmpfiles.d/sound.conf",
        "d /var/lib/sound 0750 sound sound -\n",
    ),
    (
        "etc/udev/rules.d/99-sound.rules",
        "SUBSYSTEM==\"gpio\", GROUP=\"soundio\", MODE=\"0660\"\n",
    ),
    // A tunnel and its key.
    (
        "etc/systemd/network/wg0.netdev",
        "[NetDev]\nName=wg0\nKind=wireguard\n[WireGuard]\nPrivateKeyFile=/etc/systemd/network/wg0.key\n",
    ),
    (
        "etc/systemd/network/wg0.key",
        "4EgU4fD1V7VbFmXnYdiU1hxXWQ0uB9LwIhVJ7cfJd2w=\n",
    ),
];

/// The paths of files in all packages of Debian 13 for a PC, by folder.
fn contents() -> BTreeMap<String, BTreeSet<String>> {
    let folder = run_folder().join("contents");
    fs_err::create_dir_all(&folder).unwrap();
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for architecture in ["all", "amd64"] {
        let name = format!("Contents-{architecture}.gz");
        let path = folder.join(&name);
        let mirror = mirror();
        let url = format!("{}/dists/trixie/main/{name}", mirror.trim_end_matches('/'));
        let mut helper = Command::new("/usr/lib/apt/apt-helper");
        run(helper.args(["download-file", &url]).arg(&path));
        let text = stdout(Command::new("zgrep").args(["-E", PLACES]).arg(&path));
        for path in text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
        {
            let (folder, _) = path.rsplit_once('/').unwrap();
            let names = paths.entry(folder.to_owned()).or_default();
            names.insert(path.to_owned());
        }
    }
    paths
}

#[test]
fn what_debians_packages_put_into_the_folders_of_a_rule_is_taken() {
    let contents = contents();
    let count: usize = contents.values().map(BTreeSet::len).sum();
    assert!(count > 20_000, "{count} files");
    let mut refused = BTreeSet::new();
    for paths in contents.values() {
        let files: Vec<(&str, &[u8])> = paths
            .iter()
            .map(|path| (path.as_str(), b"#!/bin/sh\n".as_slice()))
            .collect();
        let mut diagnostics = Diagnostics::default();
        Overlay::of_files(&mut diagnostics, "schema = 1\nhelp = \"h\"\n", &files);
        let text = diagnostics.to_string();
        let lines = text
            .lines()
            .filter(|line| line.contains("would not be read"));
        refused.extend(lines.map(str::to_owned));
    }
    let quoted = |line: &String| line.split('`').nth(1).unwrap().to_owned();
    let known = |path: &String| FOR_OTHERS.iter().any(|end| path.ends_with(end));
    let (others, wrong): (Vec<String>, Vec<String>) = refused.iter().map(quoted).partition(known);
    assert_eq!(wrong, Vec::<String>::new(), "{refused:#?}");
    assert!(others.len() > 5, "{others:?}");
}

#[test]
fn what_programs_take_is_no_mistake_whatever_they_say_of_it() {
    let _guard = PACKAGES.lock();
    let definitions = Definitions::new("sound", &format!("\"haproxy-node\", {OF_OTHERS}"));
    for (path, text) in SOUND {
        definitions.file(path, text);
    }
    // This one is a mistake, so that no image is written.
    definitions.file("usr/local/bin/mine", "#!/usr/bin/perl\nnonsense(;\n");
    let output = definitions.refusal();
    assert!(
        output.contains(": 1 mistake") && output.contains("perl -c"),
        "{output}"
    );
}
