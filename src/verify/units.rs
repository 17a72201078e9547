//! Checks units of systemd: those that overlays have or extend, and those that the profile enables.

use super::check::Check;
use super::scripts::is_program;
use crate::tree::{Kind, Tree, TreePath};
use std::collections::BTreeSet;

const PROGRAM: &str = "/usr/bin/systemd-analyze";
const FOLDERS: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];
const KINDS: [&str; 9] = [
    ".automount",
    ".mount",
    ".path",
    ".service",
    ".slice",
    ".socket",
    ".swap",
    ".target",
    ".timer",
];

/// Checks the given units. A systemd before 250 also reports problems of all units that these refer to, so it is not
/// asked.
const SCRIPT: &str = "systemd-analyze --help | grep -q recursive-errors || exit 0; \
                      exec systemd-analyze verify --man=no --recursive-errors=no \"$@\"";

/// The checks of the units in `tree` that have files of overlays at `paths`, and of the units in `enabled`.
///
/// If `strict`, a warning of systemd about a unit of an overlay is a mistake too. This is not possible with a base
/// image, whose older systemd may not know every line.
pub(super) fn checks(
    tree: &Tree,
    paths: &[TreePath],
    enabled: &[String],
    strict: bool,
) -> Vec<Check> {
    if !is_program(tree, PROGRAM) {
        return Vec::new();
    }
    let mut own: BTreeSet<String> = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        if let Some(unit) = unit_of(path).filter(|unit| can_start(tree, unit)) {
            own.insert(unit);
            files.push(path.clone());
        }
    }
    let others = enabled.iter().filter(|unit| can_start(tree, unit));
    let others: BTreeSet<String> = others
        .filter(|unit| !own.contains(*unit))
        .cloned()
        .collect();
    let mut checks = Vec::new();
    for (units, files, silent) in [(own, files, strict), (others, Vec::new(), false)] {
        if units.is_empty() {
            continue;
        }
        let mut command = vec!["sh", "-c", SCRIPT, "sh"];
        command.extend(units.iter().map(String::as_str));
        let mut check = Check::program(&command, files);
        check.step.name = "systemd-analyze verify".to_owned();
        check.step.silent = silent;
        checks.push(check);
    }
    checks
}

/// The unit that the file at `path` defines or extends.
pub(super) fn unit_of(path: &TreePath) -> Option<String> {
    let text = path.to_string();
    let mut folders = FOLDERS.iter();
    let below = folders.find_map(|folder| text.strip_prefix(folder)?.strip_prefix('/'))?;
    let unit = match below.split_once('/') {
        None => below,
        Some((folder, name)) if name.ends_with(".conf") => folder.strip_suffix(".d")?,
        Some(_) => return None,
    };
    let mut kinds = KINDS.iter();
    let is_unit = kinds.any(|kind| unit.len() > kind.len() && unit.ends_with(kind));
    is_unit.then(|| unit.to_owned())
}

/// Whether `tree` has `unit` or its template, and does not mask it.
fn can_start(tree: &Tree, unit: &str) -> bool {
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let (_, kind) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{kind}"))
    });
    let at = |folder: &str, name: &str| {
        let path = TreePath::parse(format!("{folder}/{name}").as_bytes()).ok()?;
        tree.at(&path).map(|id| &tree.node(id).kind)
    };
    let mask = |kind: &Kind| matches!(kind, Kind::Symlink(target) if **target == *b"/dev/null");
    if at(FOLDERS[0], unit).is_some_and(mask) {
        return false;
    }
    let names = [Some(unit.to_owned()), template];
    let mut names = names.iter().flatten();
    names.any(|name| FOLDERS.iter().any(|folder| at(folder, name).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_unit_or_adds_to_one() {
        for (path, unit) in [
            ("/usr/lib/systemd/system/a.service", Some("a.service")),
            ("/etc/systemd/system/a@.timer", Some("a@.timer")),
            (
                "/etc/systemd/system/tor@default.service.d/10.conf",
                Some("tor@default.service"),
            ),
            ("/etc/systemd/system/service.d/10.conf", None),
            ("/etc/systemd/system/a.service.d/README", None),
            ("/etc/systemd/system/x.target.wants/a.service", None),
            ("/usr/lib/systemd/system-preset/a.preset", None),
            ("/etc/systemd/network/a.network", None),
        ] {
            assert_eq!(
                unit_of(&TreePath::constant(path)).as_deref(),
                unit,
                "{path}"
            );
        }
    }
}
