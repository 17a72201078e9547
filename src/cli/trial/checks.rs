//! What a machine says about itself once somebody has logged in at its console.

use super::console::{Console, ConsoleError};
use serde::Serialize;
use std::time::Duration;

/// The program of every profile that checks whether the device does its job.
const HEALTH: &str = "/usr/lib/imgbuild/health";
/// Between two looks at a service that is still starting.
const PAUSE: Duration = Duration::from_secs(10);
/// A first boot tells these with the same words in front as the prompt has.
const TOLD: [&str; 2] = ["console login: ", "statistics login: "];

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// It needs what the machine was not given.
    Skipped,
}

/// One check of a device by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Its name.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Why, in the device's words.
    pub(crate) detail: String,
}

impl Check {
    fn new(name: &str, passed: bool, detail: &str) -> Self {
        Self {
            name: name.to_owned(),
            outcome: if passed { Outcome::Ok } else { Outcome::Failed },
            detail: detail.to_owned(),
        }
    }

    /// A line of the health program: `NAME ok|FAIL|skipped DETAIL`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().splitn(3, ' ');
        let (name, word) = (words.next()?, words.next()?);
        let outcome = match word {
            "ok" => Outcome::Ok,
            "FAIL" => Outcome::Failed,
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

/// Logs in with the name and the password that the first boot shows, and becomes root with sudo.
pub(crate) fn log_in(console: &mut Console) -> Result<(), ConsoleError> {
    let mut before = console.expect(" login: ")?;
    while TOLD.iter().any(|label| before.ends_with(label)) {
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

/// Waits for the end of the start, then asks the device until it is content or there is no time left.
/// `missing` names what the machine was not given, such as `network`.
pub(crate) fn checks(console: &mut Console, missing: &[&str]) -> Result<Vec<Check>, ConsoleError> {
    let state = console.run("systemctl is-system-running --wait")?.output;
    let mut checks = vec![Check::new("started", state == "running", &state)];
    let audit = console.run("dpkg --audit")?.output;
    checks.push(Check::new(
        "packages",
        audit.is_empty(),
        audit.lines().next().unwrap_or_default(),
    ));
    let known = console.run(&format!("test -x {HEALTH}"))?.status == 0;
    if !known {
        checks.push(Check::new(
            "health",
            false,
            &format!("the image has no {HEALTH}"),
        ));
        return Ok(checks);
    }
    let question = format!("IMGBUILD_WITHOUT='{}' {HEALTH}", missing.join(" "));
    loop {
        let ran = console.run(&question)?;
        let said: Vec<Check> = ran.output.lines().filter_map(Check::parse).collect();
        let agree = said.iter().any(|check| check.outcome == Outcome::Failed) == (ran.status != 0);
        if ran.status == 0 || console.uptime() + PAUSE > console.patience() {
            checks.extend(said);
            if !agree || checks.len() == 2 {
                let detail = format!("exit status {}, and no line says why", ran.status);
                checks.push(Check::new("health", false, &detail));
            }
            return Ok(checks);
        }
        console.run(&format!("sleep {}", PAUSE.as_secs()))?;
    }
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
            Check::parse("tor-circuit skipped needs network"),
            line(Outcome::Skipped, "needs network")
        );
        for other in ["", "tor-circuit", "[   12.3] tor-circuit ok", "a is ok"] {
            assert_eq!(Check::parse(other), None, "{other}");
        }
    }
}
