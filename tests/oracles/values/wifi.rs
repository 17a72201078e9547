//! Names and passphrases of Wi-Fi: hostapd and wpa_supplicant print what they read, in hexadecimal.

use super::{Case, Cases, awkward, generated};

/// The settings with the name and passphrase of one network, for its access point and its client.
fn network(ssid: &str, passphrase: &str) -> Case {
    Case {
        settings: vec![
            ("wifi-interface", "wlan0".to_owned()),
            ("uplink-radio", "wlan1".to_owned()),
            ("wifi-ssid", ssid.to_owned()),
            ("uplink-ssid", ssid.to_owned()),
        ],
        secrets: vec![
            ("wifi-passphrase", passphrase.to_owned()),
            ("uplink-passphrase", passphrase.to_owned()),
        ],
    }
}

/// The bytes after `label` in the dump of a program of hostap: on the same line, or on the lines
/// below it, with their characters beside them.
fn dumped(log: &str, label: &str) -> Vec<u8> {
    let start = format!("{label} - hexdump");
    let mut lines = log.lines().skip_while(|line| !line.starts_with(&start));
    let first = lines
        .next()
        .unwrap_or_else(|| panic!("no `{label}` in {log}"));
    let (_, rest) = first.split_once("(len=").unwrap();
    let (len, bytes) = rest.split_once("):").unwrap();
    let len: usize = len.parse().unwrap();
    let below: Vec<&str> = match bytes.is_empty() {
        true => lines
            .take(len.div_ceil(16))
            .map(|line| &line[..53])
            .collect(),
        false => vec![bytes],
    };
    let digits = below.iter().flat_map(|line| line.split_whitespace());
    let bytes: Vec<u8> = digits
        .map(|digits| u8::from_str_radix(digits, 16).unwrap())
        .collect();
    assert_eq!(bytes.len(), len, "{log}");
    bytes
}

#[test]
fn an_access_point_and_who_joins_it_read_the_name_and_passphrase_that_were_set() {
    let mut networks = vec![
        ("a", "abcdefgh\"i#klmnop".to_owned()),
        ("[", r"new\nline\c\\".to_owned()),
        ("-n", r"\ctwelve more".to_owned()),
        (" \"x\" ", "  spaces at both ends  ".to_owned()),
        ("\\n\\c", "'$(id)' `id` ${HOME} %s".to_owned()),
        ("#x", "#".repeat(63)),
        ("\u{20ac}\u{1f4e1}\u{a0}", "\"".repeat(8)),
    ];
    let names = generated(&awkward(1..=32, false), 40);
    let passphrases = generated(&awkward(8..=63, true), 40);
    let both = names.iter().zip(passphrases);
    networks.extend(both.map(|(name, passphrase)| (name.as_str(), passphrase)));
    let cases: Vec<Case> = networks
        .iter()
        .map(|(name, secret)| network(name, secret))
        .collect();
    let read = Cases::read("wifi-hotspot+wifi-uplink", &cases, "wifi.sh");
    let output = read
        .output("hostapd")
        .zip(read.output("wpa_supplicant"))
        .zip(read.output("status"));
    for ((ssid, passphrase), ((hostapd, supplicant), status)) in networks.iter().zip(output) {
        let case = format!("{ssid:?} {passphrase:?}");
        assert_eq!(dumped(&hostapd, "SSID"), ssid.as_bytes(), "{case}");
        assert_eq!(dumped(&supplicant, "ssid"), ssid.as_bytes(), "{case}");
        for (program, label) in [
            (&hostapd, "PSK (ASCII passphrase)"),
            (&hostapd, "SAE: password"),
            (&supplicant, "sae_password"),
        ] {
            assert_eq!(dumped(program, label), passphrase.as_bytes(), "{case}");
        }
        // Both programs make this key of the same name and passphrase.
        let made = dumped(&hostapd, "PSK (from passphrase)");
        assert_eq!(dumped(&supplicant, "PSK"), made, "{case}");
        assert!(
            status.starts_with(&format!("Wi-Fi name: {ssid}\n")),
            "{case}: {status}"
        );
    }
}

#[test]
fn digits_of_a_key_are_a_key() {
    let key = "0123456789abcdefABCDEF6789abcdef0123456789abcdef0123456789abcdef";
    let read = Cases::read("wifi-hotspot+wifi-uplink", &[network("a", key)], "wifi.sh");
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap())
        .collect();
    let hostapd = read.output("hostapd").next().unwrap();
    assert!(!hostapd.contains("SAE"), "{hostapd}");
    let supplicant = read.output("wpa_supplicant").next().unwrap();
    assert_eq!(dumped(&supplicant, "PSK"), bytes);
    assert!(
        supplicant.contains("key_mgmt: 0x102\n"),
        "no SAE: {supplicant}"
    );
    let prepare = read.output("prepare").next().unwrap();
    assert!(prepare.contains("security wpa2,"), "{prepare}");
}
