//! Which names in a folder a program reads.

use crate::diag::nearest;
use std::fmt;

/// A rule for the names of files.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// They end in one of these, with something before.
    Ending(&'static [&'static str]),
    /// The same of files; a folder ends in one of them with `.d` behind, is such an ending (`service.d`), or ends in
    /// one of the second list.
    Kinds(&'static [&'static str], &'static [&'static str]),
    /// cron(8), run-parts(8).
    Plain,
    /// run-parts(8), `--lsbsysinit`.
    Lsb,
    /// sudoers(5), `@includedir`.
    Sudo,
    /// logrotate(8), `tabooext`.
    Logrotate,
    /// apt.conf(5), sources.list(5), apt_preferences(5): an ending, or none at all where `bare`.
    Apt {
        /// The endings.
        endings: &'static [&'static str],
        /// Whether a name without a dot is read.
        bare: bool,
    },
}

/// What a `tabooext` of logrotate(8) is unless it is configured.
const TABOO: [&str; 17] = [
    ",v",
    ".bak",
    ".cfsaved",
    ".disabled",
    ".dpkg-bak",
    ".dpkg-del",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-tmp",
    ".rpmnew",
    ".rpmorig",
    ".rpmsave",
    ".swp",
    ".ucf-dist",
    ".ucf-new",
    ".ucf-old",
];

/// Another one, with anything behind.
const RHN: &str = ".rhn-cfg-tmp-";

/// What run-parts(8) leaves of its wider rule.
const OF_DPKG: [&str; 4] = [".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp"];

impl Names {
    /// Whether a file of this `name` is read.
    pub(super) fn reads(self, name: &str) -> bool {
        let ends = |endings: &[&str]| {
            let mut endings = endings.iter();
            endings.any(|ending| name.len() > ending.len() && name.ends_with(ending))
        };
        match self {
            Self::Ending(endings) | Self::Kinds(endings, _) => ends(endings),
            Self::Plain => is_plain(name),
            Self::Lsb => is_of_lsb(name) && !ends(&OF_DPKG),
            Self::Sudo => !name.contains('.') && !name.ends_with('~'),
            Self::Logrotate => !ends(&TABOO) && !name.ends_with('~') && !name.contains(RHN),
            Self::Apt { endings, bare } => {
                let known =
                    |letter: char| letter.is_ascii_alphanumeric() || "_-:.".contains(letter);
                name.chars().all(known) && (ends(endings) || bare && !name.contains('.'))
            }
        }
    }

    /// Whether the files of a folder of this `name` in there are read, as far as its name says.
    pub(super) fn reads_folder(self, name: &str) -> bool {
        let Self::Kinds(kinds, links) = self else {
            return false;
        };
        let of_kind = |name: &str| {
            let mut kinds = kinds.iter();
            kinds.any(|kind| name.ends_with(kind) || name == &kind[1..])
        };
        let drop_ins = name.strip_suffix(".d").is_some_and(of_kind);
        let mut links = links.iter().filter_map(|link| name.strip_suffix(link));
        drop_ins || links.any(of_kind)
    }

    /// A name near to `name` that is read.
    pub(super) fn instead_of(self, name: &str) -> Option<String> {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut candidates = Vec::new();
        match self {
            Self::Ending(endings) | Self::Kinds(endings, _) | Self::Apt { endings, .. } => {
                // `x.conf.bak`
                let ends = endings.iter().filter_map(|known| {
                    let at = name.find(&format!("{known}."))?;
                    Some(name[..at + known.len()].to_owned())
                });
                candidates.extend(ends);
                let known = endings.iter().map(|known| &known[1..]);
                candidates.extend(nearest(ending, known).map(|near| format!("{stem}.{near}")));
                if let [only] = endings {
                    candidates.extend([stem, name].map(|stem| format!("{stem}{only}")));
                    candidates.push(format!("{}{only}", plain(stem)));
                }
            }
            Self::Plain | Self::Lsb | Self::Sudo | Self::Logrotate => {
                candidates.extend([stem.to_owned(), plain(name), stem.to_lowercase()]);
            }
        }
        // Under the name of a file of sh, csh would still be csh.
        let is_foreign =
            matches!(self, Self::Ending(_)) && ending != "sh" && ending.ends_with("sh");
        candidates
            .into_iter()
            .find(|name| self.reads(name) && !is_foreign)
    }
}

