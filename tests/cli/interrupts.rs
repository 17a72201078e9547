//! An interrupted build leaves nothing half-written, and the next build succeeds.
//!
//! A build is stopped in every stage: while it waits for the mirror, while it waits for a
//! maintainer script, or right after the message that a stage is done.

use crate::fixture::{Fixture, names, run};
use crate::mirror::{Fault, Times};
use crate::test_debian;
use rustix::process::{Pid, Signal};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The moment at which a build is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The mirror does not answer.
    Resolving,
    /// Half of a package is downloaded.
    Fetching,
    /// A maintainer script is running.
    Configuring,
    /// The stage of this name was reported as done.
    After(&'static str),
}

const MOMENTS: [Moment; 8] = [
    Moment::Resolving,
    Moment::Fetching,
    Moment::After("fetch"),
    Moment::After("unpack"),
    Moment::Configuring,
    Moment::After("configure"),
    Moment::After("compose"),
    Moment::After("seal"),
];

/// How often a condition is checked that is waited for, and the pause between two checks.
const LOOKS: u32 = 4000;
const PAUSE: Duration = Duration::from_millis(5);

/// A running build, and the mark by which its processes are recognized among all others.
struct Running {
    fixture: Fixture,
    child: Child,
    marker: String,
}

impl Running {
    /// Starts a build and waits until it has reached `moment`.
    fn at(moment: Moment) -> Self {
        // The mark is a number of seconds that no other process sleeps.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let seconds =
            1_000_000 * u64::from(std::process::id()) + NEXT.fetch_add(1, Ordering::Relaxed);
        let marker = format!("{seconds}");
        let fixture = Fixture::of(&match moment {
            // The script sleeps only once, because at the second run its file exists.
            Moment::Configuring => test_debian::archive().package(
                test_debian::package("sleeper")
                    .field("Essential", "yes")
                    .script("postinst", &format!("#!/bin/sh\nsleep {marker}\n")),
            ),
            _ => test_debian::archive(),
        });
        match moment {
            Moment::Resolving => {
                let path = "/debian/dists/trixie/InRelease";
                fixture.fault(path, Fault::Silence, Times::Once);
            }
            Moment::Fetching => {
                let path = format!("/debian/{}", test_debian::archive().locked("busybox").path);
                fixture.fault(&path, Fault::Stall(100_000), Times::Once);
            }
            Moment::Configuring | Moment::After(_) => {}
        }
        fs_err::write(fixture.image(), "the image before").unwrap();
        let child = fixture
            .build()
            .arg("--bmap")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut running = Self {
            fixture,
            child,
            marker,
        };
        running.come_to(moment);
        running
    }

    fn come_to(&mut self, moment: Moment) {
        let fixture = &self.fixture;
        let asked = |end: &str| {
            fixture
                .server
                .requests()
                .iter()
                .any(|request| request.path.ends_with(end))
        };
        match moment {
            Moment::Resolving => wait_until("the mirror is asked", || asked("trixie/InRelease")),
            Moment::Fetching => wait_until("a package is asked for", || {
                asked("busybox_1.0_amd64.deb")
                    || asked(&format!("busybox_1.0_{}.deb", test_debian::host()))
            }),
            Moment::Configuring => {
                let marker = self.marker.clone();
                wait_until("the script runs", || !processes(&marker).is_empty());
            }
            Moment::After(stage) => {
                let stderr = BufReader::new(self.child.stderr.take().unwrap());
                let mut lines = stderr.lines().map(Result::unwrap);
                let reported = lines.any(|line| line.trim_start().starts_with(stage));
                assert!(reported, "the build ended before {stage}");
                // The further output is not read, which must not matter to the build.
            }
        }
    }

    fn stop(&mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Waits until every process of the build has ended. The sandbox ends with the build, but not
    /// at the same moment.
    fn wait_for_processes(&self) {
        wait_until("every process has ended", || self.processes().is_empty());
    }

    /// The processes of the build that still run.
    fn processes(&self) -> Vec<String> {
        let store = self.fixture.path("store").display().to_string();
        [processes(&self.marker), processes(&store)].concat()
    }

    /// Checks that the output is the earlier image or a complete new one.
    fn assert_whole(&self) {
        let image = fs_err::read(self.fixture.image()).unwrap();
        let before = image == b"the image before";
        assert!(before || image.len() > 34 << 20, "{} bytes", image.len());
    }

    /// Builds again. The build must succeed and remove what was left.
    fn build_again(&self) {
        let Self { fixture, .. } = self;
        if names(&fixture.path("mirror/debian/pool/main/s")).contains(&"sleeper".to_owned()) {
            fixture.publish(&test_debian::archive());
        }
        run(fixture.build().arg("--bmap")).succeeded();
        assert_eq!(fixture.outputs(), ["x.img", "x.img.bmap"]);
        assert_eq!(fixture.scratch(), [""; 0]);
        assert_eq!(names(&fixture.path("store/partial")), [""; 0]);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if happened() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{what}: not after {LOOKS} looks");
}

/// The processes of this machine with `text` in a word of their command line.
fn processes(text: &str) -> Vec<String> {
    let numbers = names(Path::new("/proc")).into_iter();
    let lines = numbers.filter_map(|number| fs_err::read(format!("/proc/{number}/cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

fn interrupt(moment: Moment, signal: Signal) {
    let mut running = Running::at(moment);
    let code = running.stop(signal);
    let finished = moment == Moment::After("seal") && code == Some(0);
    assert!(code == Some(130) || finished, "{moment:?}: {code:?}");
    // No file is left for the next build to remove, and no process still runs.
    let mut outputs = running.fixture.outputs();
    outputs.retain(|name| code != Some(0) || name != "x.img.bmap");
    assert_eq!(outputs, ["x.img"], "{moment:?}");
    assert_eq!(running.fixture.scratch(), [""; 0], "{moment:?}");
    assert_eq!(running.processes(), [""; 0], "{moment:?}");
    running.assert_whole();
    running.build_again();
}

fn kill(moment: Moment) {
    let mut running = Running::at(moment);
    running.stop(Signal::KILL);
    running.assert_whole();
    running.wait_for_processes();
    running.build_again();
}

#[test]
fn ctrl_c_leaves_nothing_half_written_in_any_stage() {
    MOMENTS
        .into_iter()
        .for_each(|moment| interrupt(moment, Signal::INT));
}

#[test]
fn a_termination_leaves_nothing_half_written() {
    interrupt(Moment::Configuring, Signal::TERM);
    interrupt(Moment::Fetching, Signal::HUP);
}

#[test]
fn kill_leaves_nothing_that_the_next_build_minds_in_any_stage() {
    MOMENTS.into_iter().for_each(kill);
}

#[test]
fn a_build_does_not_sweep_what_another_one_is_busy_with() {
    let running = Running::at(Moment::Resolving);
    let partial = |fixture: &Fixture| {
        fixture
            .outputs()
            .into_iter()
            .find(|name| name.ends_with(".partial"))
    };
    let busy = partial(&running.fixture).expect("the output is begun");
    let scratch = running.fixture.scratch();
    run(&mut running.fixture.build()).succeeded();
    assert_eq!(partial(&running.fixture), Some(busy));
    assert_eq!(running.fixture.scratch(), scratch);
}
