//! A switch with machines connected to it, in namespaces that an ordinary user makes.

use crate::command::{run, stdout};
use crate::image::{self, USER};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The root filesystem of the load balancer's image.
pub(crate) static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let settings = [
        "ha-node=2",
        "ha-addresses=198.18.1.11/24,198.18.1.12/24",
        "ha-virtual-address=198.18.1.50/24",
        "http-servers=web1=198.18.1.21:8080,web2=198.18.1.22:8080",
    ];
    let root = image::tree("pair", "haproxy-ha", &settings);
    run(USER
        .command("mkdir")
        .arg("-p")
        .arg(root.join("var/lib/haproxy/dev")));
    root
});

/// The password of the statistics page in every test.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The time limit for what takes a moment on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with its owner.
pub(crate) struct Process(Child);

impl Process {
    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Ends it with SIGTERM, and waits for its end.
    pub(crate) fn stop(&mut self) {
        run(Command::new("kill").arg(self.0.id().to_string()));
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A switch, and a folder for the files of its machines.
pub(crate) struct Lab {
    switch: Process,
    pub(crate) folder: PathBuf,
}

/// A machine that is connected to the switch.
pub(crate) struct Machine {
    host: Process,
    /// The files of this machine alone, which its namespace mounts over those of the image's root.
    pub(crate) folder: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Lab {
    /// Starts the switch.
    pub(crate) fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = USER.home().join(format!("lab{number}"));
        fs_err::create_dir(&folder).unwrap();
        USER.own(&folder);
        let mut unshare = USER.command("unshare");
        unshare.env("PATH", PATH);
        unshare.args([
            "--user",
            "--map-root-user",
            "--net",
            "--mount",
            "--",
            "sh",
            "-ec",
        ]);
        unshare.arg("ip link add br0 type bridge; ip link set br0 up; echo ready; exec cat");
        let switch = resident(unshare);
        Self { switch, folder }
    }

    /// Starts a machine with these addresses, whose root is that of the image with `files` in it.
    pub(crate) fn machine(
        &self,
        name: &'static str,
        addresses: &[&str],
        files: &BTreeMap<String, String>,
    ) -> Machine {
        let folder = self.folder.join(name);
        write(&folder, files);
        keep_journal(&folder);
        USER.own(&folder);
        let mut unshare = enter(self.switch.0.id());
        unshare.args([
            "unshare", "--net", "--mount", "--", "sh", "-ec", MACHINE, "sh",
        ]);
        unshare.arg(&*ROOT).arg(&folder);
        let machine = Machine {
            host: resident(unshare),
            folder,
        };
        let pid = machine.host.0.id().to_string();
        self.switched(&[
            "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ]);
        self.switched(&["ip", "link", "set", name, "master", "br0", "up"]);
        for address in addresses {
            // `nodad` skips IPv6's duplicate address detection.
            let mut add = machine.command("ip");
            add.args(["addr", "add", address, "dev", "eth0"]);
            run(add.args(address.contains(':').then_some("nodad")));
        }
        run(machine.command("ip").args(["link", "set", "lo", "up"]));
        run(machine.command("ip").args(["link", "set", "eth0", "up"]));
        machine
    }

    /// Runs a command in the network namespace of the switch.
    pub(crate) fn switched(&self, command: &[&str]) {
        run(enter(self.switch.0.id()).args(command));
    }
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Mounts the root of a machine: `$1` is the image's root, `$2` the folder of the machine's files.
const MACHINE: &str = r#"
mount --make-rprivate /
mount -t tmpfs -o mode=755 t "$1/run"; mkdir "$1/run/haproxy"
mount -t tmpfs -o mode=755 t "$1/tmp"
mount -t tmpfs -o mode=755 t "$1/dev"
for node in null zero random urandom; do : > "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
mount --rbind /proc "$1/proc"
for folder in etc/haproxy etc/keepalived etc/nftables.d usr/lib/imgbuild; do
    [ ! -d "$2/$folder" ] || mount --bind "$2/$folder" "$1/$folder"
done
for log in "$1/dev/log" "$1/var/lib/haproxy/dev/log"; do : >> "$log"; mount --bind "$2/log" "$log"; done
echo ready
exec cat
"#;

/// Writes `files`, and copies the files of packages that lie in the same folders of the image.
fn write(folder: &Path, files: &BTreeMap<String, String>) {
    fs_err::create_dir(folder).unwrap();
    for (path, text) in files {
        let file = folder.join(&path[1..]);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs_err::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    }
    // A mounted folder hides the one of the image, in which packages have files too.
    for packaged in [
        "etc/haproxy/errors",
        "etc/keepalived/keepalived.config-opts",
    ] {
        let place = folder.join(packaged);
        let parent = place.parent().unwrap();
        if parent.exists() {
            run(Command::new("cp")
                .arg("-r")
                .arg(ROOT.join(packaged))
                .arg(parent));
        }
    }
    if folder.join("etc/haproxy").exists() {
        fs_err::create_dir_all(folder.join("etc/haproxy/certs")).unwrap();
    }
}

/// Writes what daemons log to the file `journal`, in the place of systemd-journald. Without a reader of
/// the socket, a daemon would wait. The thread ends with the tests.
fn keep_journal(folder: &Path) {
    let socket = UnixDatagram::bind(folder.join("log")).unwrap();
    fs_err::set_permissions(folder.join("log"), PermissionsExt::from_mode(0o666)).unwrap();
    let mut file = fs_err::File::create(folder.join("journal")).unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 8192];
        while let Ok(len) = socket.recv(&mut message) {
            file.write_all(&message[..len]).unwrap();
            file.write_all(b"\n").unwrap();
        }
    });
}

/// A command that runs its arguments in the namespaces of a process.
fn enter(pid: u32) -> Command {
    let mut nsenter = USER.command("nsenter");
    nsenter.env("PATH", PATH);
    nsenter.args(["--user", "--net", "--mount", "--preserve-credentials"]);
    nsenter.args(["--target", &pid.to_string(), "--"]);
    nsenter
}

/// Starts a process that prints `ready` and runs until its standard input ends.
fn resident(mut command: Command) -> Process {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    Process(child)
}

impl Machine {
    /// A program of the host, run in the network of this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = enter(self.host.0.id());
        command.arg(program);
        command
    }

    /// A program of the image, run in the root of this machine.
    pub(crate) fn inside(&self, program: &str) -> Command {
        let mut command = self.command("setpriv");
        command.args(["--pdeathsig", "KILL", "chroot"]);
        command.arg(&*ROOT).arg(program);
        command
    }

    /// Starts a daemon, whose output goes to the file `name`.
    pub(crate) fn daemon(&self, name: &str, command: &mut Command) -> Process {
        let mut options = fs_err::OpenOptions::new();
        let log = options
            .create(true)
            .append(true)
            .open(self.folder.join(name))
            .unwrap();
        let (log, _) = log.into_parts();
        let errors = log.try_clone().unwrap();
        Process(command.stdout(log).stderr(errors).spawn().unwrap())
    }

    /// Starts HAProxy as haproxy.service does, and waits until it answers.
    pub(crate) fn haproxy(&self) -> Process {
        let unit = fs_err::read_to_string(ROOT.join("usr/lib/systemd/system/haproxy.service"));
        let unit = unit.unwrap();
        let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
        let start = value("ExecStart=").unwrap();
        let environment = value("Environment=").unwrap();
        let script = format!("export {environment}; . /etc/default/haproxy; exec {start}");
        let process = self.daemon("haproxy.log", self.inside("sh").args(["-c", &script]));
        self.settle(|| {
            let mut curl = self.inside("curl");
            curl.args([
                "--unix-socket",
                "/run/haproxy/health.sock",
                "http://localhost/healthz",
            ]);
            curl.output().unwrap().status.success()
        });
        process
    }

    /// Waits until `holds`.
    pub(crate) fn settle(&self, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "see {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The output of `curl`.
    pub(crate) fn curl(&self, arguments: &[&str]) -> String {
        let mut curl = self.command("curl");
        curl.args(["--silent", "--max-time", "10"]).args(arguments);
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    }

    /// Whether this machine has the address, which VRRP moves.
    pub(crate) fn holds(&self, address: &str) -> bool {
        let mut ip = self.command("ip");
        !stdout(ip.args(["-o", "addr", "show", "to", address])).is_empty()
    }
}
