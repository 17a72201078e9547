//! `imgbuild test` with a script in the place of QEMU: the report must follow from what the machine
//! shows.
//!
//! The end-to-end lane starts real machines.

mod disks;

use crate::bases;
use crate::command;
use crate::fixture::{Fixture, run};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A script that shows the console of a device. Its health program prints the file `health-1` at
/// first and `health-2` later. The state of systemd is in the file `state`. A file `silent` keeps
/// the health program from ending.
const QEMU: &str = r#"#!/bin/sh
here=$(dirname "$0")
exec 8> "$here/runs"
flock 8
printf '%s\n' "$@" > "$here/arguments"
printf '[    0.0] starts\r\nconsole login: admin\r\npassword: pass-word\r\n\r\ntiny login: '
read -r name
printf 'Password: '
read -r password
[ "$name $password" = 'admin pass-word' ] || exit 1
printf '$ '
read -r sudo
printf 'sudo-asks:'
read -r password
printf '# '
read -r quiet
printf 'ready\r\n'
turn=1
while read -r line; do
    case $line in
        'echo "@""end:$?@"') printf '@end:%s@\r\n' "$status" ;;
        *IMGBUILD_WITHOUT*)
            printf '%s\n' "$line" >> "$here/question"
            cat "$here/health-$turn"
            if [ -e "$here/silent" ]; then : > "$here/asked"; exec sleep 600; fi
            ! grep -q 'FAIL\|starting' "$here/health-$turn"
            status=$?
            turn=2
            ;;
        *is-system-running*) cat "$here/state"; status=0 ;;
        modprobe*) status=1 ;;
        *) status=0 ;;
    esac
done
"#;

/// A built image, and a machine for it that is a script.
struct TestMachine(Fixture);

impl TestMachine {
    fn new(qemu: &str) -> Self {
        let (fixture, base) = bases::fixture();
        fs_err::rename(base, fixture.image()).unwrap();
        let folder = fixture.path("bin");
        fs_err::create_dir_all(&folder).unwrap();
        for (name, script) in [("qemu-system-x86_64", qemu), ("qemu-img", "#!/bin/sh\n")] {
            let path = folder.join(name);
            fs_err::write(&path, script).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(fixture)
    }

    /// A device whose health program says `first` at first, and `later` afterwards.
    fn of_health(first: &str, later: &str) -> Self {
        let machine = Self::new(QEMU);
        let files = [
            ("health-1", first),
            ("health-2", later),
            ("state", "running\n"),
        ];
        for (name, text) in files {
            fs_err::write(machine.0.path("bin").join(name), text).unwrap();
        }
        machine
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_for(&self.0.image(), arguments)
    }

    fn command_for(&self, image: &Path, arguments: &[&str]) -> Command {
        let mut command = self.0.bare(&["test"]);
        command.arg(image).args(arguments);
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", self.0.path("bin").display()),
        );
        command.env("IMGBUILD_STORE", self.0.path("store"));
        command
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.0.path("bin").join(name)).unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        fs_err::write(self.0.path("bin").join(name), text).unwrap();
    }

    /// Starts a test that waits for a health program which does not end.
    fn waiting(&self) -> Child {
        self.put("silent", "");
        let asked = self.0.path("bin").join("asked");
        command::run(Command::new("mkfifo").arg(&asked));
        let log = self.0.path("console.log");
        let mut command = self.command(&[]);
        command.arg("--log").arg(&log);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // This read ends when the health program has written to the pipe.
        fs_err::read(&asked).unwrap();
        // The written text may still be in the pipe; the log has the part that was read.
        let output = self.read("health-1");
        let read = || fs_err::read_to_string(&log).unwrap().contains(&output);
        let mut waits = 0;
        while !read() {
            assert!(waits < 6000, "the console is not read for a minute");
            std::thread::sleep(Duration::from_millis(10));
            waits += 1;
        }
        child
    }

    /// Waits until the machine has ended, which holds a lock while it runs.
    fn is_gone(&self) {
        let mut command = Command::new("flock");
        command
            .args(["--timeout", "60"])
            .arg(self.0.path("bin").join("runs"));
        assert!(
            command.arg("true").status().unwrap().success(),
            "the machine still runs"
        );
    }
}

