//! What a machine says about itself once somebody has logged in at its console.

use crate::qemu::{CommandOutput, Console, ConsoleError};
use serde::Serialize;
use std::time::Duration;

/// The program of every profile that checks whether the device does its job.
const HEALTH: &str = "/usr/lib/imgbuild/health";
/// The check of that program that fails where systemd has given a unit up, which nothing takes back.
const UNITS: &str = "units";
/// Between two looks at a service that is still starting.
const PAUSE: Duration = Duration::from_secs(10);
/// What failed for that long, while nothing was starting any more, has failed. An access point, for one, is
/// tried anew every few seconds.
const STEADY: Duration = Duration::from_secs(60);
/// Lines of a first boot that end as the prompt does.
const NO_PROMPTS: [&str; 2] = ["console login: ", "statistics login: "];

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// Not yet as it should be, and on the way there.
    Starting,
    /// It needs what the machine was not given.
    Skipped,
    /// It was not known when this was interrupted.
    Unknown,
}

impl Outcome {
    /// Whether nothing is wrong.
    pub fn passed(self) -> bool {
        matches!(self, Self::Ok | Self::Skipped)
    }

    /// For a person.
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

/// One check of a device by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in the device's words.
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

    /// What was asked when the machine gave no answer.
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

    /// A line of the health program: `NAME ok|FAIL|starting|skipped DETAIL`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().splitn(3, ' ');
        let (name, word) = (words.next()?, words.next()?);
        let outcome = match word {
            "ok" => Outcome::Ok,
            "FAIL" => Outcome::Failed,
            "starting" => Outcome::Starting,
            "skipped" => Outcome::Skipped,
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            outcome,
            detail: words.next().unwrap_or_default().trim().to_owned(),
        })
    }
}

/// What is found out about a machine, in the order in which it is asked. It stays where the asking ends early.
pub(super) struct Examination<'a, 'c> {
    /// The machine.
    pub(super) console: &'a mut Console<'c>,
    /// What is known.
    pub(super) checks: &'a mut Vec<Check>,
}

impl Examination<'_, '_> {
    /// Logs in with the name and the password that the first boot shows, and becomes root with sudo.
    pub(super) fn log_in(&mut self) -> Result<(), ConsoleError> {
        let result = log_in(self.console);
        self.noted("login", result)
    }

    /// Waits for the end of the start, then asks the device until the verdict is known or there is no time
    /// left. `missing` names what the machine was not given, such as `network`.
    pub(super) fn examine(&mut self, missing: &[&str]) -> Result<(), ConsoleError> {
        let state = self.ask("started", "systemctl is-system-running --wait")?;
        let started = state.output == "running";
        self.checks
            .push(Check::new("started", started, &state.output));
        let audit = self.ask("packages", "dpkg --audit")?.output;
        let first = audit.lines().next().unwrap_or_default();
        self.checks
            .push(Check::new("packages", audit.is_empty(), first));
        let lost = !started || !audit.is_empty();
        let health = self.ask("health", &format!("test -x {HEALTH}"))?;
        if health.status != 0 {
            let detail = format!("the image has no {HEALTH}");
            self.checks.push(Check::new("health", false, &detail));
            return Ok(());
        }
        self.health(missing, lost)
    }

    /// Asks for the profile's checks until they pass or it is known that they do not; once only where the
    /// verdict is `lost` already.
    fn health(&mut self, missing: &[&str], lost: bool) -> Result<(), ConsoleError> {
        let question = format!("IMGBUILD_WITHOUT='{}' {HEALTH}", missing.join(" "));
        let mut since: Option<(Vec<String>, Duration)> = None;
        let known = self.checks.len();
        loop {
            let result = match self.console.run(&question) {
                Ok(result) => result,
                Err(error) => {
                    let unread = checks(&self.console.unread());
                    // Half an answer is worth less than the whole one of before.
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
            let given_up = lost || failed.iter().any(|name| name == UNITS);
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

    /// Runs `command`, which `name` is about.
    pub(super) fn ask(&mut self, name: &str, command: &str) -> Result<CommandOutput, ConsoleError> {
        let result = self.console.run(command);
        self.noted(name, result)
    }

    /// Notes under `name` where there is no result.
    fn noted<T>(&mut self, name: &str, result: Result<T, ConsoleError>) -> Result<T, ConsoleError> {
        result.inspect_err(|error| self.checks.push(Check::unanswered(name, error)))
    }
}

/// The lines of the health program in `text`.
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
    // What is typed before the prompt is thrown away with the rest of the password's line.
    console.expect("# ")?;
    // Neither echo nor the kernel nor a pager speaks between the lines.
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
        let line = |outcome, detail: &str| {
            let (name, detail) = ("tor-circuit".to_owned(), detail.to_owned());
            Some(Check {
                name,
                outcome,
                detail,
            })
        };
        assert_eq!(Check::parse("tor-circuit ok "), line(Outcome::Ok, ""));
        assert_eq!(
            Check::parse("tor-circuit FAIL PROGRESS=10 %\r"),
            line(Outcome::Failed, "PROGRESS=10 %")
        );
        assert_eq!(
            Check::parse("tor-circuit starting 10 %"),
            line(Outcome::Starting, "10 %")
        );
        assert_eq!(
            Check::parse("tor-circuit skipped needs network"),
            line(Outcome::Skipped, "needs network")
        );
        for other in ["", "tor-circuit", "[   12.3] tor-circuit ok", "a is ok"] {
            assert_eq!(Check::parse(other), None, "{other}");
        }
    }
}
