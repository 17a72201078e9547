//! Finds files of overlays that no program of the device would read, because of their names or modes.
//!
//! The programs that read folders have rules for names: cron reads no name with a dot, udev only names that end in `.rules`.
//! They silently skip all other files, so that nobody would learn that a job never runs. Therefore **a file that the reader
//! of its folder would skip is refused.**
//!
//! There are exceptions. `README…`, `….example`, `….sample` and names that begin with a dot are not configuration; and
//! a file may be meant for another program if it is `verbatim` in a `[[file]]`, or if another file of the overlay names it by
//! its whole path.

mod names;
mod readers;

use super::ownership::Ownership;
use crate::glob::glob;
use readers::{Needs, READERS, Reader};
use std::cmp::Reverse;

/// The reason why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// What the reader of the folder does instead.
    why: String,
    /// What to do about it.
    help: String,
}

impl Unread {
    /// The reason why no program reads the file at `path`, if that is so; `ownership` is `None` for a symlink.
    pub(super) fn of(path: &str, ownership: Option<&Ownership>) -> Option<Self> {
        let path = match path.strip_prefix("/lib/") {
            // /lib is a link (file-hierarchy(7)).
            Some(rest) => format!("/usr/lib/{rest}"),
            None => path.to_owned(),
        };
        let name = path.rsplit('/').next()?;
        if is_documentation(name) {
            return None;
        }
        let found = READERS.iter().flat_map(|reader| reader.places_of(&path));
        let mut places: Vec<Place<'_>> = found.collect();
        places.sort_by_key(|place| Reverse(place.folder.len()));
        places.iter().find_map(|place| place.unread(ownership))
    }

    /// The title and the help of the message about `source`. Only a file can be `verbatim`.
    pub(super) fn message(&self, source: &str, is_file: bool) -> (String, String) {
        const MEANT: &str =
            ", or write `verbatim = true` into a `[[file]]` for it, if it is for another program";
        let meant = if is_file { MEANT } else { "" };
        let help = format!("{}; or leave it out{meant}", self.help);
        (format!("`{source}` would not be read: {}", self.why), help)
    }
}

/// Whether a file of this `name` is documentation or a sample, which no program reads.
fn is_documentation(name: &str) -> bool {
    let starts = [".", "README"].iter().any(|start| name.starts_with(start));
    let ends = [".example", ".sample"];
    starts || ends.iter().any(|end| name.ends_with(end))
}

/// A file below the folder of a reader.
struct Place<'p> {
    reader: &'static Reader,
    folder: &'p str,
    /// The name in the folder: that of the file or of a folder that it is in.
    name: &'p str,
    is_folder: bool,
}

impl Reader {
    /// The folders of this reader in which `path` is.
    fn places_of<'p>(&'static self, path: &'p str) -> impl Iterator<Item = Place<'p>> {
        let below = self.places.iter().filter_map(move |place| {
            let below = path.strip_prefix(place)?.strip_prefix('/')?;
            Some((place.len() + 1, below))
        });
        below.flat_map(move |(start, below)| {
            let folders = self.folders.iter();
            folders.filter_map(move |pattern| {
                let depth = pattern.matches('/').count();
                let (at, _) = below.match_indices('/').nth(depth)?;
                let names = pattern.split('/').zip(below[..at].split('/'));
                let mut fits =
                    names.map(|(pattern, name)| glob(pattern.as_bytes(), name.as_bytes()));
                let rest = &below[at + 1..];
                let (name, is_folder) = match rest.split_once('/') {
                    Some((name, _)) => (name, true),
                    None => (rest, false),
                };
                fits.all(|fits| fits).then_some(Place {
                    reader: self,
                    folder: &path[..start + at],
                    name,
                    is_folder,
                })
            })
        })
    }
}

