use super::*;

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
    for (kind, good, bad) in [
        (Kind::String, vec!["", "a b"], vec!["a\nb", "\u{7f}"]),
        (Kind::Boolean, vec!["true", "false"], vec!["yes", "1", ""]),
        (Kind::Integer, vec!["-1", "0"], vec!["1.5", "", "0x10"]),
        (Kind::Port, vec!["1", "65535"], vec!["0", "65536", "-1"]),
        (
            Kind::Address,
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
            Kind::Ipv4Address,
            vec!["192.0.2.1"],
            vec!["2001:db8::1", "127.0.0.1", "::ffff:192.0.2.1"],
        ),
        (
            Kind::Bind,
            vec!["*", "::1", "0.0.0.0", "::0"],
            vec!["", "* ", "224.0.0.1", "fe80::1", "::ffff:192.0.2.1"],
        ),
        (
            Kind::Cidr,
            vec!["192.168.42.1/24", "10.0.0.14/28"],
            vec![
                "192.168.42.0/24",
                "192.168.42.255/24",
                "8.8.8.8/24",
                "10.0.0.1/8",
                "10.0.0.1",
            ],
        ),
        (Kind::Size, vec!["256MiB", "0"], vec!["1GB", ""]),
        (
            Kind::Duration,
            vec!["90s", "30min", "7d"],
            vec!["90", "s", "1.5h", "99999999999999999999s"],
        ),
        (
            Kind::Time,
            vec!["04:30", "23:59"],
            vec!["24:00", "4:30", "04:60", "+4:30"],
        ),
        (
            Kind::Hostname,
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
            Kind::Domain,
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
            Kind::Nickname,
            vec!["a", "Relay1"],
            vec!["", "my-relay", "abcdefghijklmnopqrst"],
        ),
        (
            Kind::TorFingerprint,
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
            Kind::TorFamilyId,
            vec!["*", "wweKJrJxUDs1EdtFFHCDtvVgTKftOC/crUl1mYJv830"],
            vec![
                "hello",
                "",
                &long[..42],
                "_weKJrJxUDs1EdtFFHCDtvVgTKftOC-crUl1mYJv83_",
            ],
        ),
        (
            Kind::TorFamilyKey,
            vec![family_key],
            vec!["", &family_key[1..], &long[..40]],
        ),
        (
            Kind::Ssid,
            vec!["a", "Café \"1\"", &long[..32]],
            vec!["", "a\tb", &long[..33]],
        ),
        (
            Kind::Passphrase,
            vec!["12345678", &long[..63], &"0aF9".repeat(16)],
            vec!["1234567", &long, "pässword1", &"0".repeat(65)],
        ),
        (Kind::Password, vec!["123456789012"], vec!["12345678901"]),
        (
            Kind::Country,
            vec!["DE", "00"],
            vec!["de", "DEU", "UK", "A ", " A", ""],
        ),
        (
            Kind::TimeZone,
            vec![
                "Etc/UTC",
                "America/Argentina/Ushuaia",
                "Etc/GMT+1",
                "europe/berlin",
            ],
            vec!["", "../x", "Etc//x", "/etc", "-x"],
        ),
        (
            Kind::Locale,
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
            Kind::SshKey,
            vec![&key],
            vec!["ssh-ed25519 x", "ssh-dss AAAA", ""],
        ),
        (
            Kind::Username,
            vec!["admin", "a-1_b"],
            vec!["Admin", "1a", "", "a b", &long],
        ),
        (
            Kind::Interface,
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
        (Kind::Name, vec!["web.1", "1"], vec!["", "-a", "a b", "a/b"]),
        (
            Kind::UrlPath,
            vec!["/", "/a?b=1", "/%20", "/a(b);c=d,e"],
            vec![
                "", "a", "/a b", "/#", "/%", "/%2", "/%é", "/{x}", "/[", "/'", "/\\",
            ],
        ),
        (
            Kind::PrefixedAddress,
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
            Kind::Network,
            vec!["192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0", "10.0.0.1/32"],
            vec![
                "192.0.2.1/24",
                "2001:db8::1/32",
                "192.0.2.0",
                "::ffff:192.0.2.0/120",
            ],
        ),
        (
            Kind::Host,
            vec!["a", "pool.ntp.org", "192.0.2.1", "::1"],
            vec!["", "a b", "-a", "a..b", "10.0.0.256", "0.0.0.0", "fe80::1"],
        ),
        (
            Kind::RemoteHost,
            vec!["a", "pool.ntp.org", "192.0.2.1"],
            vec!["localhost", "127.0.0.1", "::1", "app.localhost"],
        ),
        (
            Kind::HttpStatus,
            vec!["200", "200-399"],
            vec!["99", "600", "399-200", "200-", "+200"],
        ),
        (
            Kind::Server,
            vec!["a=h.example:80", "a=[::1]:80"],
            vec!["a=h", "h:80", "a=h:0", "a=h h:80", "a b=h:80"],
        ),
    ] {
        let read = |text: &str| kind.read(&Raw::Text(text.to_owned()));
        for text in good {
            assert!(read(text).is_some(), "{text:?} is a {}", kind.word());
        }
        for text in bad {
            assert_eq!(read(text), None, "{text:?} is no {}", kind.word());
        }
    }
}

#[test]
fn a_locale_that_is_written_in_another_way_is_recognized() {
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
        assert_eq!(Kind::Locale.problem(text), help, "{text}");
    }
}
