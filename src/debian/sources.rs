//! apt's sources: which archives a machine or a base image uses (sources.list(5)).
//!
//! From them comes the mirror to build from, so that no mirror needs to stand in this program. The
//! suite of the machine does not matter: every mirror of Debian carries all suites.

use super::control::{self, ControlError, Stanza};
use crate::fetch::Url;
use std::path::Path;

/// One entry that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEntry {
    /// `deb`, `deb-src`.
    pub types: Vec<String>,
    /// Roots of archives, as they are written.
    pub uris: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// Components; none for a flat archive.
    pub components: Vec<String>,
    /// Keyring files, fingerprints or a key block.
    pub signed_by: Option<String>,
}

/// A sources file that apt would not accept either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// The form of a `.sources` file.
    #[error("not apt's stanza format")]
    Form(#[from] ControlError),
    /// A line of a `.list` file.
    #[error("line {line}: expected `deb [options] uri suite components`, found `{found}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// Its text.
        found: String,
    },
}

/// Where Debian's two archives can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebianMirrors {
    /// The archive itself.
    pub debian: Url,
    /// The archive of security updates.
    pub security: Url,
}

/// Reads a `.sources` file; disabled entries are left out.
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
            types: words(&stanza, "Types"),
            uris: words(&stanza, "URIs"),
            suites: words(&stanza, "Suites"),
            components: words(&stanza, "Components"),
            signed_by: stanza.get("Signed-By").map(str::to_owned),
        });
    }
    Ok(entries)
}

/// Reads a `.list` file.
pub fn parse_list(text: &str) -> Result<Vec<SourceEntry>, SourcesError> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split_once('#').map_or(line, |(code, _)| code).trim();
        // A CD's address has brackets and spaces of its own, and is of no use here.
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

/// Replaces each `mirror+file:` address, which Debian's cloud images use, by the addresses in the file
/// that it names. `read` gives the text of a file; without it the address stays.
pub fn expand_mirror_lists(entries: &mut [SourceEntry], read: impl Fn(&Path) -> Option<String>) {
    for entry in entries {
        let expand = |uri: &String| {
            let path = uri.strip_prefix("mirror+file:");
            // `mirror+file:/etc/x` and `mirror+file:///etc/x` are the same.
            let path = path.map(|path| path.strip_prefix("//").unwrap_or(path));
            let Some(text) = path.and_then(|path| read(Path::new(path))) else {
                return vec![uri.clone()];
            };
            // Behind the address stand options, divided by tabs.
            let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
            text.lines()
                .filter_map(first)
                .filter(|word| !word.starts_with('#'))
                .collect()
        };
        entry.uris = entry.uris.iter().flat_map(expand).collect();
    }
}

/// The mirrors of Debian's archives among `entries`; `None` where there is no mirror of the main
/// one. Where only that is found, the security archive is expected beside it.
pub fn discover_mirrors(entries: &[SourceEntry]) -> Option<DebianMirrors> {
    let debian = best(entries, main_score)?;
    let security = best(entries, security_score).unwrap_or_else(|| debian.with_suffix("-security"));
    Some(DebianMirrors { debian, security })
}

/// The one of `mirrors` that has what `entry` gets from its address `url` for `suite`; `None` if that
/// is none of Debian's archives.
pub fn mirror_of<'m>(
    entry: &SourceEntry,
    url: &Url,
    suite: &str,
    mirrors: &'m DebianMirrors,
) -> Option<&'m Url> {
    if security_score(entry, url, suite).is_some() {
        return Some(&mirrors.security);
    }
    main_score(entry, url, suite).map(|_| &mirrors.debian)
}

fn words(stanza: &Stanza<'_>, name: &str) -> Vec<String> {
    let value = stanza.folded(name).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
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

/// The address with the highest score, the first of equals.
fn best(
    entries: &[SourceEntry],
    score: fn(&SourceEntry, &Url, &str) -> Option<u32>,
) -> Option<Url> {
    let mut best: Option<(u32, Url)> = None;
    for entry in entries
        .iter()
        .filter(|entry| entry.types.iter().any(|kind| kind == "deb"))
    {
        // Addresses that only apt can fetch (mirror:, tor:) are passed over.
        for url in entry.uris.iter().filter_map(|uri| uri.parse::<Url>().ok()) {
            for suite in &entry.suites {
                let Some(score) = score(entry, &url, suite) else {
                    continue;
                };
                if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                    best = Some((score, url.clone()));
                }
            }
        }
    }
    best.map(|(_, url)| url)
}

/// How sure it is that `url` is a mirror of Debian's main archive; `None` if it is not.
///
/// A path `…/debian` alone is weak: vendors publish their own packages under such paths, with suites
/// named like Debian's. Their archives have no `-updates` and are signed by their own keyring.
fn main_score(entry: &SourceEntry, url: &Url, suite: &str) -> Option<u32> {
    const POCKETS: [&str; 3] = ["-proposed-updates", "-updates", "-backports"];
    let pocket = POCKETS
        .into_iter()
        .find_map(|pocket| suite.strip_suffix(pocket));
    let by_path = url.path().ends_with("/debian");
    let by_name = is_suite_of_debian(pocket.unwrap_or(suite));
    let by_keyring = signed_by_debian(entry)?;
    let sure = by_name && (by_keyring || pocket.is_some());
    if !has_main(entry) || is_security(url, suite) || !(by_path || sure) {
        return None;
    }
    let weights = [
        (by_keyring, 8),
        (pocket.is_some(), 4),
        (by_name, 2),
        (by_path, 1),
    ];
    Some(
        weights
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, weight)| weight)
            .sum(),
    )
}

