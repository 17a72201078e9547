//! What is refused, and what is left of a release that failed: nothing.

use super::{cyclonedx, ntia, pyspdxtools};
use crate::bases;
use crate::command;
use crate::fixture::{Fixture, PROGRAM, names, run};
use crate::mirror::{Fault, Times};
use crate::test_debian;
use imgbuild::digest::Sha256;
use rustix::process::{Pid, Signal};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECRET: &str = "correct horse battery";

#[test]
fn a_given_secret_is_refused_before_anything_is_fetched() {
    let fixture = Fixture::new();
    let finished = run(fixture.release().env("IMGBUILD_SECRET_PASSPHRASE", SECRET)).ended(2);
    finished.says(&["`passphrase`", "--allow-secrets"]);
    assert_eq!(fixture.server.requests(), []);
    fixture.assert_no_release();
}

#[test]
fn a_release_with_secrets_is_its_owners_alone_and_no_document_tells_of_them() {
    let fixture = Fixture::new();
    fixture.overlay("etc/motd", "welcome\n");
    let mut command = fixture.release();
    command
        .arg("--allow-secrets")
        .env("IMGBUILD_SECRET_PASSPHRASE", SECRET);
    run(&mut command).succeeded();
    let path = fixture.release_path();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let guess = Sha256::of(format!("{SECRET}\n").as_bytes()).to_string();
    for name in names(&path).iter().filter(|name| !name.ends_with(".img")) {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        let content = fs_err::read(path.join(name)).unwrap();
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(SECRET) && !text.contains(&guess), "{name}");
    }
    let bom = fs_err::read_to_string(path.join("tiny-greeter.cdx.json")).unwrap();
    assert!(bom.contains("/etc/motd") && !bom.contains("/etc/passphrase"));
    assert_eq!(fixture.document("manifest.json")["has-secrets"], true);
    cyclonedx(&path.join("tiny-greeter.cdx.json"));
    pyspdxtools(&path.join(super::SPDX));
    ntia(&path.join(super::SPDX));
}

#[test]
fn a_secret_that_a_script_drew_or_an_overlay_brings_is_named() {
    let key = "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n";
    let script =
        format!("#!/bin/sh\nset -e\nprintf '{key}' > /etc/drawn.key\nchmod 600 /etc/drawn.key\n");
    let keeper = test_debian::package("keeper")
        .field("Essential", "yes")
        .script("postinst", &script);
    let fixture = Fixture::of(&test_debian::archive().package(keeper));
    fixture.overlay("etc/brought.key", &key.replace("\\n", "\n"));
    let finished = run(&mut fixture.release()).ended(6);
    finished.says(&[
        "`/etc/drawn.key` that a package's script drew",
        "`/etc/brought.key` of overlay `greeter`",
    ]);
    fixture.assert_no_release();
    run(fixture.release().arg("--allow-secrets")).succeeded();
}

#[test]
fn a_key_and_a_password_of_a_base_are_named() {
    let script = "#!/bin/sh\nset -e\nprintf -- '-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n' > /root/id\n\
        echo 'guest:$y$j9T$c2FsdA$aGFzaA:20000:0:99999:7:::' >> /etc/shadow\n";
    let guest = test_debian::package("guest").script("postinst", script);
    let (fixture, base) = bases::fixture_with(vec![guest]);
    let mut command = bases::sub(&fixture, "release", &base);
    let finished = run(command.arg("--output").arg(fixture.release_path())).ended(6);
    finished.says(&[
        "`/root/id` of the base image",
        "`/etc/shadow` with the password of account `guest`",
    ]);
    fixture.assert_no_release();
}

