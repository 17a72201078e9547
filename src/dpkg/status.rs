//! dpkg's list of packages, `/var/lib/dpkg/status`, and its field `Status` (dpkg(1)).

use super::control::Stanza;
use crate::tree::{Objects, Tree, TreePath};
use std::io;

/// The path of the list.
pub const PATH: &str = "/var/lib/dpkg/status";

/// The state of a package, in the order of dpkg's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Only its name is known.
    NotInstalled,
    /// It was removed, and its configuration files are left.
    ConfigFiles,
    /// Its unpacking has begun.
    HalfInstalled,
    /// Its files are in place.
    Unpacked,
    /// Its configuration has begun.
    HalfConfigured,
    /// It waits for triggers of other packages.
    TriggersAwaited,
    /// Its own triggers are pending.
    TriggersPending,
    /// It is unpacked and configured.
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

    /// Whether the package is installed, even if it is not configured yet.
    pub fn is_there(self) -> bool {
        self >= Self::HalfInstalled
    }

    /// Whether its scripts have run, so that it can be triggered.
    pub fn is_configured(self) -> bool {
        self >= Self::TriggersAwaited
    }
}

/// The value of the field `Status`: `install ok installed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the package must stay at its version (`hold`).
    pub held: bool,
    /// Its state.
    pub state: State,
}

impl Status {
    /// Reads the value of the field; `None` if dpkg would refuse it.
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
/// `objects` cannot be read.
pub fn text(tree: &Tree, objects: &dyn Objects) -> io::Result<String> {
    let Some(content) = tree.file(&TreePath::constant(PATH)) else {
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