/// How sure it is that `url` is a mirror of Debian's security archive; `None` if it is not.
fn security_score(entry: &SourceEntry, url: &Url, suite: &str) -> Option<u32> {
    let by_path = url.path().ends_with("/debian-security");
    let name = suite.strip_suffix("-security");
    let by_name = name.is_some_and(is_suite_of_debian);
    let by_keyring = signed_by_debian(entry)?;
    if !has_main(entry) || name.is_none() || !(by_path || by_name) {
        return None;
    }
    let weights = [(by_keyring, 4), (by_name, 2), (by_path, 1)];
    Some(
        weights
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, weight)| weight)
            .sum(),
    )
}

fn has_main(entry: &SourceEntry) -> bool {
    entry.components.iter().any(|component| component == "main")
}

fn is_security(url: &Url, suite: &str) -> bool {
    suite.ends_with("-security") || url.path().ends_with("-security")
}

fn is_suite_of_debian(name: &str) -> bool {
    let suites = [
        "stable",
        "oldstable",
        "oldoldstable",
        "testing",
        "unstable",
        "sid",
    ];
    let codenames = ["bullseye", "bookworm", "trixie", "forky", "duke"];
    suites.contains(&name) || codenames.contains(&name)
}

/// Whether `entry` names Debian's keyring; `None` if it names another one.
fn signed_by_debian(entry: &SourceEntry) -> Option<bool> {
    let Some(signed_by) = entry.signed_by.as_deref() else {
        return Some(false);
    };
    let debian = signed_by.contains("/debian-archive-");
    (debian || !signed_by.starts_with('/')).then_some(debian)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(entries: &[SourceEntry]) -> Option<(String, String)> {
        let found = discover_mirrors(entries)?;
        Some((found.debian.to_string(), found.security.to_string()))
    }

    fn list(text: &str) -> Option<(String, String)> {
        mirrors(&parse_list(text).unwrap())
    }

    fn pair(debian: &str, security: &str) -> Option<(String, String)> {
        Some((debian.to_owned(), security.to_owned()))
    }

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

    #[test]
    fn both_mirrors_of_any_suite_are_found() {
        let text = "deb http://deb.example/debian bookworm main\n\
                    deb http://deb.example/debian bookworm-updates main\n\
                    deb http://deb.example/debian-security bookworm-security main\n";
        let expected = pair(
            "http://deb.example/debian",
            "http://deb.example/debian-security",
        );
        assert_eq!(list(text), expected);
        let sid = "deb https://deb.example/debian/ sid main\n";
        assert_eq!(
            list(sid),
            pair(
                "https://deb.example/debian/",
                "https://deb.example/debian-security"
            )
        );
    }

    #[test]
    fn a_mirror_below_an_unusual_path_is_known_by_its_suites() {
        let text = "deb http://deb.example/pub/d/ stable-updates main\n\
                    deb http://deb.example/pub/s/ stable-security main\n";
        assert_eq!(
            list(text),
            pair("http://deb.example/pub/d/", "http://deb.example/pub/s/")
        );
    }

    #[test]
    fn archives_of_vendors_are_not_taken_for_debian() {
        let vendors = "deb http://vendor.example/debian/ trixie main\n\
                       deb [signed-by=/k/vendor.gpg] http://signed.example/debian trixie main\n\
                       deb http://docker.example/linux/debian trixie stable\n";
        let debian = "deb http://deb.example/debian trixie main\n\
                      deb http://deb.example/debian trixie-updates main\n";
        let expected = pair(
            "http://deb.example/debian",
            "http://deb.example/debian-security",
        );
        assert_eq!(list(&format!("{vendors}{debian}")), expected);
    }

    #[test]
    fn lists_of_mirrors_are_expanded() {
        let text = "deb mirror+file:/etc/apt/mirrors/debian.list trixie main\n\
                    deb mirror+file:///etc/apt/mirrors/security.list trixie-security main\n\
                    deb mirror+file:/etc/apt/mirrors/gone.list trixie contrib\n";
        let mut entries = parse_list(text).unwrap();
        expand_mirror_lists(&mut entries, |path| match path.to_str() {
            Some("/etc/apt/mirrors/debian.list") => {
                Some("# comment\nhttps://deb.example/debian\tpriority:1\n".to_owned())
            }
            Some("/etc/apt/mirrors/security.list") => {
                Some("https://deb.example/debian-security".to_owned())
            }
            _ => None,
        });
        assert_eq!(entries[2].uris, ["mirror+file:/etc/apt/mirrors/gone.list"]);
        let expected = pair(
            "https://deb.example/debian",
            "https://deb.example/debian-security",
        );
        assert_eq!(mirrors(&entries), expected);
    }

    #[test]
    fn machines_of_other_distributions_have_no_mirror() {
        let text = "deb http://other.example/ubuntu noble main\n\
                    deb http://other.example/ubuntu noble-updates main\n\
                    deb http://other.example/ubuntu noble-security main\n\
                    deb http://pi.example/raspbian/ trixie main\n\
                    deb-src http://deb.example/debian trixie main\n\
                    deb mirror+file:/etc/apt/mirrors/debian.list trixie main\n";
        assert_eq!(list(text), None);
    }
}
