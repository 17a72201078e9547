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
    let key = format!(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@home",
        "A".repeat(43)
    );
    let family_key = "PT0gZWQyNTUxOXYxLXNlY3JldDogZm1seS1pZCA9PQA".to_owned() + &"k+/9".repeat(22);
    let family_key = &family_key[..128];
    let ids = format!("{hex}|${hex}|${hex}~Relay1");
    let no_ids = format!("$AAAA|Relay1|{}|${}|${hex}~", &long[..40], &hex[..39]);
    let no_family_id = format!(
        "hello||{}|_weKJrJxUDs1EdtFFHCDtvVgTKftOC-crUl1mYJv83_",
        &long[..42]
    );
    let no_host_name = format!("|-a|a-|a.b|ä|123|0x1f|Localhost|ip6-loopback|{long}");
    let phrases = format!("12345678|{}|{}", &long[..63], "0aF9".repeat(16));
    let no_phrases = format!("1234567|{long}|pässword1|{}", "0".repeat(65));
    let kinds = shipped();
    // A `|` is between two texts.
    for (kind, good, bad) in [
        ("string", "|a b", "a\nb|\u{7f}"),
        ("boolean", "true|false", "yes|1|"),
        ("integer", "-1|0", "1.5||0x10"),
        ("port", "1|65535", "0|65536|-1"),
        (
            "address",
            "192.0.2.1|2001:db8::1",
            "192.0.2|host|0.0.0.0|224.0.0.1|255.255.255.255|::0|ff02::1|127.0.0.1|::1|::ffff:192.0.2.1",
        ),
        (
            "ipv4-address",
            "192.0.2.1",
            "2001:db8::1|127.0.0.1|::ffff:192.0.2.1",
        ),
        (
            "bind",
            "*|::1|0.0.0.0|::0",
            "|* |224.0.0.1|fe80::1|::ffff:192.0.2.1",
        ),
        (
            "cidr",
            "192.168.42.1/24|10.0.0.14/28",
            "192.168.42.0/24|192.168.42.255/24|8.8.8.8/24|10.0.0.1/8|10.0.0.1",
        ),
        ("size", "256MiB|0", "1GB|"),
        (
            "duration",
            "90s|30min|7d",
            "90|s|1.5h|99999999999999999999s",
        ),
        ("time", "04:30|23:59", "24:00|4:30|04:60|+4:30"),
        ("hostname", "a|web-1", &no_host_name),
        (
            "domain",
            "tor-exit.example.org",
            "host|a..b|a.b.|a b.c||localhost.localdomain|a.1",
        ),
        ("nickname", "a|Relay1", "|my-relay|abcdefghijklmnopqrst"),
        ("tor-fingerprint", &ids, &no_ids),
        (
            "tor-family-id",
            "*|wweKJrJxUDs1EdtFFHCDtvVgTKftOC/crUl1mYJv830",
            &no_family_id,
        ),
        (
            "tor-family-key",
            family_key,
            &format!("|{}|{}", &family_key[1..], &long[..40]),
        ),
        (
            "ssid",
            &format!("a|Café \"1\"|{}", &long[..32]),
            &format!("|a\tb|{}", &long[..33]),
        ),
        ("passphrase", &phrases, &no_phrases),
        ("password", "123456789012", "12345678901"),
        ("country", "DE|00", "de|DEU|UK|A | A|"),
        (
            "time-zone",
            "Etc/UTC|America/Argentina/Ushuaia|Etc/GMT+1|europe/berlin",
            "|../x|Etc//x|/etc|-x",
        ),
        (
            "locale",
            "C.UTF-8|de_DE.UTF-8|ca_ES.UTF-8@valencia",
            "C|de_DE|de_de.UTF-8|x;y.UTF-8|ca_ES@valencia|ca_ES.UTF-8@|ca_ES.UTF-8@a/b",
        ),
        ("ssh-key", &key, "ssh-ed25519 x|ssh-dss AAAA|"),
        ("username", "admin|a-1_b", &format!("Admin|1a||a b|{long}")),
        (
            "interface",
            "eth0|enp1s0f0|eth0.100|br-lan|wlx0123456789ab|0a",
            "|5|012|lo|all|default|.|..|-a|a/b|a:0|eth%d|a b|wlx0123456789abc|éth0",
        ),
        ("name", "web.1|1", "|-a|a b|a/b"),
        (
            "url-path",
            "/|/a?b=1|/%20|/a(b);c=d,e",
            "|a|/a b|/#|/%|/%2|/%é|/{x}|/[|/'|/\\",
        ),
        (
            "prefixed-address",
            "192.0.2.10/24|2001:db8::10/64|10.0.0.1/32|192.0.2.0/31|2001:db8::/127",
            "192.0.2.10|192.0.2.10/33|2001:db8::10/129|x/8|10.0.0.1/08|192.0.2.0/24|192.0.2.255/24|\
             2001:db8::/64|127.0.0.1/8|::1/128|0.0.0.1/1|1.0.0.1/0|224.0.0.1/24|fe80::1/64|\
             ::ffff:192.0.2.1/128",
        ),
        (
            "network",
            "192.0.2.0/24|2001:db8::/32|0.0.0.0/0|10.0.0.1/32",
            "192.0.2.1/24|2001:db8::1/32|192.0.2.0|::ffff:192.0.2.0/120",
        ),
        (
            "host",
            "a|pool.ntp.org|192.0.2.1|::1",
            "|a b|-a|a..b|10.0.0.256|0.0.0.0|fe80::1",
        ),
        (
            "remote-host",
            "a|pool.ntp.org|192.0.2.1",
            "localhost|127.0.0.1|::1|app.localhost",
        ),
        ("http-status", "200|200-399", "99|600|399-200|200-|+200"),
        (
            "server",
            "a=h.example:80|a=[::1]:80",
            "a=h|h:80|a=h:0|a=h h:80|a b=h:80",
        ),
    ] {
        let kind = kinds.find(kind).unwrap();
        let read = |text: &str| kind.read(&Raw::Text(text.to_owned()));
        for text in good.split('|') {
            assert!(read(text).is_some(), "{text:?} is a {}", kind.name());
        }
        for text in bad.split('|') {
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
