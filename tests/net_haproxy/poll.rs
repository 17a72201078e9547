//! A client that asks again and again, and an eye on who holds an address.

use crate::lab::{Machine, Process};
use std::path::PathBuf;

/// Asks every 20 ms, gives up after 300 ms, and prints when each request began and ended (µs), its
/// status, and the first word of its answer.
const REQUESTS: &str = r#"while :; do
    began=${EPOCHREALTIME/[.,]/}
    said=$(curl -s -m 0.3 -w ' %{http_code}' "$1")
    echo "$began ${EPOCHREALTIME/[.,]/} ${said##* } ${said%% *}"
    sleep 0.02
done"#;

/// Looks every 10 ms, and prints when it looked and whether the address was there.
const HOLDING: &str = r#"while :; do
    began=${EPOCHREALTIME/[.,]/}
    held=$(ip -o addr show to "$1")
    echo "$began ${EPOCHREALTIME/[.,]/} ${held:+1}"
    sleep 0.01
done"#;

/// A shell loop that writes a line for each time that it looks.
struct Loop {
    process: Process,
    output: PathBuf,
}

impl Loop {
    fn start(machine: &Machine, name: &str, script: &str, argument: &str) -> Self {
        let mut command = machine.command("setpriv");
        command.args([
            "--pdeathsig",
            "KILL",
            "bash",
            "-c",
            script,
            "bash",
            argument,
        ]);
        let output = machine.folder.join(name);
        // A loop that ended before may have left one.
        let _ = fs_err::remove_file(&output);
        let process = machine.daemon(name, &mut command);
        Self { process, output }
    }

    /// Ends it; gives what it wrote, without a last line that it may not have finished.
    fn lines(mut self) -> Vec<Vec<String>> {
        self.process.kill();
        let text = fs_err::read_to_string(self.output).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        whole.lines().map(words).collect()
    }
}

/// A client that asks all the time.
pub(crate) struct Client(Loop);

/// What became of its requests.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) all: usize,
    pub(crate) failed: usize,
    /// Seconds from the begin of the first request that failed to the end of the next that did not,
    /// at the longest.
    pub(crate) outage: f64,
    /// Whether the last one was answered.
    pub(crate) well: bool,
}

impl Client {
    /// Begins to ask for `url`.
    pub(crate) fn start(machine: &Machine, url: &str) -> Self {
        Self(Loop::start(machine, "requests", REQUESTS, url))
    }

    /// Ends, and counts.
    pub(crate) fn stop(self) -> Requests {
        let (mut failed, mut outage, mut since) = (0, 0, None);
        let lines = self.0.lines();
        for line in &lines {
            let [began, ended]: [u64; 2] = [0, 1].map(|at: usize| line[at].parse().unwrap());
            if line[2] != "200" {
                failed += 1;
                since.get_or_insert(began);
            } else if let Some(since) = since.take() {
                outage = outage.max(ended - since);
            }
        }
        Requests {
            all: lines.len(),
            failed,
            outage: std::time::Duration::from_micros(outage).as_secs_f64(),
            well: since.is_none(),
        }
    }
}

/// An eye on whether a machine holds an address.
pub(crate) struct Holder(Loop);

impl Holder {
    /// Begins to look.
    pub(crate) fn watch(machine: &Machine, address: &str) -> Self {
        Self(Loop::start(machine, "holding", HOLDING, address))
    }

    /// Ends; gives the spans, in µs, from one look that found it to the next, while it was there.
    pub(crate) fn stop(self) -> Vec<(u64, u64)> {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut held = false;
        for line in self.0.lines() {
            let [began, ended] = [0, 1].map(|at: usize| line[at].parse().unwrap());
            let now = line.get(2).is_some_and(|word| word == "1");
            match spans.last_mut().filter(|_| held && now) {
                Some(span) => span.1 = began,
                None if now => spans.push((ended, ended)),
                None => {}
            }
            held = now;
        }
        spans
    }
}

/// How long two machines surely held the same address, in seconds.
pub(crate) fn both(one: &[(u64, u64)], other: &[(u64, u64)]) -> f64 {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let shared = pairs.map(|(a, b)| a.1.min(b.1).saturating_sub(a.0.max(b.0)));
    std::time::Duration::from_micros(shared.sum()).as_secs_f64()
}
