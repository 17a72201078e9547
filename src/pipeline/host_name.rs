//! The host name that the scripts of packages see, and when a configured tree depends on it.
//!
//! A script asks uname(2), hostname(1), /etc/hostname or /etc/hosts for the host name, and may write the answer into a
//! file, as Postfix does with `myhostname`. So scripts must see the name that the device will have. In most sets of
//! packages no script writes the name down, and then a build for another name must not run all scripts again. So they
//! run first with a name that no device has. If nothing that they leave holds this name, the result is kept for every
//! host name; otherwise they run once more, with the device's own name.

use super::context::BuildContext;
use super::error::SystemError;
use super::remembered_tree;
use crate::compose::identity;
use crate::compose::layer::Layer;
use crate::compose::named::NameError;
use crate::configure::{self, Archive, ConfigureRequest};
use crate::digest::{Hasher, Sha256};
use crate::event::{Event, Stage, Work};
use crate::plan::Plan;
use crate::sandbox::NAMELESS;
use crate::store::Store;
use crate::tree::{Content, Kind, Objects, Origin, Piece, Tree, TreePath};
use std::io;

/// A host name that no file holds by chance. No device has it.
const NOBODY: &str = "imgbuild-nobodys-name";
/// The stage of the note that a result holds the host name.
const ASKED: &str = "host-name-1";

/// The packages that are to be configured.
pub(super) struct Input<'a> {
    /// The tree, which has the packages unless they are in `archives`.
    pub(super) tree: &'a Tree,
    /// The packages that dpkg unpacks first.
    pub(super) archives: &'a [Archive],
    /// The mount points of the filesystems beside the root's.
    pub(super) mounts: &'a [TreePath],
    /// The tools of the sandbox.
    pub(super) tools: Option<&'a Tree>,
}

/// A configured tree, which the store keeps as the result of `stage` for `key`.
pub(super) struct Configured<'a> {
    stage: &'static str,
    key: Sha256,
    plan: &'a Plan,
    /// The answers to debconf's questions.
    preseed: String,
}

impl<'a> Configured<'a> {
    /// The tree that `stage` makes of the inputs in `key`.
    pub(super) fn new(stage: &'static str, mut key: Hasher, plan: &'a Plan) -> Self {
        let preseed = configure::debconf_answers(&plan.spec.system);
        key.field(&configure::STAGE_VERSION.to_le_bytes());
        key.field(preseed.as_bytes());
        Self {
            stage,
            key: key.finish(),
            plan,
            preseed,
        }
    }

    /// The result of an earlier build, if the store has it; `stages` are then reported as done.
    pub(super) fn recall(
        &self,
        stages: &[Stage],
        context: &BuildContext<'_>,
    ) -> Result<Option<Tree>, SystemError> {
        let store = context.store;
        let tree = remembered_tree::recall(self.stage, &self.full_key(store), store)?;
        for stage in stages.iter().filter(|_| tree.is_some()) {
            context.reporter.started(*stage, Work::Uncounted);
            context.reporter.finished(*stage, true);
        }
        Ok(tree)
    }

    /// Configures the packages of `input`, completes the tree by `finish`, and keeps it in the store.
    pub(super) fn make(
        &self,
        input: &Input<'_>,
        finish: &dyn Fn(&mut Tree) -> Result<(), SystemError>,
        context: &BuildContext<'_>,
    ) -> Result<Tree, SystemError> {
        let store = context.store;
        let name = (self.plan.spec.system.host_name.as_deref()).unwrap_or(NAMELESS);
        if name != NAMELESS && store.noted(ASKED, &self.key).is_none() {
            let mut tree = self.configure(input, NOBODY, context)?;
            finish(&mut tree)?;
            if !is_mentioned(NOBODY, &tree, store)? {
                remembered_tree::remember(self.stage, &self.key, &tree, store)?;
                return Ok(tree);
            }
            let words = format!(
                "scripts of packages write the host name into files: they run again as `{name}`"
            );
            context.reporter.report(Event::Note(words));
            store.set_memo(ASKED, &self.key, &self.key)?;
        }
        let mut tree = self.configure(input, name, context)?;
        finish(&mut tree)?;
        remembered_tree::remember(self.stage, &self.full_key(store), &tree, store)?;
        Ok(tree)
    }

    fn configure(
        &self,
        input: &Input<'_>,
        host_name: &str,
        context: &BuildContext<'_>,
    ) -> Result<Tree, SystemError> {
        let request = ConfigureRequest {
            tree: &with_name(input.tree, host_name, self.plan, context)?,
            archives: input.archives,
            mounts: input.mounts,
            store: context.store,
            architecture: self.plan.spec.board.architecture,
            tools: input.tools,
            epoch: self.plan.epoch(),
            preseed: &self.preseed,
            host_name,
            script_timeout: context.script_timeout,
            program: context.program,
        };
        Ok(configure::configure(&request, context.reporter)?)
    }

    /// The key, which has the device's host name in it if the result depends on that.
    fn full_key(&self, store: &Store) -> Sha256 {
        let name = match &self.plan.spec.system.host_name {
            None => NAMELESS,
            Some(_) if store.noted(ASKED, &self.key).is_none() => return self.key,
            Some(name) => name,
        };
        let mut hasher = Hasher::new();
        hasher.field(&self.key.0);
        hasher.field(name.as_bytes());
        hasher.finish()
    }
}

/// `tree` with the files that give the device the host name `name`.
fn with_name(
    tree: &Tree,
    name: &str,
    plan: &Plan,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    let mut tree = tree.clone();
    if name != NAMELESS {
        let store = context.store;
        let mut layer = Layer::new(&mut tree, store, plan.epoch(), Origin::Builtin);
        identity::set_host_name(&mut layer, name).map_err(NameError::from)?;
        if !context.base.preserved(&plan.spec.board).identity {
            identity::link_resolver(&mut layer).map_err(NameError::from)?;
        }
    }
    Ok(tree)
}

/// Whether a file that scripts made holds `name` in its own name, its content, or the target of a symlink.
fn is_mentioned(name: &str, tree: &Tree, objects: &dyn Objects) -> io::Result<bool> {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if node.origin != Origin::Script {
            continue;
        }
        let own = path.components().next_back();
        let found = own.is_some_and(|own| holds(own.as_bytes(), name))
            || match &node.kind {
                Kind::Symlink(target) => holds(target, name),
                Kind::File(content) => is_in(name, content, objects)?,
                _ => false,
            };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `content` holds `name`. It is read in parts that overlap by the length of the name, because it may be
/// larger than memory.
fn is_in(name: &str, content: &Content, objects: &dyn Objects) -> io::Result<bool> {
    const PART: usize = 1 << 20;
    let data = content.pieces();
    for piece in data.filter(|piece| !matches!(piece, Piece::Hole(_))) {
        let len = piece.len();
        let piece = Content::from_pieces([piece]);
        for start in (0..len).step_by(PART) {
            let part = piece.range(start, (PART + name.len()) as u64);
            if holds(&part.read(objects)?, name) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn holds(bytes: &[u8], name: &str) -> bool {
    let mut parts = bytes.windows(name.len());
    parts.any(|part| part == name.as_bytes())
}
