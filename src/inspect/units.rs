//! The systemd units that an administrator, an image's maker or a package has enabled or masked, by the links in
//! `/etc/systemd/system`, and the scripts of SysV's init that start.

use super::files::Files;
use serde::Serialize;
use std::collections::BTreeMap;

const FOLDER: &str = "/etc/systemd/system";

/// A unit that has a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// The units that start it.
    pub wanted_by: Vec<String>,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Whether it is masked, so that nothing starts it.
    pub masked: bool,
}

impl Unit {
    /// Whether something starts it.
    pub fn is_enabled(&self) -> bool {
        let is_started = !self.wanted_by.is_empty() || !self.aliases.is_empty();
        is_started && !self.masked
    }
}

/// The units of `files` that have a link, by name.
pub(super) fn units(files: &Files<'_>) -> Vec<Unit> {
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for (name, id) in files.entries(FOLDER) {
        let name = name.to_string();
        let wanting = ["wants", "requires", "upholds"];
        let wanting = wanting.into_iter();
        let by = wanting.filter_map(|kind| name.strip_suffix(&format!(".{kind}")));
        for by in by.map(str::to_owned).collect::<Vec<_>>() {
            for (name, _) in files.entries(&format!("{FOLDER}/{name}")) {
                let unit = entry(&mut units, &name.to_string());
                unit.wanted_by.push(by.clone());
            }
        }
        let Some(target) = files.target(id) else {
            continue;
        };
        if target == "/dev/null" {
            entry(&mut units, &name).masked = true;
            continue;
        }
        let last = target.rsplit('/').next().unwrap_or_default();
        // A link of the same name is that of a unit whose file is elsewhere.
        if last != name && last.contains('.') {
            entry(&mut units, last).aliases.push(name);
        }
    }
    for script in sysv(files) {
        let (folder, name) = script.rsplit_once('/').unwrap_or(("", &script));
        let name = name.trim_start_matches(|c: char| c == 'S' || c.is_ascii_digit());
        let unit = format!("{name}.service");
        let has_unit = ["/etc", "/usr/lib", "/lib"];
        if has_unit
            .iter()
            .any(|at| files.has(&format!("{at}/systemd/system/{unit}")))
        {
            continue;
        }
        let level = folder.rsplit('/').next().unwrap_or_default().to_owned();
        let unit = entry(&mut units, &unit);
        if !unit.wanted_by.contains(&level) {
            unit.wanted_by.push(level);
        }
    }
    units.into_values().collect()
}

/// The links that start scripts of SysV's init.
fn sysv(files: &Files<'_>) -> Vec<String> {
    let levels = (2..=5).map(|level| format!("/etc/rc{level}.d/S*"));
    levels
        .flat_map(|pattern| files.matching(&pattern))
        .collect()
}

fn entry<'u>(units: &'u mut BTreeMap<String, Unit>, name: &str) -> &'u mut Unit {
    let unit = units.entry(name.to_owned()).or_default();
    unit.name = name.to_owned();
    unit
}