/// Letters, digits, `_` and `-`.
fn is_plain(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    !name.is_empty() && name.chars().all(fits)
}

/// `^[a-z0-9][a-z0-9-]*$` or `^_?([a-z0-9_.]+-)+[a-z0-9]+$`, as run-parts(8) has it.
fn is_of_lsb(name: &str) -> bool {
    let lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let cron = |letter: char| lower(letter) || letter == '-';
    if name.starts_with(lower) && name.chars().all(cron) {
        return true;
    }
    let reserved = |letter: char| lower(letter) || letter == '_' || letter == '.';
    let part = |part: &str| !part.is_empty() && part.chars().all(reserved);
    let Some((parts, last)) = name.rsplit_once('-') else {
        return false;
    };
    !last.is_empty() && last.chars().all(lower) && parts.split('-').all(part)
}

/// `name` with a dash for each run of characters that are not plain.
fn plain(name: &str) -> String {
    let parts = name.split(|letter: char| !is_plain(letter.encode_utf8(&mut [0; 4])));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ending(endings) | Self::Kinds(endings, _) => {
                write!(f, "names that end in {}", listed(endings))
            }
            Self::Plain => f.write_str("names of letters, digits, `_` and `-`"),
            Self::Lsb => {
                f.write_str("names of small letters, digits and `-`, or of a package (`10-x.y-z`)")
            }
            Self::Sudo => f.write_str("names without a dot that do not end in `~`"),
            Self::Logrotate => write!(
                f,
                "names that end in none of `~`, {}",
                TABOO.map(|ending| format!("`{ending}`")).join(", ")
            ),
            Self::Apt { endings, bare } => {
                let letters = "names of letters, digits, `_`, `-`, `:` and `.` that";
                let bare = if *bare { ", or have no dot" } else { "" };
                write!(f, "{letters} end in {}{bare}", listed(endings))
            }
        }
    }
}

/// "`.a`, `.b` or `.c`"
fn listed(endings: &[&str]) -> String {
    let quoted: Vec<String> = endings.iter().map(|it| format!("`{it}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_read_has_one_near_that_is() {
        const CONF: Names = Names::Ending(&[".conf"]);
        const UNITS: Names = Names::Kinds(&[".service", ".socket"], &[".wants"]);
        const SOURCES: Names = Names::Apt {
            endings: &[".list", ".sources"],
            bare: false,
        };
        const PREFERENCES: Names = Names::Apt {
            endings: &[".pref"],
            bare: true,
        };
        for (names, name, expected) in [
            (CONF, "00-x.conf.bak", Some("00-x.conf")),
            (CONF, "x.cfg", Some("x.conf")),
            (CONF, "x", Some("x.conf")),
            (CONF, ".conf", Some(".conf.conf")),
            (UNITS, "x.servce", Some("x.service")),
            (UNITS, "x.service.disabled", Some("x.service")),
            (UNITS, "x.txt", None),
            (Names::Ending(&[".sh"]), "x.csh", None),
            (Names::Plain, "backup.sh", Some("backup")),
            (Names::Plain, "a.b.c", Some("a-b-c")),
            (Names::Plain, "ü.é", None),
            (Names::Lsb, "10-X.sh", Some("10-x")),
            (Names::Sudo, "90-ops.conf", Some("90-ops")),
            (Names::Logrotate, "nginx.disabled", Some("nginx")),
            (SOURCES, "x.sources.off", Some("x.sources")),
            (SOURCES, "x.source", Some("x.sources")),
            (SOURCES, "x", None),
            (PREFERENCES, "x.conf", Some("x.pref")),
            (PREFERENCES, "ä.pref", None),
            (PREFERENCES, "a b.pref", Some("a-b.pref")),
        ] {
            assert!(!names.reads(name), "{name}");
            assert_eq!(names.instead_of(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn folders_of_units_are_those_of_a_kind_of_unit() {
        let units = Names::Kinds(&[".service", ".socket"], &[".wants"]);
        for (name, expected) in [
            ("x.service.d", true),
            ("service.d", true),
            ("x.service.wants", true),
            ("x.servce.d", false),
            ("x.service", false),
            ("x.d", false),
        ] {
            assert_eq!(units.reads_folder(name), expected, "{name}");
        }
        assert!(!Names::Plain.reads_folder("x"));
    }
}
