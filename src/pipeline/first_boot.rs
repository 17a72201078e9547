//! Packages on a base image that the device itself configures in its first boot (`--configure first-boot`): for
//! hosts that allow no sandbox.
//!
//! ```text
//! /usr/lib/imgbuild/configure             the program; it runs after mounts and before everything else, at most
//!                                         three times
//! /var/lib/imgbuild/configure/steps       shell functions with the preinsts, and with the commands after dpkg
//! /var/lib/imgbuild/configure/answers     answers to debconf's questions
//! <boot partition>/imgbuild-configure.log the output of the program
//! ```
//!
//! imgbuild unpacks the packages without running a script, so the base image must have no other version of them:
//! replacing a version needs its scripts. A root that is made of packages alone is always configured by the build,
//! because nothing in it could start before.

use super::context::BuildContext;
use super::error::SystemError;
use super::fetch;
use crate::base::{Opened, regulatory};
use crate::boot::contents::{builtin_file, builtin_symlink, path, put};
use crate::compose::{Unowned, mount_unit};
use crate::configure;
use crate::define::overlay::Ownership;
use crate::dpkg::database::Database;
use crate::dpkg::unpack;
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::sandbox::Step;
use crate::tree::{Kind, Meta, Node, Objects, Origin, Tree};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The program that runs on the device.
const SCRIPT: &[u8] = include_bytes!("files/configure.sh");
/// The unit that starts it.
const UNIT: &str = include_str!("files/imgbuild-configure.service");
/// The symlink that enables the unit.
const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/imgbuild-configure.service";
const UNIT_PATH: &str = "/usr/lib/systemd/system/imgbuild-configure.service";
const SCRIPT_PATH: &str = "/usr/lib/imgbuild/configure";
/// The folder that exists as long as packages are to be configured.
const STATE: &str = "/var/lib/imgbuild/configure";
const LOG: &str = "imgbuild-configure.log";

/// The program that takes the answers. An image without it has no debconf, and no script asks a question.
const DEBCONF: &str = "/usr/bin/debconf-set-selections";

/// The package whose postinst offers its regulatory databases as alternatives.
const WIRELESS_REGDB: &str = "wireless-regdb";

/// The tree of `base` with the packages of `plan` unpacked.
pub(super) fn unpacked(
    plan: &Plan,
    base: &Opened,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    refuse_upgrades(plan, &Database::read(&base.tree, context.store)?)?;
    let needed: Vec<&LockedPackage> = plan.lock.packages.iter().collect();
    fetch::fetch(&needed, context)?;
    Ok(unpack::unpack_onto(
        base.tree.clone(),
        &plan.lock.packages,
        context.store,
        plan.spec.board.architecture,
        plan.epoch(),
        context.reporter,
    )?)
}

/// Refuses a package of `plan` that `database` has already, even if only its configuration files are left.
fn refuse_upgrades(plan: &Plan, database: &Database) -> Result<(), SystemError> {
    let known = |locked: &LockedPackage| {
        let mut records = database.packages.values().map(|package| &package.record);
        let record = records.find(|record| record.name() == locked.name)?;
        let (name, old, new) = (&locked.name, record.version(), &locked.version);
        Some(format!("{name} ({old} → {new})"))
    };
    let packages: Vec<String> = plan.lock.packages.iter().filter_map(known).collect();
    match packages.is_empty() {
        true => Ok(()),
        false => Err(SystemError::Upgrades { packages }),
    }
}

/// Writes the files that configure the packages into `root`, which is complete otherwise. `unowned` has the files
/// that belong to accounts that the packages' scripts make.
pub(super) fn write(
    plan: &Plan,
    boot_mount: &str,
    root: &mut Tree,
    objects: &dyn Objects,
    unowned: &[Unowned],
) -> Result<(), SystemError> {
    let answers = configure::debconf_answers(&plan.spec.system);
    let steps = configure::preparation(root, objects)?;
    let log = format!("{}/{LOG}", boot_mount.trim_end_matches('/'));
    let mut text = format!("log={}\n\nbefore() {{\n", quoted(&log));
    if !answers.is_empty() && root.resolve(&path(DEBCONF)).is_some() {
        let _ = writeln!(text, "\t{DEBCONF} \"$state/answers\" || return 1");
    }
    let lines = steps.iter().enumerate();
    lines.for_each(|(number, step)| text += &once(number, step));
    text += "\t:\n}\n\nafter() {\n";
    for unowned in unowned {
        let Ownership { owner, group, mode } = &unowned.ownership;
        let path = quoted(&unowned.path.to_string());
        // chown clears setuid bits, so chmod comes second.
        let _ = writeln!(text, "\tchown {owner}:{group} {path} || return 1");
        let _ = writeln!(text, "\tchmod {mode:04o} {path} || return 1");
    }
    let mut packages = plan.lock.packages.iter();
    let brings_rules = packages.any(|package| package.name == WIRELESS_REGDB);
    if brings_rules && regulatory::vendor_kernel(root, objects)?.is_some() {
        let (name, path) = (regulatory::NAME, regulatory::UPSTREAM);
        let _ = writeln!(
            text,
            "\tupdate-alternatives --set {name} {path} || return 1"
        );
    }
    text += "\t:\n}\n";
    let mtime = plan.epoch().into();
    let unit = UNIT.replace("BOOT-MOUNT", &mount_unit(boot_mount));
    for (at, bytes, mode) in [
        (SCRIPT_PATH, SCRIPT, 0o755),
        (UNIT_PATH, unit.as_bytes(), 0o644),
        (&format!("{STATE}/steps"), text.as_bytes(), 0o600),
        (&format!("{STATE}/answers"), answers.as_bytes(), 0o600),
        (&format!("{STATE}/tries"), b"0\n", 0o600),
    ] {
        put(root, &path(at), builtin_file(bytes, mode, mtime))?;
    }
    put(root, &path(WANTED), builtin_symlink(UNIT_PATH, mtime))?;
    let done = path(&format!("{STATE}/done"));
    let empty = Kind::Directory(BTreeMap::new());
    let folder = Node::new(empty, Meta::root(0o700, mtime), Origin::Builtin);
    put(root, &done, folder)?;
    Ok(())
}

/// The line of the script that runs `step`, whose index is `number`.
fn once(number: usize, step: &Step) -> String {
    let name = format!("{number} {}", step.name);
    let mut words = vec!["once".to_owned(), quoted(&name)];
    let variables = step.environment.iter();
    words.extend(variables.map(|(name, value)| quoted(&format!("{name}={value}"))));
    words.push("--".to_owned());
    if step.package.is_none() {
        // dpkg refuses to configure a package that an earlier try has configured.
        let again = ["sh", "-c", "\"$@\" || dpkg --configure -a", "sh"];
        words.extend(again.map(quoted));
    }
    words.extend(step.command.iter().map(|word| quoted(word)));
    format!("\t{} || return 1\n", words.join(" "))
}

/// `word` in the quotes of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_becomes_one_line_that_a_shell_cannot_misread() {
        let mut step = Step::new("preinst of x", &["/x.preinst", "install"]);
        step.package = Some("x".to_owned());
        step.environment
            .insert("A".to_owned(), "it's $b".to_owned());
        let expected =
            "\tonce '7 preinst of x' 'A=it'\\''s $b' -- '/x.preinst' 'install' || return 1\n";
        assert_eq!(once(7, &step), expected);
    }
}