#[test]
fn only_a_new_or_an_empty_folder_is_taken() {
    let fixture = Fixture::new();
    let path = fixture.release_path();
    fs_err::create_dir(&path).unwrap();
    fs_err::write(path.join("mine"), "").unwrap();
    run(&mut fixture.release())
        .ended(5)
        .says(&["is not empty", "--output"]);
    assert_eq!(names(&path), ["mine"]);
    fs_err::remove_dir_all(&path).unwrap();
    fs_err::write(&path, "mine").unwrap();
    run(&mut fixture.release())
        .ended(5)
        .says(&["new or an empty folder"]);
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "mine");
    fs_err::remove_file(&path).unwrap();
    let mut here = fixture.sub("release");
    run(here.args(["--output", "."]))
        .ended(5)
        .says(&["new or an empty folder"]);
    let mut nowhere = fixture.sub("release");
    run(nowhere.args(["--output", "no/where"]))
        .ended(5)
        .says(&["no folder `no` to make"]);
    assert_eq!(fixture.server.requests(), []);
    fs_err::create_dir(&path).unwrap();
    run(&mut fixture.release()).succeeded();
    assert!(names(&path).contains(&"manifest.json".to_owned()));
}

#[test]
fn a_key_that_gpg_has_not_and_an_address_that_is_none_are_refused_at_once() {
    let fixture = Fixture::new();
    let finished = run(fixture.release().args(["--sign", "nobody@example.org"])).ended(2);
    finished.says(&["no secret key `nobody@example.org`"]);
    let mut without_gpg = fixture.release();
    let finished = run(without_gpg.args(["--sign", "me"]).env("PATH", "/nowhere")).ended(4);
    finished.says(&["gpg", "is not installed"]);
    let finished = run(fixture.release().args(["--url-base", "example.org"])).ended(2);
    finished.says(&["--url-base", "https://"]);
    assert_eq!(fixture.server.requests(), []);
    fixture.assert_no_release();
}

#[test]
fn a_key_of_minisign_that_is_none_is_refused_at_once() {
    let fixture = Fixture::new();
    let with = |key: &str| {
        let mut command = fixture.release();
        command.arg("--sign-minisign").arg(fixture.path(key));
        command
    };
    run(&mut with("nothing"))
        .ended(2)
        .says(&["cannot read", "nothing`, the secret key of minisign"]);
    let public = "untrusted comment: minisign public key\nRWQhk5PXhmTQFx808RWhShtH\n";
    fs_err::write(fixture.path("maker.pub"), public).unwrap();
    run(&mut with("maker.pub"))
        .ended(2)
        .says(&["maker.pub` is not a secret key", "minisign -G"]);
    run(with("maker.pub").env("PATH", "/nowhere"))
        .ended(4)
        .says(&["minisign", "is not installed"]);
    assert_eq!(fixture.server.requests(), []);
    fixture.assert_no_release();
}

