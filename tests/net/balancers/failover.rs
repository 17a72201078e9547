//! Two load balancers with one address: how long a client waits when one of them fails; and that both never
//! hold the address at the same time.

use super::lab::{Lab, Machine, Process, ROOT};
use super::poll::{Client, Holder, both};
use super::render::Wish;
use super::servers::Servers;
use crate::command::run;
use crate::programs;
use std::collections::BTreeMap;
use std::time::Instant;

const VIRTUAL: &str = "198.18.1.50";

/// The settings of both nodes, which differ in `ha-node`.
const PAIR: &str = r#"
ha-addresses = ["198.18.1.11/24", "198.18.1.12/24"]
ha-virtual-address = "198.18.1.50/24"
http-servers = ["web1=198.18.1.21:8080", "web2=198.18.1.22:8080"]

[[http-frontends]]
name = "source"
port = 8003
sticky = "source"
servers = ["web1=198.18.1.21:8080", "web2=198.18.1.22:8080"]
"#;

/// Runs a unit as systemd does: the commands before the start, the program, the commands after its end,
/// however it ended, and all of this again. `$1` is the drop-in of the image, the rest is the program.
const UNIT: &str = r#"
unit=$1; shift
lines() { sed -n "s/^$1=//p" "$unit"; }
pause=$(lines RestartSec); pause=${pause%ms}
trap 'stopped=1; kill "$main"' TERM
while [ -z "$stopped" ]; do
    main=
    for before in $(lines ExecStartPre); do "$before" || main=none; done
    if [ -z "$main" ]; then
        setpriv --pdeathsig KILL "$@" & main=$!
        echo "$main" > /run/main
        wait "$main"; wait "$main"
    fi
    for after in $(lines ExecStopPost); do "$after"; done
    [ -n "$stopped" ] || sleep "$(printf '0.%03d' "$pause")"
done
"#;

/// keepalived drops its supplementary groups before it runs a script, and runs no script if it cannot. The
/// kernel refuses that in a namespace of a user without a range in /etc/subgid. There are no groups to drop,
/// so the call of keepalived is answered with success.
const NO_GROUPS: [&str; 11] = [
    "strace",
    "--daemonize",
    "--follow-forks",
    "--quiet=all",
    "--seccomp-bpf",
    "--output",
    "/dev/null",
    "--trace",
    "setgroups",
    "--inject",
    "setgroups:retval=0",
];

/// One of the two nodes.
struct Node {
    machine: Machine,
    haproxy: Option<Process>,
    keepalived: Option<Process>,
}

impl Node {
    fn new(lab: &Lab, name: &'static str, node: &str, address: &str, settings: &str) -> Self {
        let wish = Wish {
            profile: "haproxy-ha",
            flags: &[node],
            file: settings,
            certificate: None,
        };
        let mut files = wish.files();
        // Only the files below these folders are mounted over those of the root.
        let drop_in = "/etc/systemd/system/keepalived.service.d/10-imgbuild.conf";
        files.insert("/etc/keepalived/unit".to_owned(), files[drop_in].clone());
        let machine = lab.machine(name, &[address], &files);
        let mut node = Self {
            machine,
            haproxy: None,
            keepalived: None,
        };
        node.start_haproxy();
        node.start_keepalived();
        node
    }

    fn start_haproxy(&mut self) {
        self.haproxy = Some(self.machine.haproxy());
    }

    fn start_keepalived(&mut self) {
        let mut unit = self.machine.command("setpriv");
        unit.args(["--pdeathsig", "KILL"]).args(NO_GROUPS);
        unit.arg("chroot").arg(&*ROOT);
        unit.args(["sh", "-c", UNIT, "sh", "/etc/keepalived/unit"]);
        unit.args(["keepalived", "--dont-fork", "--log-console", "--log-detail"]);
        self.keepalived = Some(self.machine.daemon("keepalived.log", &mut unit));
    }

    fn holds(&self) -> bool {
        self.machine.holds(VIRTUAL)
    }
}