#[test]
fn a_device_that_becomes_healthy_passes() {
    let machine = TestMachine::of_health(
        "firewall ok\ntor FAIL PROGRESS=10\n",
        "firewall ok\ntor ok PROGRESS=100\n",
    );
    let finished = run(&mut machine.command(&[])).succeeded();
    assert_eq!(
        finished.stdout,
        "started   ok        running\npackages  ok\nfirewall  ok\ntor       ok        PROGRESS=100\n"
    );
    // The machine was given no network, and its kernel has no simulated radio.
    assert!(
        machine
            .read("question")
            .contains("IMGBUILD_WITHOUT='network radio'")
    );
    assert!(
        machine
            .read("arguments")
            .contains("user,id=net,restrict=on")
    );
    assert_eq!(machine.0.scratch(), Vec::<String>::new());
    let log = machine.0.path("work/console.log");
    let mut command = machine.command(&["--network", "--log"]);
    run(command.arg(&log)).succeeded();
    assert!(
        machine
            .read("question")
            .contains("IMGBUILD_WITHOUT='radio'")
    );
    assert!(
        fs_err::read_to_string(log)
            .unwrap()
            .starts_with("[    0.0] starts")
    );
}

#[test]
fn a_check_that_fails_to_the_end_is_named_with_its_reason() {
    let sick = "firewall ok\nclock skipped needs network\nservers-up FAIL web/web1 DOWN\n";
    let machine = TestMachine::of_health(sick, sick);
    let finished = run(&mut machine.command(&["--timeout", "9"])).ended(6);
    assert!(
        finished.stdout.contains(
            "\nclock       skipped   needs network\nservers-up  FAIL      web/web1 DOWN\n"
        ),
        "{}",
        finished.stdout
    );
    let finished = finished.says(&["1 of 5 checks failed"]);
    drop(finished);
    let finished = run(&mut machine.command(&["--timeout", "9", "--json"])).ended(6);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(json["passed"], false);
    let expected =
        serde_json::json!({ "name": "servers-up", "outcome": "failed", "detail": "web/web1 DOWN" });
    assert_eq!(json["checks"][4], expected);
}

#[test]
fn a_machine_that_does_not_answer_ends_with_what_it_showed() {
    let silent =
        TestMachine::new("#!/bin/sh\nprintf 'Kernel panic - not syncing\\n'\nexec sleep 60\n");
    let finished = run(&mut silent.command(&["--timeout", "1"])).ended(6);
    assert_eq!(finished.stdout, "login  FAIL      no answer within 1 s\n");
    finished.says(&[
        "has not shown ` login: ` within 1 seconds",
        "Kernel panic - not syncing",
    ]);
    let foreign = TestMachine::new("#!/bin/sh\nprintf 'vendor login: '\nexec sleep 60\n");
    run(&mut foreign.command(&[]))
        .ended(6)
        .says(&["shows no login of its own", "that has not been started yet"]);
    let ended = TestMachine::new("#!/bin/sh\nprintf 'No bootable device\\n'\n");
    run(&mut ended.command(&[]))
        .ended(6)
        .says(&["the machine has ended", "No bootable device"]);
}

/// A unit that systemd has given up stays failed, so there is no reason to wait the 30 minutes.
#[test]
fn a_verdict_that_is_known_is_not_waited_for() {
    let sick = "units FAIL tor.service\ntor FAIL no circuit\n";
    let machine = TestMachine::of_health(sick, sick);
    for state in ["degraded", "running"] {
        machine.put("state", &format!("{state}\n"));
        machine.put("question", "");
        let finished = run(&mut machine.command(&["--timeout", "60"])).ended(6);
        assert!(
            finished
                .stdout
                .contains("\nunits     FAIL      tor.service\n"),
            "{}",
            finished.stdout
        );
        assert_eq!(machine.read("question").lines().count(), 1, "{state}");
    }
}

#[test]
fn what_is_still_starting_is_waited_for_and_no_failure_of_its_own_kind() {
    let machine = TestMachine::of_health("tor starting 10 %\n", "tor ok 100 %\n");
    run(&mut machine.command(&[])).succeeded();
    assert_eq!(machine.read("question").lines().count(), 2);
    let machine = TestMachine::of_health("tor starting 10 %\n", "tor starting 10 %\n");
    let finished = run(&mut machine.command(&["--timeout", "9"])).ended(6);
    assert!(
        finished.stdout.ends_with("tor       starting  10 %\n"),
        "{}",
        finished.stdout
    );
}

