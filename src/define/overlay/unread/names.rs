//! The rules of programs for the names of the files that they read in a folder.

use crate::diag::nearest;
use std::fmt;

/// A rule for the names of files.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// The names end in one of these endings and are longer than it.
    Ending(&'static [&'static str]),
    /// The names of files end in one of the first list. The names of folders are those of files with `.d` (`x.service.d`, or
    /// only `service.d`), or end in one of the second list.
    Kinds(&'static [&'static str], &'static [&'static str]),
    /// The rule of cron(8) and run-parts(8).
    Plain,
    /// The rule of run-parts(8) with `--lsbsysinit`.
    Lsb,
    /// The rule of sudoers(5) for `@includedir`.
    Sudo,
    /// The rule of logrotate(8): `tabooext`.
    Logrotate,
    /// The rule of apt for sources.list(5) and trusted.gpg.d: the names end in one of these endings.
    Apt(&'static [&'static str]),
    /// The rule of apt for apt.conf(5), apt_preferences(5) and apt_auth.conf(5): the names end in this ending,
    /// or have no dot.
    AptOrBare(&'static [&'static str]),
}

/// The default of `tabooext` in logrotate(8).
const TABOO: &str = ",v .bak .cfsaved .disabled .dpkg-bak .dpkg-del .dpkg-dist .dpkg-new .dpkg-old .dpkg-tmp .rpmnew \
                     .rpmorig .rpmsave .swp .ucf-dist .ucf-new .ucf-old";

/// Another default of `tabooext`, which may be followed by anything.
const RHN: &str = ".rhn-cfg-tmp-";

/// The endings that run-parts(8) excludes from its rule with `--lsbsysinit`.
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
            Self::Logrotate => {
                let taboo: Vec<&str> = TABOO.split(' ').collect();
                !ends(&taboo) && !name.ends_with('~') && !name.contains(RHN)
            }
            Self::Apt(endings) => is_of_apt(name) && ends(endings),
            Self::AptOrBare(endings) => is_of_apt(name) && (ends(endings) || !name.contains('.')),
        }
    }

    /// Whether the program reads the files of a folder of this `name` in the folder.
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

    /// A name similar to `name` that is read.
    pub(super) fn instead_of(self, name: &str) -> Option<String> {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut candidates = Vec::new();
        match self {
            Self::Ending(endings)
            | Self::Kinds(endings, _)
            | Self::Apt(endings)
            | Self::AptOrBare(endings) => {
                // For `x.conf.bak`, this is `x.conf`.
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
        // A script of csh does not become one of sh by another name.
        let is_foreign =
            matches!(self, Self::Ending(_)) && ending != "sh" && ending.ends_with("sh");
        candidates
            .into_iter()
            .find(|name| self.reads(name) && !is_foreign)
    }
}

/// Whether `name` consists of letters, digits, `_` and `-`.
fn is_plain(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    !name.is_empty() && name.chars().all(fits)
}

/// Whether `name` consists of letters, digits and `_-:.`.
fn is_of_apt(name: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_-:.".contains(letter);
    name.chars().all(known)
}

/// Whether `name` matches `^[a-z0-9][a-z0-9-]*$` or `^_?([a-z0-9_.]+-)+[a-z0-9]+$` (run-parts(8)).
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

/// `name` with a dash in the place of each run of characters that are not plain.
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
                "names that end in none of `~`, `{}`",
                TABOO.replace(' ', "`, `")
            ),
            Self::Apt(endings) | Self::AptOrBare(endings) => {
                let letters = "names of letters, digits, `_`, `-`, `:` and `.` that";
                let is_bare = matches!(self, Self::AptOrBare(_));
                let bare = if is_bare { ", or have no dot" } else { "" };
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
        const SOURCES: Names = Names::Apt(&[".list", ".sources"]);
        const PREFERENCES: Names = Names::AptOrBare(&[".pref"]);
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
