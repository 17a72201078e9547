//! dpkg's list of packages, `/var/lib/dpkg/status`, and what its field `Status` says of one (dpkg(1)).

use super::control::Stanza;
use crate::tree::{Kind, Objects, Tree, TreePath};
use std::io;

/// Where the list is.
pub const PATH: &str = "/var/lib/dpkg/status";

/// How far dpkg has come with a package, in the order of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is known by its name alone.
    NotInstalled,
    /// It was removed; its configuration is left.
    ConfigFiles,
    /// Its unpacking began.
    HalfInstalled,
    /// Its files are there.
    Unpacked,
    /// Its configuring began.
    HalfConfigured,
    /// It waits for triggers of other packages.
    TriggersAwaited,
    /// Triggers of its own are to run.
    TriggersPending,
    /// Everything is done.
    Installed,
}

impl State {
    const WORDS: [(&'static str, Self); 8] = [
        ("not-installed", Self::NotInstalled),
        ("config-files", Self::ConfigFiles),
        ("half-installed", Self::HalfInstalled),
        ("unpacked", Self::Unpacked),
        ("half-configured", Self::HalfConfigured),
        ("triggers-awaited", Self::TriggersAwaited),
        ("triggers-pending", Self::TriggersPending),
        ("installed", Self::Installed),
    ];

    /// Whether the package is there, be it unconfigured.
    pub fn is_there(self) -> bool {
        self >= Self::HalfInstalled
    }

    /// Whether its scripts have run, so that it can be triggered.
    pub fn is_configured(self) -> bool {
        self >= Self::TriggersAwaited
    }
}

/// What the field `Status` says: `install ok installed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the package shall stay at its version.
    pub held: bool,
    /// How far dpkg has come with it.
    pub state: State,
}

impl Status {
    /// Reads the value of the field; nothing where dpkg would not read it.
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let held = words.next()? == "hold";
        let word = words.nth(1)?;
        let (_, state) = State::WORDS.into_iter().find(|(known, _)| *known == word)?;
        Some(Self { held, state })
    }

    /// Reads the field of `stanza`.
    pub fn of(stanza: &Stanza<'_>) -> Option<Self> {
        Self::parse(stanza.get("Status")?)
    }
}

/// Reads the list of `tree`, which is empty if the tree has no such file.
///
/// # Errors
///
/// If `objects` cannot be read.
pub fn text(tree: &Tree, objects: &dyn Objects) -> io::Result<String> {
    let path = TreePath::parse(PATH.as_bytes()).expect("a plain path");
    let node = tree.resolve(&path).map(|id| tree.node(id));
    let Some(Kind::File(content)) = node.map(|node| &node.kind) else {
        return Ok(String::new());
    };
    let bytes = content.read(objects)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_dpkg_is_a_state_and_nothing_else_is() {
        for (word, state) in State::WORDS {
            let status = Status::parse(&format!("hold ok {word}"));
            assert_eq!(status, Some(Status { held: true, state }));
        }
        for value in [
            "",
            "install",
            "install ok",
            "install ok Installed",
            "ok installed",
        ] {
            assert_eq!(Status::parse(value), None, "{value}");
        }
    }

    #[test]
    fn what_is_removed_is_not_there_and_what_waits_for_triggers_is_configured() {
        let states = |is: fn(State) -> bool| State::WORDS.map(|(_, state)| is(state));
        let there = [false, false, true, true, true, true, true, true];
        assert_eq!(states(State::is_there), there);
        let configured = [false, false, false, false, false, true, true, true];
        assert_eq!(states(State::is_configured), configured);
    }
}
