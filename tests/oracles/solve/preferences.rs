//! Preferences of versions: apt must choose the same candidates.

use super::{Apt, Numbers};
use crate::command::stdout;
use imgbuild::apt::index::Index;
use imgbuild::apt::preferences::{Archive, INSTALLED, NOT_AUTOMATIC, Preferences, USUAL};
use imgbuild::apt::solve::{Request, SolveError, Universe, solve};
use imgbuild::architecture::Architecture;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The number of packages for each set of preferences.
const PACKAGES: usize = 60;
/// The number of sets of preferences.
const SETS: u64 = 12;

/// Three archives: an ordinary one, one with both fields of backports, and one with the first of
/// them.
fn archives() -> [(Archive, String); 3] {
    let archive = |output: [&str; 5], priority: i32, words: &str| {
        let [suite, codename, version, origin, label] = output;
        let text = format!(
            "Suite: {suite}\nCodename: {codename}\nVersion: {version}\nOrigin: {origin}\nLabel: {label}\n\
             Date: Sat, 01 Nov 2025 00:00:00 UTC\n{words}"
        );
        let keys = ['a', 'n', 'v', 'o', 'l'].into_iter();
        let archive = Archive {
            site: Some(String::new()),
            release: keys.zip(output.map(str::to_owned)).collect(),
            priority,
        };
        (archive, text)
    };
    [
        archive(["stable", "trixie", "13.2", "Debian", "Debian"], USUAL, ""),
        archive(
            [
                "stable-backports",
                "trixie-backports",
                "13",
                "Debian",
                "Backports",
            ],
            INSTALLED,
            "NotAutomatic: yes\nButAutomaticUpgrades: yes\n",
        ),
        archive(
            ["experimental", "rc-buggy", "0", "Vendor", "Vendor's"],
            NOT_AUTOMATIC,
            "NotAutomatic: yes\n",
        ),
    ]
}

fn stanza(name: usize, version: &str, more: &str) -> String {
    let source = if name.is_multiple_of(3) {
        "Source: common (9)\n"
    } else {
        ""
    };
    format!(
        "Package: p{name}\n{more}{source}Version: {version}\nArchitecture: all\nMaintainer: x\nDescription: x\n\
         Filename: p{name}.deb\nSize: 1\nSHA256: {:064}\n\n",
        0
    )
}

/// A record of preferences.
fn record(numbers: &mut Numbers) -> String {
    let packages = [
        "*",
        "*",
        "p1*",
        "p[2-4]?",
        "p5 p6 p7",
        "p2",
        "src:common",
        "p8:amd64",
        "p9:any",
    ];
    let package = numbers.one_of(&packages);
    let pins = [
        "release a=stable",
        "release n=trixie*",
        "release o=Debian, l=Backports",
        "release v=13*",
        "release trixie-backports",
        "release 13.2",
        "release o=Vendor",
        "release a=now",
        "origin \"\"",
        "version 2*",
        "version 1",
    ];
    let mut pin = numbers.one_of(&pins);
    if package == "*" && pin.starts_with("version") {
        pin = "release o=Vendor";
    }
    let forbidden = if package == "*" { "never" } else { "-10" };
    let priorities = [
        forbidden, "-1", "1", "99", "100", "101", "500", "600", "990", "1001",
    ];
    let priority = numbers.one_of(&priorities);
    format!("Explanation: for a test\nPackage: {package}\nPin: {pin}\nPin-Priority: {priority}\n\n")
}

/// The candidates of all packages as apt-cache(8) prints them.
fn theirs(apt: &Apt) -> BTreeMap<String, String> {
    let names: Vec<String> = (0..PACKAGES).map(|name| format!("p{name}")).collect();
    let text = stdout(apt.programs.command("apt-cache").arg("policy").args(&names));
    let mut found = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.trim().strip_prefix("Candidate: ") {
            Some(version) => drop(found.insert(name.to_owned(), version.to_owned())),
            None if !line.starts_with(' ') => name = line.trim_end_matches(':'),
            None => {}
        }
    }
    found
}

