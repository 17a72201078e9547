//! Names, paths, hosts and passwords of a load balancer: HAProxy uses them in requests to its
//! servers and shows them in its statistics, and nftables lists the clients that it lets in.

use super::{Case, Cases, awkward, generated, kind};
use crate::command::run;
use imgbuild::define::Raw;
use proptest::prelude::{Strategy, any};
use std::net::IpAddr;
use std::process::Command;

const COUNT: usize = 8;

/// The port of the server that answers its checks; the script has the same number.
const SERVER: u16 = 9001;

/// Whether `text` is accepted as a path.
fn is_path(text: &str) -> bool {
    kind("url-path").read(&Raw::Text(text.to_owned())).is_some()
}

/// Paths in which every other character has a meaning for some reader. Characters that may not be
/// in a URL are escaped.
fn paths() -> Vec<String> {
    let escaped = |c: char| match is_path(&format!("/{c}")) {
        true => c.to_string(),
        false => format!("%{:02x}", u32::from(c)),
    };
    let path = awkward(1..=80, true)
        .prop_map(move |text| format!("/{}", text.chars().map(escaped).collect::<String>()));
    let given = [
        "/%5Bsrc%5d",
        "/$HOME/$(id)",
        "/a?b=c&d;e,f",
        "/%20%25",
        "//~*!",
    ];
    given
        .into_iter()
        .map(str::to_owned)
        .chain(generated(&path, COUNT))
        .collect()
}

/// A front end in TOML.
fn front_end(name: &str, path: &str, host: &str) -> String {
    format!(
        "[{{ name = \"{name}\", port = 8080, check = '{path}', check-host = \"{host}\", \
         servers = [\"{name}=127.0.0.1:{SERVER}\"] }}]"
    )
}

#[test]
fn a_balancer_asks_for_what_was_set_and_lets_in_who_has_the_password() {
    let paths = paths();
    let names = generated(&"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", paths.len());
    let shape = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z]{2,9}){0,2}";
    let mut hosts = generated(&shape, 2 * paths.len());
    hosts.retain(|host| kind("host").read(&Raw::Text(host.clone())).is_some());
    hosts.truncate(paths.len());
    assert_eq!(hosts.len(), paths.len());
    "2001:db8::1".clone_into(&mut hosts[0]);
    let passwords = generated(&awkward(12..=128, true), paths.len());
    let rows: Vec<_> = (paths.iter().zip(&names))
        .zip(hosts.iter().zip(&passwords))
        .collect();
    let case =
        |&((path, name), (host, password)): &((&String, &String), (&String, &String))| Case {
            settings: vec![("http-frontends", front_end(name, path, host))],
            secrets: vec![("stats-password", password.clone())],
        };
    let cases: Vec<Case> = rows.iter().map(case).collect();
    let passwords = passwords.iter().map(|password| format!("admin:{password}"));
    let read = Cases::read_with("haproxy-node", &cases, "balancer.sh", passwords);
    let output = (read.output("check").zip(read.output("stats"))).zip(read.output("haproxy"));
    for (((path, name), (host, password)), ((check, stats), log)) in rows.iter().zip(output) {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            (*host).clone()
        };
        let expected = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n");
        assert!(
            check.starts_with(&expected),
            "{expected:?}: {check:?}\n{log}"
        );
        assert!(
            stats.starts_with("HTTP/1.1 200 OK\r\n"),
            "{password:?}: {stats}\n{log}"
        );
        let line = format!("\nhttp:{name},{name},");
        assert!(stats.contains(&line), "{line:?}: {stats}");
    }
}

