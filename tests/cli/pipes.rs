//! Arguments that name a file which is not regular: a pipe is waited for with a message, other
//! types are refused.

use crate::command;
use crate::fixture::{Finished, Fixture, run};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

const SECRET: &str = "correct horse battery\n";

/// Runs `command` from a shell after `script`, in which `"$@"` is the command.
fn by_shell(command: &Command, script: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", script, "bash"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// Reads the output of `child` until it says what it waits for.
fn message(child: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("waiting for ") {
        line.clear();
        let count = stderr.read_line(&mut line).unwrap();
        assert_ne!(count, 0, "it ended without a word");
    }
    (line, stderr)
}

#[test]
fn a_pipe_into_which_nobody_writes_is_named_and_waited_for() {
    let fixture = Fixture::new();
    let pipe = fixture.path("pipe");
    command::run(Command::new("mkfifo").arg(&pipe));
    let value = format!("passphrase=@{}", pipe.display());
    let mut command = fixture.build_with("--secret", &value);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (line, mut stderr) = message(&mut child);
    let expected = format!(
        "waiting for `{}`: nobody has written into this pipe yet\n",
        pipe.display()
    );
    assert_eq!(line, expected);
    fs_err::write(&pipe, SECRET).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(!rest.contains("waiting for"), "it is said once: {rest}");
}

#[test]
fn what_a_program_prints_is_a_secret_or_settings_like_a_file() {
    let fixture = Fixture::new();
    let secret = "\"$@\" --secret passphrase=@<(printf 'correct horse battery\\n')";
    run(&mut by_shell(&fixture.build(), secret)).succeeded();
    let stdin = "printf 'correct horse battery\\n' | \"$@\" --secret passphrase=@/dev/stdin";
    run(&mut by_shell(&fixture.build(), stdin)).succeeded();
    let settings = "\"$@\" --settings <(printf 'nonsense = 1\\n')";
    run(&mut by_shell(&fixture.build(), settings))
        .ended(1)
        .says(&["nonsense"]);
    run(&mut fixture.build_with("--settings", "/dev/null")).succeeded();
}

#[test]
fn folders_sockets_and_devices_are_refused_in_words() {
    let fixture = Fixture::new();
    let socket = fixture.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let folder = fixture.path("folder");
    fs_err::create_dir(&folder).unwrap();
    let zero = "/dev/zero".to_owned();
    for (path, what) in [
        (
            socket.display().to_string(),
            "it is a socket; expected a file or a pipe",
        ),
        (
            folder.display().to_string(),
            "it is a folder; expected a file or a pipe",
        ),
        (zero, "it is a device; expected a file or a pipe"),
    ] {
        for (flag, value) in [
            ("--secret", format!("passphrase=@{path}")),
            ("--settings", path.clone()),
        ] {
            let finished: Finished = run(&mut fixture.build_with(flag, &value));
            finished.ended(2).says(&[&path, what]);
        }
    }
}
