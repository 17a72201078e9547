//! Names and addresses of machines: no program takes an accepted name for an address, and the C
//! library reads each accepted address as the one that was written.

use super::{PROGRAMS, generated, kind};
use crate::command::{input, stdout};
use imgbuild::define::Raw;
use std::net::IpAddr;
use std::process::Command;

/// Texts that people write, by mistake or not.
const GIVEN: [&str; 39] = [
    "10.0.0.11",
    "10.0.0.256",
    "010.0.0.1",
    "10.1",
    "10",
    "4294967295",
    "0x7f.1",
    "0x7f000001",
    "127.0.0x1",
    "host.0x1f",
    "0x",
    "host.0x",
    "0xg",
    "1e3",
    "3com",
    "3com.example",
    "web1",
    "web1.10",
    "web1.example.org",
    "web1.example.org.",
    "localhost",
    "LocalHost.LocalDomain",
    "app.localhost",
    "localhost.example.org",
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "169.254.1.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::ffff:192.0.2.1",
    "64:ff9b::192.0.2.1",
    "fe80::1",
    "ff02::1",
    "2001:db8::1",
];

fn takes(name: &str, text: &str) -> bool {
    kind(name).read(&Raw::Text(text.to_owned())).is_some()
}

/// The address that getaddrinfo(3) reads in each text without a network; empty if it reads none.
fn addresses(texts: &[String]) -> Vec<String> {
    let script = r#"
        use v5.36;
        use Socket qw(:addrinfo SOCK_STREAM);
        while (my $text = <STDIN>) {
            chomp $text;
            my ($error, @found) = getaddrinfo($text, undef, {flags => AI_NUMERICHOST, socktype => SOCK_STREAM});
            say $error ? '' : (getnameinfo($found[0]{addr}, NI_NUMERICHOST))[1];
        }"#;
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "chroot", PROGRAMS, "perl", "-e", script]);
    let found = stdout(inside.stdin(input(texts.join("\n") + "\n")));
    let found: Vec<String> = found.lines().map(str::to_owned).collect();
    assert_eq!(found.len(), texts.len(), "{found:?}");
    found
}

#[test]
fn no_name_is_an_address_for_programs_and_no_address_another_one() {
    let mut texts = GIVEN.map(str::to_owned).to_vec();
    let label = "(0x|0X|)[0-9a-fx]{1,4}";
    texts.extend(generated(
        &format!("({label}\\.){{0,3}}{label}").as_str(),
        400,
    ));
    let (mut names, mut numbers) = (0, 0);
    for (text, address) in texts.iter().zip(addresses(&texts)) {
        for kind in [
            "host",
            "remote-host",
            "hostname",
            "domain",
            "address",
            "bind",
        ] {
            if !takes(kind, text) {
                continue;
            }
            let expected = text.parse::<IpAddr>();
            let expected = expected.map_or(String::new(), |address| address.to_string());
            assert_eq!(address, expected, "{text} is taken as {kind}");
        }
        names += usize::from(takes("host", text));
        numbers += usize::from(!address.is_empty());
    }
    assert!(names > 20 && numbers > 40, "{names} {numbers}");
}

#[test]
fn what_no_machine_is_reached_by_is_refused() {
    let taken = |kind: &'static str| GIVEN.into_iter().filter(move |text| takes(kind, text));
    let hosts = [
        "10.0.0.11",
        "0xg",
        "1e3",
        "3com",
        "3com.example",
        "web1",
        "web1.example.org",
        "localhost",
        "LocalHost.LocalDomain",
        "app.localhost",
        "localhost.example.org",
        "127.0.0.1",
        "169.254.1.1",
        "::1",
        "64:ff9b::192.0.2.1",
        "2001:db8::1",
    ];
    assert_eq!(taken("host").collect::<Vec<_>>(), hosts);
    let own = |text: &&str| {
        ![
            "127.0.0.1",
            "::1",
            "localhost",
            "LocalHost.LocalDomain",
            "app.localhost",
        ]
        .contains(text)
    };
    let remote: Vec<&str> = hosts.into_iter().filter(own).collect();
    assert_eq!(taken("remote-host").collect::<Vec<_>>(), remote);
    let addresses = [
        "10.0.0.11",
        "169.254.1.1",
        "64:ff9b::192.0.2.1",
        "fe80::1",
        "2001:db8::1",
    ];
    assert_eq!(taken("address").collect::<Vec<_>>(), addresses);
    assert_eq!(taken("ipv4-address").collect::<Vec<_>>(), &addresses[..2]);
    let names = ["3com.example", "web1.example.org", "localhost.example.org"];
    assert_eq!(taken("domain").collect::<Vec<_>>(), names);
    assert_eq!(
        taken("hostname").collect::<Vec<_>>(),
        ["0xg", "1e3", "3com", "web1"]
    );
    let binds = [
        "10.0.0.11",
        "0.0.0.0",
        "127.0.0.1",
        "169.254.1.1",
        "::",
        "::1",
        "64:ff9b::192.0.2.1",
        "2001:db8::1",
    ];
    assert_eq!(taken("bind").collect::<Vec<_>>(), binds);
}
