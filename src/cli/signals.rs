//! Handles Ctrl-C and termination: ends the sandbox, removes unfinished files, and ends the process. A listener
//! replaces this for one signal, so that a boot test can print its results. A second signal ends the process. The terminal
//! is left as it was before a program asked for a password there.

use super::exit;
use crate::qemu::Interrupts;
use crate::{removal, sandbox};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal is ending the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The files and folders that are removed when the process is interrupted. `None` once this has begun.
static UNFINISHED: Mutex<Option<Vec<PathBuf>>> = Mutex::new(Some(Vec::new()));

/// The state of the terminal on standard input, which a program that asks for a password changes.
static TERMINAL: Mutex<Option<Termios>> = Mutex::new(None);

/// A function that is called at a signal instead of ending the process.
type Listener = Box<dyn FnOnce() + Send>;
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// The signals that ask this process to end.
pub(super) struct Signals;

impl Interrupts for Signals {
    fn listen(&self, on_interrupt: Box<dyn FnOnce() + Send>) {
        if let Ok(mut listener) = LISTENER.lock() {
            *listener = Some(on_interrupt);
        }
    }

    fn stop_listening(&self) {
        drop(take_listener());
    }
}

fn take_listener() -> Option<Listener> {
    LISTENER.lock().ok()?.take()
}

/// Has `path` removed if the process is interrupted.
pub(super) fn guard(path: &Path) {
    match UNFINISHED.lock().ok().as_deref_mut() {
        Some(Some(paths)) => paths.push(path.to_owned()),
        // The other paths were removed already.
        _ => remove(path),
    }
}

/// Has the state that the terminal on standard input has now restored if the process is interrupted. A program that asks
/// for a password there shows no typed letters meanwhile, and the same signal may end it before it shows them again.
pub(super) fn keep_terminal() {
    if let (Ok(state), Ok(mut kept)) = (tcgetattr(io::stdin()), TERMINAL.lock()) {
        *kept = Some(state);
    }
}

fn restore_terminal() {
    let kept = TERMINAL.lock().ok().and_then(|mut kept| kept.take());
    // The kernel stops a process in the background that changes the terminal.
    let foreground = tcgetpgrp(io::stdin()).ok();
    if let Some(state) = kept.filter(|_| foreground == Some(rustix::process::getpgrp())) {
        // The process is ending, so an error has no consequence.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &state);
    }
}

/// Removes the guarded paths that still exist. The process must end afterwards.
pub(super) fn remove_unfinished() {
    let paths = UNFINISHED.lock().ok().and_then(|mut paths| paths.take());
    for path in paths.unwrap_or_default() {
        remove(&path);
    }
}

fn remove(path: &Path) {
    // The process is ending, so an error has no consequence.
    let _ = removal::remove(path);
}

/// Has an interrupt or a termination end the process with exit code 130, or call the listener.
pub(super) fn install() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if let Some(on_interrupt) = take_listener() {
                on_interrupt();
                continue;
            }
            INTERRUPTED.store(true, Ordering::SeqCst);
            // A script that still runs would write into the folders that are removed.
            sandbox::end_all();
            remove_unfinished();
            restore_terminal();
            std::process::exit(exit::INTERRUPT.into());
        }
    });
}

/// Does not return if a signal is ending the process, because the signal is the cause of any failure then.
pub(super) fn leave_to_signal() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}
