//! The steps that turn unpacked packages into configured ones.
//!
//! dpkg runs the preinst of a package before it unpacks the package. Here the packages are unpacked
//! already, so separate steps run their preinsts, between those in which dpkg configures packages
//! (`order`).

use super::order::{self, Phase};
use crate::sandbox::error::SandboxError;
use crate::sandbox::job::Step;
use crate::tree::{Kind, Objects, Tree, TreePath};

/// A package of the tree's dpkg database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) architecture: String,
    /// The third word of `Status`, such as `installed` or `unpacked`.
    pub(super) state: String,
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
pub(super) fn read(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Package>, SandboxError> {
    let Some(id) = tree.resolve(&path("/var/lib/dpkg/status")) else {
        return Ok(Vec::new());
    };
    let Kind::File(content) = &tree.node(id).kind else {
        return Ok(Vec::new());
    };
    let text = content.read(objects)?;
    let text = String::from_utf8_lossy(&text);
    let mut packages: Vec<Package> = text.split("\n\n").filter_map(package).collect();
    for package in &mut packages {
        let script = TreePath::parse(package.script("preinst").as_bytes());
        package.has_preinst = script.is_ok_and(|script| tree.resolve(&script).is_some());
    }
    Ok(packages)
}

/// All steps that come before `dpkg --configure -a`, so that each preinst of an unpacked package of
/// `tree` finds the packages configured on which it may rely.
pub(super) fn preparation(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, SandboxError> {
    let packages = read(tree, objects)?;
    let mut steps = Vec::new();
    for phase in order::phases(&packages) {
        match phase {
            Phase::Prepare(packages) => {
                let scripted = packages.iter().filter(|package| package.has_preinst);
                steps.extend(scripted.map(|package| package.preinst()));
            }
            Phase::Configure(packages) => steps.push(configure_of(&packages)),
        }
    }
    Ok(steps)
}

/// The step in which dpkg configures `packages`.
pub(super) fn configure_of(packages: &[&Package]) -> Step {
    let names: Vec<String> = packages.iter().map(|package| package.spec()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    dpkg_configure(&names)
}

fn dpkg_configure(what: &[&str]) -> Step {
    let options = ["--force-confdef", "--force-confold", "--force-unsafe-io"];
    let mut command = vec!["dpkg"];
    command.extend(options);
    command.push("--configure");
    command.extend(what);
    let mut step = Step::new(CONFIGURE, &command);
    step.reports = true;
    step
}

/// The name of every step in which dpkg configures packages.
const CONFIGURE: &str = "dpkg --configure";

/// All steps that configure the packages that are unpacked in `tree` or by the steps `before`.
pub(super) fn steps(
    before: Vec<Step>,
    tree: &Tree,
    objects: &dyn Objects,
    preseed: &str,
) -> Result<Vec<Step>, SandboxError> {
    let mut steps = before;
    steps.extend(preparation(tree, objects)?);
    let loader = "/usr/bin/debconf-set-selections";
    if !preseed.is_empty() && tree.resolve(&path(loader)).is_some() {
        let mut step = Step::new("debconf-set-selections", &[loader]);
        preseed.clone_into(&mut step.input);
        // The answers are given before the first question. debconf accepts them while it is only
        // unpacked.
        let first = steps.iter().position(|step| step.name == CONFIGURE);
        steps.insert(first.unwrap_or(steps.len()), step);
    }
    let mut configure = dpkg_configure(&["-a"]);
    // In a circle of dependencies, some packages may be configured only by a second pass.
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

impl Package {
    /// The path at which dpkg keeps the package's script `name`.
    fn script(&self, name: &str) -> String {
        let info = "/var/lib/dpkg/info";
        match self.same {
            true => format!("{info}/{}:{}.{name}", self.name, self.architecture),
            false => format!("{info}/{}.{name}", self.name),
        }
    }

    /// The argument by which dpkg knows this package and no other.
    fn spec(&self) -> String {
        match self.same {
            true => format!("{}:{}", self.name, self.architecture),
            false => self.name.clone(),
        }
    }

    /// The step that runs the package's preinst.
    fn preinst(&self) -> Step {
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

/// Reads one stanza of the database.
pub(super) fn package(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let listed = |name: &str| field(name).into_iter().flat_map(names).collect();
    Some(Package {
        name: field("Package")?.to_owned(),
        architecture: field("Architecture").unwrap_or("all").to_owned(),
        state: field("Status")?.split(' ').nth(2)?.to_owned(),
        version: field("Version").unwrap_or_default().to_owned(),
        config_version: field("Config-Version").map(str::to_owned),
        same: field("Multi-Arch") == Some("same"),
        essential: field("Essential") == Some("yes"),
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
    let done = ["installed", "config-files", "not-installed"];
    let left = packages
        .iter()
        .filter(|package| !done.contains(&package.state.as_str()));
    left.map(|package| package.name.clone()).collect()
}
