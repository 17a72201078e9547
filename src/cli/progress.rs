//! Shows events: as bars on a terminal, and elsewhere as one plain line for each stage.

use super::terminal::{now, say};
use crate::diag::visible;
use crate::event::{Event, Reporter, Stage, Work};
use crate::units::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Instant;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    /// Only warnings.
    Warnings,
    /// One line for each stage, when it ends.
    Lines,
    /// Bars that move.
    Bars,
}

/// Shows events on standard error.
pub(crate) struct Progress {
    show: Show,
    running: Mutex<Option<Running>>,
}

struct Running {
    stage: Stage,
    began: Instant,
    done: u64,
    work: Work,
    bar: ProgressBar,
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "resolve",
        Stage::Fetch => "fetch",
        Stage::Open => "open",
        Stage::Unpack => "unpack",
        Stage::Configure => "configure",
        Stage::Compose => "compose",
        Stage::Verify => "verify",
        Stage::Seal => "seal",
        Stage::Write => "write",
        Stage::Compare => "compare",
    }
}

/// `bytes` as a person reads them: `1.20 GiB`.
pub(super) fn shown(bytes: Bytes) -> String {
    indicatif::HumanBytes(bytes.0).to_string()
}

impl Progress {
    /// Shows only warnings if `quiet` is set, or else every event in the form that suits standard error.
    pub(crate) fn new(quiet: bool) -> Self {
        let show = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Show::Warnings,
            (false, true) => Show::Bars,
            (false, false) => Show::Lines,
        };
        let running = Mutex::new(None);
        Self { show, running }
    }

    fn start(&self, stage: Stage, work: Work) -> Running {
        // A bar of no length shows nothing.
        let total = work.total().filter(|&total| total > 0);
        let bar = match self.show {
            Show::Bars => ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()),
            Show::Warnings | Show::Lines => ProgressBar::hidden(),
        };
        let counted = match work {
            Work::Bytes(_) => "{bytes}/{total_bytes} {bytes_per_sec}",
            Work::Packages(_) | Work::Uncounted => "{pos}/{len}",
        };
        let template = match total {
            None => "{prefix:>10} {spinner} {elapsed}".to_owned(),
            Some(_) => format!("{{prefix:>10}} [{{bar:30}}] {counted} {{elapsed}}"),
        };
        let style = ProgressStyle::with_template(&template).expect("the template is sound");
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(title(stage));
        Running {
            stage,
            began: now(),
            done: 0,
            work,
            bar,
        }
    }

    fn finish(&self, running: Running, memoized: bool) {
        running.bar.finish_and_clear();
        let amount = match (running.done, running.work) {
            (0, _) => String::new(),
            (done, Work::Bytes(_)) => format!(" {}", indicatif::HumanBytes(done)),
            (1, Work::Packages(_)) => " 1 package".to_owned(),
            (done, Work::Packages(_)) => format!(" {done} packages"),
            (done, Work::Uncounted) => format!(" {done}"),
        };
        let how = match memoized {
            true => "from the store".to_owned(),
            false => format!("{:.1} s", running.began.elapsed().as_secs_f64()),
        };
        say(&format!("{:>10}{amount} {how}", title(running.stage)));
    }
}

impl Reporter for Progress {
    fn report(&self, event: Event) {
        if self.show == Show::Warnings && !matches!(event, Event::Warning(_)) {
            return;
        }
        let mut running = self.running.lock().expect("no listener panics");
        match event {
            Event::Started { stage, work } => *running = Some(self.start(stage, work)),
            Event::Advanced { amount, .. } => {
                if let Some(running) = running.as_mut() {
                    running.done += amount;
                    running.bar.inc(amount);
                }
            }
            Event::Finished { memoized, .. } => {
                if let Some(running) = running.take() {
                    self.finish(running, memoized);
                }
            }
            Event::Note(text) => match running.as_ref() {
                Some(running) if self.show == Show::Bars => {
                    running.bar.println(visible(&text));
                }
                _ => say(&text),
            },
            Event::Warning(text) => match running.as_ref() {
                Some(running) => running.bar.suspend(|| say(&format!("warning: {text}"))),
                None => say(&format!("warning: {text}")),
            },
        }
    }
}
