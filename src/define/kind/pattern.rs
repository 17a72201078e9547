//! Regular expressions in a syntax that means the same in Rust and in Perl, because imgbuild and the device evaluate the
//! same patterns.
//!
//! A pattern has to match a whole text. It is printable ASCII and consists of:
//!
//! ```text
//! a  \.            a character; a character with a special meaning has `\` before it
//! [a-z_]  [^a-z_]  one of these characters; any character but these
//! (?:…)  (?i:…)    a group; a group that ignores the case of ASCII letters
//! (?<name>…)       a part with a name
//! a|b  a?  a*  a+  a{3}  a{1,3}
//! ```
//!
//! Of these, a group with a part in it may have only `?` behind it: if the last of several rounds is empty, Perl has another
//! part than Rust. There is no `.`, `^`, `$` or `\d`, because Rust and Perl differ about them, and no look-around and no
//! back-reference.

use regex_lite::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use std::sync::LazyLock;

/// The largest size of a compiled pattern in bytes. A short pattern such as `(?:a{9999}){9999}` would take gigabytes.
pub(super) const MAX_SIZE: usize = 1 << 18;

/// The syntax, itself as a pattern: the start of a group, `|`, or an element that may be repeated, where `)` is the end of
/// a group.
static SYNTAX: LazyLock<Regex> = LazyLock::new(|| {
    let sign = r"\\[!-/:-@\[-`{-~]";
    let plain = r##"[ !"#%&',/0-9:;<=>@A-Z_`a-z~)-]"##;
    let class = format!(r"\[\^?(?:[ -Z_-~]|{sign})(?:[ -Z^-~]|{sign})*\]");
    let repeated = r"(?:[?*+]|\{[0-9]+(?:,[0-9]+)?\})?";
    let syntax = format!(r"^(?:\(\?(?::|i:|<[a-z]+>)|\||(?:{plain}|{sign}|{class}){repeated})*");
    Regex::new(&syntax).expect("the syntax of patterns is a pattern")
});

/// A compiled pattern.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = SYNTAX.find(&text).map_or(0, |found| found.end());
        if known < text.len() {
            return Err(format!("patterns have no `{}`", &text[known..]));
        }
        let whole = format!("^(?:{text})$");
        let regex = RegexBuilder::new(&whole).size_limit(MAX_SIZE).build();
        let regex = regex.map_err(|error| format!("`{text}` is no pattern: {error}"))?;
        match repeats_a_part(&text) {
            true => Err(format!("`{text}` repeats a part, which has one text only")),
            false => Ok(Self(regex)),
        }
    }
}

impl Pattern {
    /// The named parts of `text`; `None` if the pattern does not match the whole text.
    pub(super) fn parts<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.0.captures(text)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The names of the parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }

    /// Whether there is a part `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

/// Whether a group that is or has a part may be there several times. `text` is a pattern.
fn repeats_a_part(text: &str) -> bool {
    // For each open group, whether it is or has a part.
    let mut open = Vec::new();
    let mut in_class = false;
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let escaped = sign == '\\';
        match sign {
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => open.push(rest.starts_with("(?<")),
            ')' if !in_class && open.pop() == Some(true) => {
                if rest[1..].starts_with(['*', '+', '{']) {
                    return true;
                }
                if let Some(around) = open.last_mut() {
                    *around = true;
                }
            }
            _ => {}
        }
        // Patterns are ASCII.
        rest = rest.get(1 + usize::from(escaped)..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn what_rust_and_perl_may_read_in_two_ways_is_no_pattern() {
        let refused = r"
            . ^a a$ \d \x41 (a) (?=a) (?<!a)b (?<n>a)\1 (?x:a) a++ a*? a{1,3}+ a{,3} a{1,} a{x} [^^] [^] [[:alpha:]]
            [a&&b] [a--b] [a~~b] ä (?P<n>a) (?<N>a) (?i)a [a a) (?:a * a{ a} a] [] a|* (?:*a) [z-a] (?<n>a)(?<n>b)
            (?:(?<n>a*))* (?<n>a)+ (?:x(?:(?<n>a))?){2} (?<n>[)])*";
        for text in refused.split_whitespace().chain(["a\tb", "a\n"]) {
            assert!(Pattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_part_that_is_there_once_is_sound() {
        for text in [
            r"(?:(?<n>a*))?",
            r"(?<n>(?:a|b)*)",
            r"(?:[(?<x>])*",
            r"(?:\(\?<x>)*",
        ] {
            assert!(Pattern::try_from(text.to_owned()).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_matched_with_a_whole_text() {
        let pattern = r"(?i:a|b)(?<rest>[^ ]*)c{1,2}\.".to_owned();
        let pattern = Pattern::try_from(pattern).unwrap();
        let rest = |text| Some(pattern.parts(text)?.name("rest")?.as_str());
        assert_eq!(rest("Axüc."), Some("xü"));
        assert_eq!(rest("bcc."), Some("c"));
        for text in ["xac.", "ac.x", "ac.\n", "a c."] {
            assert_eq!(rest(text), None, "{text:?}");
        }
    }
}