/// HAProxy answers as a strict server does (`normalize-uri … strict`): with 400 to a path that is
/// not allowed in a URL.
#[test]
fn a_path_that_is_taken_is_one_for_a_strict_server() {
    let mut texts = paths();
    let bad = [
        "/%", "/%2", "/%zz", "/a%", "/%%20", "/%u0041", "/ok?x=%", "/%2g",
    ];
    texts.extend(bad.map(str::to_owned));
    texts.extend(generated(&"/[a-c%0-9f]{1,12}", 60));
    let case = Case {
        secrets: vec![("stats-password", "123456789012".to_owned())],
        ..Case::default()
    };
    let read = Cases::read_with(
        "haproxy-node",
        &[case],
        "paths.sh",
        [texts.join("\n") + "\n"],
    );
    let output = read.output("statuses").next().unwrap();
    let statuses: Vec<&str> = output.lines().collect();
    assert_eq!(statuses.len(), texts.len(), "{output}");
    for (text, status) in texts.iter().zip(&statuses) {
        let expected = if is_path(text) { "200" } else { "400" };
        assert_eq!(status, &expected, "{text}");
    }
    let refused = statuses.iter().filter(|status| **status == "400").count();
    assert!(refused > 20, "{refused}");
}

/// A front end may have any name and is not confused with those of the profile itself.
#[test]
fn names_of_front_ends_are_not_those_of_the_profiles_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
    ]);
    openssl.args([
        "-subj",
        "/CN=site.example",
        "-keyout",
        &at("key"),
        "-out",
        &at("certificate"),
    ]);
    run(&mut openssl);
    let pem = ["certificate", "key"].map(|name| fs_err::read_to_string(at(name)).unwrap());
    let front = |(index, name): (usize, &str)| {
        format!(
            "{{ name = \"{name}\", port = {}, redirect-port = {}, tls = true, servers = [\"w=10.0.0.1:80\"] }}",
            8000 + 2 * index,
            8001 + 2 * index
        )
    };
    let names = [
        "redirect",
        "http",
        "stats",
        "health",
        "tcp",
        "Redirect",
        "balancers",
        "system",
    ];
    let fronts: Vec<String> = names.into_iter().enumerate().map(front).collect();
    let case = Case {
        settings: vec![
            ("http-servers", "w=10.0.0.1:80".to_owned()),
            ("tcp-servers", "w=10.0.0.1:80".to_owned()),
            ("http-frontends", format!("[{}]", fronts.join(", "))),
            ("max-connections", "1000000".to_owned()),
            ("http-check-expect", "100,200-399,599".to_owned()),
        ],
        secrets: vec![
            ("stats-password", "123456789012".to_owned()),
            ("tls-certificate", pem.concat()),
        ],
    };
    let read = Cases::read("haproxy-node", &[case], "takes.sh");
    assert_eq!(read.output("haproxy").next().unwrap(), "");
}

#[test]
fn the_firewall_lets_in_the_networks_that_were_set() {
    let v4 = (any::<u32>(), 1..=32_u32).prop_map(|(bits, length)| {
        let address = std::net::Ipv4Addr::from_bits(bits & u32::MAX << (32 - length));
        (IpAddr::from(address), length)
    });
    let v6 = (any::<u128>(), 1..=128_u32).prop_map(|(bits, length)| {
        let address = std::net::Ipv6Addr::from_bits(bits & u128::MAX << (128 - length));
        (IpAddr::from(address), length)
    });
    let networks: Vec<(IpAddr, u32)> = generated(&v4, COUNT)
        .into_iter()
        .chain(generated(&v6, COUNT))
        .collect();
    let text = |(address, length): &(IpAddr, u32)| format!("{address}/{length}");
    let list: Vec<String> = networks.iter().map(text).collect();
    let case = Case {
        settings: vec![("stats-allow", list.join(","))],
        secrets: vec![("stats-password", "123456789012".to_owned())],
    };
    let read = Cases::read("haproxy-node", &[case], "firewall.sh");
    let rules = read.output("nft").next().unwrap();
    for (address, length) in &networks {
        let family = if address.is_ipv4() { "ip" } else { "ip6" };
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let network = match *length == whole {
            true => address.to_string(),
            false => format!("{address}/{length}"),
        };
        let rule = format!("{family} saddr {network} tcp dport 1338 accept");
        assert!(rules.contains(&rule), "{rule}: {rules}");
    }
}
