//! Runs one step under the supervisor: answers its system calls until all of it is gone.

use super::error::{Doing, Ending, Trouble};
use super::job::Step;
use super::owners::Owners;
use super::seccomp::{self, Listener, Readiness};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

/// Runs `step`, as often as it may be tried; `Ok(None)` is success.
pub(super) fn run(
    step: &Step,
    environment: &BTreeMap<String, String>,
    owners: &mut Owners,
) -> Result<Option<Ending>, Trouble> {
    let mut ending = None;
    for _ in 0..step.attempts.max(1) {
        ending = attempt(step, environment, owners).doing(|| format!("run {}", step.name))?;
        if ending.is_none() {
            break;
        }
    }
    Ok(ending)
}

/// Where input and the output of silent steps pass; on the sandbox's own tmpfs.
const EXCHANGE: &str = "/run/imgbuild-exchange";

fn attempt(
    step: &Step,
    environment: &BTreeMap<String, String>,
    owners: &mut Owners,
) -> io::Result<Option<Ending>> {
    let Some((program, arguments)) = step.command.split_first() else {
        return Ok(None);
    };
    let (ours, theirs) = socket_pair()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .envs(&step.environment)
        .current_dir("/")
        .stdin(input(&step.input)?);
    let mut output = None;
    if step.silent {
        let file = exchange()?;
        let twin = || Ok::<_, io::Error>(Stdio::from(file.try_clone()?.into_file()));
        command.stdout(twin()?).stderr(twin()?);
        output = Some(file);
    }
    seccomp::confine(&mut command, theirs);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            return Ok(Some(Ending::NotStarted(number)));
        }
    };
    drop(command);
    let listener = Listener::from_socket(&ours)?;
    let pid = Pid::from_child(&child);
    let (alive, over) = rustix::pipe::pipe()?;
    let reaper = std::thread::spawn(move || reap(pid, over));
    serve(&listener, alive.as_fd(), owners)?;
    let status = reaper
        .join()
        .map_err(|_| io::Error::other("the reaper panicked"))??;
    Ok(ending(status).or(spoken(output)?))
}

/// Answers calls until the reaper has seen the last process go.
fn serve(listener: &Listener, alive: impl AsFd, owners: &mut Owners) -> io::Result<()> {
    let stdin = io::stdin();
    let mut listening = true;
    loop {
        let listened = listening.then(|| listener.as_fd());
        let fds = [listened, Some(alive.as_fd()), Some(stdin.as_fd())];
        let [call, over, lifeline] = seccomp::wait_readable(fds)?;
        // The process that made this sandbox holds the other end of our stdin as long as it lives.
        if lifeline != Readiness::Waiting {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match call {
            Readiness::Readable => {
                if let Some(notification) = listener.receive()? {
                    let reply = owners.answer(&notification, listener);
                    listener.reply(&notification, reply)?;
                }
            }
            Readiness::Ended => listening = false,
            Readiness::Waiting if over != Readiness::Waiting => return Ok(()),
            Readiness::Waiting => {}
        }
    }
}

/// Waits for `main` and then ends and collects whatever it left behind. Dropping `_over` tells.
fn reap(main: Pid, _over: OwnedFd) -> io::Result<Option<WaitStatus>> {
    let mut status = None;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, ended))) if pid == main => {
                status = Some(ended);
                // As init of the namespace: everybody but us.
                match rustix::process::kill_process_group(Pid::INIT, Signal::KILL) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(status),
            Err(error) => return Err(error.into()),
        }
    }
}

fn ending(status: Option<WaitStatus>) -> Option<Ending> {
    let status = status?;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(Ending::Exit(code)),
        (None, signal) => Some(Ending::Signal(signal.unwrap_or(0))),
    }
}

/// Passes on what a silent step said.
fn spoken(output: Option<fs_err::File>) -> io::Result<Option<Ending>> {
    let Some(mut file) = output else {
        return Ok(None);
    };
    io::Seek::rewind(&mut file)?;
    let mut said = Vec::new();
    file.read_to_end(&mut said)?;
    io::stdout().write_all(&said)?;
    Ok((!said.is_empty()).then_some(Ending::NotSilent))
}

fn input(text: &str) -> io::Result<Stdio> {
    if text.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = exchange()?;
    file.write_all(text.as_bytes())?;
    io::Seek::rewind(&mut file)?;
    Ok(Stdio::from(file.into_file()))
}

/// A nameless file.
fn exchange() -> io::Result<fs_err::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let file = fs_err::OpenOptions::from_options(options).open(EXCHANGE)?;
    fs_err::remove_file(EXCHANGE)?;
    Ok(file)
}

fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}
