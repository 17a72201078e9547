//! Names, paths, hosts and passwords of a load balancer: HAProxy asks its servers with them and tells them in its
//! statistics, and nftables lists whom it lets in.

use super::{Case, Cases, awkward, generated};
use proptest::prelude::{Strategy, any};
use std::net::IpAddr;

const COUNT: usize = 8;

/// The port of the server that answers its checks; the script knows it too.
const SERVER: u16 = 9001;

/// Paths of which every other character means something to some reader.
fn paths() -> Vec<String> {
    let fits = |c: &char| c.is_ascii_graphic() && !"\"'\\#".contains(*c);
    let path = awkward(1..=120, true)
        .prop_map(move |text| format!("/{}", text.chars().filter(fits).collect::<String>()));
    let given = [
        "/%[src]",
        "/$HOME/${HOME}",
        "/{{x}}",
        "/a?b=c&d;e,f",
        "/%20%",
        "//~`",
    ];
    given
        .into_iter()
        .map(str::to_owned)
        .chain(generated(&path, COUNT))
        .collect()
}

/// A front end as TOML has it.
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
    let hosts = generated(
        &"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z]{2,9}){0,2}",
        paths.len(),
    );
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
    let said = (read.said("check").zip(read.said("stats"))).zip(read.said("haproxy"));
    for (((path, name), (host, password)), ((check, stats), log)) in rows.iter().zip(said) {
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
    let rules = read.said("nft").next().unwrap();
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
