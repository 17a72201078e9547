//! Runs maintainer scripts, the one thing of a build that must run as programs.
//!
//! The tree is laid out in the store's scratch space and becomes the root of a sandbox that any user
//! can make: user, mount, process, network, IPC and host name namespaces of its own, one user id,
//! no network, no device, no file of the host. Who owns a file and who a process is, a supervisor notes
//! (`owners`, `identities`). What the scripts changed comes back as a tree of values.

mod calls;
mod credentials;
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

/// Packages of the host's architecture, unpacked into a tree of their own: qemu-user, and builds of
/// the programs that maintainer scripts run.
pub struct Tools {
    /// Where they lie.
    pub tree: Tree,
}

/// The name of a machine that has none.
pub const NAMELESS: &str = "localhost";

/// Programs to run on a tree.
pub struct RunRequest<'a> {
    /// The tree that they see as `/`.
    pub tree: &'a Tree,
    /// Where the tree's contents lie and the new ones go.
    pub store: &'a Store,
    /// This program, whose `main` calls [`reenter`] first.
    pub program: &'a Path,
    /// The time of everything that they make.
    pub epoch: Epoch,
    /// What to run, in order.
    pub steps: Vec<Step>,
    /// How long one step may go on, if not as long as usual. It decides no byte.
    pub script_timeout: Option<Duration>,
}

/// Runs `request.steps` and gives back the tree as they left it; `listen` gets every printed line.
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
    run::run(&job, tree, None, store, request.program, listen)?.keep()
}

/// The whole environment of a maintainer script; whether scripts make an `initramfs`. No `TZ`: initdb writes down what it
/// says, and a device has its time zone by /etc/localtime.
pub(crate) fn environment(epoch: Epoch, initramfs: bool) -> BTreeMap<String, String> {
    let epoch = epoch.0.to_string();
    let fixed = [
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("HOME", "/root"),
        // Read by the kernel's hooks.
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
