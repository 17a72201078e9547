//! `[[file]]`, `[[directory]]` and `[[symlink]]`: the owners, modes and conditions of the entries of an overlay.

use super::ownership::{Ownership, mode, root_owned};
use super::parts::{OverlayDirectory, OverlaySymlink};
use crate::define::condition::Condition;
use crate::define::folder::Entry;
use crate::define::read::Section;
use crate::diag::{Diagnostic, Located, visible_name};
use crate::glob::glob;
use crate::tree::TreePath;

/// The longest pattern of a path in bytes: Linux has no longer paths.
const MAX_PATTERN: usize = 4096;
/// The longest target of a symlink in bytes that Linux accepts.
const MAX_TARGET: usize = 4095;

/// The folders in which every file is a program.
pub(super) const PROGRAM_FOLDERS: [&str; 6] = [
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/libexec/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
    "/usr/lib/imgbuild/",
];

/// The attributes that a `[[file]]` or `[[directory]]` gives.
pub(super) struct Rule {
    mode: Option<u16>,
    owner: Option<String>,
    group: Option<String>,
    when: Option<Condition>,
    verbatim: bool,
}

/// A `[[file]]`: a pattern of paths, and the attributes of the files that match it.
pub(super) struct FileRule {
    pub(super) path: Located<String>,
    parts: Vec<String>,
    rule: Rule,
}

/// The attributes that all rules together give to an entry.
pub(super) struct Decision {
    pub(super) ownership: Ownership,
    pub(super) when: Option<Condition>,
    /// Whether the check of its text is switched off.
    pub(super) verbatim: bool,
    /// Whether a rule names its path, and not only a pattern that matches it.
    pub(super) named: bool,
}

impl Rule {
    fn read(section: &Section<'_>) -> Self {
        Self {
            mode: mode(section),
            owner: section.text("owner").map(|text| text.value),
            group: section.text("group").map(|text| text.value),
            when: Condition::read(section),
            verbatim: false,
        }
    }

    fn apply(&self, decision: &mut Decision) {
        let ownership = &mut decision.ownership;
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
            decision.when.clone_from(&self.when);
        }
        decision.verbatim |= self.verbatim;
    }
}

impl Decision {
    /// The attributes of an entry that no rule is about.
    fn of_root(mode: u16) -> Self {
        Self {
            ownership: root_owned(mode),
            when: None,
            verbatim: false,
            named: false,
        }
    }
}

impl FileRule {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let verbatim = section.flag("verbatim").is_some_and(|flag| flag.value);
        let rule = Rule {
            verbatim,
            ..Rule::read(section)
        };
        let path = section.need("path", section.text("path"))?;
        let parts = match path.value.len() {
            0..=MAX_PATTERN => path.value.split('/').map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Some(Self { path, parts, rule })
    }

    /// Whether the pattern matches the path with these `names`. A wildcard matches bytes of one name only.
    pub(super) fn matches(&self, names: &[&str]) -> bool {
        let matches = |(pattern, name): (&String, &&str)| glob(pattern.as_bytes(), name.as_bytes());
        self.parts.len() == names.len() && self.parts.iter().zip(names).all(matches)
    }
}

/// Applies `rules` to the file at `path`. Rules that match are marked in `used`; `is_program` decides the default mode.
pub(super) fn decide(
    rules: &[FileRule],
    used: &mut [bool],
    path: &str,
    is_program: bool,
) -> Decision {
    let mode = if is_program { 0o755 } else { 0o644 };
    let mut decision = Decision::of_root(mode);
    let names: Vec<&str> = path.split('/').collect();
    for (rule, used) in rules.iter().zip(used) {
        if rule.matches(&names) {
            *used = true;
            decision.named |= rule.path.value == path;
            rule.rule.apply(&mut decision);
        }
    }
    decision
}

/// Whether a file is a program: by its first bytes, by its folder, or because its owner may execute it. The x bit of the owner
/// is the only bit of a mode that git keeps and that no umask changes.
pub(super) fn is_program(path: &str, entry: &Entry) -> bool {
    let Entry::File { bytes, executable } = entry else {
        return false;
    };
    let mut folders = PROGRAM_FOLDERS.iter();
    *executable || bytes.starts_with(b"#!") || folders.any(|folder| path.starts_with(folder))
}

pub(super) fn directory(section: &Section<'_>) -> Option<OverlayDirectory> {
    let path = tree_path(section);
    let mut decision = Decision::of_root(0o755);
    Rule::read(section).apply(&mut decision);
    Some(OverlayDirectory {
        path: path?,
        ownership: decision.ownership,
        when: decision.when,
    })
}

pub(super) fn symlink(section: &Section<'_>) -> Option<OverlaySymlink> {
    let path = tree_path(section);
    let target = section.need("target", section.text("target"));
    let when = Condition::read(section);
    let target = target?;
    let seen = visible_name(target.value.as_bytes()) == target.value;
    if target.value.is_empty() || target.value.len() > MAX_TARGET || !seen {
        section.report(
            Diagnostic::new("define::path", "not a target of a symlink").label(
                &target.span,
                format!("expected 1 to {MAX_TARGET} bytes without characters that control or hide"),
            ),
        );
        return None;
    }
    Some(OverlaySymlink {
        path: path?,
        target: target.value,
        when,
    })
}

fn tree_path(section: &Section<'_>) -> Option<TreePath> {
    let text = section.need("path", section.text("path"))?;
    let path = TreePath::parse(text.value.as_bytes()).ok();
    let seen = visible_name(text.value.as_bytes()) == text.value;
    let path = path.filter(|_| text.value.starts_with('/') && seen);
    if path.is_none() {
        section.report(
            Diagnostic::new("define::path", "not a path of the image").label(
                &text.span,
                "expected a path from `/` on, without `..` and without characters that control or hide",
            ),
        );
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostics;

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
            let mut sources = Diagnostics::default().sources;
            let file = sources.add("x", pattern);
            let span = sources.whole(file);
            let rule = FileRule {
                path: Located {
                    value: pattern.to_owned(),
                    span,
                },
                parts: pattern.split('/').map(str::to_owned).collect(),
                rule: Rule {
                    mode: None,
                    owner: None,
                    group: None,
                    when: None,
                    verbatim: false,
                },
            };
            let names: Vec<&str> = path.split('/').collect();
            assert_eq!(rule.matches(&names), expected, "{pattern} {path}");
        }
    }
}
