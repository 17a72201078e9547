//! Watches one step: the time since its last progress, the amount of its output, and the package on
//! which dpkg works.

use super::error::{Ending, OutputLimit, TimeLimit};
use super::limits;
use super::proc::stat_field;
use super::seccomp::Readiness;
use crate::listing;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::collections::BTreeMap;
use std::io::{self, PipeReader, Read, Write};
use std::path::Path;
use std::time::Duration;

/// The number of bytes that are kept of the output of a step that must be silent or whose failure
/// is an answer.
const KEPT: usize = 256 << 10;
/// The longest line that is read; dpkg's lines are shorter.
const LINE: usize = 4096;

/// The watch over one step.
pub(super) struct Watch {
    timeout: Duration,
    timer: OwnedFd,
    /// The output of the step; absent after its end.
    output: Option<PipeReader>,
    /// The progress reports of dpkg (`--status-fd`); absent after their end.
    status: Option<PipeReader>,
    line: Vec<u8>,
    /// The current action of dpkg, such as `configure`, and the package.
    doing: Option<(String, String)>,
    n_printed: u64,
    /// The kept output of such a step; absent for other steps.
    kept: Option<Vec<u8>>,
}

impl Watch {
    /// Begins to watch a step, with the ends of its pipes.
    pub(super) fn new(
        timeout: Duration,
        output: PipeReader,
        status: Option<PipeReader>,
        keeps: bool,
    ) -> io::Result<Self> {
        let watch = Self {
            timeout,
            timer: timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?,
            output: Some(output),
            status,
            line: Vec::new(),
            doing: None,
            n_printed: 0,
            kept: keeps.then(Vec::new),
        };
        watch.restart()?;
        Ok(watch)
    }

    /// The descriptors to wait for: the timer, the output and dpkg's reports.
    pub(super) fn fds(&self) -> [Option<BorrowedFd<'_>>; 3] {
        let output = self.output.as_ref().map(AsFd::as_fd);
        let status = self.status.as_ref().map(AsFd::as_fd);
        [Some(self.timer.as_fd()), output, status]
    }

    /// Handles the states of [`Watch::fds`]. `Some` gives the reason why the step must be ended.
    pub(super) fn update(
        &mut self,
        [timer, output, status]: [Readiness; 3],
    ) -> io::Result<Option<Ending>> {
        if status != Readiness::Waiting {
            self.read_status()?;
        }
        if output != Readiness::Waiting && self.read_output()? == 0 {
            self.output = None;
        }
        if self.n_printed > limits::OUTPUT {
            self.n_printed = 0;
            return Ok(Some(Ending::OutputLimit(Box::new(OutputLimit {
                bytes: limits::OUTPUT,
                during: self.during(),
            }))));
        }
        // Progress that came together with the time-out counts.
        if timer == Readiness::Waiting || status == Readiness::Readable {
            return Ok(None);
        }
        self.restart()?;
        Ok(Some(Ending::TimeLimit(Box::new(TimeLimit {
            seconds: self.timeout.as_secs(),
            during: self.during(),
            processes: processes(),
        }))))
    }

