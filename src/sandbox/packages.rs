//! What has to run so that unpacked packages become configured ones.
//!
//! dpkg runs a package's preinst before it unpacks it. Here the packages are unpacked already, so
//! every preinst runs first, dependencies before dependents, and dpkg does the rest.

use super::error::SandboxError;
use super::job::Step;
use crate::tree::{Kind, Objects, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};

/// A package of the tree's dpkg database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) architecture: String,
    /// `installed`, `unpacked` and so on: the third word of `Status`.
    pub(super) state: String,
    pub(super) version: String,
    /// The version that was configured before.
    config_version: Option<String>,
    /// `Multi-Arch: same`, for which dpkg's own files carry the architecture in their names.
    same: bool,
    /// Names in `Pre-Depends` and `Depends`.
    needs: Vec<String>,
}

/// The packages of `tree`, in the order of the database.
pub(super) fn read(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Package>, SandboxError> {
    let Some(id) = tree.resolve(&path("/var/lib/dpkg/status")) else {
        return Ok(Vec::new());
    };
    let Kind::File(content) = &tree.node(id).kind else {
        return Ok(Vec::new());
    };
    let text = content.read(objects)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.split("\n\n").filter_map(package).collect())
}

/// The preinst of every package that is unpacked in `tree`, in their order.
pub(super) fn preinsts(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, SandboxError> {
    let packages = read(tree, objects)?;
    let order = in_order(&packages).into_iter();
    Ok(order.filter_map(|package| preinst(tree, package)).collect())
}

/// Every step that configures what is unpacked in `tree`.
pub(super) fn steps(
    tree: &Tree,
    objects: &dyn Objects,
    preseed: &str,
) -> Result<Vec<Step>, SandboxError> {
    let mut steps = preinsts(tree, objects)?;
    let loader = "/usr/bin/debconf-set-selections";
    if !preseed.is_empty() && tree.resolve(&path(loader)).is_some() {
        let mut step = Step::new("debconf-set-selections", &[loader]);
        preseed.clone_into(&mut step.input);
        steps.push(step);
    }
    let mut configure = Step::new(
        "dpkg --configure",
        &[
            "dpkg",
            "--force-confdef",
            "--force-confold",
            "--force-unsafe-io",
            "--configure",
            "-a",
        ],
    );
    // A circle of dependencies can leave packages behind that a second pass configures.
    configure.attempts = 2;
    steps.push(configure);
    let mut audit = Step::new("dpkg --audit", &["dpkg", "--audit"]);
    audit.silent = true;
    steps.push(audit);
    Ok(steps)
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a plain path")
}

/// The preinst of `package`, if it has one.
fn preinst(tree: &Tree, package: &Package) -> Option<Step> {
    let Package {
        name, architecture, ..
    } = package;
    let script = match package.same {
        true => format!("/var/lib/dpkg/info/{name}:{architecture}.preinst"),
        false => format!("/var/lib/dpkg/info/{name}.preinst"),
    };
    tree.resolve(&TreePath::parse(script.as_bytes()).ok()?)?;
    let mut command = vec![script.as_str()];
    match &package.config_version {
        Some(version) => command.extend(["upgrade", version]),
        None => command.push("install"),
    }
    let mut step = Step::new(&format!("preinst of {name}"), &command);
    step.package = Some(name.clone());
    let environment = [
        // debconf finds the name in dpkg's folder of packages under way, which is empty here.
        ("DEBCONF_PACKAGE", name.as_str()),
        ("DPKG_ADMINDIR", "/var/lib/dpkg"),
        ("DPKG_MAINTSCRIPT_ARCH", architecture.as_str()),
        ("DPKG_MAINTSCRIPT_NAME", "preinst"),
        ("DPKG_MAINTSCRIPT_PACKAGE", name.as_str()),
        ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
        ("DPKG_ROOT", ""),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    step.environment = environment.into_iter().map(own).collect();
    Some(step)
}

/// The unpacked packages, each behind what it needs as far as circles allow.
pub(super) fn in_order(packages: &[Package]) -> Vec<&Package> {
    let unpacked = packages
        .iter()
        .filter(|package| package.state == "unpacked");
    let by_name: BTreeMap<&str, &Package> = unpacked
        .map(|package| (package.name.as_str(), package))
        .collect();
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    // Every other script may take the users for granted that this one makes; it needs nothing.
    if let Some((first, _)) = enter("base-passwd", &by_name, &mut seen) {
        order.push(first);
    }
    for name in by_name.keys() {
        // Packages on the way down, each with the needs that are still to be visited.
        let mut stack: Vec<(&Package, usize)> = Vec::new();
        stack.extend(enter(name, &by_name, &mut seen));
        while let Some((package, next)) = stack.pop() {
            match package.needs.get(next) {
                Some(need) => {
                    stack.push((package, next + 1));
                    stack.extend(enter(need, &by_name, &mut seen));
                }
                None => order.push(package),
            }
        }
    }
    order
}

fn enter<'a>(
    name: &str,
    by_name: &BTreeMap<&'a str, &'a Package>,
    seen: &mut BTreeSet<&'a str>,
) -> Option<(&'a Package, usize)> {
    let package = *by_name.get(name)?;
    seen.insert(&package.name).then_some((package, 0))
}

/// One stanza of the database.
pub(super) fn package(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let needs = ["Pre-Depends", "Depends"].into_iter().filter_map(field);
    Some(Package {
        name: field("Package")?.to_owned(),
        architecture: field("Architecture").unwrap_or("all").to_owned(),
        state: field("Status")?.split(' ').nth(2)?.to_owned(),
        version: field("Version").unwrap_or_default().to_owned(),
        config_version: field("Config-Version").map(str::to_owned),
        same: field("Multi-Arch") == Some("same"),
        needs: needs.flat_map(names).collect(),
    })
}

/// The names in a dependency field: `a (>= 1) | b:any, c`.
fn names(relation: &str) -> impl Iterator<Item = String> {
    relation.split([',', '|']).filter_map(|atom| {
        let name = atom.trim().split([' ', '(', ':', '[']).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// The packages that are neither configured nor removed.
pub(super) fn unfinished(packages: &[Package]) -> Vec<String> {
    let done = ["installed", "config-files", "not-installed"];
    let left = packages
        .iter()
        .filter(|package| !done.contains(&package.state.as_str()));
    left.map(|package| package.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, needs: &str) -> Package {
        let text = format!(
            "Package: {name}\nStatus: install ok unpacked\nArchitecture: amd64\nDepends: {needs}\n"
        );
        package(&text).unwrap()
    }

    fn order(packages: &[Package]) -> Vec<&str> {
        let order = in_order(packages);
        order.iter().map(|package| package.name.as_str()).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        let packages = [
            stanza("a", "c (>= 1) | d, b:any"),
            stanza("b", ""),
            stanza("base-passwd", "c"),
            stanza("c", "missing"),
            stanza("d", ""),
            stanza("z", ""),
        ];
        assert_eq!(order(&packages), ["base-passwd", "c", "d", "b", "a", "z"]);
    }

    #[test]
    fn a_circle_ends() {
        let packages = [stanza("a", "b"), stanza("b", "a")];
        assert_eq!(order(&packages), ["b", "a"]);
    }

    #[test]
    fn what_is_configured_already_has_no_preinst_to_run() {
        let mut installed = stanza("a", "");
        installed.state = "installed".to_owned();
        assert!(order(&[installed]).is_empty());
    }
}
