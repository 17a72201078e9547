//! A package of a tree, as far as its configuring depends on it.

use super::error::ConfigureError;
use crate::dpkg::control::{self, Stanza};
use crate::dpkg::status::{self, State, Status};
use crate::sandbox::job::Step;
use crate::tree::{Objects, Tree, TreePath};

/// A package of the tree's dpkg database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) architecture: String,
    /// How far dpkg has come with it.
    pub(super) state: State,
    pub(super) version: String,
    /// The version that was configured before.
    config_version: Option<String>,
    /// Whether the package is `Multi-Arch: same`. dpkg's own files of such a package have the
    /// architecture in their names.
    same: bool,
    pub(super) essential: bool,
    pub(super) has_preinst: bool,
    /// The names in `Pre-Depends`.
    pub(super) pre_depends: Vec<String>,
    /// The names in `Depends`.
    pub(super) depends: Vec<String>,
    /// The names in `Provides`.
    pub(super) provides: Vec<String>,
}

/// The packages of `tree`, in the order of the database.
pub(super) fn read(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Package>, ConfigureError> {
    let text = status::text(tree, objects)?;
    let mut packages = Vec::new();
    for stanza in control::parse(&text) {
        let stanza = stanza?;
        let status = Status::of(&stanza);
        packages.extend(status.and_then(|status| described(&stanza, status.state)));
    }
    for package in &mut packages {
        let script = TreePath::parse(package.script("preinst").as_bytes());
        package.has_preinst = script.is_ok_and(|script| tree.resolve(&script).is_some());
    }
    Ok(packages)
}

impl Package {
    /// The path at which dpkg keeps the package's script `name`.
    fn script(&self, name: &str) -> String {
        format!("/var/lib/dpkg/info/{}.{name}", self.spec())
    }

    /// The argument by which dpkg knows this package and no other.
    pub(super) fn spec(&self) -> String {
        match self.same {
            true => format!("{}:{}", self.name, self.architecture),
            false => self.name.clone(),
        }
    }

    /// The step that runs the package's preinst.
    pub(super) fn preinst(&self) -> Step {
        let script = self.script("preinst");
        let mut command = vec![script.as_str()];
        match &self.config_version {
            Some(version) => command.extend(["upgrade", version]),
            None => command.push("install"),
        }
        let name = &self.name;
        let mut step = Step::new(&format!("preinst of {name}"), &command);
        step.package = Some(name.clone());
        let environment = [
            // debconf would look for the name in dpkg's folder of packages in work, which is empty
            // here.
            ("DEBCONF_PACKAGE", name.as_str()),
            ("DPKG_ADMINDIR", "/var/lib/dpkg"),
            ("DPKG_MAINTSCRIPT_ARCH", self.architecture.as_str()),
            ("DPKG_MAINTSCRIPT_NAME", "preinst"),
            ("DPKG_MAINTSCRIPT_PACKAGE", name.as_str()),
            ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
            ("DPKG_ROOT", ""),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        step.environment = environment.into_iter().map(own).collect();
        step
    }
}

/// The package in `state` that `stanza` describes. Its scripts are not looked for. A stanza without
/// a name gives `None`.
pub(super) fn described(stanza: &Stanza<'_>, state: State) -> Option<Package> {
    let listed = |name: &str| {
        let field = stanza.folded(name);
        field.map_or_else(Vec::new, |field| names(&field).collect())
    };
    Some(Package {
        name: stanza.get("Package")?.to_owned(),
        architecture: stanza.get("Architecture").unwrap_or("all").to_owned(),
        state,
        version: stanza.get("Version").unwrap_or_default().to_owned(),
        config_version: stanza.get("Config-Version").map(str::to_owned),
        same: stanza.get("Multi-Arch") == Some("same"),
        essential: stanza.get("Essential") == Some("yes"),
        has_preinst: false,
        pre_depends: listed("Pre-Depends"),
        depends: listed("Depends"),
        provides: listed("Provides"),
    })
}

/// The names in a dependency field: `a (>= 1) | b:any, c`.
fn names(relation: &str) -> impl Iterator<Item = String> {
    relation.split([',', '|']).filter_map(|atom| {
        let name = atom.trim().split([' ', '(', ':', '[']).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// The names of the packages that are neither configured nor removed.
pub(super) fn unfinished(packages: &[Package]) -> Vec<String> {
    let left = packages
        .iter()
        .filter(|package| package.state.is_there() && package.state != State::Installed);
    left.map(|package| package.name.clone()).collect()
}
