//! The places of names in apt's list of names.
//!
//! apt appends a name to its list when it first reads it: as a package, or in a relation of an
//! earlier package. Of providers that are otherwise equal, apt takes the one with the last place.
//! The same is done here, to find apt's solution.

use super::universe::Universe;
use crate::apt::index::Text;
use std::collections::{BTreeMap, BTreeSet};

/// The places of `names`. A name that is not in the list has none.
pub(super) fn places<'a>(
    universe: &Universe,
    names: &BTreeSet<&'a str>,
) -> BTreeMap<&'a str, usize> {
    let mut missing = names.clone();
    // Most of the names that are read are not wanted, which their lengths show quickly.
    let lengths: BTreeSet<usize> = names.iter().map(|name| name.len()).collect();
    let (shortest, longest) = (lengths.first().copied(), lengths.last().copied());
    let fits = |name: &&str| Some(name.len()) >= shortest && Some(name.len()) <= longest;
    let mut places = BTreeMap::new();
    for package in universe.packages() {
        let relations = Text::RELATIONS.map(|field| package.text(field));
        let related = relations.into_iter().flat_map(related_names);
        for name in std::iter::once(package.name()).chain(related).filter(fits) {
            if let Some(name) = missing.take(name) {
                places.insert(name, places.len());
            }
        }
        if missing.is_empty() {
            break;
        }
    }
    places
}

/// The names in a relation field. `name:any` is a name of its own in apt.
fn related_names(text: &str) -> impl Iterator<Item = &str> {
    let separates = |b: u8| b == b',' || b == b'|';
    let parts = text.as_bytes().split(move |b| separates(*b));
    parts.filter_map(|part| {
        let part = part.trim_ascii_start();
        let ends = |b: &u8| b.is_ascii_whitespace() || b"([:".contains(b);
        let end = part.iter().position(ends).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let name = std::str::from_utf8(name).ok()?;
        (!rest.starts_with(b":any")).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    #[test]
    fn a_name_has_the_place_of_its_first_mention() {
        let stanza = |name: &str, more: &str| {
            let digest = "0".repeat(64);
            format!(
                "Package: {name}\nVersion: 1\nArchitecture: all\nFilename: x\nSize: 1\n\
                 SHA256: {digest}\n{more}\n"
            )
        };
        let text = stanza("a", "Provides: p\nDepends: d (>= 1) | c, b:any\n") + &stanza("b", "");
        let texts = vec![("deb".to_owned(), text.into())];
        let universe = Universe::new(texts, Architecture::Amd64).unwrap();
        let names = BTreeSet::from(["a", "b", "c", "d", "p", "x"]);
        let expected = [("d", 1), ("c", 2), ("a", 0), ("p", 3), ("b", 4)];
        assert_eq!(places(&universe, &names), BTreeMap::from(expected));
    }
}
