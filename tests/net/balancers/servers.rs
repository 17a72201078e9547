//! Web servers behind the load balancer, whose answers have their name and the facts about the client that
//! they received.

use super::lab::{Lab, Machine, Process};
use std::collections::BTreeMap;

/// A machine with servers on port 8080 of each address, and with the PROXY protocol on port 8081.
pub(crate) struct Servers {
    machine: Machine,
    processes: BTreeMap<&'static str, Process>,
}

/// Their names and addresses.
const SERVERS: [(&str, &str); 3] = [
    ("web1", "198.18.1.21"),
    ("web2", "198.18.1.22"),
    ("web3", "198.18.1.23"),
];

/// The answer of a server.
const ANSWER: &str = "src=%[src] for=%[req.hdr(x-forwarded-for)] proto=%[req.hdr(x-forwarded-proto)] \
                      port=%[req.hdr(x-forwarded-port)] version=%[req.ver]";

impl Servers {
    /// Starts all servers.
    pub(crate) fn start(lab: &Lab) -> Self {
        let files = SERVERS.map(|(name, address)| {
            let text = format!(
                "global\n stats socket /run/{name}.sock\ndefaults\n mode http\n timeout client 9s\n \
                 timeout server 9s\n timeout connect 9s\nfrontend {name}\n bind {address}:8080\n \
                 bind {address}:8081 accept-proxy\n http-request return status 200 content-type \
                 text/plain lf-string \"{name} {ANSWER}\"\n"
            );
            (format!("/etc/keepalived/{name}.cfg"), text)
        });
        let addresses = SERVERS.map(|(_, address)| format!("{address}/24"));
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let machine = lab.machine("servers", &addresses, &files.into());
        let mut servers = Self {
            machine,
            processes: BTreeMap::new(),
        };
        SERVERS.iter().for_each(|(name, _)| servers.revive(name));
        servers
    }

    /// Starts a server that was killed.
    pub(crate) fn revive(&mut self, name: &'static str) {
        let mut haproxy = self.machine.inside("haproxy");
        haproxy.args(["-db", "-f", &format!("/etc/keepalived/{name}.cfg")]);
        let process = self.machine.daemon(name, &mut haproxy);
        self.processes.insert(name, process);
        let socket = format!("/run/{name}.sock");
        self.machine.settle(|| {
            let mut test = self.machine.inside("test");
            test.args(["-S", &socket]).status().unwrap().success()
        });
    }

    /// Kills a server in the middle of its work.
    pub(crate) fn kill(&mut self, name: &'static str) {
        self.processes.remove(name).unwrap().kill();
        let mut rm = self.machine.inside("rm");
        crate::command::run(rm.arg(format!("/run/{name}.sock")));
    }
}
