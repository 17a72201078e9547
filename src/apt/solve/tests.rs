//! Tests the solutions and the error messages of the solver.

use super::*;
use crate::apt::index::Priority;
use crate::architecture::Architecture;
use std::sync::Arc;

/// A stanza of `name version` with more fields.
fn package(head: &str, more: &str) -> String {
    let (name, version) = head.split_once(' ').unwrap_or((head, "1"));
    let digest = "0".repeat(64);
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: pool/{name}.deb\n\
         Size: 7\nSHA256: {digest}\nStatus: install ok installed\n{more}\n\n"
    )
}

fn text(packages: &[(&str, &str)]) -> Arc<str> {
    packages
        .iter()
        .map(|(head, more)| package(head, more))
        .collect::<String>()
        .into()
}

fn universe(packages: &[(&str, &str)]) -> Universe {
    Universe::new(
        vec![("deb".to_owned(), text(packages))],
        Architecture::Arm64,
    )
    .unwrap()
}

fn request(packages: &str) -> Request {
    Request {
        packages: packages
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect(),
        recommends: true,
        ..Request::default()
    }
}

/// The answer as `name=version` words; automatic packages in parentheses.
fn answer(universe: &Universe, request: &Request) -> String {
    let solution = solve(universe, request, None).unwrap_or_else(|error| panic!("{error}"));
    let shown = solution.locked().into_iter().map(|p| match p.automatic {
        true => format!("({}={})", p.name, p.version),
        false => format!("{}={}", p.name, p.version),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn refusal(universe: &Universe, request: &Request) -> String {
    solve(universe, request, None).unwrap_err().to_string()
}

#[test]
fn dependencies_come_automatically_and_sorted() {
    let universe = universe(&[
        (
            "x",
            "Depends: v, b (>= 2)\nRecommends: r, missing\nSuggests: s",
        ),
        ("b 1", ""),
        ("b 2", ""),
        ("p", "Provides: v\nPriority: optional"),
        ("q", "Provides: v\nPriority: standard"),
        ("r", ""),
        ("s", ""),
    ]);
    assert_eq!(answer(&universe, &request("x")), "(b=2) (q=1) (r=1) x=1");
    let without = Request {
        recommends: false,
        ..request("b x")
    };
    assert_eq!(answer(&universe, &without), "b=2 (q=1) x=1");
}

#[test]
fn sets_of_packages_can_be_asked_for() {
    let universe = universe(&[
        ("e", "Essential: yes\nPriority: optional"),
        ("r", "Priority: required"),
        ("i", "Priority: important"),
        ("o", "Priority: optional"),
    ]);
    let essential = Request {
        essential: true,
        ..Request::default()
    };
    assert_eq!(answer(&universe, &essential), "e=1");
    let mut important = Request {
        priority: Some(Priority::Important),
        ..essential
    };
    assert_eq!(answer(&universe, &important), "e=1 i=1 r=1");
    important.exclude = vec!["i".to_owned()];
    assert_eq!(answer(&universe, &important), "e=1 r=1");
}

#[test]
fn versions_and_repositories_can_be_asked_for() {
    let texts = vec![
        (
            "main".to_owned(),
            text(&[("a 1", ""), ("a 2", ""), ("b 1", "")]),
        ),
        (
            "new".to_owned(),
            text(&[("a 3", "Depends: b (>= 2)"), ("b 2", "")]),
        ),
    ];
    let universe = Universe::new(texts, Architecture::Arm64).unwrap();
    assert_eq!(answer(&universe, &request("a")), "a=3 (b=2)");
    assert_eq!(answer(&universe, &request("a=1")), "a=1");
    assert_eq!(answer(&universe, &request("a/main b:arm64")), "a=2 b=2");
    let not_automatic = universe.not_automatic(&["new"]);
    assert_eq!(answer(&not_automatic, &request("a b")), "a=2 b=1");
    assert_eq!(answer(&not_automatic, &request("a/new")), "a=3 (b=2)");
    assert_eq!(
        refusal(&not_automatic, &request("a=9")),
        "no repository has `a=9`; there is a 2 (main), a 1 (main), a 3 (new)"
    );
}

#[test]
fn excluded_packages_stay_away() {
    let universe = universe(&[
        ("x", "Depends: a | b\nRecommends: c"),
        ("a", ""),
        ("b", ""),
        ("c", ""),
    ]);
    let mut request = request("x");
    request.exclude = vec!["a".to_owned(), "c".to_owned()];
    assert_eq!(answer(&universe, &request), "(b=1) x=1");
    request.exclude.push("b".to_owned());
    assert_eq!(
        refusal(&universe, &request),
        "the packages cannot be installed together:\n  x 1 (deb)\n    has Depends: a | b\n      \
         but `a` is excluded\n      but `b` is excluded"
    );
    request.exclude = vec!["x".to_owned()];
    assert!(refusal(&universe, &request).starts_with("`x` is asked for and excluded"));
}

#[test]
fn names_that_are_no_package_are_refused() {
    let universe = universe(&[
        ("dnsmasq", "Provides: v"),
        ("unbound", "Provides: v"),
        ("tor", "Provides: t"),
    ]);
    assert_eq!(answer(&universe, &request("t")), "tor=1");
    for (wanted, expected) in [
        (
            "dnsmask",
            "no repository has a package `dnsmask`; did you mean dnsmasq?",
        ),
        (
            "zzzzzz",
            "no repository has a package `zzzzzz`; is its repository among the sources?",
        ),
        (
            "v",
            "`v` is no package, but is provided by dnsmasq, unbound: ask for one of them",
        ),
        (
            "tor:amd64",
            "`tor:amd64` asks for architecture `amd64`, but the packages here are for `arm64`",
        ),
    ] {
        assert_eq!(refusal(&universe, &request(wanted)), expected);
    }
}

#[test]
fn what_cannot_be_satisfied_is_shown_with_its_chain() {
    let universe = universe(&[
        ("x", "Depends: y"),
        ("y", "Pre-Depends: z (>= 2) | gone"),
        ("z 1", ""),
    ]);
    assert_eq!(
        refusal(&universe, &request("x")),
        "the packages cannot be installed together:\n  x 1 (deb)\n    needs y 1 (deb)\n    has \
         Pre-Depends: z (>= 2) | gone\n      but there is only z 1 (deb)\n      but no repository \
         has `gone`"
    );
}

#[test]
fn a_conflict_is_shown_with_both_chains() {
    let universe = universe(&[
        ("x", "Depends: a"),
        ("a", "Conflicts: v (<< 2)"),
        ("y", "Depends: b"),
        ("b", "Provides: v (= 1)"),
    ]);
    assert_eq!(
        refusal(&universe, &request("x y")),
        "the packages cannot be installed together:\n  y 1 (deb)\n    has Depends: b\n      but b 1 \
         (deb) and a 1 (deb) exclude each other: a has Conflicts: v (<< 2); the latter is needed by \
         x → a"
    );
}

#[test]
fn requests_that_exclude_each_other_are_refused() {
    let universe = universe(&[("x", "Conflicts: y"), ("y", "")]);
    assert_eq!(
        refusal(&universe, &request("x y")),
        "the packages cannot be installed together:\n  y 1 (deb)\n      but y 1 (deb) and x 1 (deb) \
         exclude each other: x has Conflicts: y; the latter is needed by x"
    );
}

#[test]
fn a_relation_that_cannot_be_read_is_named() {
    let universe = universe(&[("x", "Depends: a b")]);
    let expected = "x 1 (deb)\n    has Depends: a b\n      but the field cannot be read";
    assert!(refusal(&universe, &request("x")).ends_with(expected));
}

#[test]
fn a_base_is_kept_and_upgraded_only_where_needed() {
    let universe = universe(&[
        ("x", "Depends: a (>= 2), b"),
        ("a 2", ""),
        ("b 2", ""),
        ("y", "Depends: c (= 1)"),
        ("c 1", ""),
    ]);
    let status = text(&[("a 1", ""), ("b 1", ""), ("c 1+rpt1", "")]);
    let base = Index::status("base", status, Architecture::Arm64).unwrap();
    let solution = solve(&universe, &request("x"), Some(&base)).unwrap();
    let shown = solution.packages.iter().map(|chosen| {
        let old = chosen.replaces.map(|old| old.to_string());
        (chosen.package.to_string(), old)
    });
    let expected = [
        ("a 2 (deb)".to_owned(), Some("a 1 (base)".to_owned())),
        ("x 1 (deb)".to_owned(), None),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let error = solve(&universe, &request("y"), Some(&base))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("has Depends: c (= 1)\n      but c 1+rpt1 is installed"),
        "{error}"
    );
}

/// A chain of `len` packages, each of which needs the next one; the last one has `end`.
fn chain(len: usize, end: &str) -> Universe {
    let needs = |n: usize| match n + 1 < len {
        true => format!("Depends: p{}", n + 1),
        false => end.to_owned(),
    };
    let packages = (0..len).map(|n| package(&format!("p{n}"), &needs(n)));
    let text: Arc<str> = packages.collect::<String>().into();
    Universe::new(vec![("deb".to_owned(), text)], Architecture::Arm64).unwrap()
}

#[test]
fn a_chain_deeper_than_the_marking_goes_is_searched_and_an_endless_one_given_up() {
    let broken = chain(1_100, "Depends: missing");
    assert!(solve(&broken, &request("p200"), None).is_err());
    let deep = chain(1_500, "");
    let solution = solve(&deep, &request("p0"), None).unwrap();
    assert_eq!((solution.packages.len(), solution.searched), (1_500, true));
    let refused = refusal(&chain(30_000, ""), &request("p0"));
    assert!(
        refused.contains("though not every one was tried"),
        "{refused}"
    );
    assert!(refused.contains("packages are left out here)"), "{refused}");
    assert!(refused.len() < 2_000, "{} bytes", refused.len());
}
