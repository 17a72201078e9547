use super::*;
use crate::define::Definitions;

/// The kinds of all shipped profiles.
fn shipped() -> Kinds {
    let definitions = Definitions::find(&[]);
    let mut diagnostics = Diagnostics::default();
    let mut kinds = Kinds::default();
    for profile in definitions.profiles().unwrap() {
        let file = definitions.profile(&mut diagnostics, profile.as_str());
        for (name, kind) in file.unwrap().kinds {
            assert!(kinds.add(&name, kind).is_none(), "{name:?} is there twice");
        }
    }
    kinds
}

#[test]
fn networks_overlap_where_one_is_in_the_other() {
    let network = |text: &str| text.parse::<Network>().unwrap();
    let tor = network("10.192.0.0/10");
    assert!(tor.overlaps(network("10.200.1.1/24")));
    assert!(network("10.0.0.0/8").overlaps(tor));
    assert!(!tor.overlaps(network("10.191.255.1/24")));
    for text in ["10.0.0.0", "10.0.0.0/33", "x/8"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

#[test]
fn each_kind_takes_what_it_names_and_nothing_else() {
    let long = "x".repeat(64);
    let hex = "0123456789ABCDEFabcd".repeat(2);
    let (with_sign, with_name) = (format!("${hex}"), format!("${hex}~Relay1"));
    let key = format!(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@home",
        "A".repeat(43)
    );
    let family_key = format!(
        "PT0gZWQyNTUxOXYxLXNlY3JldDogZm1seS1pZCA9PQA{}",
        "k+/9".repeat(22)
    );
    let family_key = &family_key[..128];
    let kinds = shipped();
    for (kind, good, bad) in [
        ("string", vec!["", "a b"], vec!["a\nb", "\u{7f}"]),
        ("boolean", vec!["true", "false"], vec!["yes", "1", ""]),
        ("integer", vec!["-1", "0"], vec!["1.5", "", "0x10"]),
        ("port", vec!["1", "65535"], vec!["0", "65536", "-1"]),
        (
            "address",
            vec!["192.0.2.1", "2001:db8::1"],
            vec![
                "192.0.2",
                "host",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "::0",
                "ff02::1",
                "127.0.0.1",
                "::1",
                "::ffff:192.0.2.1",
            ],
        ),
        (
            "ipv4-address",
            vec!["192.0.2.1"],
            vec!["2001:db8::1", "127.0.0.1", "::ffff:192.0.2.1"],
        ),
        (
            "bind",
            vec!["*", "::1", "0.0.0.0", "::0"],
            vec!["", "* ", "224.0.0.1", "fe80::1", "::ffff:192.0.2.1"],
        ),
        (
            "cidr",
            vec!["192.168.42.1/24", "10.0.0.14/28"],
            vec![
                "192.168.42.0/24",
                "192.168.42.255/24",
                "8.8.8.8/24",
                "10.0.0.1/8",
                "10.0.0.1",
            ],
        ),
        ("size", vec!["256MiB", "0"], vec!["1GB", ""]),
        (
            "duration",
            vec!["90s", "30min", "7d"],
            vec!["90", "s", "1.5h", "99999999999999999999s"],
        ),
        (
            "time",
            vec!["04:30", "23:59"],
            vec!["24:00", "4:30", "04:60", "+4:30"],
        ),
        (
            "hostname",
            vec!["a", "web-1"],
            vec![
                "",
                "-a",
                "a-",
                "a.b",
                "ä",
                "123",
                "0x1f",
                "Localhost",
                "ip6-loopback",
                &long,
            ],
        ),
        (
            "domain",
            vec!["tor-exit.example.org"],
            vec![
                "host",
                "a..b",
                "a.b.",
                "a b.c",
                "",
                "localhost.localdomain",
                "a.1",
            ],
        ),
        (
            "nickname",
            vec!["a", "Relay1"],
            vec!["", "my-relay", "abcdefghijklmnopqrst"],
        ),
        (
            "tor-fingerprint",
            vec![&hex, &with_sign, &with_name],
            vec![
                "$AAAA",
                "Relay1",
                &long[..40],
                &with_sign[..40],
                &with_name[..42],
            ],
        ),
        (
            "tor-family-id",
            vec!["*", "wweKJrJxUDs1EdtFFHCDtvVgTKftOC/crUl1mYJv830"],
            vec![
                "hello",
                "",
                &long[..42],
                "_weKJrJxUDs1EdtFFHCDtvVgTKftOC-crUl1mYJv83_",
            ],
        ),
        (
            "tor-family-key",
            vec![family_key],
            vec!["", &family_key[1..], &long[..40]],
        ),
        (
            "ssid",
            vec!["a", "Café \"1\"", &long[..32]],
            vec!["", "a\tb", &long[..33]],
        ),
        (
            "passphrase",
            vec!["12345678", &long[..63], &"0aF9".repeat(16)],
            vec!["1234567", &long, "pässword1", &"0".repeat(65)],
        ),
        ("password", vec!["123456789012"], vec!["12345678901"]),
        (
            "country",
            vec!["DE", "00"],
            vec!["de", "DEU", "UK", "A ", " A", ""],
        ),
        (
            "time-zone",
            vec![
                "Etc/UTC",
                "America/Argentina/Ushuaia",
                "Etc/GMT+1",
                "europe/berlin",
            ],
            vec!["", "../x", "Etc//x", "/etc", "-x"],
        ),
        (
            "locale",
            vec!["C.UTF-8", "de_DE.UTF-8", "ca_ES.UTF-8@valencia"],
            vec![
                "C",
                "de_DE",
                "de_de.UTF-8",
                "x;y.UTF-8",
                "ca_ES@valencia",
                "ca_ES.UTF-8@",
                "ca_ES.UTF-8@a/b",
            ],
        ),
        (
            "ssh-key",
            vec![&key],
            vec!["ssh-ed25519 x", "ssh-dss AAAA", ""],
        ),
        (
            "username",
            vec!["admin", "a-1_b"],
            vec!["Admin", "1a", "", "a b", &long],
        ),
        (
            "interface",
            vec![
                "eth0",
                "enp1s0f0",
                "eth0.100",
                "br-lan",
                "wlx0123456789ab",
                "0a",
            ],
            vec![
                "",
                "5",
                "012",
                "lo",
                "all",
                "default",
                ".",
                "..",
                "-a",
                "a/b",
                "a:0",
                "eth%d",
                "a b",
                "wlx0123456789abc",
                "éth0",
            ],
        ),
        ("name", vec!["web.1", "1"], vec!["", "-a", "a b", "a/b"]),
        (
            "url-path",
            vec!["/", "/a?b=1", "/%20", "/a(b);c=d,e"],
            vec![
                "", "a", "/a b", "/#", "/%", "/%2", "/%é", "/{x}", "/[", "/'", "/\\",
            ],
        ),
        (
            "prefixed-address",
            vec![
                "192.0.2.10/24",
                "2001:db8::10/64",
                "10.0.0.1/32",
                "192.0.2.0/31",
                "2001:db8::/127",
            ],
            vec![
                "192.0.2.10",
                "192.0.2.10/33",
                "2001:db8::10/129",
                "x/8",
                "10.0.0.1/08",
                "192.0.2.0/24",
                "192.0.2.255/24",
                "2001:db8::/64",
                "127.0.0.1/8",
                "::1/128",
                "0.0.0.1/1",
                "1.0.0.1/0",
                "224.0.0.1/24",
                "fe80::1/64",
                "::ffff:192.0.2.1/128",
            ],
        ),
        (
            "network",
            vec!["192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0", "10.0.0.1/32"],
            vec![
                "192.0.2.1/24",
                "2001:db8::1/32",
                "192.0.2.0",
                "::ffff:192.0.2.0/120",
            ],
        ),
        (
            "host",
            vec!["a", "pool.ntp.org", "192.0.2.1", "::1"],
            vec!["", "a b", "-a", "a..b", "10.0.0.256", "0.0.0.0", "fe80::1"],
        ),
        (
            "remote-host",
            vec!["a", "pool.ntp.org", "192.0.2.1"],
            vec!["localhost", "127.0.0.1", "::1", "app.localhost"],
        ),
        (
            "http-status",
            vec!["200", "200-399"],
            vec!["99", "600", "399-200", "200-", "+200"],
        ),
        (
            "server",
            vec!["a=h.example:80", "a=[::1]:80"],
            vec!["a=h", "h:80", "a=h:0", "a=h h:80", "a b=h:80"],
        ),
    ] {
        let kind = kinds.find(kind).unwrap();
        let read = |text: &str| kind.read(&Raw::Text(text.to_owned()));
        for text in good {
            assert!(read(text).is_some(), "{text:?} is a {}", kind.name());
        }
        for text in bad {
            assert_eq!(read(text), None, "{text:?} is no {}", kind.name());
        }
    }
}

#[test]
fn a_locale_that_is_written_in_another_way_is_recognized() {
    let locale = Kind::named("locale").unwrap();
    for (text, meant) in [
        ("de_DE", Some("de_DE.UTF-8")),
        ("en_US.utf8", Some("en_US.UTF-8")),
        ("de-de@euro", Some("de_DE.UTF-8")),
        ("ca_ES@valencia", Some("ca_ES.UTF-8@valencia")),
        ("de_DE.ISO-8859-1", Some("de_DE.UTF-8")),
        ("C", Some("C.UTF-8")),
        ("german", None),
        ("x;y.UTF-8", None),
    ] {
        let help = meant.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(locale.problem(text), help, "{text}");
    }
}
