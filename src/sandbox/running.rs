//! The list of this process's sandboxes, so that they can be ended before the process ends.
//!
//! A sandbox ends when the pipe closes that is its standard input, which also happens when this
//! process dies. Code that ends the process on purpose must end the sandboxes first and wait for
//! them; otherwise they would go on writing to folders that are being removed.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// All running sandboxes.
static ALL: Mutex<All> = Mutex::new(All {
    ending: false,
    lifelines: BTreeMap::new(),
});
/// Notified when a sandbox has ended.
static GONE: Condvar = Condvar::new();

struct All {
    /// Whether no further sandbox may start.
    ending: bool,
    /// The pipe whose closing ends a sandbox, by process number.
    lifelines: BTreeMap<u32, Option<ChildStdin>>,
}

/// A sandbox that was started.
pub(super) struct Running(Child);

impl Running {
    /// Starts `command`, whose standard input is a pipe.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let mut all = all();
        if all.ending {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut child = command.spawn()?;
        all.lifelines.insert(child.id(), child.stdin.take());
        Ok(Self(child))
    }

    /// Waits for the end of the sandbox.
    pub(super) fn wait(mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After an error nobody waits for the process. It ends when the pipe is closed.
        let mut all = all();
        drop(all.lifelines.insert(self.0.id(), None));
        let _ = self.0.wait();
        all.lifelines.remove(&self.0.id());
        GONE.notify_all();
    }
}

/// Ends every sandbox of this process, waits until each is gone, and lets no other one start. The process
/// must end afterwards.
pub fn end_all() {
    let mut all = all();
    all.ending = true;
    all.lifelines
        .values_mut()
        .for_each(|lifeline| drop(lifeline.take()));
    while !all.lifelines.is_empty() {
        all = GONE.wait(all).unwrap_or_else(PoisonError::into_inner);
    }
}

fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}
