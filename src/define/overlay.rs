//! `overlays/<name>/`: files and templates that are laid over the root filesystem.
//! `overlays/README.md` explains each key of `overlay.toml`.
//!
//! Files come from a folder or from inside the binary, where no file has a mode; so modes and
//! owners come from rules, never from the host's filesystem.

mod ownership;
mod port;

pub use ownership::Ownership;
pub use port::FixedPort;

use super::condition::Condition;
use super::folder::{Entry, Folder};
use super::read::{self, Keys, Section};
use crate::diag::{Diagnostic, Diagnostics, Located};
use crate::glob::glob;
use crate::tree::TreePath;
use ownership::{default_ownership, mode, root_owned};
use port::PORT;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A folder of files, with who owns them.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Name of its folder.
    pub name: String,
    /// What it does, in one line.
    pub help: String,
    /// The files by rising path.
    pub files: Vec<OverlayFile>,
    /// The directories that it makes or changes; parents of files need not be among them.
    pub directories: Vec<OverlayDirectory>,
    /// The symlinks.
    pub symlinks: Vec<OverlaySymlink>,
    /// The ports that something of it, or that it sets up, listens on.
    pub ports: Vec<FixedPort>,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayFile {
    /// Where it goes.
    pub path: TreePath,
    /// The file in the overlay, for messages: `overlays/hotspot/root/etc/hotspot/env.hbs`.
    pub source: String,
    /// Its bytes, or the text of its template.
    pub bytes: Arc<[u8]>,
    /// Whether it is rendered.
    pub template: bool,
    /// Permissions and owner.
    pub ownership: Ownership,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}

impl OverlayFile {
    /// The settings that decide what is in it or whether it is there; more than that may be named.
    pub fn settings(&self) -> BTreeSet<&str> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let text = if self.template { text } else { "" };
        let named = text.match_indices(SETTINGS).map(|(at, found)| {
            let rest = &text[at + found.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            &rest[..end.unwrap_or(rest.len())]
        });
        let condition = self.when.iter().map(|when| when.setting.value.as_str());
        named.chain(condition).collect()
    }
}

/// One directory.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayDirectory {
    /// Where it is.
    pub path: TreePath,
    /// Permissions and owner.
    pub ownership: Ownership,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}

/// One symlink.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlaySymlink {
    /// Where it is.
    pub path: TreePath,
    /// What it points to.
    pub target: String,
    /// It is left out unless this holds.
    pub when: Option<Condition>,
}

static TOP: Keys = Keys {
    table: "",
    keys: &["schema", "help", "file", "directory", "symlink", "ports"],
};
static FILE: Keys = Keys {
    table: "[[file]]",
    keys: &["path", "mode", "owner", "group", "when"],
};
static DIRECTORY: Keys = Keys {
    table: "[[directory]]",
    keys: &["path", "mode", "owner", "group", "when"],
};
static SYMLINK: Keys = Keys {
    table: "[[symlink]]",
    keys: &["path", "target", "when"],
};

/// Every table of the format.
pub static TABLES: [&Keys; 5] = [&TOP, &FILE, &DIRECTORY, &SYMLINK, &PORT];

/// How a template names a setting.
const SETTINGS: &str = "settings.";

/// Templates end in this; the file they make does not.
const TEMPLATE: &str = ".hbs";

/// What `[[file]]` or `[[directory]]` says about what its path means.
struct Rule {
    mode: Option<u16>,
    owner: Option<String>,
    group: Option<String>,
    when: Option<Condition>,
}

impl Overlay {
    /// Reads the overlay `name` of `folder`; `text` is its `overlay.toml`, `path` where that lies.
    pub(crate) fn parse(
        diagnostics: &mut Diagnostics,
        name: &str,
        folder: &Folder,
        path: &str,
        text: &str,
    ) -> Option<Self> {
        let entries = match folder.files(&format!("overlays/{name}/root")) {
            Ok(entries) => entries,
            Err(error) => {
                diagnostics.push(Diagnostic::new("define::unreadable", error.to_string()));
                return None;
            }
        };
        let source = path.strip_suffix("overlay.toml").unwrap_or(path);
        read::definition(diagnostics, path, text, &TOP, |top| {
            overlay(name, source, top, entries)
        })
    }
}

