//! The device's name, as the scripts of packages learn it, and what follows from that for what is remembered.
//!
//! A script asks uname(2), hostname(1), /etc/hostname or /etc/hosts, and may write the answer into a file: Postfix's
//! `myhostname` is one. What it gets is the name that the device will have. Of most sets of packages no script does so,
//! and then a build for another name must not run all of them again. So they run first under a name that nobody has. If
//! nothing that they leave holds it, the result is that of every name; else they run once more, under the device's own.

use super::context::BuildContext;
use super::error::SystemError;
use super::remembered_tree;
use crate::compose::identity;
use crate::compose::layer::Layer;
use crate::compose::named::NameError;
use crate::digest::{Hasher, Sha256};
use crate::event::Event;
use crate::plan::Plan;
use crate::sandbox::NAMELESS;
use crate::store::Store;
use crate::tree::{Content, Kind, Objects, Origin, Piece, Slice, Tree};
use std::io::{self, Read, Seek, SeekFrom};

/// A host name that no file has by chance. It is no name of a device: they are all about imgbuild.
const NOBODY: &str = "imgbuild-nobodys-name";
/// Where it is noted that a result holds the name.
const ASKED: &str = "host-name-1";

/// A configured tree that is remembered as what `stage` makes of `key`.
pub(super) struct Configured<'a> {
    stage: &'static str,
    key: Sha256,
    plan: &'a Plan,
}

impl<'a> Configured<'a> {
    pub(super) fn new(stage: &'static str, key: Hasher, plan: &'a Plan) -> Self {
        let key = key.finish();
        Self { stage, key, plan }
    }

    /// What was made before.
    pub(super) fn recall(&self, store: &Store) -> Result<Option<Tree>, SystemError> {
        remembered_tree::recall(self.stage, &self.known_as(store), store)
    }

    /// Has `run` make the tree under the name that it is given, and remembers it.
    pub(super) fn make(
        &self,
        context: &BuildContext<'_>,
        run: &dyn Fn(&str) -> Result<Tree, SystemError>,
    ) -> Result<Tree, SystemError> {
        let store = context.store;
        let name = (self.plan.spec.system.host_name.as_deref()).unwrap_or(NAMELESS);
        if name != NAMELESS && store.noted(ASKED, &self.key).is_none() {
            let tree = run(NOBODY)?;
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
        let tree = run(name)?;
        remembered_tree::remember(self.stage, &self.known_as(store), &tree, store)?;
        Ok(tree)
    }

    /// The key, with the device's name in it where the result depends on that.
    fn known_as(&self, store: &Store) -> Sha256 {
        let Some(name) = &self.plan.spec.system.host_name else {
            return named(&self.key, NAMELESS);
        };
        match store.noted(ASKED, &self.key) {
            Some(_) => named(&self.key, name),
            None => self.key,
        }
    }
}

fn named(key: &Sha256, name: &str) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.field(&key.0);
    hasher.field(name.as_bytes());
    hasher.finish()
}

/// `tree` as it is on a device of this name.
pub(super) fn called(
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

/// Whether anything that scripts made holds `name`: a path, a link or a file's content.
fn is_mentioned(name: &str, tree: &Tree, objects: &dyn Objects) -> io::Result<bool> {
    let holds = |bytes: &[u8]| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if node.origin != Origin::Script {
            continue;
        }
        let own = path.components().next_back();
        let found = own.is_some_and(|own| holds(own.as_bytes()))
            || match &node.kind {
                Kind::Symlink(target) => holds(target),
                Kind::File(content) => is_in(&holds, name.len(), content, objects)?,
                _ => false,
            };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `holds` is true of a part of `content`, of which as many bytes are looked at as memory has room for.
fn is_in(
    holds: &dyn Fn(&[u8]) -> bool,
    len: usize,
    content: &Content,
    objects: &dyn Objects,
) -> io::Result<bool> {
    for piece in content.pieces() {
        let found = match piece {
            Piece::Bytes(bytes) => holds(&bytes),
            Piece::Stored(slice) => is_in_slice(holds, len, &slice, objects)?,
            Piece::Hole(_) => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in_slice(
    holds: &dyn Fn(&[u8]) -> bool,
    len: usize,
    slice: &Slice,
    objects: &dyn Objects,
) -> io::Result<bool> {
    const CHUNK: u64 = 1 << 20;
    let mut file = objects.open(&slice.object)?;
    file.seek(SeekFrom::Start(slice.offset))?;
    let mut rest = file.take(slice.len);
    let mut window = Vec::new();
    loop {
        // What may be the beginning of the name stays in sight.
        let kept = window.len().saturating_sub(len.saturating_sub(1));
        window.drain(..kept);
        let count = (&mut rest).take(CHUNK).read_to_end(&mut window)?;
        if count == 0 {
            return Ok(false);
        }
        if holds(&window) {
            return Ok(true);
        }
    }
}
