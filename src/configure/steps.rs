//! The steps that turn unpacked packages into configured ones.
//!
//! dpkg runs the preinst of a package before it unpacks the package. Here the packages are unpacked
//! already, so separate steps run their preinsts, between those in which dpkg configures packages
//! (`order`).

use super::error::ConfigureError;
use super::order::{self, Phase};
use super::package::{self, Package};
use crate::sandbox::job::Step;
use crate::tree::{Objects, Tree, TreePath};

/// The steps that must come before `dpkg --configure -a`, here or on the device, so that each preinst
/// of an unpacked package of `tree` finds the packages configured on which it may rely.
///
/// # Errors
///
/// The tree's dpkg database cannot be read.
pub fn preparation(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, ConfigureError> {
    let packages = package::read(tree, objects)?;
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
    let mut command = vec![
        "dpkg",
        "--force-confdef",
        "--force-confold",
        "--force-unsafe-io",
        "--configure",
    ];
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
) -> Result<Vec<Step>, ConfigureError> {
    let mut steps = before;
    steps.extend(preparation(tree, objects)?);
    let loader = "/usr/bin/debconf-set-selections";
    if !preseed.is_empty() && tree.resolve(&TreePath::constant(loader)).is_some() {
        let mut step = Step::new("debconf-set-selections", &[loader]);
        preseed.clone_into(&mut step.input);
        // The answers are given before the first question. debconf accepts them while it is only
        // unpacked.
        let first = steps.iter().position(|step| step.name == CONFIGURE);
        steps.insert(first.unwrap_or(steps.len()), step);
    }
    let mut configure = dpkg_configure(&["-a"]);
    // In a circle of dependencies, some packages may be configured only by a second pass.
    configure.retries = 1;
    steps.push(configure);
    let mut audit = Step::new("dpkg --audit", &["dpkg", "--audit"]);
    audit.silent = true;
    steps.push(audit);
    Ok(steps)
}