/// Both nodes, the servers and a client.
struct Pair {
    lab: Lab,
    nodes: [Node; 2],
    client: Machine,
    _servers: Servers,
}

/// A way in which a node fails.
struct Failure {
    what: &'static str,
    /// The limit in seconds for a client's wait.
    bound: f64,
    fail: fn(&Lab, &mut Node, &str),
    repair: fn(&Lab, &mut Node, &str),
}

impl Pair {
    fn new(advertisement: &str) -> Self {
        let lab = Lab::new();
        let servers = Servers::start(&lab);
        let settings = format!("ha-advertisement = \"{advertisement}\"\n{PAIR}");
        let nodes = [
            ("one", "ha-node=1", "198.18.1.11/24"),
            ("two", "ha-node=2", "198.18.1.12/24"),
        ];
        let nodes =
            nodes.map(|(name, node, address)| Node::new(&lab, name, node, address, &settings));
        let client = lab.machine("client", &["198.18.1.100/24"], &BTreeMap::new());
        let pair = Self {
            lab,
            nodes,
            client,
            _servers: servers,
        };
        pair.client.settle(|| pair.answers());
        pair
    }

    fn answers(&self) -> bool {
        let url = format!("http://{VIRTUAL}/");
        self.client
            .curl(&["--max-time", "0.5", &url])
            .starts_with("web")
    }

    fn master(&self) -> usize {
        let holders: Vec<usize> = (0..2).filter(|&at| self.nodes[at].holds()).collect();
        let [master] = holders[..] else {
            panic!("nodes that hold the address: {holders:?}")
        };
        master
    }

    /// Lets the holder of the address fail. The other node must take over in time, and keep the address
    /// afterwards.
    fn survive(&mut self, failure: &Failure) {
        let master = self.master();
        let other = 1 - master;
        let name = ["one", "two"][master];
        let eyes = [0, 1].map(|at: usize| Holder::watch(&self.nodes[at].machine, VIRTUAL));
        let asking = Client::start(&self.client, &format!("http://{VIRTUAL}/"));
        self.client.settle(|| self.answers());
        let began = Instant::now();
        (failure.fail)(&self.lab, &mut self.nodes[master], name);
        self.client
            .settle(|| self.nodes[other].holds() && self.answers());
        let taken = began.elapsed().as_secs_f64();
        (failure.repair)(&self.lab, &mut self.nodes[master], name);
        // This is long enough for the old holder to take the address back, if it did.
        let node = &self.nodes[master].machine;
        node.settle(|| began.elapsed() > failure.watch());
        let requests = asking.stop();
        let [one, two] = eyes.map(Holder::stop);
        let both = both(&one, &two);
        println!(
            "{}: outage {:.2} s, {} of {} requests failed; taken over after {taken:.2} s; both held it for {both:.3} s",
            failure.what, requests.outage, requests.failed, requests.all
        );
        assert!(requests.well && requests.all > 20, "{requests:?}");
        assert!(
            requests.outage <= failure.bound,
            "{}: {requests:?}",
            failure.what
        );
        assert_eq!(both, 0.0, "{}: {one:?} {two:?}", failure.what);
        assert_eq!(self.master(), other, "nothing flaps back");
    }
}

impl Failure {
    /// How long to watch both nodes.
    fn watch(&self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(self.bound + 1.0)
    }
}