fn overlay(
    name: &str,
    source: &str,
    top: &Section<'_>,
    entries: Vec<(String, Entry)>,
) -> Option<Overlay> {
    let help = top.need("help", top.text("help"));
    let rules = top.sections("file", &FILE);
    let rules: Vec<_> = rules.iter().filter_map(file_rule).collect();
    let directories = top.sections("directory", &DIRECTORY);
    let directories: Vec<_> = directories.iter().map(directory).collect();
    let symlinks = top.sections("symlink", &SYMLINK);
    let mut symlinks: Vec<_> = symlinks.iter().filter_map(symlink).collect();
    let mut files = Vec::new();
    let mut used = vec![false; rules.len()];
    for (relative, entry) in entries {
        let source = format!("{source}root/{relative}");
        let plain = relative.strip_suffix(TEMPLATE);
        // A file of that very name is none.
        let plain = plain.filter(|plain| !plain.is_empty() && !plain.ends_with('/'));
        let path = TreePath::parse(plain.unwrap_or(&relative).as_bytes()).ok()?;
        match entry {
            Entry::Symlink(target) => symlinks.push(OverlaySymlink {
                path: TreePath::parse(relative.as_bytes()).ok()?,
                target,
                when: None,
            }),
            Entry::File(bytes) => {
                let template = plain.is_some();
                let mut ownership = default_ownership(&path, &bytes);
                let mut when = None;
                let text = path.to_string();
                for ((pattern, rule), used) in rules.iter().zip(&mut used) {
                    if matches(&pattern.value, &text) {
                        *used = true;
                        rule.apply(&mut ownership, &mut when);
                    }
                }
                files.push(OverlayFile {
                    path,
                    source,
                    bytes,
                    template,
                    ownership,
                    when,
                });
            }
        }
    }
    for ((pattern, _), _) in rules.iter().zip(used).filter(|(_, used)| !used) {
        let known: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
        top.report(
            Diagnostic::new(
                "overlay::no-file",
                format!("no file matches `{}`", pattern.value),
            )
            .label(&pattern.span, "expected a file below `root/`")
            .suggest(&pattern.value, known.iter().map(String::as_str)),
        );
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let ports = port::read(top);
    Some(Overlay {
        ports,
        name: name.to_owned(),
        help: help?.value,
        files,
        directories: directories.into_iter().collect::<Option<_>>()?,
        symlinks,
    })
}

impl Rule {
    fn read(section: &Section<'_>) -> Self {
        Self {
            mode: mode(section),
            owner: section.text("owner").map(|text| text.value),
            group: section.text("group").map(|text| text.value),
            when: Condition::read(section),
        }
    }

    fn apply(&self, ownership: &mut Ownership, when: &mut Option<Condition>) {
        if let Some(mode) = self.mode {
            ownership.mode = mode;
        }
        if let Some(owner) = &self.owner {
            ownership.owner.clone_from(owner);
        }
        if let Some(group) = &self.group {
            ownership.group.clone_from(group);
        }
        if self.when.is_some() {
            when.clone_from(&self.when);
        }
    }
}

fn file_rule(section: &Section<'_>) -> Option<(Located<String>, Rule)> {
    let rule = Rule::read(section);
    Some((section.need("path", section.text("path"))?, rule))
}

fn directory(section: &Section<'_>) -> Option<OverlayDirectory> {
    let path = tree_path(section);
    let rule = Rule::read(section);
    let (mut ownership, mut when) = (root_owned(0o755), None);
    rule.apply(&mut ownership, &mut when);
    Some(OverlayDirectory {
        path: path?,
        ownership,
        when,
    })
}

fn symlink(section: &Section<'_>) -> Option<OverlaySymlink> {
    let path = tree_path(section);
    let target = section.need("target", section.text("target"));
    let when = Condition::read(section);
    Some(OverlaySymlink {
        path: path?,
        target: target?.value,
        when,
    })
}

fn tree_path(section: &Section<'_>) -> Option<TreePath> {
    let text = section.need("path", section.text("path"))?;
    let path = TreePath::parse(text.value.as_bytes()).ok();
    let path = path.filter(|_| text.value.starts_with('/'));
    if path.is_none() {
        section.report(
            Diagnostic::new("define::path", "not a path of the image")
                .label(&text.span, "expected a path from `/` on, without `..`"),
        );
    }
    path
}

/// Whether `pattern` means `path`: a wildcard stands for bytes of one name.
fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == names.clone().count()
        && patterns
            .zip(names)
            .all(|(pattern, name)| glob(pattern.as_bytes(), name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Definitions;

    #[test]
    fn rules_and_places_decide_about_mode_owner_and_condition() {
        let folder = tempfile::tempdir().unwrap();
        let overlay = folder.path().join("overlays/x");
        let write = |path: &str, text: &str| {
            let path = overlay.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("root/etc/key.hbs", "{{settings.key}}");
        write("root/etc/.hbs", "x");
        write("root/usr/lib/imgbuild/health", "exit");
        write("root/etc/script", "#!/bin/sh\n");
        fs_err::os::unix::fs::symlink("../key", overlay.join("root/etc/link")).unwrap();
        write(
            "overlay.toml",
            "schema = 1\nhelp = \"h\"\n[[file]]\npath = \"/etc/k*\"\nmode = \"0640\"\n\
             group = \"tor\"\nwhen = \"!key\"\n[[directory]]\npath = \"/srv/x\"\nmode = \"1777\"\n",
        );
        let mut diagnostics = Diagnostics::default();
        let definitions = Definitions::find(&[folder.path().to_owned()]);
        let overlay = definitions.overlay(&mut diagnostics, "x");
        let overlay = overlay.unwrap_or_else(|| panic!("{diagnostics}"));
        let shown: Vec<_> = (overlay.files.iter())
            .map(|file| {
                let Ownership { mode, owner, group } = &file.ownership;
                let test = file.when.as_ref().map(|when| &when.test);
                let (path, template) = (&file.path, file.template);
                format!("{path} {mode:o} {owner}:{group} {template} {test:?}")
            })
            .collect();
        let expected = [
            "/etc/.hbs 644 root:root false None",
            "/etc/key 640 root:tor true Some(Unset)",
            "/etc/script 755 root:root false None",
            "/usr/lib/imgbuild/health 755 root:root false None",
        ];
        assert_eq!(shown, expected);
        assert_eq!(overlay.directories[0].ownership.mode, 0o1777);
        assert_eq!(overlay.symlinks[0].target, "../key");
    }

    #[test]
    fn a_star_stays_within_one_name() {
        for (pattern, path, expected) in [
            ("/etc/a", "/etc/a", true),
            ("/etc/*.conf", "/etc/x.conf", true),
            ("/etc/*", "/etc/x/y", false),
            ("/etc/*/y", "/etc/x/y", true),
            ("/etc/a*b*c", "/etc/a1b2c", true),
            ("/etc/a*b", "/etc/a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