    /// Reads the rest of the output after every process has ended, and gives the kept output.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        while self.output.is_some() && self.read_output()? > 0 {}
        let kept = self.kept.take().unwrap_or_default();
        io::stdout().write_all(&kept)?;
        Ok(kept)
    }

    fn read_output(&mut self) -> io::Result<usize> {
        let Some(output) = &mut self.output else {
            return Ok(0);
        };
        let mut buffer = [0; 16_384];
        let n = output.read(&mut buffer)?;
        self.n_printed = self.n_printed.saturating_add(n as u64);
        match &mut self.kept {
            Some(kept) => {
                let room = KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..n.min(room)]);
            }
            None => io::stdout().write_all(&buffer[..n])?,
        }
        Ok(n)
    }

    fn read_status(&mut self) -> io::Result<()> {
        let Some(status) = &mut self.status else {
            return Ok(());
        };
        let mut buffer = [0; LINE];
        let n = status.read(&mut buffer)?;
        if n == 0 {
            self.status = None;
            return Ok(());
        }
        for byte in &buffer[..n] {
            match byte {
                b'\n' => self.end_line()?,
                _ if self.line.len() < LINE => self.line.push(*byte),
                _ => {}
            }
        }
        Ok(())
    }

    /// dpkg says `processing: configure: bash` before it starts a script, and `status: bash: installed`
    /// after it (dpkg(1), `--status-fd`).
    fn end_line(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let mut words = line.splitn(3, ": ");
        if words.next() == Some("processing")
            && let (Some(action), Some(package)) = (words.next(), words.next())
        {
            self.doing = Some((action.to_owned(), package.to_owned()));
        }
        self.n_printed = 0;
        self.restart()
    }

    fn restart(&self) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let time = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: i64::try_from(self.timeout.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: self.timeout.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
        Ok(())
    }

    fn during(&self) -> String {
        let doing = self.doing.as_ref();
        doing.map_or_else(String::new, |(action, package)| {
            format!(" during {action} of `{package}`")
        })
    }
}

/// The number of processes that an error shows.
const N_SHOWN: usize = 40;

/// Lists every process of the sandbox except process 1, children below their parents, with what
/// each waits for.
fn processes() -> Vec<String> {
    let names = listing::sorted(Path::new("/proc")).unwrap_or_default();
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for pid in numbers.filter(|pid| *pid != 1) {
        parents.insert(pid, parent(pid).unwrap_or(1));
    }
    let mut lines = Vec::new();
    // Process numbers grow. With the youngest on top of a stack, each parent comes before its
    // children.
    let mut stack: Vec<(u32, usize)> = Vec::new();
    let children = |of: u32| parents.iter().filter(move |(_, parent)| **parent == of);
    stack.extend(children(1).rev().map(|(pid, _)| (*pid, 0)));
    while let Some((pid, depth)) = stack.pop() {
        if lines.len() == N_SHOWN {
            lines.push(format!("… of {} processes", parents.len()));
            break;
        }
        lines.push(format!("{}{pid} {}", "  ".repeat(depth), process(pid)));
        stack.extend(children(pid).rev().map(|(pid, _)| (*pid, depth + 1)));
    }
    lines
}

/// The number of the parent of `pid`, field `ppid` of its record.
fn parent(pid: u32) -> Option<u32> {
    u32::try_from(stat_field(pid, 4).ok()?).ok()
}

/// The command line of `pid`, and what it waits for.
fn process(pid: u32) -> String {
    let text = |name: &str| {
        let text = fs_err::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let text = &text[..text.len().min(200)];
        text.trim_ascii().escape_ascii().to_string()
    };
    let line = text("cmdline").replace("\\x00", " ");
    let call = text("syscall");
    let mut numbers = call.split(' ');
    let number = numbers.next().unwrap_or_default();
    let descriptor = numbers.next().and_then(|text| text.strip_prefix("0x"));
    let descriptor = descriptor.and_then(|text| u64::from_str_radix(text, 16).ok());
    let place = text("wchan");
    let waits = match (number, descriptor) {
        ("running", _) => "runs".to_owned(),
        (_, Some(descriptor)) if number == libc::SYS_read.to_string() => {
            let file = rustix::fs::readlink(format!("/proc/{pid}/fd/{descriptor}"), Vec::new());
            let file = file.map_or_else(
                |_| "?".to_owned(),
                |file| file.as_bytes().escape_ascii().to_string(),
            );
            format!("reads `{file}`")
        }
        _ if !matches!(place.as_str(), "" | "0") => format!("waits in {place}"),
        ("", _) => "waits".to_owned(),
        _ => format!("waits in system call {number}"),
    };
    format!("{}: {waits}", line.trim_end())
}