impl Place<'_> {
    fn unread(&self, ownership: Option<&Ownership>) -> Option<Unread> {
        let Self {
            reader,
            folder,
            name,
            is_folder,
        } = *self;
        let Reader { program, names, .. } = reader;
        if is_folder {
            let read = reader.includes || names.reads_folder(name);
            return (!read).then(|| Unread {
                why: format!("in `{folder}`, {program} reads no folder `{name}`"),
                help: "move it".to_owned(),
            });
        }
        if !names.reads(name) {
            return Some(Unread {
                why: format!("in `{folder}`, {program} reads only {names}"),
                help: match names.instead_of(name) {
                    Some(other) => format!("rename it (`{other}` is read)"),
                    None => "rename it".to_owned(),
                },
            });
        }
        let Ownership { mode, owner, .. } = ownership?;
        let (why, help) = match reader.needs {
            Needs::Execution if mode & 0o111 == 0 => (
                "runs only what is executable",
                "begin it with `#!` and what runs it, or give it a mode of `0755` in a `[[file]]`",
            ),
            Needs::RootAlone if mode & 0o022 != 0 || owner != "root" => (
                "reads only what is root's and nobody else may write to",
                "give it to root with a mode of `0644` in a `[[file]]`",
            ),
            _ => return None,
        };
        Some(Unread {
            why: format!(
                "in `{folder}`, {program} {why}, and this has mode {mode:04o} and owner {owner}"
            ),
            help: help.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ownership::root_owned;
    use super::*;

    /// The reason why a file of mode 644 is not read; empty if it is read.
    fn reason(path: &str) -> String {
        let unread = Unread::of(path, Some(&root_owned(0o644)));
        unread.map_or_else(String::new, |unread| unread.why)
    }

    #[test]
    fn the_readers_of_all_folders_of_a_file_count() {
        for (path, expected) in [
            (
                "/etc/cron.d/a.b",
                "in `/etc/cron.d`, cron reads only names of letters, digits, `_` and `-`",
            ),
            ("/etc/cron.d/a", ""),
            ("/etc/cron.d/.placeholder", ""),
            ("/etc/sysctl.d/README.sysctl", ""),
            ("/etc/systemd/network/89-x.network.example", ""),
            (
                "/etc/cron.d/x/a",
                "in `/etc/cron.d`, cron reads no folder `x`",
            ),
            ("/etc/sudoers.d/x/a.b", ""),
            (
                "/etc/nftables.d/input/a.nft.off",
                "in `/etc/nftables.d/input`, nft reads only names that end in `.nft`",
            ),
            ("/etc/nftables.d/input/a.nft", ""),
            (
                "/lib/udev/rules.d/a.rule",
                "in `/usr/lib/udev/rules.d`, udev reads only names that end in `.rules`",
            ),
            ("/usr/local/lib/sysctl.d/a.conf", ""),
            (
                "/etc/systemd/system/x.servce.d/a.conf",
                "in `/etc/systemd/system`, systemd reads no folder `x.servce.d`",
            ),
            ("/etc/systemd/system/x.service.d/a.conf", ""),
            (
                "/etc/systemd/system/x.service.d/a.cnf",
                "in `/etc/systemd/system/x.service.d`, systemd reads only names that end in `.conf`",
            ),
            ("/etc/systemd/system/x.target.wants/a.service", ""),
            (
                "/etc/systemd/journald.conf.d/a",
                "in `/etc/systemd/journald.conf.d`, systemd reads only names that end in `.conf`",
            ),
            ("/etc/systemd/network/a.network.d/b.conf", ""),
            (
                "/etc/systemd/network/a.net",
                "in `/etc/systemd/network`, systemd reads only names that end in `.link`, `.netdev` or `.network`",
            ),
            ("/etc/systemd/journald.conf", ""),
            ("/etc/cron.d", ""),
            ("/opt/cron.d/a.b", ""),
        ] {
            assert_eq!(reason(path), expected, "{path}");
        }
    }

    #[test]
    fn a_mode_for_which_a_file_is_passed_over_is_named() {
        let expected = "in `/etc/cron.daily`, run-parts runs only what is executable, and this has mode 0644 and \
                        owner root";
        assert_eq!(reason("/etc/cron.daily/a"), expected);
        let program = root_owned(0o755);
        assert_eq!(Unread::of("/etc/cron.daily/a", Some(&program)), None);
        assert_eq!(Unread::of("/etc/cron.daily/a", None), None);
        let shared = root_owned(0o664);
        let unread = Unread::of("/etc/cron.d/a", Some(&shared)).unwrap();
        let (title, help) = unread.message("overlays/x/root/etc/cron.d/a", true);
        assert_eq!(
            title,
            "`overlays/x/root/etc/cron.d/a` would not be read: in `/etc/cron.d`, cron reads only what is root's and \
             nobody else may write to, and this has mode 0664 and owner root"
        );
        assert_eq!(
            help,
            "give it to root with a mode of `0644` in a `[[file]]`; or leave it out, or write `verbatim = true` into a \
             `[[file]]` for it, if it is for another program"
        );
    }
}
