//! Files that Debian's packages put into the folders of a rule are no mistakes: a build takes each of them.

use crate::support::{bench, mirror, run, said};
use imgbuild::define::overlay::Overlay;
use imgbuild::diag::Diagnostics;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Where configuration lies, as a pattern for a line of `Contents-….gz`.
const PLACES: &str =
    r"^(etc|usr/lib/[a-z-]+\.d|usr/(lib|share)/(udev|systemd|polkit-1|dbus-1|NetworkManager))/";

/// What is meant for others than who reads the folder.
const FOR_OTHERS: [&str; 4] = [
    // Shells that do not read /etc/profile.
    ".csh",
    ".bash",
    ".zsh",
    // systemd passes over it, indeed: Wine's maintainer scripts link to it (wine 10.0).
    "binfmt.d/wine",
];

/// The paths of files in all packages of Debian 13 for a PC, by folder.
fn contents() -> BTreeMap<String, BTreeSet<String>> {
    let folder = bench().join("contents");
    fs_err::create_dir_all(&folder).unwrap();
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for architecture in ["all", "amd64"] {
        let name = format!("Contents-{architecture}.gz");
        let path = folder.join(&name);
        let mirror = mirror();
        let url = format!("{}/dists/trixie/main/{name}", mirror.trim_end_matches('/'));
        let mut helper = Command::new("/usr/lib/apt/apt-helper");
        run(helper.args(["download-file", &url]).arg(&path));
        let text = said(Command::new("zgrep").args(["-E", PLACES]).arg(&path));
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
        let text = diagnostics.to_text(false);
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
