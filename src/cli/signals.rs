//! Ctrl-C and termination: what is unfinished is removed, and the process ends at once.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Files and folders that must not outlive an interrupted build.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Notes `path`, to be removed if the process is interrupted.
pub(super) fn guard(path: &Path) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        unfinished.push(path.to_owned());
    }
}

/// Removes what was guarded and is still there.
pub(super) fn remove_unfinished() {
    let unfinished = UNFINISHED
        .lock()
        .map(|mut paths| std::mem::take(&mut *paths))
        .unwrap_or_default();
    for path in unfinished {
        // The process is ending; there is nobody left to tell.
        let _ = fs_err::remove_file(&path);
    }
}

/// From now on an interrupt or a termination ends the process with exit code 130.
pub(super) fn install() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            remove_unfinished();
            std::process::exit(super::exit::INTERRUPTED);
        }
    });
}
