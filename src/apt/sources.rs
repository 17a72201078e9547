//! Reads apt's sources, which name the archives that a machine or a base image uses
//! (sources.list(5)).

use crate::dpkg::control::{self, ControlError};
use std::path::Path;

/// One enabled entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEntry {
    /// `deb`, `deb-src`.
    pub types: Vec<String>,
    /// Roots of archives, as they are written.
    pub uris: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// Components; a flat archive has none.
    pub components: Vec<String>,
    /// Keyring files, fingerprints or a key block.
    pub signed_by: Option<String>,
}

/// Why a sources file is refused, as apt would refuse it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// The text is not a sequence of stanzas, or a stanza lacks a field.
    #[error("not apt's stanza format")]
    Form(#[from] ControlError),
    /// A line of a `.list` file is malformed.
    #[error("line {line}: expected `deb [options] uri suite components`, found `{found}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// Its text.
        found: String,
    },
}

/// Reads a `.sources` file; disabled entries are left out.
///
/// # Errors
///
/// The text is malformed.
pub fn parse_sources(text: &str) -> Result<Vec<SourceEntry>, SourcesError> {
    let mut entries = Vec::new();
    for stanza in control::parse(text) {
        let stanza = stanza?;
        let enabled = stanza.get("Enabled").unwrap_or("yes");
        if matches!(
            enabled,
            "no" | "false" | "without" | "off" | "disable" | "0"
        ) {
            continue;
        }
        for name in ["Types", "URIs", "Suites"] {
            stanza.required(name)?;
        }
        entries.push(SourceEntry {
            types: stanza.words("Types"),
            uris: stanza.words("URIs"),
            suites: stanza.words("Suites"),
            components: stanza.words("Components"),
            signed_by: stanza.get("Signed-By").map(str::to_owned),
        });
    }
    Ok(entries)
}

/// Reads a `.list` file.
///
/// # Errors
///
/// A line is malformed.
pub fn parse_list(text: &str) -> Result<Vec<SourceEntry>, SourcesError> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split_once('#').map_or(line, |(code, _)| code).trim();
        // The address of a CD, which can have brackets and spaces, is of no use here.
        if code.is_empty() || code.contains("cdrom:") {
            continue;
        }
        let wrong = || SourcesError::Line {
            line: number.saturating_add(1),
            found: line.chars().take(80).collect(),
        };
        entries.push(parse_line(code).ok_or_else(wrong)?);
    }
    Ok(entries)
}

/// Replaces each `mirror+file:` address, which Debian's cloud images use, by the addresses in the
/// file that it names. `read` gives the text of a file; if it gives `None`, the address stays.
pub fn expand_mirror_lists(entries: &mut [SourceEntry], read: impl Fn(&Path) -> Option<String>) {
    for entry in entries {
        let expand = |uri: &String| {
            let path = uri.strip_prefix("mirror+file:");
            // `mirror+file:/etc/x` and `mirror+file:///etc/x` are the same.
            let path = path.map(|path| path.strip_prefix("//").unwrap_or(path));
            let Some(text) = path.and_then(|path| read(Path::new(path))) else {
                return vec![uri.clone()];
            };
            // Options may follow the address, separated by tabs.
            let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
            text.lines()
                .filter_map(first)
                .filter(|word| !word.starts_with('#'))
                .collect()
        };
        entry.uris = entry.uris.iter().flat_map(expand).collect();
    }
}

fn parse_line(code: &str) -> Option<SourceEntry> {
    let (kind, rest) = code.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    if !matches!(kind, "deb" | "deb-src") {
        return None;
    }
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="));
    Some(SourceEntry {
        types: vec![kind.to_owned()],
        uris: vec![uri],
        suites: vec![suite],
        components: words.collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_read_and_disabled_ones_left_out() {
        let text = "# comment\nTypes: deb deb-src\nURIs: http://deb.example/debian\n\
                    Suites: trixie\n trixie-updates\nComponents: main contrib\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: sid\n";
        let expected = SourceEntry {
            types: vec!["deb".to_owned(), "deb-src".to_owned()],
            uris: vec!["http://deb.example/debian".to_owned()],
            suites: vec!["trixie".to_owned(), "trixie-updates".to_owned()],
            components: vec!["main".to_owned(), "contrib".to_owned()],
            signed_by: Some("/usr/share/keyrings/debian-archive-keyring.gpg".to_owned()),
        };
        assert_eq!(parse_sources(text), Ok(vec![expected]));
    }

    #[test]
    fn lines_are_read_with_their_options() {
        let text = "# comment\n\ndeb [ arch=arm64 signed-by=/k.gpg ] http://a.example/x ./ # flat\n\
                    deb cdrom:[Debian 13 _Trixie_]/ trixie main\n";
        let expected = SourceEntry {
            types: vec!["deb".to_owned()],
            uris: vec!["http://a.example/x".to_owned()],
            suites: vec!["./".to_owned()],
            components: Vec::new(),
            signed_by: Some("/k.gpg".to_owned()),
        };
        assert_eq!(parse_list(text), Ok(vec![expected]));
    }

    #[test]
    fn a_line_that_apt_would_refuse_is_refused() {
        for line in [
            "deb",
            "deb http://a.example/x",
            "rpm http://a.example x y",
            "deb [a=b u s",
        ] {
            let error = SourcesError::Line {
                line: 2,
                found: line.to_owned(),
            };
            assert_eq!(parse_list(&format!("\n{line}\n")), Err(error));
        }
    }
}
