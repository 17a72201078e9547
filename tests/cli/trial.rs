//! `imgbuild test` with a QEMU that is a script: what a machine shows decides what is reported.
//!
//! Real machines start in the end-to-end lane.

use crate::scene::{Scene, run};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Shows the console of a device whose health program says what lies beside it: in `health-1` at first,
/// from then on in `health-2`.
const QEMU: &str = r#"#!/bin/sh
here=$(dirname "$0")
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
            printf '%s\n' "$line" > "$here/question"
            cat "$here/health-$turn"
            ! grep -q FAIL "$here/health-$turn"
            status=$?
            turn=2
            ;;
        *is-system-running*) echo running; status=0 ;;
        modprobe*) status=1 ;;
        *) status=0 ;;
    esac
done
"#;

/// A built image and a machine for it.
struct Trial(Scene);

impl Trial {
    fn new(qemu: &str) -> Self {
        let scene = Scene::warm();
        run(&mut scene.build()).succeeded();
        let folder = scene.path("bin");
        fs_err::create_dir_all(&folder).unwrap();
        for (name, script) in [("qemu-system-x86_64", qemu), ("qemu-img", "#!/bin/sh\n")] {
            let path = folder.join(name);
            fs_err::write(&path, script).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(scene)
    }

    /// A device that says `first` of itself, and `later` when it is asked again.
    fn of_health(first: &str, later: &str) -> Self {
        let trial = Self::new(QEMU);
        for (name, text) in [("health-1", first), ("health-2", later)] {
            fs_err::write(trial.0.path("bin").join(name), text).unwrap();
        }
        trial
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.bare(&["test"]);
        command.arg(self.0.image()).args(arguments);
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", self.0.path("bin").display()),
        );
        command.env("IMGBUILD_STORE", self.0.path("store"));
        command
    }

    fn told(&self, name: &str) -> String {
        fs_err::read_to_string(self.0.path("bin").join(name)).unwrap()
    }
}

#[test]
fn a_device_that_becomes_healthy_passes() {
    let trial = Trial::of_health(
        "firewall ok\ntor FAIL PROGRESS=10\n",
        "firewall ok\ntor ok PROGRESS=100\n",
    );
    let ran = run(&mut trial.command(&[])).succeeded();
    assert_eq!(
        ran.stdout,
        "started   ok       running\npackages  ok\nfirewall  ok\ntor       ok       PROGRESS=100\n"
    );
    // Nobody gave it a network, and its kernel has no simulated radio.
    assert!(
        trial
            .told("question")
            .contains("IMGBUILD_WITHOUT='network radio'")
    );
    assert!(trial.told("arguments").contains("user,id=net,restrict=on"));
    assert_eq!(trial.0.scratch(), Vec::<String>::new());
    let log = trial.0.path("work/console.log");
    let mut command = trial.command(&["--network", "--log"]);
    run(command.arg(&log)).succeeded();
    assert!(trial.told("question").contains("IMGBUILD_WITHOUT='radio'"));
    assert!(
        fs_err::read_to_string(log)
            .unwrap()
            .starts_with("[    0.0] starts")
    );
}

#[test]
fn a_check_that_fails_to_the_end_is_named_with_its_reason() {
    let sick = "firewall ok\nclock skipped needs network\nservers-up FAIL web/web1 DOWN\n";
    let trial = Trial::of_health(sick, sick);
    let ran = run(&mut trial.command(&["--timeout", "9"])).ended(6);
    assert!(
        ran.stdout
            .contains("\nclock       skipped  needs network\nservers-up  FAIL     web/web1 DOWN\n"),
        "{}",
        ran.stdout
    );
    let ran = ran.says(&["1 of 5 checks failed"]);
    drop(ran);
    let ran = run(&mut trial.command(&["--timeout", "9", "--json"])).ended(6);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["passed"], false);
    let expected =
        serde_json::json!({ "name": "servers-up", "outcome": "failed", "detail": "web/web1 DOWN" });
    assert_eq!(json["checks"][4], expected);
}

#[test]
fn a_machine_that_does_not_answer_ends_with_what_it_showed() {
    let silent = Trial::new("#!/bin/sh\nprintf 'Kernel panic - not syncing\\n'\nexec sleep 60\n");
    let ran = run(&mut silent.command(&["--timeout", "1"])).ended(6);
    assert_eq!(ran.stdout, "");
    ran.says(&[
        "has not shown ` login: ` within 1 seconds",
        "Kernel panic - not syncing",
    ]);
    let foreign = Trial::new("#!/bin/sh\nprintf 'vendor login: '\nexec sleep 60\n");
    run(&mut foreign.command(&[]))
        .ended(6)
        .says(&["shows no login of its own", "that has not been started yet"]);
    let ended = Trial::new("#!/bin/sh\nprintf 'No bootable device\\n'\n");
    run(&mut ended.command(&[]))
        .ended(6)
        .says(&["the machine has ended", "No bootable device"]);
}

#[test]
fn what_cannot_be_started_is_named() {
    let trial = Trial::new(QEMU);
    let mut without = trial.command(&[]);
    let only = trial.0.path("only");
    fs_err::create_dir(&only).unwrap();
    let ran = run(without.env("PATH", &only)).ended(4);
    ran.says(&["`qemu-img` is not installed", "package qemu-utils"]);

    let file = trial.0.path("work/noise.img");
    fs_err::write(&file, vec![7; 1 << 20]).unwrap();
    let mut command = trial.0.bare(&["test"]);
    run(command.arg(&file))
        .ended(4)
        .says(&["the image cannot be started"]);
    let mut command = trial.0.bare(&["test", "none.img"]);
    run(&mut command).ended(4).says(&["none.img"]);

    let usage = |arguments: &[&str]| run(&mut trial.0.bare(arguments)).ended(2);
    usage(&["test"]);
    usage(&["test", "--board", "tiny"]);
    usage(&["test", "x.img", "--board", "tiny", "--profile", "greeter"]);
}
