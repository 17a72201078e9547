//! Relations between packages: the values of Depends, Conflicts, Provides and similar fields
//! (Debian policy, chapter 7).
//!
//! `libc6 (>= 2.41), python3:any | perl, foo [amd64 linux-any]` is a list, each element of which
//! has one or more alternative relations. Values are slices of the text. The text that `Display`
//! makes is parsed to the same value.

use super::version;
use crate::architecture::Architecture;
use std::fmt;

/// The error for a text that is not a list of relations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no relation between packages: {problem}")]
pub struct RelationError {
    /// The part that cannot be read.
    pub text: String,
    /// The mistake.
    pub problem: &'static str,
}

/// One or more relations, of which one must hold: `a | b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternatives<'a>(pub Vec<Relation<'a>>);

/// A package, possibly limited to certain versions and architectures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The name of a package, or a name that packages provide.
    pub name: &'a str,
    /// The word after `name:`: `any`, `native` or an architecture.
    pub qualifier: Option<&'a str>,
    /// The versions that satisfy the relation.
    pub constraint: Option<Constraint<'a>>,
    /// The terms in `[…]`. If there are none, the relation holds on every architecture.
    pub architectures: Vec<&'a str>,
}

/// A set of versions: `(>= 2.41)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint<'a> {
    /// How a version must compare to this one.
    pub operator: Operator,
    /// The version as it was written.
    pub version: &'a str,
}

/// A comparison of two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// The spellings of operators, longest first. `<` and `>` are old spellings that include equality.
const OPERATORS: [(&str, Operator); 7] = [
    ("<<", Operator::Earlier),
    ("<=", Operator::EarlierOrEqual),
    (">=", Operator::LaterOrEqual),
    (">>", Operator::Later),
    ("=", Operator::Equal),
    ("<", Operator::EarlierOrEqual),
    (">", Operator::LaterOrEqual),
];

/// Parses `text`, a list of alternatives that are separated by commas.
///
/// # Errors
///
/// A part of `text` is not a relation.
pub fn parse(text: &str) -> Result<Vec<Alternatives<'_>>, RelationError> {
    let parts = text.split(',').map(str::trim_ascii);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| part.split('|').map(parse_one).collect::<Result<_, _>>())
        .map(|relations| relations.map(Alternatives))
        .collect()
}

/// Whether `text` can be the name of a package. Names in archives outside Debian have capitals and
/// `_`.
pub fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"+-._".contains(&b);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(inner)
}

impl Constraint<'_> {
    /// Whether `version` is in the set.
    pub fn admits(&self, version: &str) -> bool {
        let order = version::compare(version, self.version);
        match self.operator {
            Operator::Earlier => order.is_lt(),
            Operator::EarlierOrEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::LaterOrEqual => order.is_ge(),
            Operator::Later => order.is_gt(),
        }
    }
}

impl Relation<'_> {
    /// Whether the `[…]` of the relation includes `architecture`.
    pub fn applies_to(&self, architecture: Architecture) -> bool {
        let names = |term: &str| {
            let cpu = term.strip_prefix("any-").or(term.strip_prefix("linux-"));
            ["any", "linux-any", architecture.debian()].contains(&term)
                || cpu == Some(architecture.debian())
        };
        let excluded = |term: &&str| term.starts_with('!');
        let mut terms = self.architectures.iter();
        match self.architectures.first() {
            None => true,
            Some(first) if excluded(first) => {
                !terms.any(|term| names(term.trim_start_matches('!')))
            }
            Some(_) => terms.any(|term| names(term)),
        }
    }
}

/// Parses `text`, a single relation without `,` and `|`.
///
/// # Errors
///
/// `text` is not a relation.
pub fn parse_one(text: &str) -> Result<Relation<'_>, RelationError> {
    let refuse = |problem| RelationError {
        text: text.trim_ascii().chars().take(100).collect(),
        problem,
    };
    let text = text.trim_ascii();
    let ends = |c: char| c.is_ascii_whitespace() || "([<:".contains(c);
    let (name, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    if !is_name(name) {
        return Err(refuse("a package name is expected"));
    }
    let (qualifier, rest) = match rest.strip_prefix(':') {
        None => (None, rest),
        Some(rest) => {
            let (word, rest) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            if !is_name(word) {
                return Err(refuse("an architecture is expected after `:`"));
            }
            (Some(word), rest)
        }
    };
    let (constraint, rest) = match enclosed(rest, '(', ')') {
        None => (None, rest),
        Some((inner, rest)) => (Some(constraint(inner).map_err(refuse)?), rest),
    };
    let (architectures, rest) = match enclosed(rest, '[', ']') {
        None => (Vec::new(), rest),
        Some((inner, rest)) => (restriction(inner).map_err(refuse)?, rest),
    };
    if !rest.trim_ascii().is_empty() {
        return Err(refuse(
            "expected `name`, `(operator version)`, `[architectures]`",
        ));
    }
    Ok(Relation {
        name,
        qualifier,
        constraint,
        architectures,
    })
}

