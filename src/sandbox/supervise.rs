//! Runs one step under the supervisor, which answers its system calls until all of its processes
//! have ended.

use super::error::{Doing, Ending, Failure};
use super::filter;
use super::job::{Job, Step};
use super::owners::Owners;
use super::seccomp::{self, Listener, Readiness};
use super::watch::Watch;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// The end of a step.
pub(super) struct Ended {
    pub(super) ending: Option<Ending>,
    /// The beginning of its output, if its failure is an answer.
    pub(super) output: String,
}

/// Runs `step`, with as many retries as it allows.
pub(super) fn run(step: &Step, job: &Job, owners: &mut Owners) -> Result<Ended, Failure> {
    let mut left = step.retries;
    loop {
        let ended = attempt(step, job, owners).doing(|| format!("run {}", step.name))?;
        match ended.ending {
            Some(Ending::TimeLimit(_) | Ending::OutputLimit(_)) | None => return Ok(ended),
            Some(_) if left == 0 => return Ok(ended),
            Some(_) => left -= 1,
        }
    }
}

/// The file through which input is passed, on the sandbox's own tmpfs.
const EXCHANGE: &str = "/run/imgbuild-exchange";

fn attempt(step: &Step, job: &Job, owners: &mut Owners) -> io::Result<Ended> {
    let Some((program, arguments)) = step.command.split_first() else {
        return Ok(Ended::by(None));
    };
    let (ours, theirs) = UnixStream::pair()?;
    let (output, printer) = io::pipe()?;
    let (status, reporter) = step.reports.then(io::pipe).transpose()?.unzip();
    let mut command = Command::new(program);
    if let Some(reporter) = &reporter {
        let number = reporter.as_raw_fd().to_string();
        command.args(["--status-fd", &number]);
    }
    command
        .args(arguments)
        .env_clear()
        .envs(&job.environment)
        .envs(&step.environment)
        .current_dir("/")
        .stdin(input(&step.input)?)
        .stdout(printer.try_clone()?)
        .stderr(printer);
    seccomp::confine(
        &mut command,
        theirs.into(),
        reporter,
        filter::kept(step.network),
    );
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            return Ok(Ended::by(Some(Ending::NotStarted(number))));
        }
    };
    // Otherwise the ends of the pipes in this process would keep them open.
    drop(command);
    let listener = Listener::from_socket(&ours.into())?;
    let pid = Pid::from_child(&child);
    let (alive, over) = rustix::pipe::pipe()?;
    let reaper = std::thread::spawn(move || reap(pid, over));
    let keeps = step.silent || step.verdict;
    let mut watch = Watch::new(job.script_timeout, output, status, keeps)?;
    let exceeded = serve(&listener, alive.as_fd(), owners, &mut watch)?;
    let status = reaper
        .join()
        .map_err(|_| io::Error::other("the reaper panicked"))??;
    let output = watch.finish()?;
    let spoken = (step.silent && !output.is_empty()).then_some(Ending::NotSilent);
    Ok(Ended {
        ending: exceeded.or(ending(status)).or(spoken),
        output: String::from_utf8_lossy(&output).into_owned(),
    })
}

impl Ended {
    fn by(ending: Option<Ending>) -> Self {
        let output = String::new();
        Self { ending, output }
    }
}

/// Answers calls until the reaper says that the last process has ended. Gives the limit that was
/// exceeded, if any.
fn serve(
    listener: &Listener,
    alive: impl AsFd,
    owners: &mut Owners,
    watch: &mut Watch,
) -> io::Result<Option<Ending>> {
    let stdin = io::stdin();
    let mut listening = true;
    let mut exceeded = None;
    loop {
        let listened = listening.then(|| listener.as_fd());
        let [timer, output, status] = watch.fds();
        let (alive, lifeline) = (Some(alive.as_fd()), Some(stdin.as_fd()));
        let fds = [listened, alive, lifeline, timer, output, status];
        let [call, over, lifeline, watched @ ..] = seccomp::wait_readable(fds)?;
        // The process that made this sandbox holds the other end of standard input as long as it
        // lives.
        if lifeline != Readiness::Waiting {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if let Some(ending) = watch.update(watched)?
            && exceeded.is_none()
        {
            exceeded = Some(ending);
            kill_all()?;
        }
        match call {
            Readiness::Readable => {
                if let Some(notification) = listener.receive()? {
                    let reply = owners.answer(&notification, listener);
                    listener.reply(&notification, reply)?;
                }
            }
            Readiness::Ended => listening = false,
            Readiness::Waiting if over != Readiness::Waiting => return Ok(exceeded),
            Readiness::Waiting => {}
        }
    }
}

/// Kills every other process. This process is the init of the namespace.
fn kill_all() -> io::Result<()> {
    match rustix::process::kill_process_group(Pid::INIT, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until `child` has ended, and kills it when the process that made this sandbox closes the
/// other end of standard input. `child` is process 1 of a namespace: when it has ended, so have all
/// others there.
pub(super) fn end_with_stdin(child: Pid) -> io::Result<()> {
    // Before Linux 5.3 there is no such descriptor. The kernel then kills the child when this
    // process is killed, but nobody waits for its end.
    let Ok(ended) = rustix::process::pidfd_open(child, PidfdFlags::empty()) else {
        return Ok(());
    };
    let stdin = io::stdin();
    let [_, lifeline] = seccomp::wait_readable([Some(ended.as_fd()), Some(stdin.as_fd())])?;
    if lifeline != Readiness::Waiting {
        rustix::process::kill_process(child, Signal::KILL)?;
    }
    Ok(())
}

/// Waits for `main`, then kills and collects the processes that it left behind. The drop of `_over`
/// tells the supervisor.
fn reap(main: Pid, _over: OwnedFd) -> io::Result<Option<WaitStatus>> {
    let mut status = None;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, ended))) if pid == main => {
                status = Some(ended);
                kill_all()?;
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

/// Standard input that gives `text`, from a file without a name.
fn input(text: &str) -> io::Result<Stdio> {
    if text.is_empty() {
        return Ok(Stdio::null());
    }
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let mut file = options.open(EXCHANGE)?;
    fs_err::remove_file(EXCHANGE)?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(Stdio::from(file.into_file()))
}
