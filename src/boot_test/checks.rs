//! Logs in at the console of a machine and asks for the state of its services.

use crate::qemu::{CommandOutput, Console, ConsoleError};
use serde::Serialize;
use std::time::Duration;

/// The program of every profile that checks whether the device does its job.
const HEALTH: &str = "/usr/lib/imgbuild/health";
/// The check of that program that fails if a systemd unit has failed. Such a unit is not started again.
const UNITS: &str = "units";
/// The pause between two runs of the health program.
const PAUSE: Duration = Duration::from_secs(10);
/// The test ends if the same checks fail for this long and no service is starting. A single failure is no verdict,
/// because systemd restarts an access point, for example, every few seconds.
const STEADY: Duration = Duration::from_secs(60);
/// Labels in the output of a first boot that end with the text of the login prompt.
const NO_PROMPTS: [&str; 2] = ["console login: ", "statistics login: "];

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The check passed.
    Ok,
    /// The check failed.
    Failed,
    /// The service is still starting.
    Starting,
    /// The check needs something that the machine does not have, such as a network.
    Skipped,
    /// The test was interrupted before the check ended.
    Unknown,
}

impl Outcome {
    /// The results that the health program prints.
    const REPORTED: [Self; 4] = [Self::Ok, Self::Failed, Self::Starting, Self::Skipped];

    /// Whether this is not a failure.
    pub fn passed(self) -> bool {
        matches!(self, Self::Ok | Self::Skipped)
    }

    /// The word for this result in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAIL",
            Self::Starting => "starting",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// One check of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its result.
    pub outcome: Outcome,
    /// The reason, in the device's own words.
    pub detail: String,
}

impl Check {
    fn new(name: &str, passed: bool, detail: &str) -> Self {
        Self {
            name: name.to_owned(),
            outcome: if passed { Outcome::Ok } else { Outcome::Failed },
            detail: detail.to_owned(),
        }
    }

    /// The check `name`, which the machine did not answer because of `error`.
    fn unanswered(name: &str, error: &ConsoleError) -> Self {
        let outcome = match error {
            ConsoleError::Interrupted => Outcome::Unknown,
            _ => Outcome::Failed,
        };
        Self {
            outcome,
            ..Self::new(name, false, &error.in_short())
        }
    }

    /// Parses a line of the health program: `NAME ok|FAIL|starting|skipped DETAIL`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().splitn(3, ' ');
        let (name, word) = (words.next()?, words.next()?);
        let mut outcomes = Outcome::REPORTED.into_iter();
        Some(Self {
            name: name.to_owned(),
            outcome: outcomes.find(|outcome| outcome.word() == word)?,
            detail: words.next().unwrap_or_default().trim().to_owned(),
        })
    }
}

/// The checks of a machine, in the order in which they are made. An error does not remove the earlier ones.
pub(super) struct Examination<'a, 'c> {
    /// The console of the machine.
    pub(super) console: &'a mut Console<'c>,
    /// The results so far.
    pub(super) checks: &'a mut Vec<Check>,
}

impl Examination<'_, '_> {
    /// Logs in with the name and the password that the first boot shows, and becomes root with sudo.
    pub(super) fn log_in(&mut self) -> Result<(), ConsoleError> {
        let result = log_in(self.console);
        self.noted("login", result)
    }

    /// Waits until systemd has started, then runs the health program until the verdict is known or the time is
    /// over. `missing` names what the machine does not have, such as `network`.
    pub(super) fn examine(&mut self, missing: &[&str]) -> Result<(), ConsoleError> {
        let state = self.ask("started", "systemctl is-system-running --wait")?;
        let started = state.output == "running";
        self.checks
            .push(Check::new("started", started, &state.output));
        let audit = self.ask("packages", "dpkg --audit")?.output;
        let first = audit.lines().next().unwrap_or_default();
        self.checks
            .push(Check::new("packages", audit.is_empty(), first));
        let failed = !started || !audit.is_empty();
        let health = self.ask("health", &format!("test -x {HEALTH}"))?;
        if health.status != 0 {
            let detail = format!("the image has no {HEALTH}");
            self.checks.push(Check::new("health", false, &detail));
            return Ok(());
        }
        self.health(missing, failed)
    }

