//! Ctrl-C and termination: the sandbox is ended, what is unfinished is removed, and the process ends, unless somebody
//! asked to be told instead. Such a listener is told once: it ends what it does, says what it knows, and
//! returns. A second signal ends the process in any case.

use super::exit;
use crate::qemu::Interrupts;
use crate::{removal, sandbox};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal ends the process in this moment.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Files and folders that must not outlive an interrupted build; `None` once the process ends.
static UNFINISHED: Mutex<Option<Vec<PathBuf>>> = Mutex::new(Some(Vec::new()));

/// What is called in the place of an end at once.
type Listener = Box<dyn FnOnce() + Send>;
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// The signals that ask this process to end.
pub(super) struct Signals;

impl Interrupts for Signals {
    fn listen(&self, told: Box<dyn FnOnce() + Send>) {
        if let Ok(mut listener) = LISTENER.lock() {
            *listener = Some(told);
        }
    }

    fn stop_listening(&self) {
        drop(listener());
    }
}

fn listener() -> Option<Listener> {
    LISTENER
        .lock()
        .ok()
        .and_then(|mut listener| listener.take())
}

/// Notes `path`, to be removed if the process is interrupted.
pub(super) fn guard(path: &Path) {
    match UNFINISHED.lock().ok().as_deref_mut() {
        Some(Some(paths)) => paths.push(path.to_owned()),
        // The signal came first.
        _ => remove(path),
    }
}

/// Removes what was guarded and is still there. The process must end afterwards.
pub(super) fn remove_unfinished() {
    let paths = UNFINISHED.lock().ok().and_then(|mut paths| paths.take());
    paths
        .unwrap_or_default()
        .iter()
        .for_each(|path| remove(path));
}

fn remove(path: &Path) {
    // The process is ending, and there is nobody left to tell.
    let _ = removal::remove(path);
}

/// From now on an interrupt or a termination ends the process with exit code 130, or is told to a listener.
pub(super) fn install() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if let Some(told) = listener() {
                told();
                continue;
            }
            INTERRUPTED.store(true, Ordering::SeqCst);
            // Else it would go on to write what is being removed.
            sandbox::end_all();
            remove_unfinished();
            std::process::exit(exit::INTERRUPTED);
        }
    });
}

/// Does not return if a signal is ending the process: what failed then failed because of it.
pub(super) fn leave_to_signal() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}