#[test]
fn a_wrong_password_of_minisign_leaves_nothing_and_the_right_one_signs_all() {
    let fixture = Fixture::new();
    let key = fixture.path("maker.key");
    let answers = |answers: &str| {
        let path = fixture.path("answers");
        fs_err::write(&path, answers).unwrap();
        Stdio::from(fs_err::File::open(&path).unwrap().into_file())
    };
    let mut make = Command::new("minisign");
    make.args(["-G", "-s"]).arg(&key);
    make.arg("-p").arg(fixture.path("maker.pub"));
    command::run(make.stdin(answers("right\nright\n")));
    let release = |answer: Stdio| {
        let mut command = fixture.release();
        command.arg("--sign-minisign").arg(&key);
        run(command.stdin(answer))
    };
    let says = ["Wrong password", "minisign could not sign by"];
    release(answers("wrong\n")).ended(5).says(&says);
    fixture.assert_no_release();
    release(Stdio::null()).ended(5).says(&says[1..]);
    fixture.assert_no_release();
    let finished = release(answers("right\n")).succeeded();
    let path = fixture.release_path();
    assert_eq!(finished.stdout, format!("{}\n", path.display()));
    for name in ["SHA256SUMS.minisig", "tiny-greeter.img.bmap.minisig"] {
        assert!(names(&path).contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn a_full_disk_leaves_nothing_of_a_release() {
    let fixture = Fixture::warm();
    // The remaining files are listed from inside, because the tmpfs is visible only there.
    let script = "mount -t tmpfs -o size=1m tmpfs \"$OUT\" && { \"$@\"; code=$?; ls -A \"$OUT\"; exit $code; }";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh", PROGRAM, "release"]);
    fixture.surround(&mut command);
    command
        .env("OUT", fixture.path("out"))
        .args(fixture.inputs());
    command.arg("--output").arg(fixture.release_path());
    let finished = run(&mut command).ended(5).says(&["is full"]);
    let words = format!("`{}` is full", fixture.path("out").display());
    assert!(finished.stderr.contains(&words), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
}

/// Starts a release, and stops it by `signal` while the mirror does not answer. Gives the exit code.
fn stopped(fixture: &Fixture, signal: Signal) -> Option<i32> {
    let path = "/debian/dists/trixie/InRelease";
    fixture.fault(path, Fault::Silence, Times::Once);
    let before = fixture.server.requests().len();
    let mut release = fixture.release();
    let mut child = release.stderr(Stdio::null()).spawn().unwrap();
    while fixture.server.requests().len() == before {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fixture.outputs().len(), 1);
    rustix::process::kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn a_release_that_is_stopped_leaves_nothing_or_what_the_next_one_removes() {
    let fixture = Fixture::new();
    assert_eq!(stopped(&fixture, Signal::INT), Some(130));
    fixture.assert_no_release();
    assert_eq!(stopped(&fixture, Signal::KILL), None);
    let left = fixture.outputs();
    assert!(left.len() == 1 && left[0].ends_with(".partial"), "{left:?}");
    run(&mut fixture.release()).succeeded();
    assert_eq!(fixture.outputs(), ["release"]);
}

/// Runs a command on a terminal of its own, until minisign waits for a password there. Then it presses Ctrl-C or ends
/// the first program, and waits until both are gone.
const ASKED: &str = r#"
import os, pty, signal, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    shell = 'trap : INT; "$@"; echo $? > code; stty -a > modes'
    os.execv('/bin/sh', ['sh', '-c', shell, 'sh', *sys.argv[2:]])
child = lambda pid: int(open(f'/proc/{pid}/task/{pid}/children').read().split()[0])
shown = b''
while b'assword' not in shown:
    shown += os.read(terminal, 4096)
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    time.sleep(0.01)
imgbuild = child(pid)
minisign = child(imgbuild)
if sys.argv[1] == 'Ctrl-C':
    os.write(terminal, b'\x03')
else:
    os.kill(imgbuild, signal.SIGTERM)
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
os.waitpid(pid, 0)
for _ in range(1000):
    try:
        if not open(f'/proc/{minisign}/cmdline').read():
            break
    except OSError:
        break
    time.sleep(0.01)
else:
    sys.exit('minisign still runs')
"#;

#[test]
fn an_interrupt_at_the_question_for_a_password_leaves_the_terminal_as_it_was() {
    let fixture = Fixture::new();
    let key = fixture.path("maker.key");
    let mut make = Command::new("minisign");
    make.args(["-G", "-s"]).arg(&key);
    make.arg("-p").arg(fixture.path("maker.pub"));
    command::run(make.stdin(command::input("right\nright\n")));
    for how in ["Ctrl-C", "TERM"] {
        let mut release = fixture.release();
        release.arg("--sign-minisign").arg(&key);
        let mut python = Command::new("/usr/bin/python3");
        fixture.surround(&mut python);
        python.args(["-c", ASKED, how]);
        python.arg(release.get_program()).args(release.get_args());
        command::run(&mut python);
        let read = |name: &str| fs_err::read_to_string(fixture.path("work").join(name)).unwrap();
        assert_eq!(read("code"), "130\n", "{how}");
        let modes = read("modes");
        let mut words = modes.split_whitespace();
        assert!(words.any(|word| word == "echo"), "{how}: {modes}");
        fixture.assert_no_release();
    }
}