    /// Runs the health program until its checks pass or will not pass any more. If the test has failed already,
    /// the program runs once.
    fn health(&mut self, missing: &[&str], has_failed: bool) -> Result<(), ConsoleError> {
        let question = format!("IMGBUILD_WITHOUT='{}' {HEALTH}", missing.join(" "));
        let mut since: Option<(Vec<String>, Duration)> = None;
        let known = self.checks.len();
        loop {
            let result = match self.console.run(&question) {
                Ok(result) => result,
                Err(error) => {
                    let unread = checks(&self.console.unread());
                    // The complete answer of the run before says more than a part of the new one.
                    if unread.len() >= self.checks.len() - known {
                        self.checks.truncate(known);
                        self.checks.extend(unread);
                    }
                    return self.noted("health", Err(error));
                }
            };
            self.checks.truncate(known);
            self.checks.extend(checks(&result.output));
            let answered = &self.checks[known..];
            let named = |outcome| {
                answered
                    .iter()
                    .filter(move |check| check.outcome == outcome)
                    .map(|check| check.name.clone())
                    .collect::<Vec<_>>()
            };
            let (failed, starting) = (named(Outcome::Failed), named(Outcome::Starting));
            let now = self.console.uptime();
            since = since
                .filter(|(before, _)| starting.is_empty() && *before == failed)
                .or(Some((failed.clone(), now)));
            let steady = since
                .as_ref()
                .is_some_and(|(_, since)| now >= *since + STEADY);
            let given_up = has_failed || failed.iter().any(|name| name == UNITS);
            if result.status == 0 || given_up || steady || now + PAUSE > self.console.patience() {
                let agree =
                    answered.iter().all(|check| check.outcome.passed()) == (result.status == 0);
                if !agree || answered.is_empty() {
                    let detail = format!("exit status {}, and no line says why", result.status);
                    self.checks.push(Check::new("health", false, &detail));
                }
                return Ok(());
            }
            let pause = self.console.run(&format!("sleep {}", PAUSE.as_secs()));
            self.noted("health", pause)?;
        }
    }

    /// Runs `command`. If the machine does not answer, the check `name` says so.
    pub(super) fn ask(&mut self, name: &str, command: &str) -> Result<CommandOutput, ConsoleError> {
        let result = self.console.run(command);
        self.noted(name, result)
    }

    /// Adds a failed check `name` if `result` is an error.
    fn noted<T>(&mut self, name: &str, result: Result<T, ConsoleError>) -> Result<T, ConsoleError> {
        result.inspect_err(|error| self.checks.push(Check::unanswered(name, error)))
    }
}

/// The checks in the output `text` of the health program.
fn checks(text: &str) -> Vec<Check> {
    text.lines().filter_map(Check::parse).collect()
}

/// Logs in with the name and the password that the first boot shows, and becomes root with sudo.
fn log_in(console: &mut Console<'_>) -> Result<(), ConsoleError> {
    let mut before = console.expect(" login: ")?;
    while NO_PROMPTS.iter().any(|label| before.ends_with(label)) {
        before += &console.expect(" login: ")?;
    }
    let after = |label: &str| {
        let line = before.lines().rev().find_map(|line| line.split_once(label));
        line.map(|(_, word)| word.trim().to_owned())
    };
    let (Some(name), Some(password)) = (after("console login: "), after("password: ")) else {
        return Err(ConsoleError::NoLogin);
    };
    console.type_line(&name)?;
    console.expect("Password: ")?;
    console.type_line(&password)?;
    console.expect("$ ")?;
    console.type_line("sudo -S -p 'sudo''-asks:' bash --norc --noprofile --noediting")?;
    console.expect("sudo-asks:")?;
    console.type_line(&password)?;
    // sudo discards what is typed before it starts the shell.
    console.expect("# ")?;
    // This keeps the echo, messages of the kernel and a pager out of the output of commands.
    console.type_line(
        "stty -echo cols 500; PS1=; set +m; export SYSTEMD_PAGER=cat; dmesg -n 1; echo rea''dy",
    )?;
    console.expect("ready")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_health_program_is_a_check() {
        for (line, outcome, detail) in [
            ("tor-circuit ok ", Outcome::Ok, ""),
            ("tor-circuit FAIL 10 %\r", Outcome::Failed, "10 %"),
            ("tor-circuit starting 10 %", Outcome::Starting, "10 %"),
            ("tor-circuit skipped network", Outcome::Skipped, "network"),
        ] {
            let check = Check {
                outcome,
                ..Check::new("tor-circuit", false, detail)
            };
            assert_eq!(Check::parse(line), Some(check));
        }
        for other in ["", "tor-circuit", "[   12.3] tor-circuit ok", "a is ok"] {
            assert_eq!(Check::parse(other), None, "{other}");
        }
    }
}