fn ours(universe: &Universe, installed: &Index) -> BTreeMap<String, String> {
    let candidate = |name: usize| {
        let name = format!("p{name}");
        let request = Request {
            packages: vec![name.parse().unwrap()],
            ..Request::default()
        };
        let there = (0..installed.len()).filter_map(|n| installed.get(n));
        let there = there
            .filter(|package| package.name() == name)
            .map(|it| it.version());
        let version = match solve(universe, &request, Some(installed)) {
            // Other packages of the same source may be upgraded with it.
            Ok(solution) => match solution
                .packages
                .iter()
                .find(|it| it.package.name() == name)
            {
                Some(chosen) => Some(chosen.package.version().to_owned()),
                None => there.map(str::to_owned).next(),
            },
            Err(SolveError::Forbidden { .. } | SolveError::Unknown { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        Some((name, version?))
    };
    (0..PACKAGES).filter_map(candidate).collect()
}

/// The versions of `name`, by archive; the installed one last.
fn texts_of(name: &str, indices: &[String], status: &str) -> Vec<String> {
    let version = |text: &str| {
        let stanza = text.split("\n\n");
        let mut stanza = stanza.filter(|stanza| stanza.contains(&format!("Package: {name}\n")));
        let version = stanza.next()?.split_once("\nVersion: ")?.1;
        Some(version.lines().next()?.to_owned())
    };
    let texts = indices.iter().map(String::as_str).chain([status]);
    texts
        .map(|text| version(text).unwrap_or_default())
        .collect()
}

#[test]
fn apt_prefers_the_same_versions() {
    let archives = archives();
    let releases: Vec<String> = archives.iter().map(|(_, text)| text.clone()).collect();
    let known: Vec<Archive> = archives
        .iter()
        .map(|(archive, _)| archive.clone())
        .collect();
    let mut differing = 0;
    for set in 1..=SETS {
        let mut numbers = Numbers(set * 77);
        let mut indices = vec![String::new(); archives.len()];
        let mut status = String::new();
        for name in 0..PACKAGES {
            // Every package is in at least one archive.
            let certain = numbers.below(indices.len());
            for (n, index) in indices.iter_mut().enumerate() {
                if n == certain || numbers.once_in(2) {
                    *index += &stanza(name, numbers.one_of(&["1", "2", "2.5", "3"]), "");
                }
            }
            if numbers.once_in(2) {
                let state = "Status: install ok installed\n";
                status += &stanza(name, numbers.one_of(&["1", "2", "2.7"]), state);
            }
        }
        let mut text = String::new();
        for _ in 0..numbers.below(7) {
            write!(text, "{}", record(&mut numbers)).unwrap();
        }
        let apt = Apt::preferring(&indices, &releases, &text, &status, Architecture::Amd64);
        let mut preferences = Preferences::default();
        preferences.add(&text).unwrap();
        let texts = indices.iter().enumerate();
        let texts = texts.map(|(n, text)| (n.to_string(), text.as_str().into()));
        let universe = Universe::new(texts.collect(), Architecture::Amd64).unwrap();
        let installed = Index::status("status", status.as_str().into(), Architecture::Amd64);
        let universe = universe.preferring(preferences, known.clone());
        let mut theirs = theirs(&apt);
        differing += theirs.values().filter(|version| *version != "3").count();
        theirs.retain(|_, version| version != "(none)");
        let ours = ours(&universe, &installed.unwrap());
        for name in (0..PACKAGES).map(|name| format!("p{name}")) {
            let versions: Vec<String> = texts_of(&name, &indices, &status);
            // An installed version that is forbidden stays.
            let stays = versions.last().filter(|version| !version.is_empty());
            assert_eq!(
                ours.get(&name),
                theirs.get(&name).or(stays),
                "{name}, of which there are {versions:?}, in set {set}:\n{text}"
            );
        }
    }
    assert!(differing > 100, "{differing}");
}
