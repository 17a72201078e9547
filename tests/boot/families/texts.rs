//! Files with lines of many packages: every line of the base's file must stay.

use std::collections::{BTreeMap, BTreeSet};

/// Compares the files of a base with those of an image that was made of it.
pub(super) fn judge(before: &BTreeMap<&str, String>, after: &BTreeMap<&str, String>) {
    let pairs = |name: &str| (&*before[name], &*after[name]);
    for name in ["passwd", "shadow"] {
        keeps(name, pairs(name), "\n", str::eq);
    }
    // A new member of a group is behind the old ones.
    for name in ["group", "gshadow"] {
        keeps(name, pairs(name), "\n", |old, new| new.starts_with(old));
    }
    for name in ["status", "extended_states", "config.dat"] {
        keeps(name, pairs(name), "\n\n", str::eq);
    }
    for name in ["diversions", "statoverride"] {
        let (old, new) = pairs(name);
        assert!(new.starts_with(old), "{name}: {old}\n{new}");
    }
    let of_others = |name: &'static str| {
        let lines = before[name].lines();
        lines
            .filter(|line| !line.starts_with("127.0.1.1"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    keeps(
        "hosts",
        (&of_others("hosts"), &after["hosts"]),
        "\n",
        str::eq,
    );
    let hostname = after["hostname"].trim();
    assert!(after["hosts"].contains(&format!("127.0.1.1\t{hostname}\n")));
    let held = "Package: less\nStatus: hold ok installed\n";
    assert!(after["status"].contains(held), "no {held}");
}

/// Checks that every part of the old text is, by `same`, among those of the new one.
fn keeps(name: &str, (old, new): (&str, &str), between: &str, same: impl Fn(&str, &str) -> bool) {
    let known: BTreeSet<&str> = new.split(between).collect();
    let is_lost = |part: &&str| !known.iter().any(|new| same(part, new));
    let lost: Vec<&str> = old
        .split(between)
        .filter(|part| !known.contains(part))
        .filter(is_lost)
        .collect();
    assert!(lost.is_empty(), "lost of {name}: {lost:#?}");
}