const HAPROXY_DIES: Failure = Failure {
    what: "HAProxy killed and not restarted",
    bound: 5.0,
    fail: |_, node, _| {
        let mut kill = node.machine.inside("sh");
        let pids = "$p $(cat /proc/$p/task/$p/children)";
        kill.args(["-c", &format!("p=$(cat /run/haproxy.pid); kill -9 {pids}")]);
        run(&mut kill);
        node.haproxy = None;
    },
    repair: |_, node, _| node.start_haproxy(),
};
const KEEPALIVED_STOPS: Failure = Failure {
    what: "keepalived stopped",
    bound: 2.0,
    fail: |_, node, _| node.keepalived.as_mut().unwrap().stop(),
    repair: |_, node, _| node.start_keepalived(),
};
const KEEPALIVED_DIES: Failure = Failure {
    what: "keepalived killed, restarted by its unit",
    bound: 6.0,
    fail: |_, node, _| {
        let mut kill = node.machine.inside("sh");
        let pids = "$(cat /run/main) $(cat /run/keepalived/*.pid)";
        kill.args(["-c", &format!("kill -9 {pids}")]);
        run(&mut kill);
        node.machine.settle(|| !node.holds());
    },
    repair: |_, _, _| {},
};
const LINK_FAILS: Failure = Failure {
    what: "link cut",
    bound: 6.0,
    fail: |lab, _, name| lab.switched(&["ip", "link", "set", name, "down"]),
    repair: |lab, _, name| lab.switched(&["ip", "link", "set", name, "up"]),
};

#[test]
fn the_programs_of_a_node_take_its_files() {
    let lab = Lab::new();
    let node = lab.machine("judged", &[], &BTreeMap::new());
    let settings = [
        "",
        "http-frontends = [{ name = \"a\", port = 8080, redirect-port = 81, sticky = \"cookie\", servers = [\"w=h.example:80\", { name = \"v\", address = \"::1\", port = 80, weight = 5, backup = true }] }]",
        "tcp-frontends = [{ name = \"b\", port = 25, accept-proxy = true, send-proxy = \"v2\", servers = [\"w=192.0.2.7:25\"] }]\nstats-allow = 192.168.1.0/24,2001:db8::/32\nhttp-sticky = source",
        "uplink-gateway = 198.18.1.1\nuplink-dns = 198.18.1.1\nmax-connections = 100\nhttp-balance = uri",
    ];
    let own = [
        "/etc/haproxy/haproxy.cfg",
        "/etc/keepalived/keepalived.conf",
        "haproxy.service 2.9",
        "keepalived.service 3.3",
    ];
    // A root in which mounts are made must be a mount itself.
    let mut inside = node.command("unshare");
    let enter = "mount --rbind \"$0\" \"$0\"; cd \"$0\"; exec chroot . \"$@\"";
    inside.args(["--mount", "sh", "-ec", enter]).arg(&*ROOT);
    programs::judge(&mut inside, "haproxy-ha", &settings, &own);
}

#[test]
fn the_other_node_takes_over_and_two_never_hold_the_address() {
    let mut pair = Pair::new("1");
    knows_the_clients_of_the_other(&pair);
    for failure in [
        &HAPROXY_DIES,
        &LINK_FAILS,
        &KEEPALIVED_STOPS,
        &KEEPALIVED_DIES,
    ] {
        pair.survive(failure);
    }
}

#[test]
fn more_signs_of_life_make_it_quicker() {
    let mut pair = Pair::new("0.2");
    let quick = Failure {
        what: "link cut, a sign of life every 0.2 s",
        bound: 2.5,
        ..LINK_FAILS
    };
    pair.survive(&quick);
}

/// A client of one node belongs to the same server at the other node.
fn knows_the_clients_of_the_other(pair: &Pair) {
    let master = pair.master();
    let url = format!("http://{VIRTUAL}:8003/");
    assert!(pair.client.curl(&[&url]).starts_with("web"));
    let table = |node: &Node| {
        let mut show = node.machine.inside("sh");
        show.args([
            "-c",
            "echo 'show table http:source' | nc -w 5 -U /run/haproxy/admin.sock",
        ]);
        String::from_utf8(run(&mut show).stdout).unwrap()
    };
    let server = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.contains("key=::ffff:198.18.1.100"))?;
        let server = line
            .split(' ')
            .find(|word| word.starts_with("server_id="))?;
        Some(server.to_owned())
    };
    let other = &pair.nodes[1 - master];
    other.machine.settle(|| server(&table(other)).is_some());
    assert_eq!(server(&table(&pair.nodes[master])), server(&table(other)));
}
