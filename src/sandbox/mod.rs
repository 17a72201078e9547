//! Runs maintainer scripts, the only part of a build that runs programs of the image.
//!
//! The tree is written to the store's scratch space and becomes the root of a sandbox that any user
//! can make. The sandbox has user, mount, process, network, IPC and host name namespaces of its own
//! and a single user id; it reaches no network but a loopback of its own, no disk, and no file of
//! the host. A supervisor keeps track of the owners of files (`owners`) and of the ids of processes
//! (`identities`). The files that the scripts left are read back into a tree.

mod calls;
mod credentials;
mod descriptors;
pub(crate) mod emulation;
pub(crate) mod error;
mod filter;
mod identities;
mod inside;
pub(crate) mod job;
pub(crate) mod limits;
mod loopback;
mod made;
mod materialize;
mod memory;
mod mounts;
mod notified;
mod outside;
mod owners;
mod proc;
mod process;
mod resolve;
pub(crate) mod run;
mod running;
mod scan;
mod seccomp;
mod sparse;
mod supervise;
mod watch;

pub use error::{Ending, OutputLimit, Refusal, SandboxError, TimeLimit};
pub use inside::reenter;
pub use job::Step;
pub use running::end_all;

use crate::epoch::Epoch;
use crate::store::Store;
use crate::tree::Tree;
use job::Job;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The host name in the sandbox if the tree has none.
pub const NAMELESS: &str = "localhost";

/// Programs to run on a tree.
pub struct RunRequest<'a> {
    /// The tree that they see as `/`.
    pub tree: &'a Tree,
    /// The store that holds the contents of the tree and takes the new ones.
    pub store: &'a Store,
    /// This program, whose `main` calls [`reenter`] first.
    pub program: &'a Path,
    /// The time of all files that they make.
    pub epoch: Epoch,
    /// The programs to run, in order.
    pub steps: Vec<Step>,
    /// The time limit of one step, if not the usual one. It has no influence on the result.
    pub script_timeout: Option<Duration>,
}

/// Runs `request.steps` and gives back the changed tree. `listen` is called with every printed
/// line.
///
/// # Errors
///
/// This host allows no sandbox, a step fails, or the tree or the store cannot be read.
pub fn run(request: &RunRequest<'_>, listen: &mut dyn FnMut(&str)) -> Result<Tree, SandboxError> {
    let job = Job {
        store: request.store.root().to_path_buf(),
        epoch: request.epoch,
        steps: request.steps.clone(),
        environment: environment(request.epoch, false),
        script_timeout: request.script_timeout.unwrap_or(limits::timeout(false)),
        stubs: Vec::new(),
        host_name: NAMELESS.to_owned(),
        emulation: None,
        discard: false,
    };
    let (tree, store) = (request.tree, request.store);
    let finished = run::run(&job, tree, None, store, request.program, listen)?;
    finished.output()?.keep()
}

/// The complete environment of a maintainer script. `initramfs` says whether scripts make an
/// initramfs. `TZ` is not set, because PostgreSQL's initdb would store it, and a device takes its
/// time zone from /etc/localtime.
pub(crate) fn environment(epoch: Epoch, initramfs: bool) -> BTreeMap<String, String> {
    let epoch = epoch.0.to_string();
    let fixed = [
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("HOME", "/root"),
        // The hooks of kernel packages read this variable.
        ("INITRD", if initramfs { "Yes" } else { "No" }),
        ("LC_ALL", "C.UTF-8"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("SHELL", "/bin/sh"),
        ("SOURCE_DATE_EPOCH", &epoch),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    fixed.into_iter().map(own).collect()
}
