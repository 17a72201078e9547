//! Packages on a base image that the device itself configures at its first boot:
//! for hosts that allow no sandbox, and for people who ask for it.
//!
//! ```text
//! /usr/lib/imgbuild/configure             runs before anything but mounts, three times at most
//! /var/lib/imgbuild/configure/steps       what it does: the preinsts, and what comes after dpkg
//! /var/lib/imgbuild/configure/answers     to debconf's questions
//! <boot partition>/imgbuild-configure.log what it did
//! ```
//!
//! The packages are unpacked by us, so none of them may be there in another version: replacing one
//! takes its scripts. A root made of packages alone has no system that could start, and none of this.

use super::context::BuildContext;
use super::error::SystemError;
use super::fetch;
use super::system;
use crate::base::{Opened, regulatory};
use crate::compose::{Unowned, mount_unit};
use crate::configure;
use crate::define::overlay::Ownership;
use crate::dpkg::database::Database;
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::sandbox::Step;
use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreePath};
use std::fmt::Write;

/// What runs on the device.
const SCRIPT: &[u8] = include_bytes!("files/configure.sh");
/// When.
const UNIT: &str = include_str!("files/imgbuild-configure.service");
/// The link that lets it run.
const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/imgbuild-configure.service";
const UNIT_PATH: &str = "/usr/lib/systemd/system/imgbuild-configure.service";
const SCRIPT_PATH: &str = "/usr/lib/imgbuild/configure";
/// While this is there, packages are to be configured.
const STATE: &str = "/var/lib/imgbuild/configure";
const LOG: &str = "imgbuild-configure.log";

/// Without it, nobody asks.
const DEBCONF: &str = "/usr/bin/debconf-set-selections";

/// The package whose script offers the regulatory databases.
const WIRELESS_REGDB: &str = "wireless-regdb";

/// The tree of `base` with the packages of `plan` unpacked.
pub(super) fn unpacked(
    plan: &Plan,
    base: &Opened,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    let database = Database::read(&base.tree, context.store);
    refuse_upgrades(plan, &database?)?;
    let needed: Vec<&LockedPackage> = plan.lock.packages.iter().collect();
    fetch::fetch(&needed, context)?;
    system::unpack_onto(base.tree.clone(), plan, context)
}

/// No package of `plan` may be in `database` already, not even with its configuration only.
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

/// Writes what configures the packages into `root`, in which everything else is already; `unowned` is
/// what belongs to accounts that only their scripts make.
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
    if !answers.is_empty() && root.resolve(&fixed(DEBCONF)).is_some() {
        let _ = writeln!(text, "\t{DEBCONF} \"$state/answers\" || return 1");
    }
    let lines = steps.iter().enumerate();
    lines.for_each(|(number, step)| text += &once(number, step));
    text += "\t:\n}\n\nafter() {\n";
    for unowned in unowned {
        let Ownership { owner, group, mode } = &unowned.ownership;
        let path = quoted(&unowned.path.to_string());
        // chown takes setuid bits away.
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
    let mut put = |path: &str, kind: Kind, mode: u16| -> Result<(), SystemError> {
        let path = fixed(path);
        let meta = |mode| Meta::root(mode, plan.epoch().into());
        if let Some((parent, _)) = path.split_last() {
            root.make_directories(&parent, meta(0o755), &Origin::Builtin)?;
        }
        root.insert(&path, Node::new(kind, meta(mode), Origin::Builtin))?;
        Ok(())
    };
    let file = |bytes: &[u8]| Kind::File(Content::inline(bytes));
    put(SCRIPT_PATH, file(SCRIPT), 0o755)?;
    let unit = UNIT.replace("BOOT-MOUNT", &mount_unit(boot_mount));
    put(UNIT_PATH, file(unit.as_bytes()), 0o644)?;
    put(WANTED, Kind::Symlink(UNIT_PATH.as_bytes().into()), 0o777)?;
    put(&format!("{STATE}/steps"), file(text.as_bytes()), 0o600)?;
    put(&format!("{STATE}/answers"), file(answers.as_bytes()), 0o600)?;
    put(&format!("{STATE}/tries"), file(b"0\n"), 0o600)?;
    put(
        &format!("{STATE}/done"),
        Kind::Directory(Default::default()),
        0o700,
    )
}

/// `step`, the one of this `number`, as a line of the script.
fn once(number: usize, step: &Step) -> String {
    let name = format!("{number} {}", step.name);
    let mut words = vec!["once".to_owned(), quoted(&name)];
    let variables = step.environment.iter();
    words.extend(variables.map(|(name, value)| quoted(&format!("{name}={value}"))));
    words.push("--".to_owned());
    if step.package.is_none() {
        // dpkg refuses to configure once more what an earlier try has configured.
        let again = ["sh", "-c", "\"$@\" || dpkg --configure -a", "sh"];
        words.extend(again.map(quoted));
    }
    words.extend(step.command.iter().map(|word| quoted(word)));
    format!("\t{} || return 1\n", words.join(" "))
}

/// `word` as a shell takes it for nothing else.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn fixed(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a plain path")
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
