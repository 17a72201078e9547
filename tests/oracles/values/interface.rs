//! Names of interfaces: those are accepted, and only those, that the kernel gives to a link and by
//! which networkd finds it.

use super::{Case, Cases, generated, kind};
use imgbuild::define::Raw;

/// Names that programs take for something else, or that no link can have.
const REFUSED: [&str; 11] = [
    "5",
    "0123",
    "all",
    "default",
    "lo",
    "..",
    "a/b",
    "a:0",
    "eth%d",
    "wlx0123456789abc",
    "\u{e9}th0",
];

fn is_taken(name: &str) -> bool {
    kind("interface")
        .read(&Raw::Text(name.to_owned()))
        .is_some()
}

/// The links that networkd takes for the uplink, for each name.
fn managed(
    names: &[String],
    settings: impl Fn(&String) -> Vec<(&'static str, String)>,
) -> Vec<String> {
    let address = || ("uplink-address", "192.0.2.10/24".to_owned());
    let case = |name: &String| Case {
        settings: [vec![address()], settings(name)].concat(),
        ..Case::default()
    };
    let cases: Vec<Case> = names.iter().map(case).collect();
    let read = Cases::read_with("base", &cases, "interface.sh", names.iter().cloned());
    read.output("managed").collect()
}

#[test]
fn the_interface_that_was_set_is_the_uplink_and_no_other() {
    let given = [
        "eth0",
        "enp1s0f0",
        "eth0.100",
        "br-lan",
        "0a",
        "x",
        "wlx0123456789ab",
        "auto0",
        "lo0",
        "1.2",
    ];
    let shape = "[A-Za-z0-9][A-Za-z0-9._-]{0,14}";
    let mut names = given.map(str::to_owned).to_vec();
    names.extend(generated(&shape, 12));
    names.retain(|name| is_taken(name));
    assert!(names.len() > 18, "{names:?}");
    let found = managed(&names, |name| vec![("uplink-interface", name.clone())]);
    for (name, managed) in names.iter().zip(found) {
        assert_eq!(managed.lines().collect::<Vec<_>>(), [name], "{name}");
    }
}

#[test]
fn what_programs_take_for_something_else_is_no_interface() {
    let names = REFUSED.map(str::to_owned).to_vec();
    let found = managed(&names, |_| Vec::new());
    for (name, managed) in names.iter().zip(found) {
        assert_ne!(managed.lines().collect::<Vec<_>>(), [name], "{name} works");
        assert!(!is_taken(name), "{name}: {managed:?}");
    }
}
