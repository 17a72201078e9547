//! Namespaces that an ordinary user makes: an internet, devices with the files of an image, and clients.
//!
//! Every process of a lab ends with it, and with the program that made it.

use crate::command::stdout;
use crate::image::USER;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The time limit for everything, on a machine with many times more work than processors.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// The namespaces, held by their first process.
#[derive(Debug)]
pub(crate) struct Lab {
    holder: Child,
}

impl Lab {
    /// Makes a lab with an internet, whose programs are those of the image below `tree`.
    pub(crate) fn new(tree: &Path) -> Self {
        let mut hold = USER.command("unshare");
        hold.arg("--map-root-user");
        hold.args(["--mount", "--net", "--ipc", "--pid", "--fork"]);
        hold.args(["--kill-child", "--mount-proc", "sh"]);
        hold.arg(script("hold.sh"));
        let mut holder = hold
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut output = BufReader::new(holder.stdout.as_mut().unwrap());
        output.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "no namespaces for an ordinary user");
        let lab = Self { holder };
        lab.script("internet.sh", &[]);
        lab.root(tree, "internet");
        lab.daemon(
            "internet",
            "internet.log",
            &["python3", "/tmp/lab/internet.py"],
        );
        lab.wait_for("internet", "grep -q listening /tmp/internet.log");
        lab
    }

    /// Makes the files below `tree` the root of the programs that are started in `network`.
    pub(crate) fn root(&self, tree: &Path, network: &str) {
        let scripts = [
            "net/lab/capture.py",
            "net/lab/circuit.py",
            "net/lab/scan.py",
            "net/lab/screen.py",
            "net/lab/start.sh",
            "boot/tor/internet.py",
            "boot/tor/probe.py",
            "boot/tor/relays.sh",
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let scripts = scripts.map(|script| folder.join(script));
        let mut arguments = vec![tree.to_str().unwrap(), network];
        arguments.extend(scripts.iter().map(|script| script.to_str().unwrap()));
        self.script("root.sh", &arguments);
    }

    /// Starts a device with the files below `tree`, at 198.18.0.`host`. Its kernel settings, rules and
    /// network are those of the image, except for those of its uplink.
    pub(crate) fn device(&self, tree: &Path, name: &str, host: u8) {
        self.device_by(tree, name, host, "06-uplink0.network");
    }

    /// As [`Lab::device`], but with the uplink of the image, to which only the address is added.
    pub(crate) fn device_with_own_uplink(&self, tree: &Path, name: &str, host: u8) {
        self.device_by(tree, name, host, "80-ethernet.network.d/90-lab.conf");
    }

    fn device_by(&self, tree: &Path, name: &str, host: u8, file: &str) {
        let uplink = self.script("device.sh", &[name, &host.to_string()]);
        self.root(tree, name);
        fs_err::write(tree.join("etc/systemd/network").join(file), uplink).unwrap();
        self.shell(
            name,
            "for file in /etc/sysctl.d/60-*.conf; do sysctl -q -p $file; done",
        );
        let units = [
            "nftables.service",
            "systemd-networkd.service",
            "systemd-resolved.service",
        ];
        self.start(name, &units);
        let up = "ip -4 -o address show uplink0 | grep -q 198.18.0.";
        self.wait_for(name, up);
        // The DHCP server waits for this unit before it keeps its leases.
        self.start(name, &["systemd-networkd-persistent-storage.service"]);
    }

    /// Starts a Tor network, waits until its relays know each other, and gives the lines by which a torrc
    /// joins it.
    pub(crate) fn tor_network(&self) -> String {
        self.stdout("internet", &["bash", "/tmp/lab/relays.sh"]);
        for relay in ["exit4", "exit5", "exit6"] {
            let ready = format!("grep -q 'Bootstrapped 100%' /tmp/relays/{relay}/log");
            self.wait_for("internet", &ready);
        }
        let known = self.stdout("internet", &["cat", "/tmp/relays/client.conf"]);
        // The lab has no syslog.
        format!("{known}Log notice file /tmp/tor.log\n")
    }

    /// Captures every packet in the internet from now on, for `birth.sh`.
    pub(crate) fn watch(&self) {
        let capture = "exec python3 /tmp/lab/capture.py wan > /tmp/wan.pcap";
        self.daemon("internet", "wan.log", &["bash", "-c", capture]);
        self.wait_for("internet", "grep -q listening /tmp/wan.log");
    }

    /// The ports of `target` that answer a client in `network`.
    pub(crate) fn scan(&self, network: &str, target: &str) -> Scan {
        let text = self.stdout(network, &["python3", "/tmp/lab/scan.py", target]);
        let ports = |name: &str| {
            let of_line = |line: &str| line.strip_prefix(name).map(str::to_owned);
            let line = text.lines().find_map(of_line).unwrap();
            let numbers = line.split_whitespace().map(|port| port.parse().unwrap());
            numbers.collect()
        };
        Scan {
            tcp: ports("tcp"),
            udp: ports("udp"),
        }
    }

    /// The names of the image's own health checks that fail, in alphabetical order.
    pub(crate) fn failing(&self, network: &str) -> Vec<String> {
        let health = self.shell(network, "/usr/lib/imgbuild/health || true");
        let of_line = |line: &str| Some(line.split_once(" FAIL")?.0.to_owned());
        let mut failing: Vec<_> = health.lines().filter_map(of_line).collect();
        // `room` is about the disk of the host.
        failing.retain(|name| name != "room");
        failing.sort();
        failing
    }

    /// Waits until no health check of the image fails except those in `but`. Each time a relay joins a Tor
    /// network, the other relays know too little of it for a moment.
    pub(crate) fn wait_for_health(&self, network: &str, but: &[&str]) {
        let began = Instant::now();
        loop {
            let failing = self.failing(network);
            if failing == but {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{network}: {failing:?}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Runs the start commands of these units of the image.
    pub(crate) fn start(&self, network: &str, units: &[&str]) {
        let mut command = vec!["bash", "/tmp/lab/start.sh"];
        command.extend(units);
        self.stdout(network, &command);
    }

    /// Whether `script` succeeds in `network`.
    pub(crate) fn succeeds(&self, network: &str, script: &str) -> bool {
        let mut command = self.command(network);
        command.args(["bash", "-ec", script]);
        command.output().unwrap().status.success()
    }

    /// The output of the script `name` of the lab, which must succeed.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = self.inside();
        stdout(command.arg("bash").arg(script(name)).args(arguments))
    }

    /// The output of `program` in the root of `network`; it must succeed.
    pub(crate) fn stdout(&self, network: &str, program: &[&str]) -> String {
        stdout(self.command(network).args(program))
    }

    /// The output of `script` in a shell of the device `network`; it must succeed.
    pub(crate) fn shell(&self, network: &str, script: &str) -> String {
        self.stdout(network, &["bash", "-ec", script])
            .trim()
            .to_owned()
    }

    /// Starts `program` in `network`, whose output goes to the file `log` in /tmp of its root.
    pub(crate) fn daemon(&self, network: &str, log: &str, program: &[&str]) {
        let script = format!("exec \"$@\" > /tmp/{log} 2>&1");
        let mut command = self.command(network);
        command.args(["bash", "-c", &script, "bash"]).args(program);
        // It ends with the lab.
        let child = command.spawn().unwrap();
        drop(child);
    }

    /// Waits until `script` succeeds in `network`.
    pub(crate) fn wait_for(&self, network: &str, script: &str) {
        let began = Instant::now();
        while !self.succeeds(network, script) {
            let logs = || self.shell(network, "tail -n 50 /tmp/*.log");
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "no `{script}` in {PATIENCE:?}\n{}", logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A command in the network and root of `network`.
    pub(crate) fn command(&self, network: &str) -> Command {
        let mut command = self.outside(network);
        command.args(["chroot", &format!("/run/roots/{network}")]);
        command
    }

    /// A command of the host in the network of `network`.
    pub(crate) fn outside(&self, network: &str) -> Command {
        let mut command = self.inside();
        command.args(["nsenter", &format!("--net=/run/netns/{network}")]);
        command
    }

    /// A command of the host, as root of the lab.
    fn inside(&self) -> Command {
        let of_holder = |name: &str| format!("/proc/{}/ns/{name}", self.holder.id());
        let mut command = USER.command("timeout");
        command.args(["--kill-after=5", "600", "nsenter", "--preserve-credentials"]);
        command.arg(format!("--user={}", of_holder("user")));
        command.arg(format!("--mount={}", of_holder("mnt")));
        command.arg(format!("--net={}", of_holder("net")));
        command.arg(format!("--ipc={}", of_holder("ipc")));
        command.arg(format!("--pid={}", of_holder("pid_for_children")));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

/// The ports that answer, in ascending order. A port without a service answers too, unless a firewall drops
/// the question.
#[derive(Debug, PartialEq)]
pub(crate) struct Scan {
    pub(crate) tcp: Vec<u16>,
    pub(crate) udp: Vec<u16>,
}

impl Scan {
    /// Exactly these ports answer.
    pub(crate) fn of(tcp: &[u16], udp: &[u16]) -> Self {
        Self {
            tcp: tcp.to_vec(),
            udp: udp.to_vec(),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/net/lab")
        .join(name)
}
