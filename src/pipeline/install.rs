//! Installs packages on the root filesystem of a base image, by its own dpkg.

use super::context::BuildContext;
use super::error::SystemError;
use super::fetch;
use super::first_boot;
use super::host_name::{self, Configured};
use super::system;
use crate::architecture::Architecture;
use crate::base::{Opened, regulatory};
use crate::configure::{self, Archive, ConfigureRequest};
use crate::dpkg::unpack;
use crate::event::{Event, Stage, Work};
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::specification::Configure;
use crate::tree::{Copier, Kind, Origin, Tree, TreePath};

/// Changes whenever the same base and packages give another configured tree.
const INSTALLED: &str = "onto-4";

/// Folders in which scripts leave traces of their run; what the base has there stays.
const TRACES: [&str; 3] = ["/var/log", "/var/cache", "/var/tmp"];
/// What scripts leave in one of these folders and is no trace: the questions of packages, with their answers.
const QUESTIONS: &str = "/var/cache/debconf";

/// The tree of `base` with the packages of `plan` installed, and what follows from its own ones.
pub(super) fn configured(
    plan: &Plan,
    base: &Opened,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    let mut tree = installed(plan, base, context)?;
    let store = context.store;
    if let Some(kernel) = regulatory::vendor_kernel(&tree, store)?
        && regulatory::choose_upstream(&mut tree, store, plan.epoch())?
    {
        context.reporter.report(Event::Note(format!(
            "kernel {kernel} does not know Debian's key: regulatory.db is the upstream one"
        )));
    }
    Ok(tree)
}

fn installed(plan: &Plan, base: &Opened, context: &BuildContext<'_>) -> Result<Tree, SystemError> {
    if plan.lock.packages.is_empty() {
        return Ok(base.tree.clone());
    }
    if plan.spec.configure == Configure::FirstBoot {
        return first_boot::unpacked(plan, base, context);
    }
    let store = context.store;
    let preseed = configure::debconf_answers(&plan.spec.system);
    let mut key = system::key(plan, &plan.lock.packages);
    key.field(&base.disk.0);
    key.field(&configure::STAGE_VERSION.to_le_bytes());
    key.field(preseed.as_bytes());
    let known = Configured::new(INSTALLED, key, plan);
    if let Some(tree) = known.recall(store)? {
        report_memoized(context);
        return Ok(tree);
    }
    let host = Architecture::host().ok_or(SystemError::UnknownHost)?;
    let needed: Vec<&LockedPackage> = plan.lock.inputs(Some(host)).collect();
    fetch::fetch(&needed, context)?;
    let archive = |package: &LockedPackage| Archive {
        name: package.name.clone(),
        deb: package.sha256,
    };
    let archives: Vec<Archive> = plan.lock.packages.iter().map(archive).collect();
    let mounts: Vec<TreePath> = base.volumes.iter().map(|it| it.mount.clone()).collect();
    let tools = system::tools(plan, host, context)?;
    let architecture = plan.spec.board.architecture;
    store.prove(base.tree.objects())?;
    store.prove(plan.lock.packages.iter().map(|package| package.sha256))?;
    known.make(context, &|name| {
        let request = ConfigureRequest {
            tree: &host_name::called(&base.tree, name, plan, context)?,
            archives: &archives,
            mounts: &mounts,
            store,
            architecture,
            tools: tools.as_ref(),
            epoch: plan.epoch(),
            preseed: &preseed,
            host_name: name,
            script_timeout: context.script_timeout,
            program: context.program,
        };
        let mut tree = configure::configure(&request, context.reporter)?;
        restore_traces(&base.tree, &mut tree);
        let packages = &plan.lock.packages;
        unpack::mark_automatic(&mut tree, packages, architecture, plan.epoch(), store)?;
        Ok(tree)
    })
}

/// Puts back what the base has where scripts leave traces of their run.
fn restore_traces(base: &Tree, tree: &mut Tree) {
    let fixed = |text: &str| TreePath::parse(text.as_bytes()).expect("a plain path");
    let (folders, questions) = (TRACES.map(fixed), fixed(QUESTIONS));
    let mut copier = Copier::between(base, tree);
    for (path, id) in base.walk() {
        let node = base.node(id);
        let is_trace =
            folders.iter().any(|folder| path.starts_with(folder)) && !path.starts_with(&questions);
        if !is_trace || !matches!(node.kind, Kind::File(_)) {
            continue;
        }
        let touched = match tree.at(&path) {
            None => true,
            Some(id) => tree.node(id).origin == Origin::Script,
        };
        let parent = path.split_last().and_then(|(parent, _)| tree.at(&parent));
        if touched && parent.is_some_and(|parent| tree.node(parent).is_directory()) {
            let put = copier.copy(id, tree, &path);
            debug_assert!(put.is_ok(), "the parent was looked up");
        }
    }
}

fn report_memoized(context: &BuildContext<'_>) {
    context.reporter.report(Event::Started {
        stage: Stage::Configure,
        work: Work::Uncounted,
    });
    context.reporter.report(Event::Finished {
        stage: Stage::Configure,
        memoized: true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Meta, Node};

    const LOG: &str = "/var/log/dpkg.log";
    const ANSWERS: &str = "/var/cache/debconf/config.dat";

    fn tree(text: &str, origin: &Origin) -> Tree {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for path in [LOG, ANSWERS].map(path) {
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, origin).unwrap();
            let kind = Kind::File(Content::inline(text.as_bytes()));
            tree.insert(&path, Node::new(kind, meta, origin.clone()))
                .unwrap();
        }
        tree
    }

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_log_is_that_of_the_base_again_and_answers_to_packages_stay() {
        let base = tree("base", &Origin::Base);
        let mut after = tree("scripts", &Origin::Script);
        restore_traces(&base, &mut after);
        let text = |name| &after.node(after.at(&path(name)).unwrap()).kind;
        assert_eq!(text(LOG), &Kind::File(Content::inline(b"base")));
        assert_eq!(text(ANSWERS), &Kind::File(Content::inline(b"scripts")));
    }

    #[test]
    fn two_names_of_a_log_stay_names_of_one_file() {
        const SECOND: &str = "/var/log/dpkg.log.1";
        let link = |tree: &mut Tree| {
            let log = tree.at(&path(LOG)).unwrap();
            tree.link(&path(SECOND), log).unwrap();
        };
        let mut base = tree("base", &Origin::Base);
        link(&mut base);
        // A script has written to the file, and then one that has replaced it under one of its names.
        let mut written = tree("scripts", &Origin::Script);
        link(&mut written);
        let mut replaced = base.clone();
        let other = written.node(written.at(&path(LOG)).unwrap()).clone();
        replaced.insert(&path(SECOND), other).unwrap();
        for mut after in [written, replaced] {
            restore_traces(&base, &mut after);
            assert_eq!(after.at(&path(LOG)), after.at(&path(SECOND)));
            let log = after.at(&path(LOG)).unwrap();
            assert_eq!(after.node(log).origin, Origin::Base);
        }
    }
}
