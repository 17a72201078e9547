//! A QEMU machine with its serial console on a pipe: what a person at the screen would see and type.

#![expect(
    clippy::disallowed_methods,
    reason = "a machine is waited for, but not for ever"
)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What the console has shown so far.
#[derive(Default)]
struct Screen {
    text: Vec<u8>,
    closed: bool,
}

/// A running machine. Dropped, it is switched off.
pub(crate) struct Machine {
    child: Child,
    keyboard: ChildStdin,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the screen earlier calls have read.
    seen: usize,
    log: PathBuf,
    started: Instant,
}

/// What a command in the machine gave.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit status.
    pub(crate) status: i32,
    /// What it printed.
    pub(crate) output: String,
}

impl Machine {
    /// Starts QEMU as `command`, which must put the serial console on standard input and output.
    /// The whole console is kept in the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let keyboard = child.stdin.take().unwrap();
        let mut console = child.stdout.take().unwrap();
        let screen = Arc::new((Mutex::new(Screen::default()), Condvar::new()));
        let shown = screen.clone();
        let mut copy = fs_err::File::create(log).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let n = console.read(&mut buffer).unwrap_or(0);
                copy.write_all(&buffer[..n]).unwrap();
                let (screen, changed) = &*shown;
                let mut screen = screen.lock().unwrap();
                screen.text.extend(&buffer[..n]);
                screen.closed = n == 0;
                changed.notify_all();
                if n == 0 {
                    break;
                }
            }
        });
        let log = log.to_owned();
        Self {
            child,
            keyboard,
            screen,
            seen: 0,
            log,
            started: Instant::now(),
        }
    }

    /// Waits until `text` appears behind what was seen before; gives everything up to its end.
    pub(crate) fn expect(&mut self, text: &str, patience: Duration) -> String {
        self.expect_any(&[text], patience).1
    }

    /// Waits for the first of `texts`; gives which it was, and everything up to its end.
    pub(crate) fn expect_any(&mut self, texts: &[&str], patience: Duration) -> (usize, String) {
        let deadline = Instant::now() + patience;
        let (screen, changed) = &*self.screen;
        let mut screen = screen.lock().unwrap();
        loop {
            let new = &screen.text[self.seen..];
            let found = texts
                .iter()
                .enumerate()
                .filter_map(|(index, text)| Some((find(new, text.as_bytes())?, index)))
                .min();
            if let Some((at, index)) = found {
                let end = self.seen + at + texts[index].len();
                let read = String::from_utf8_lossy(&screen.text[self.seen..end]).into_owned();
                self.seen = end;
                return (index, read);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !screen.closed && !left.is_zero(),
                "the console of {} never said {texts:?} within {patience:?}; it ended with:\n{}",
                self.log.display(),
                String::from_utf8_lossy(&screen.text[screen.text.len().saturating_sub(4000)..]),
            );
            screen = changed.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Whether the machine hangs instead of coming to its login, because one of its processors gets no timer
    /// interrupt any more: seen once in many starts of a PC with two (QEMU 10.0.2 without KVM, Linux 6.12).
    /// The kernel notices after 21 seconds.
    pub(crate) fn loses_its_timer(&mut self, patience: Duration) -> bool {
        let seen = self.seen;
        let lost = "rcu_preempt kthread timer wakeup didn't happen";
        let (which, _) = self.expect_any(&[" login: ", lost], patience);
        self.seen = seen;
        which == 1
    }

    /// Types `line` and the return key.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.keyboard
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Logs in at the prompt with the name and password that the first boot printed, and becomes
    /// root with sudo; gives what the console said before.
    pub(crate) fn log_in(&mut self, patience: Duration) -> String {
        let before = self.prompt(patience);
        let after = |label: &str| {
            let line = before.lines().rev().find_map(|line| line.split_once(label));
            let (_, word) =
                line.unwrap_or_else(|| panic!("no `{label}` on the console:\n{before}"));
            word.trim().to_owned()
        };
        let (name, password) = (after("console login: "), after("password: "));
        // login(1) gives up after 60 seconds, and a loaded machine may need them to start a shell.
        loop {
            self.type_line(&name);
            self.expect("Password: ", patience);
            self.type_line(&password);
            match self.expect_any(&["$ ", "login: timed out"], patience) {
                (0, _) => break,
                _ => drop(self.prompt(patience)),
            }
        }
        self.type_line("sudo -S -p 'sudo''-asks:' bash --norc --noprofile --noediting");
        self.expect("sudo-asks:", patience);
        self.type_line(&password);
        // What is typed before the prompt is thrown away with the rest of the password's line.
        self.expect("# ", patience);
        self.type_line(
            "stty -echo cols 500; PS1=; set +m; export SYSTEMD_PAGER=cat; dmesg -n 1; echo rea''dy",
        );
        self.expect("ready", patience);
        before
    }

    /// Waits until somebody may log in; gives what was said before.
    fn prompt(&mut self, patience: Duration) -> String {
        // What the first boot tells has such words too: `console login: NAME`.
        let told = ["console login: ", "statistics login: "];
        let mut before = self.expect(" login: ", patience);
        while told.iter().any(|label| before.ends_with(label)) {
            before += &self.expect(" login: ", patience);
        }
        before
    }

    /// Runs `command` in the shell at the console and waits for its end.
    pub(crate) fn run(&mut self, command: &str, patience: Duration) -> Ran {
        self.type_line(&format!("{command}\necho \"@\"\"end:$?@\""));
        let output = self.expect("@end:", patience);
        let status = self.expect("@", patience);
        let output = output.trim_end_matches("@end:").replace('\r', "");
        let status = status
            .trim_end_matches('@')
            .parse()
            .expect("an exit status");
        Ran {
            status,
            output: output.trim().to_owned(),
        }
    }

    /// Runs `command`, which must succeed, and gives what it printed.
    pub(crate) fn succeed(&mut self, command: &str, patience: Duration) -> String {
        let ran = self.run(command, patience);
        assert_eq!(
            ran.status, 0,
            "`{command}` in the machine failed:\n{}",
            ran.output
        );
        ran.output
    }

    /// Switches the machine off as a person would, and waits until it is.
    pub(crate) fn switch_off(&mut self, patience: Duration) {
        self.type_line("systemctl poweroff");
        self.expect("Power down", patience);
        let (screen, changed) = &*self.screen;
        let screen = screen.lock().unwrap();
        let waited = changed.wait_timeout_while(screen, patience, |screen| !screen.closed);
        let closed = !waited.unwrap().1.timed_out();
        assert!(closed, "{} does not end", self.log.display());
        self.child.wait().unwrap();
    }

    /// How long the machine has been running.
    #[allow(dead_code, reason = "not every board measures")]
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}
