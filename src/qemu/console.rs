//! The serial console of a machine in QEMU: reads its text and types lines, as a person would.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The number of bytes of unread output that are kept, because a faulty kernel may print without end.
const MAX_UNREAD: usize = 4 << 20;
/// The number of bytes at the end of the output that an error shows.
const TAIL: usize = 2000;

/// The reason why a machine did not show the expected text.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// QEMU cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// QEMU ended.
    #[error("the machine has ended; the end of its console:\n{tail}")]
    Ended {
        /// The end of its output.
        tail: String,
    },
    /// The expected text did not appear in time.
    #[error(
        "the machine has not shown `{expected}` within {seconds} seconds; the end of its console:\n{tail}"
    )]
    Late {
        /// The expected text.
        expected: String,
        /// The seconds since the machine was started.
        seconds: u64,
        /// The end of its output.
        tail: String,
    },
    /// The user interrupted the program.
    #[error("interrupted")]
    Interrupted,
    /// The console does not show a name and a password, so that only the owner of the image can log in.
    #[error(
        "the machine has come up and shows no login of its own; expected an image that has not been \
         started yet, of a profile that builds on `base`"
    )]
    NoLogin,
    /// A write to the machine's input or to the log failed.
    #[error("cannot talk to the machine")]
    Talk(#[from] io::Error),
}

impl ConsoleError {
    /// The error in a few words, for a table.
    pub fn in_short(&self) -> String {
        match self {
            Self::Ended { .. } => "the machine has ended".to_owned(),
            Self::Late { seconds, .. } => format!("no answer within {seconds} s"),
            Self::NoLogin => "the machine shows no login of its own".to_owned(),
            Self::Start { .. } | Self::Interrupted | Self::Talk(_) => self.to_string(),
        }
    }
}

/// An event that a console waits for.
enum ConsoleEvent {
    /// The machine has written these bytes.
    Output(Vec<u8>),
    /// The machine has ended.
    End,
    /// The user wants this process to end.
    Interrupt,
}

/// A source of requests to end this process while a machine runs, such as Ctrl-C.
pub trait Interrupts: Sync {
    /// Calls `on_interrupt` at the next interrupt instead of ending the process.
    fn listen(&self, on_interrupt: Box<dyn FnOnce() + Send>);
    /// Restores what an interrupt does without a listener.
    fn stop_listening(&self);
}

/// A running machine. It is switched off when this value is dropped.
pub struct Console<'a> {
    child: Child,
    keyboard: ChildStdin,
    events: Receiver<ConsoleEvent>,
    /// The output behind the last text that [`Console::expect`] found.
    unread: Vec<u8>,
    log: fs_err::File,
    began: Instant,
    deadline: Instant,
    interrupts: &'a dyn Interrupts,
}

/// The result of a command that ran in the machine.
pub struct CommandOutput {
    /// The exit status.
    pub status: i32,
    /// The text that the command printed.
    pub output: String,
}

impl<'a> Console<'a> {
    /// Starts QEMU as `command`, which connects the console to standard input and output. All output that is
    /// read goes to `log`. Everything together may take as long as `patience`. An interrupt ends the wait for
    /// a text.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(
        command: &mut Command,
        log: fs_err::File,
        patience: Duration,
        interrupts: &'a dyn Interrupts,
    ) -> Result<Self, ConsoleError> {
        // Ctrl-C goes to all processes of a group. With a group of its own, QEMU does not end before this
        // process has read what the machine wrote.
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
        let (sender, events) = channel();
        let interrupted = sender.clone();
        interrupts.listen(Box::new(move || {
            // This fails only if the console was dropped.
            let _ = interrupted.send(ConsoleEvent::Interrupt);
        }));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut buffer) {
                let output = ConsoleEvent::Output(buffer[..n].to_vec());
                if sender.send(output).is_err() {
                    return;
                }
            }
            let _ = sender.send(ConsoleEvent::End);
        });
        let began = now();
        Ok(Self {
            child,
            keyboard,
            events,
            unread: Vec::new(),
            log,
            began,
            deadline: began + patience,
            interrupts,
        })
    }

    /// The time since the machine was started.
    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time that everything together may take.
    pub fn patience(&self) -> Duration {
        self.deadline - self.began
    }

    /// Waits until `text` appears in the unread output, and returns the output up to the end of `text`.
    ///
    /// # Errors
    /// The text does not appear in time, the machine ends, or the user interrupts.
    pub fn expect(&mut self, text: &str) -> Result<String, ConsoleError> {
        loop {
            let mut windows = self.unread.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                let read: Vec<u8> = self.unread.drain(..at + text.len()).collect();
                return Ok(String::from_utf8_lossy(&read).into_owned());
            }
            let left = self.deadline.saturating_duration_since(now());
            match self.events.recv_timeout(left) {
                Ok(ConsoleEvent::Output(new)) => {
                    self.log.write_all(&new)?;
                    self.unread.extend(new);
                    let excess = self.unread.len().saturating_sub(MAX_UNREAD);
                    self.unread.drain(..excess);
                }
                Ok(ConsoleEvent::Interrupt) => return Err(ConsoleError::Interrupted),
                Ok(ConsoleEvent::End) | Err(RecvTimeoutError::Disconnected) => {
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

    /// The output behind the last text that [`Console::expect`] found.
    pub fn unread(&self) -> String {
        without_returns(&self.unread)
    }

    fn tail(&self) -> String {
        without_returns(&self.unread[self.unread.len().saturating_sub(TAIL)..])
    }

    /// Types `line` and the return key.
    ///
    /// # Errors
    /// The machine has ended.
    pub fn type_line(&mut self, line: &str) -> Result<(), ConsoleError> {
        self.keyboard.write_all(format!("{line}\n").as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// Runs `command` in the shell at the console and waits for its end.
    ///
    /// # Errors
    /// The command does not end in time, the machine ends, or the user interrupts.
    pub fn run(&mut self, command: &str) -> Result<CommandOutput, ConsoleError> {
        // The terminal may echo the line. The quotes keep the echo from matching `@end:`.
        self.type_line(&format!("{command}\necho \"@\"\"end:$?@\""))?;
        let output = self.expect("@end:")?;
        let status = self.expect("@")?;
        let output = output.trim_end_matches("@end:").replace('\r', "");
        // `$?` is always a number.
        let status = status.trim_end_matches('@').parse().unwrap_or(i32::MAX);
        let output = output.trim().to_owned();
        Ok(CommandOutput { status, output })
    }
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        self.interrupts.stop_listening();
        // Both calls fail if the machine has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn without_returns(output: &[u8]) -> String {
    String::from_utf8_lossy(output).replace('\r', "")
}

/// Reads the clock. The time that a machine takes decides no byte of an image.
#[expect(clippy::disallowed_methods, reason = "a machine is given up in time")]
fn now() -> Instant {
    Instant::now()
}
