//! Finds the mirrors of Debian's own archives among apt's sources.
//!
//! The mirror for a build is taken from them, so that this program need not name one. The suite of
//! the machine does not matter, because every mirror of Debian has all suites.

use super::sources::SourceEntry;
use crate::fetch::Url;

/// Mirrors of Debian's two archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebianMirrors {
    /// The mirror of the main archive.
    pub debian: Url,
    /// The mirror of the archive of security updates.
    pub security: Url,
}

/// The mirrors of Debian's archives among `entries`; `None` if the main archive has no mirror
/// there. If only the security archive has none, it is expected beside the main archive.
pub fn discover_mirrors(entries: &[SourceEntry]) -> Option<DebianMirrors> {
    let debian = best(entries, main_score)?;
    let security = best(entries, security_score).unwrap_or_else(|| debian.with_suffix("-security"));
    Some(DebianMirrors { debian, security })
}

/// The one of `mirrors` for the archive that `entry` uses at `url` for `suite`; `None` if that
/// archive is not Debian's.
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

/// The address with the highest score; if several have it, the first of them.
fn best(
    entries: &[SourceEntry],
    score: fn(&SourceEntry, &Url, &str) -> Option<u32>,
) -> Option<Url> {
    let binary = entries.iter();
    let binary = binary.filter(|entry| entry.types.iter().any(|kind| kind == "deb"));
    // Addresses that only apt can fetch (mirror:, tor:) are passed over.
    let urls = binary.flat_map(|entry| {
        let parsed = entry.uris.iter().filter_map(|uri| uri.parse::<Url>().ok());
        parsed.map(move |url| (entry, url))
    });
    let scored = urls.filter_map(|(entry, url)| {
        let scores = entry.suites.iter();
        let highest = scores.filter_map(|suite| score(entry, &url, suite)).max()?;
        Some((highest, url))
    });
    // `max_by_key` gives the last one of equals.
    let scored: Vec<(u32, Url)> = scored.collect();
    let best = scored.into_iter().rev().max_by_key(|(score, _)| *score);
    best.map(|(_, url)| url)
}

/// A score for how certainly `url` is a mirror of Debian's main archive; `None` if it is not one.
///
/// A path `…/debian` alone is weak: vendors publish their own packages under such paths, with
/// suites named like Debian's. Their archives have no `-updates` and are signed by their own
/// keyring.
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
    Some(sum([
        (by_keyring, 8),
        (pocket.is_some(), 4),
        (by_name, 2),
        (by_path, 1),
    ]))
}

/// A score for how certainly `url` is a mirror of Debian's security archive; `None` if it is not
/// one.
fn security_score(entry: &SourceEntry, url: &Url, suite: &str) -> Option<u32> {
    let by_path = url.path().ends_with("/debian-security");
    let name = suite.strip_suffix("-security");
    let by_name = name.is_some_and(is_suite_of_debian);
    let by_keyring = signed_by_debian(entry)?;
    if !has_main(entry) || name.is_none() || !(by_path || by_name) {
        return None;
    }
    Some(sum([(by_keyring, 4), (by_name, 2), (by_path, 1)]))
}

/// The sum of the weights whose condition holds.
fn sum<const N: usize>(weights: [(bool, u32); N]) -> u32 {
    let given = weights.into_iter().filter(|(given, _)| *given);
    given.map(|(_, weight)| weight).sum()
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

/// Whether `entry` names Debian's keyring; `None` if it names another keyring.
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
    use crate::apt::sources::{expand_mirror_lists, parse_list};

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
