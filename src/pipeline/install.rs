//! Installs packages on the root filesystem of a base image, by its own dpkg.

use super::context::BuildContext;
use super::error::SystemError;
use super::first_boot;
use super::host_name::{Configured, Input};
use super::system;
use crate::base::{Opened, regulatory};
use crate::configure::Archive;
use crate::dpkg::unpack;
use crate::event::{Event, Stage};
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::specification::Configure;
use crate::tree::{Copier, Kind, Origin, Tree, TreePath};

/// The stage of the memo. It must change whenever the same base and packages give another configured tree.
const INSTALLED: &str = "onto-4";

/// The folders in which scripts leave logs and caches of their run. Files of the base are restored there.
const TRACES: [&str; 3] = ["/var/log", "/var/cache", "/var/tmp"];
/// The folder below these in which debconf keeps its questions and answers. It stays as the scripts left it.
const QUESTIONS: &str = "/var/cache/debconf";

/// The tree of `base` with the packages of `plan` installed, and with the regulatory database that its kernel accepts.
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
    let packages = &plan.lock.packages;
    if packages.is_empty() {
        return Ok(base.tree.clone());
    }
    if plan.spec.configure == Configure::FirstBoot {
        return first_boot::unpacked(plan, base, context);
    }
    let store = context.store;
    let mut key = system::key(plan, packages);
    key.field(&base.disk.0);
    let configured = Configured::new(INSTALLED, key, plan);
    if let Some(tree) = configured.recall(&[Stage::Configure], context)? {
        return Ok(tree);
    }
    system::fetch_inputs(plan, context)?;
    let archive = |package: &LockedPackage| Archive {
        name: package.name.clone(),
        deb: package.sha256,
    };
    let archives: Vec<Archive> = packages.iter().map(archive).collect();
    let mounts: Vec<TreePath> = base.volumes.iter().map(|it| it.mount.clone()).collect();
    let tools = system::tools(plan, context)?;
    store.prove(base.tree.objects())?;
    store.prove(packages.iter().map(|package| package.sha256))?;
    let input = Input {
        tree: &base.tree,
        archives: &archives,
        mounts: &mounts,
        tools: tools.as_ref(),
    };
    let finish = |tree: &mut Tree| -> Result<(), SystemError> {
        restore_traces(&base.tree, tree);
        let architecture = plan.spec.board.architecture;
        unpack::mark_automatic(tree, packages, architecture, plan.epoch(), store)?;
        Ok(())
    };
    configured.make(&input, &finish, context)
}

/// Restores the files of the base in the folders where scripts leave traces of their run.
fn restore_traces(base: &Tree, tree: &mut Tree) {
    let folders = TRACES.map(TreePath::constant);
    let questions = TreePath::constant(QUESTIONS);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{path, put};
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Meta, Node};

    const LOG: &str = "/var/log/dpkg.log";
    const ANSWERS: &str = "/var/cache/debconf/config.dat";

    fn tree(text: &str, origin: &Origin) -> Tree {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for path in [LOG, ANSWERS].map(path) {
            let kind = Kind::File(Content::inline(text.as_bytes()));
            put(&mut tree, &path, Node::new(kind, meta, origin.clone())).unwrap();
        }
        tree
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
