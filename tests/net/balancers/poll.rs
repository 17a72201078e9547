//! A client that sends requests all the time, and a watcher of the holder of an address.

use super::lab::{Machine, Process};
use std::path::PathBuf;

/// Sends a request every 20 ms, gives up after 300 ms, and prints when each request began and ended (µs), its
/// status, and the first word of its answer.
const REQUESTS: &str = r#"while :; do
    began=${EPOCHREALTIME/[.,]/}
    answer=$(curl -s -m 0.3 -w ' %{http_code}' "$1")
    echo "$began ${EPOCHREALTIME/[.,]/} ${answer##* } ${answer%% *}"
    sleep 0.02
done"#;

/// Looks every 10 ms, and prints the time of the look (µs) and whether the address was there.
const HOLDING: &str = r#"while :; do
    began=${EPOCHREALTIME/[.,]/}
    held=$(ip -o addr show to "$1")
    echo "$began ${EPOCHREALTIME/[.,]/} ${held:+1}"
    sleep 0.01
done"#;

/// A shell loop that writes a line in every round.
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
        // An earlier loop may have left a file.
        let _ = fs_err::remove_file(&output);
        let process = machine.daemon(name, &mut command);
        Self { process, output }
    }

    /// Ends the loop; gives its lines without the last one, which may be incomplete.
    fn lines(mut self) -> Vec<Vec<String>> {
        self.process.kill();
        let text = fs_err::read_to_string(self.output).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        whole.lines().map(words).collect()
    }
}

/// A client that sends requests all the time.
pub(crate) struct Client(Loop);

/// The results of its requests.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) all: usize,
    pub(crate) failed: usize,
    /// The longest time in seconds from the start of a failed request to the end of the next successful one.
    pub(crate) outage: f64,
    /// Whether the last one was answered.
    pub(crate) well: bool,
}

impl Client {
    /// Starts to request `url`.
    pub(crate) fn start(machine: &Machine, url: &str) -> Self {
        Self(Loop::start(machine, "requests", REQUESTS, url))
    }

    /// Stops, and counts the results.
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

/// A watcher of whether a machine holds an address.
pub(crate) struct Holder(Loop);

impl Holder {
    /// Starts to watch.
    pub(crate) fn watch(machine: &Machine, address: &str) -> Self {
        Self(Loop::start(machine, "holding", HOLDING, address))
    }

    /// Stops; gives the spans in µs, from one look that found the address to the next, in which the machine
    /// held it.
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

/// The time in seconds in which two machines certainly held the same address.
pub(crate) fn both(one: &[(u64, u64)], other: &[(u64, u64)]) -> f64 {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let shared = pairs.map(|(a, b)| a.1.min(b.1).saturating_sub(a.0.max(b.0)));
    std::time::Duration::from_micros(shared.sum()).as_secs_f64()
}
