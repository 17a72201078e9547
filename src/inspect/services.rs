//! The services that listen on the network when the device runs, as far as configuration files say so.
//!
//! A service counts if its unit is enabled. Its addresses are those in its configuration, or else those that it is
//! known to use; a service that is not known is not listed.

use super::files::Files;
use super::units::Unit;
use serde::Serialize;

/// A service that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The unit that starts it.
    pub unit: String,
    /// The address as the configuration has it, such as `22`, `*:80` or `127.0.0.1:9050`.
    pub address: String,
    /// The file that says so; `None` for the usual address of the service.
    pub file: Option<String>,
}

/// The number of addresses of one unit that are listed.
const MAX_ADDRESSES: usize = 1000;

/// How a service that is known finds its addresses.
struct Known {
    /// The names of its unit.
    units: &'static [&'static str],
    /// Its configuration files.
    files: &'static [&'static str],
    /// The words before an address in a line.
    keys: &'static [&'static str],
    /// The address without configuration; empty if there is none.
    usual: &'static str,
}

const KNOWN: [Known; 19] = [
    Known {
        units: &["ssh.service", "sshd.service"],
        files: &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"],
        keys: &["Port", "ListenAddress"],
        usual: "tcp 22",
    },
    known(&["dropbear.service"], "tcp 22"),
    Known {
        units: &["haproxy.service"],
        files: &["/etc/haproxy/haproxy.cfg"],
        keys: &["bind"],
        usual: "",
    },
    Known {
        units: &["nginx.service"],
        files: &[
            "/etc/nginx/nginx.conf",
            "/etc/nginx/conf.d/*.conf",
            "/etc/nginx/sites-enabled/*",
        ],
        keys: &["listen"],
        usual: "",
    },
    Known {
        units: &["apache2.service"],
        files: &["/etc/apache2/ports.conf"],
        keys: &["Listen"],
        usual: "tcp 80",
    },
    Known {
        units: &["tor.service", "tor@default.service"],
        files: &["/etc/tor/torrc", "/etc/tor/torrc.d/*"],
        keys: &[
            "ORPort",
            "DirPort",
            "SocksPort",
            "TransPort",
            "DNSPort",
            "ControlPort",
            "ServerTransportListenAddr",
        ],
        usual: "tcp 127.0.0.1:9050",
    },
    known(&["dnsmasq.service"], "udp and tcp 53"),
    known(
        &["unbound.service", "named.service", "bind9.service"],
        "udp and tcp 53",
    ),
    known(&["avahi-daemon.service"], "udp 5353"),
    known(&["smbd.service", "samba.service"], "tcp 445 and 139"),
    known(
        &["nfs-server.service", "nfs-kernel-server.service"],
        "tcp 2049",
    ),
    known(&["cups.service"], "tcp 127.0.0.1:631"),
    known(&["mariadb.service", "mysql.service"], "tcp 127.0.0.1:3306"),
    known(&["postgresql.service"], "tcp 127.0.0.1:5432"),
    known(&["redis-server.service"], "tcp 127.0.0.1:6379"),
    known(&["mosquitto.service"], "tcp 127.0.0.1:1883"),
    known(
        &["vncserver-x11-serviced.service", "wayvnc.service"],
        "tcp 5900",
    ),
    known(&["exim4.service", "postfix.service"], "tcp 25"),
    known(&["vsftpd.service", "proftpd.service"], "tcp 21"),
];

const fn known(units: &'static [&'static str], usual: &'static str) -> Known {
    Known {
        units,
        files: &[],
        keys: &[],
        usual,
    }
}

const UNIT_FOLDERS: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The services of `files` that listen, of which `units` are enabled.
pub(super) fn services(files: &Files<'_>, units: &[Unit]) -> Vec<Service> {
    let enabled = || units.iter().filter(|unit| unit.is_enabled());
    let mut services = Vec::new();
    for known in &KNOWN {
        let is_it = |unit: &&Unit| {
            let names = unit.aliases.iter().chain([&unit.name]);
            names
                .into_iter()
                .any(|name| known.units.contains(&name.as_str()))
        };
        if let Some(unit) = enabled().find(is_it) {
            services.extend(known.addresses(files, &unit.name));
        }
    }
    let started = files.matching("/usr/lib/systemd/system/sockets.target.wants/*");
    let started = started.iter().filter_map(|path| path.rsplit('/').next());
    let is_masked = |name: &str| units.iter().any(|unit| unit.masked && unit.name == name);
    let started = started.filter(|name| !is_masked(name));
    let sockets = enabled().map(|unit| unit.name.as_str()).chain(started);
    let mut sockets: Vec<&str> = sockets.filter(|name| name.ends_with(".socket")).collect();
    sockets.sort_unstable();
    sockets.dedup();
    for socket in sockets {
        services.extend(of_socket(files, socket));
    }
    services
}

impl Known {
    fn addresses(&self, files: &Files<'_>, unit: &str) -> Vec<Service> {
        let mut services = Vec::new();
        for path in self
            .files
            .iter()
            .flat_map(|pattern| files.matching(pattern))
        {
            let text = files.text(&path).unwrap_or_default();
            let found = text.lines().filter_map(|line| self.address(line));
            let left = MAX_ADDRESSES.saturating_sub(services.len());
            services.extend(found.take(left).map(|address| Service {
                unit: unit.to_owned(),
                address,
                file: Some(path.clone()),
            }));
        }
        if services.is_empty() && !self.usual.is_empty() {
            services.push(Service {
                unit: unit.to_owned(),
                address: self.usual.to_owned(),
                file: None,
            });
        }
        services
    }

    /// The address in `line`, whose first word is one of the keys. Keys have any case, as for sshd and tor.
    fn address(&self, line: &str) -> Option<String> {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (key, address) = line.split_once([' ', '\t'])?;
        let key = self
            .keys
            .iter()
            .find(|known| known.eq_ignore_ascii_case(key))?;
        let address = address.trim().trim_end_matches(';');
        // The value 0 turns a port of tor off; nobody reaches a socket in a folder from the network.
        let is_off = address == "0" || address.starts_with("unix") || address.starts_with('/');
        (!is_off).then(|| match self.keys {
            // One key needs no name.
            [_] => address.to_owned(),
            _ => format!("{key} {address}"),
        })
    }
}

/// The addresses of a socket unit, apart from those in the filesystem.
fn of_socket(files: &Files<'_>, socket: &str) -> Vec<Service> {
    let unit = UNIT_FOLDERS
        .iter()
        .map(|folder| format!("{folder}/{socket}"));
    let unit = unit.into_iter().find(|path| files.has(path));
    let added = UNIT_FOLDERS.iter().rev();
    let added = added.flat_map(|folder| files.matching(&format!("{folder}/{socket}.d/*.conf")));
    let mut services: Vec<Service> = Vec::new();
    for path in unit.into_iter().chain(added) {
        let text = files.text(&path).unwrap_or_default();
        for line in text.lines().map(str::trim) {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let protocol = match key.trim() {
                "ListenStream" => "tcp",
                "ListenDatagram" => "udp",
                _ => continue,
            };
            let value = value.trim();
            match value {
                // An empty value resets the list.
                "" => services.clear(),
                _ if services.len() == MAX_ADDRESSES => {}
                _ if value.starts_with(['/', '@', '%']) || value.starts_with("vsock") => {}
                _ => services.push(Service {
                    unit: socket.to_owned(),
                    address: format!("{protocol} {value}"),
                    file: Some(path.clone()),
                }),
            }
        }
    }
    services
}
