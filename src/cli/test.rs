//! `imgbuild test`: starts an image in QEMU and prints the results of its health checks.

use super::args::{TalkArgs, TestArgs, Tested};
use super::failure::Failure;
use super::terminal::{print_json, print_text, say};
use super::{apart, build, environment, signals};
use crate::boot_test::{BootTest, Progress};
use crate::fetch::Network;
use serde_json::json;
use std::time::Duration;

/// Starts the image and prints the results of its checks.
pub(super) fn test(args: &TestArgs, talk: TalkArgs) -> Result<(), Failure> {
    let (image, store) = match &args.tested {
        Tested::Image { path, store } => (path.clone(), store),
        Tested::Built(args) => (build::raw(args, talk)?, &args.source.input.store),
    };
    if let Some(to) = &args.log {
        apart::check("--log", to, &[&image])?;
    }
    let report = |progress| match progress {
        Progress::LoginPrompt(after) if !talk.quiet => say_when("login prompt", after),
        Progress::Done(after) if !talk.quiet => say_when("done", after),
        Progress::LoginPrompt(_) | Progress::Done(_) => {}
        Progress::Qemu(line) => say(&line),
    };
    let tested = BootTest {
        image: &image,
        store: &environment::store_folder(store.as_deref())?,
        program_folders: &environment::program_folders(),
        firmware: args.firmware,
        network: match args.network {
            true => Network::Online,
            false => Network::Offline,
        },
        timeout: Duration::from_secs(args.timeout),
        log: args.log.as_deref(),
        guard: signals::guard,
        interrupts: &signals::Signals,
        report: &report,
    }
    .run();
    let was_started = tested.end.is_ok() || !tested.checks.is_empty();
    if was_started {
        let (passed, checks) = (tested.passed(), &tested.checks);
        match args.json {
            true => print_json(&json!({ "image": image, "passed": passed, "checks": checks })),
            false => print_text(&tested.table()),
        }?;
    }
    Ok(tested.verdict()?)
}

fn say_when(what: &str, after: Duration) {
    say(&format!("{what} after {:.0} s", after.as_secs_f64()));
}