/// The text between `open` and `close` at the start of `text`, and the text after `close`.
fn enclosed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    text.trim_ascii_start()
        .strip_prefix(open)?
        .split_once(close)
}

fn constraint(text: &str) -> Result<Constraint<'_>, &'static str> {
    let text = text.trim_ascii();
    let mut operators = OPERATORS.iter();
    let found = operators.find_map(|(word, operator)| Some((text.strip_prefix(word)?, *operator)));
    // policy, 7.1: a version without an operator is not allowed, but dpkg reads it as `=`.
    let (version, operator) = found.unwrap_or((text, Operator::Equal));
    let version = version.trim_ascii();
    match version::check(version) {
        Ok(()) => Ok(Constraint { operator, version }),
        Err(error) => Err(error.problem),
    }
}

fn restriction(text: &str) -> Result<Vec<&str>, &'static str> {
    let terms: Vec<&str> = text.split_ascii_whitespace().collect();
    let excluded = terms.iter().filter(|term| term.starts_with('!')).count();
    let valid = |term: &&str| is_name(term.strip_prefix('!').unwrap_or(term));
    if terms.is_empty() || !terms.iter().all(valid) {
        return Err("architectures are expected in `[…]`");
    }
    if excluded != 0 && excluded != terms.len() {
        return Err("`!` must stand before every architecture or before none");
    }
    Ok(terms)
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut spellings = OPERATORS.iter();
        let found = spellings.find(|(_, operator)| operator == self);
        f.write_str(found.expect("every operator has a spelling").0)
    }
}

impl fmt::Display for Constraint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {})", self.operator, self.version)
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some(constraint) = self.constraint {
            write!(f, " {constraint}")?;
        }
        if !self.architectures.is_empty() {
            write!(f, " [{}]", self.architectures.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Alternatives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, relation) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " | " })?;
            relation.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let shown: Vec<String> = parse(text)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        shown.join(", ")
    }

    #[test]
    fn relations_are_read_and_shown() {
        for (text, expected) in [
            ("", ""),
            (
                "libc6(>=2.41) ,,a|b ( << 1 ),",
                "libc6 (>= 2.41), a | b (<< 1)",
            ),
            (
                "a (< 1), b (> 2), c (= 3), d (4)",
                "a (<= 1), b (>= 2), c (= 3), d (= 4)",
            ),
            ("python3:any\n (>= 3)", "python3:any (>= 3)"),
            (
                "a [ !amd64  !arm64 ], b:arm64 (= 1) [linux-any]",
                "a [!amd64 !arm64], b:arm64 (= 1) [linux-any]",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn what_is_no_relation_is_refused() {
        for text in [
            "a b",
            "(>= 1)",
            "a |",
            "a (>= )",
            "a (>= 1",
            "a (>= 1) b",
            "a:",
            "a []",
            "a [x !y]",
            "a <!nocheck>",
            "é",
            "a (1) (2)",
            "-a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn constraints_admit_versions() {
        for (operator, admitted) in [
            ("<<", [true, false, false]),
            ("<=", [true, true, false]),
            ("=", [false, true, false]),
            (">=", [false, true, true]),
            (">>", [false, false, true]),
        ] {
            let text = format!("a ({operator} 2)");
            let constraint = parse(&text).unwrap()[0].0[0].constraint.unwrap();
            assert_eq!(
                ["1", "2-0", "3"].map(|v| constraint.admits(v)),
                admitted,
                "{operator}"
            );
        }
    }

    #[test]
    fn restrictions_choose_architectures() {
        for (text, applies) in [
            ("a", true),
            ("a [arm64]", true),
            ("a [any-arm64]", true),
            ("a [amd64 linux-any]", true),
            ("a [amd64]", false),
            ("a [!arm64]", false),
            ("a [!amd64]", true),
        ] {
            assert_eq!(
                parse(text).unwrap()[0].0[0].applies_to(Architecture::Arm64),
                applies,
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-cé :|,()<>=!\\[\\]1.\n-]{0,30}") {
            if let Ok(list) = parse(&text) {
                let again: Vec<String> = list.iter().map(ToString::to_string).collect();
                let again = again.join(", ");
                proptest::prop_assert_eq!(parse(&again).unwrap(), list);
            }
        }
    }
}