#[test]
fn an_interrupt_prints_what_is_known_and_ends_the_machine() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let machine = TestMachine::of_health("firewall ok\ntor FAIL no circuit\n", "");
        let child = machine.waiting();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        let table = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            table,
            "started   ok        running\npackages  ok\nfirewall  ok\n\
             tor       FAIL      no circuit\nhealth    unknown   interrupted\n"
        );
        machine.is_gone();
        assert_eq!(machine.0.scratch(), Vec::<String>::new());
    }
}

#[test]
fn a_health_program_that_does_not_end_leaves_what_it_said() {
    let machine = TestMachine::of_health("firewall ok\ntor FAIL no circuit\n", "");
    machine.put("silent", "");
    let finished = run(&mut machine.command(&["--timeout", "5"])).ended(6);
    let rows =
        "firewall  ok\ntor       FAIL      no circuit\nhealth    FAIL      no answer within 5 s\n";
    assert!(finished.stdout.ends_with(rows), "{}", finished.stdout);
    machine.is_gone();
}

#[test]
fn a_test_that_is_killed_takes_its_machine_with_it() {
    let machine = TestMachine::of_health("firewall ok\n", "");
    let mut child = machine.waiting();
    child.kill().unwrap();
    child.wait().unwrap();
    machine.is_gone();
}

#[test]
fn what_the_machines_program_complains_about_controls_no_terminal() {
    let script = "#!/bin/sh\nsleep 60 > /dev/null &\nprintf 'qemu: \\033]0;title\\007 one\\r\\nand no end' >&2\nexit 1\n";
    let machine = TestMachine::new(script);
    let mut command = machine.command(&[]);
    // A process that the program has started would hold its standard error open.
    let result = run(&mut command).ended(6);
    let shown = "qemu: \\u{1b}]0;title\\u{7} one\nand no end\n";
    assert!(result.stderr.contains(shown), "{}", result.stderr);
    result.says(&["the machine has ended"]);
}

#[test]
fn what_cannot_be_started_is_named() {
    let machine = TestMachine::new(QEMU);
    let mut without = machine.command(&[]);
    let only = machine.0.path("only");
    fs_err::create_dir(&only).unwrap();
    let finished = run(without.env("PATH", &only)).ended(4);
    finished.says(&["`qemu-img` is not installed", "package qemu-utils"]);

    let file = machine.0.path("work/noise.img");
    fs_err::write(&file, vec![7; 1 << 20]).unwrap();
    let mut command = machine.0.bare(&["test"]);
    run(command.arg(&file))
        .ended(4)
        .says(&["the image cannot be started"]);
    let mut command = machine.0.bare(&["test", "none.img"]);
    run(&mut command).ended(4).says(&["none.img"]);

    let usage = |arguments: &[&str]| run(&mut machine.0.bare(arguments)).ended(2);
    usage(&["test"]);
    usage(&["test", "--board", "tiny"]);
}

#[test]
fn an_image_that_exists_takes_no_flags_of_a_build() {
    let fixture = Fixture::new();
    let help = run(&mut fixture.bare(&["--help"])).succeeded().stdout;
    let of_every_command = ["--help", "--quiet", "--verbose", "--version"];
    let lines = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-') && line.contains("--"));
    let mut n_refused = 0;
    for line in lines {
        let mut words = line.split_whitespace();
        let flag = words.find(|word| word.starts_with("--")).unwrap();
        let value = match (line.contains('<'), flag) {
            (false, _) => None,
            (_, "--base-sha256") => Some("0".repeat(64)),
            (_, "--configure") => Some("build".to_owned()),
            (_, "--format") => Some("img".to_owned()),
            _ => Some("1".to_owned()),
        };
        let mut command = fixture.bare(&["test", "x.img", flag]);
        command.args(value);
        match flag {
            _ if of_every_command.contains(&flag) => continue,
            // The store also holds the temporary files of a test.
            "--store" => {
                run(&mut command).ended(4).says(&["x.img"]);
                continue;
            }
            "--base-sha256" | "--base-key" | "--boot-loader-only" => {
                command.args(["--base", "x"]);
            }
            _ => {}
        }
        let message = "cannot change `x.img`: an image that exists is tested as it is";
        let ran = run(&mut command).ended(2);
        ran.says(&[&format!("`{flag}`"), message]);
        n_refused += 1;
    }
    assert!(n_refused >= 18, "only {n_refused} flags were tried");
    let mut several = fixture.bare(&["test", "x.img", "--set", "a=b", "-b", "tiny"]);
    run(&mut several)
        .ended(2)
        .says(&["error: `--board`, `--set` cannot change `x.img`: "]);
}
