//! Explains why a text is refused, where there is more to say than what is expected. The device does not give these
//! explanations, so their patterns may have any syntax of regex-lite.

use super::Kind;
use super::pattern::MAX_SIZE;
use regex_lite::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use std::net::IpAddr;

/// An explanation for texts that match the pattern `when` and do not match the pattern `unless`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Problem {
    when: Option<Search>,
    unless: Option<Search>,
    says: String,
}

impl Problem {
    /// The explanation, if it fits `text`. A match counts only if its named parts `suit`.
    pub(super) fn of(&self, text: &str, suit: impl Fn(&Captures<'_>) -> bool) -> Option<&str> {
        let matches = |search: &Search| search.0.captures(text).is_some_and(|parts| suit(&parts));
        let met = self.when.as_ref().is_none_or(matches);
        let but = self.unless.as_ref().is_some_and(matches);
        (met && !but).then_some(&self.says)
    }
}

/// A pattern that may match anywhere in a text.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Search(Regex);

impl TryFrom<String> for Search {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, regex_lite::Error> {
        let pattern = RegexBuilder::new(&text).size_limit(MAX_SIZE).build();
        pattern.map(Self)
    }
}

/// An explanation that is computed from the text, by its name in the key `advice`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Advice {
    Address,
    Hostname,
    Locale,
    UrlPath,
}

impl Advice {
    /// The explanation for `text`, which is not of the kind `kind`.
    pub(super) fn of(self, kind: &Kind, text: &str) -> Option<String> {
        match self {
            Self::Address => of_address(text),
            Self::Hostname => of_hostname(text),
            Self::Locale => {
                let meant = meant_locale(text).filter(|meant| kind.text(meant).is_some());
                meant.map(|meant| format!("did you mean `{meant}`?"))
            }
            Self::UrlPath => of_url_path(text),
        }
    }
}

const ITSELF: &str = "for every machine that is the machine itself";

/// Explains why a text that looks like a name or an address cannot be that of another machine.
fn of_address(text: &str) -> Option<String> {
    let words = match text.split('/').next()?.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            let plain = address.to_ipv4_mapped()?;
            return Some(format!("it is an address of IPv4; write `{plain}`"));
        }
        Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
            "it is of one link only, and by which interface cannot be said here"
        }
        Ok(address) if address.is_loopback() => ITSELF,
        Ok(_) => return None,
        Err(_) if is_itself(text) => ITSELF,
        Err(_) if is_number(text) => {
            "programs take a name that ends in a number for an address, and this is none"
        }
        Err(_) => return None,
    };
    Some(words.to_owned())
}

/// Whether a name means the machine itself, so that the kinds of names exclude it.
fn is_itself(text: &str) -> bool {
    let named = ["hostname", "domain"].into_iter().filter_map(Kind::named);
    named.into_iter().any(|kind| kind.excludes(text))
}

/// Whether a text would be a name if its last part were not a number.
fn is_number(text: &str) -> bool {
    let name = Kind::named("machine-name");
    name.is_some_and(|name| name.excludes(text) && name.text(&format!("{text}.a")).is_some())
}

fn of_hostname(text: &str) -> Option<String> {
    match text.split_once('.') {
        Some((name, _)) if text.parse::<IpAddr>().is_err() => {
            Some(format!("a host name has no domain; expected `{name}`"))
        }
        _ => of_address(text),
    }
}

/// The UTF-8 locale that is meant by `de_DE`, `en_US.utf8` or `ca-es@valencia`. The modifier `@euro` is dropped, because every
/// UTF-8 locale has the euro sign.
fn meant_locale(text: &str) -> Option<String> {
    let (rest, modifier) = text.split_once('@').unwrap_or((text, "euro"));
    let name = rest.split('.').next()?;
    let meant = match (name, name.split_once(['_', '-'])) {
        ("C" | "POSIX", _) => "C.UTF-8".to_owned(),
        (_, Some((language, country))) => format!(
            "{}_{}.UTF-8",
            language.to_ascii_lowercase(),
            country.to_ascii_uppercase()
        ),
        _ => return None,
    };
    Some(match modifier {
        "euro" => meant,
        _ => format!("{meant}@{modifier}"),
    })
}

/// Explains how to write the first character that is not allowed in a URL.
fn of_url_path(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&()*+,;=:@/?".contains(c);
    let is_escape = |at: usize| {
        let digits = text.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut characters = text.char_indices();
    let (_, wrong) = characters.find(|&(at, c)| !(is_plain(c) || c == '%' && is_escape(at)))?;
    let bytes = wrong.to_string().into_bytes().into_iter();
    let code: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
    Some(format!("write `{code}` for `{wrong}`"))
}
