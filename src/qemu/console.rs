//! The serial console of a machine in QEMU: what a person at the screen would see and type.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// As much of the console as is kept; a kernel that goes in circles prints without end.
const MAX_SEEN: usize = 4 << 20;
/// As much of its end as an error shows.
const TAIL: usize = 2000;

/// Why a machine has not done what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// QEMU cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// QEMU ended.
    #[error("the machine has ended; the end of its console:\n{tail}")]
    Ended {
        /// What it last showed.
        tail: String,
    },
    /// It never came that far.
    #[error(
        "the machine has not shown `{expected}` within {seconds} seconds; the end of its console:\n{tail}"
    )]
    Late {
        /// What was waited for.
        expected: String,
        /// How long, in seconds from its start.
        seconds: u64,
        /// What it last showed.
        tail: String,
    },
    /// Somebody does not want to know any more.
    #[error("interrupted")]
    Interrupted,
    /// Nobody but the owner can log in.
    #[error(
        "the machine has come up and shows no login of its own; expected an image that has not been \
         started yet, of a profile that builds on `base`"
    )]
    NoLogin,
    /// The keyboard or the log failed.
    #[error("cannot talk to the machine")]
    Talk(#[from] io::Error),
}

impl ConsoleError {
    /// The same in a few words, for a table.
    pub fn in_short(&self) -> String {
        match self {
            Self::Ended { .. } => "the machine has ended".to_owned(),
            Self::Late { seconds, .. } => format!("no answer within {seconds} s"),
            Self::NoLogin => "the machine shows no login of its own".to_owned(),
            Self::Start { .. } | Self::Interrupted | Self::Talk(_) => self.to_string(),
        }
    }
}

/// What a console waits for.
enum News {
    /// The machine has shown something.
    Shown(Vec<u8>),
    /// It has ended.
    End,
    /// This process was asked to end.
    Interrupt,
}

/// What can ask this process to end while a machine runs, such as Ctrl-C.
pub trait Interrupts: Sync {
    /// Has `told` called by the next interrupt, which then does not end the process.
    fn listen(&self, told: Box<dyn FnOnce() + Send>);
    /// From now on an interrupt does again what it did before.
    fn stop_listening(&self);
}

/// A running machine. Dropped, it is switched off.
pub struct Console<'a> {
    child: Child,
    keyboard: ChildStdin,
    news: Receiver<News>,
    /// What was shown and not yet looked for.
    seen: Vec<u8>,
    log: fs_err::File,
    began: Instant,
    deadline: Instant,
    interrupts: &'a dyn Interrupts,
}

/// What a command in the machine gave.
pub struct CommandOutput {
    /// Its exit status.
    pub status: i32,
    /// What it printed.
    pub output: String,
}

impl<'a> Console<'a> {
    /// Starts QEMU as `command`, which puts the console on standard input and output. All that it shows is
    /// kept in `log`; it has `patience` for everything together. An interrupt ends what is waited for.
    ///
    /// # Errors
    /// Where there is no such program.
    pub fn start(
        command: &mut Command,
        log: fs_err::File,
        patience: Duration,
        interrupts: &'a dyn Interrupts,
    ) -> Result<Self, ConsoleError> {
        // Ctrl-C goes to all processes of a group: this one decides what becomes of the machine.
        let pipes = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = pipes.spawn().map_err(|source| ConsoleError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let keyboard = child.stdin.take().expect("it is a pipe");
        let mut screen = child.stdout.take().expect("it is a pipe");
        let (sender, news) = channel();
        let interrupted = sender.clone();
        interrupts.listen(Box::new(move || {
            // Nobody waits any more if this cannot be sent.
            let _ = interrupted.send(News::Interrupt);
        }));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut buffer) {
                if sender.send(News::Shown(buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
            let _ = sender.send(News::End);
        });
        let began = now();
        Ok(Self {
            child,
            keyboard,
            news,
            seen: Vec::new(),
            log,
            began,
            deadline: began + patience,
            interrupts,
        })
    }

    /// How long the machine has been running.
    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long it may take for everything together.
    pub fn patience(&self) -> Duration {
        self.deadline - self.began
    }

    /// Waits until `text` appears behind what was seen before; gives everything up to its end.
    ///
    /// # Errors
    /// Where it does not appear in time, the machine ends, or somebody interrupts.
    pub fn expect(&mut self, text: &str) -> Result<String, ConsoleError> {
        loop {
            let mut windows = self.seen.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                let read: Vec<u8> = self.seen.drain(..at + text.len()).collect();
                return Ok(String::from_utf8_lossy(&read).into_owned());
            }
            let left = self.deadline.saturating_duration_since(now());
            match self.news.recv_timeout(left) {
                Ok(News::Shown(new)) => {
                    self.log.write_all(&new)?;
                    self.seen.extend(new);
                    let excess = self.seen.len().saturating_sub(MAX_SEEN);
                    self.seen.drain(..excess);
                }
                Ok(News::Interrupt) => return Err(ConsoleError::Interrupted),
                Ok(News::End) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(ConsoleError::Ended { tail: self.tail() });
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ConsoleError::Late {
                        expected: text.to_owned(),
                        seconds: self.uptime().as_secs(),
                        tail: self.tail(),
                    });
                }
            }
        }
    }

    /// What was shown since the last text that was waited for.
    pub fn unread(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace('\r', "")
    }

    fn tail(&self) -> String {
        let start = self.seen.len().saturating_sub(TAIL);
        String::from_utf8_lossy(&self.seen[start..]).replace('\r', "")
    }

    /// Types `line` and the return key.
    ///
    /// # Errors
    /// Where the machine has ended.
    pub fn type_line(&mut self, line: &str) -> Result<(), ConsoleError> {
        self.keyboard.write_all(format!("{line}\n").as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// Runs `command` in the shell at the console and waits for its end.
    ///
    /// # Errors
    /// Where it does not end in time, the machine ends, or somebody interrupts.
    pub fn run(&mut self, command: &str) -> Result<CommandOutput, ConsoleError> {
        // The quotes keep the line itself, should it be echoed, from looking like its end.
        self.type_line(&format!("{command}\necho \"@\"\"end:$?@\""))?;
        let output = self.expect("@end:")?;
        let status = self.expect("@")?;
        let output = output.trim_end_matches("@end:").replace('\r', "");
        // Nothing else can stand there.
        let status = status.trim_end_matches('@').parse().unwrap_or(i32::MAX);
        let output = output.trim().to_owned();
        Ok(CommandOutput { status, output })
    }
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        self.interrupts.stop_listening();
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The clock: how long a machine takes decides no byte of an image.
#[expect(clippy::disallowed_methods, reason = "a machine is given up in time")]
fn now() -> Instant {
    Instant::now()
}
