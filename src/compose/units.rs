//! Enables, disables and masks systemd units by the links that `systemctl` would write.

use super::layer::{Layer, LayerError};

const UNIT_FOLDERS: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];

/// Why a unit could not be enabled.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// Neither a package nor an overlay has the unit.
    #[error("unit `{0}` is to be enabled, but no package and no overlay brings it")]
    Missing(String),
    /// The unit has no section `[Install]`.
    #[error("unit `{0}` is to be enabled, but has no [Install] section that says for what")]
    NotInstallable(String),
    /// A link could not be written.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// The `[Install]` section of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
struct Install {
    wanted_by: Vec<String>,
    required_by: Vec<String>,
    alias: Vec<String>,
    also: Vec<String>,
    default_instance: Option<String>,
}

impl Install {
    fn parse(text: &str) -> Self {
        let mut install = Self::default();
        let mut in_section = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                in_section = line == "[Install]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| in_section) else {
                continue;
            };
            let words = || value.split_whitespace().map(str::to_owned);
            match key.trim() {
                "WantedBy" => install.wanted_by.extend(words()),
                "RequiredBy" => install.required_by.extend(words()),
                "Alias" => install.alias.extend(words()),
                "Also" => install.also.extend(words()),
                "DefaultInstance" => install.default_instance = words().next(),
                _ => {}
            }
        }
        install
    }

    /// The links that enable a unit of this name.
    fn links(&self, name: &str) -> Vec<String> {
        let folder = "/etc/systemd/system";
        let in_folder = |kind: &str, targets: &[String]| -> Vec<String> {
            let targets = targets.iter();
            let links = targets.map(|target| format!("{folder}/{target}.{kind}/{name}"));
            links.collect()
        };
        let mut links = in_folder("wants", &self.wanted_by);
        links.extend(in_folder("requires", &self.required_by));
        let alias = self.alias.iter().filter(|alias| *alias != name);
        links.extend(alias.map(|alias| format!("{folder}/{alias}")));
        links
    }
}

/// Whether a package or an overlay has `unit`.
pub fn exists(layer: &Layer<'_>, unit: &str) -> bool {
    unit_file(layer, unit).is_some()
}

/// The file of `unit`, or of its template.
fn unit_file(layer: &Layer<'_>, unit: &str) -> Option<String> {
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let (_, kind) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{kind}"))
    });
    let names = [Some(unit.to_owned()), template];
    let names = names.iter().flatten();
    let mut paths = names.flat_map(|name| UNIT_FOLDERS.map(|folder| format!("{folder}/{name}")));
    paths.find(|path| layer.has(path))
}

/// Enables `unit` by the links of its `[Install]` section, and all units that it names in `Also=`.
///
/// # Errors
///
/// The unit is missing, has no `[Install]` section, or a link cannot be written.
pub fn enable(layer: &mut Layer<'_>, unit: &str) -> Result<(), UnitError> {
    let mut done: Vec<String> = Vec::new();
    let mut ahead = vec![unit.to_owned()];
    while let Some(unit) = ahead.pop() {
        if done.contains(&unit) {
            continue;
        }
        let file = unit_file(layer, &unit).ok_or_else(|| UnitError::Missing(unit.clone()))?;
        let install = Install::parse(&layer.text(&file)?);
        if install == Install::default() && done.is_empty() {
            return Err(UnitError::NotInstallable(unit));
        }
        let name = match (unit.split_once("@."), &install.default_instance) {
            (Some((name, kind)), Some(instance)) => format!("{name}@{instance}.{kind}"),
            _ => unit.clone(),
        };
        for link in install.links(&name) {
            layer.symlink(&link, &file)?;
        }
        ahead.extend(install.also);
        done.push(unit);
    }
    Ok(())
}

/// Removes all links that enable `unit`.
///
/// # Errors
///
/// The file of the unit cannot be read.
pub fn disable(layer: &mut Layer<'_>, unit: &str) -> Result<(), UnitError> {
    let Some(file) = unit_file(layer, unit) else {
        return Ok(());
    };
    let links = Install::parse(&layer.text(&file)?).links(unit);
    Ok(links.iter().try_for_each(|link| layer.remove(link))?)
}

/// Makes `unit` impossible to start, also if a package brings it later.
///
/// # Errors
///
/// The file of the unit cannot be read, or the link cannot be written.
pub fn mask(layer: &mut Layer<'_>, unit: &str) -> Result<(), UnitError> {
    disable(layer, unit)?;
    layer.symlink(&format!("/etc/systemd/system/{unit}"), "/dev/null")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::{Epoch, Timestamp};
    use crate::tree::generated::NoObjects;
    use crate::tree::{Kind, Meta, Origin, Tree, TreePath};

    fn links(tree: &Tree) -> Vec<String> {
        let linked = |(path, id): (TreePath, _)| match &tree.node(id).kind {
            Kind::Symlink(target) => Some(format!("{path} -> {}", String::from_utf8_lossy(target))),
            _ => None,
        };
        tree.walk().into_iter().filter_map(linked).collect()
    }

    fn after(units: &[(&str, &str)], change: impl FnOnce(&mut Layer<'_>)) -> Vec<String> {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        let mut layer = Layer::new(&mut tree, &NoObjects, Epoch(0), Origin::Builtin);
        for (name, text) in units {
            let path = format!("/usr/lib/systemd/system/{name}");
            layer.file(&path, text, 0o644).unwrap();
        }
        change(&mut layer);
        links(&tree)
    }

    #[test]
    fn enabling_links_the_unit_its_alias_and_what_it_names_also() {
        let resolved = "[Install]\nWantedBy=sysinit.target\nAlias=dbus-x.service\nAlso=y.socket\n";
        let socket = "[Install]\nWantedBy=sockets.target\n";
        let units = [("x.service", resolved), ("y.socket", socket)];
        let found = after(&units, |layer| enable(layer, "x.service").unwrap());
        let file = "/usr/lib/systemd/system";
        assert_eq!(
            found,
            [
                format!("/etc/systemd/system/dbus-x.service -> {file}/x.service"),
                format!("/etc/systemd/system/sockets.target.wants/y.socket -> {file}/y.socket"),
                format!("/etc/systemd/system/sysinit.target.wants/x.service -> {file}/x.service"),
            ]
        );
    }

    #[test]
    fn an_instance_links_its_template() {
        let units = [("getty@.service", "[Install]\nWantedBy=getty.target\n")];
        let found = after(&units, |layer| enable(layer, "getty@tty1.service").unwrap());
        let link = "/etc/systemd/system/getty.target.wants/getty@tty1.service";
        assert_eq!(
            found,
            [format!("{link} -> /usr/lib/systemd/system/getty@.service")]
        );
    }

    #[test]
    fn masking_takes_the_links_away() {
        let units = [("hostapd.service", "[Install]\nWantedBy=multi-user.target\n")];
        let found = after(&units, |layer| {
            enable(layer, "hostapd.service").unwrap();
            mask(layer, "hostapd.service").unwrap();
        });
        assert_eq!(found, ["/etc/systemd/system/hostapd.service -> /dev/null"]);
    }

    #[test]
    fn a_unit_that_is_not_there_is_named() {
        after(&[("static.service", "[Unit]\n")], |layer| {
            let missing = enable(layer, "no.service").unwrap_err().to_string();
            assert!(missing.contains("unit `no.service` is to be enabled, but no package"));
            let fixed = enable(layer, "static.service").unwrap_err().to_string();
            assert!(fixed.contains("has no [Install] section"));
        });
    }
}
