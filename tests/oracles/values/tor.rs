//! Relays, families and bridges: Tor starts with every accepted text, and a text that Tor refuses
//! is refused.

use super::{Case, Cases, PROGRAMS, Path, awkward, below, generated, kind, write};
use crate::command::run;
use imgbuild::define::{Kind, Raw, Value};
use std::process::Command;

const DIGEST: &str = "0123456789ABCDEF0123456789abcdef01234567";
const CERT: &str = "ssH+9rP8dG2NLDN2XuFw63hIO/9MNNinLmxQDpVa+7kTOa9/m+tGWT1SmSYpQ9uTBGa6Hw";

/// The message of Tor for each file of `folder`; empty for a file that it accepts.
fn tor(folder: &Path) -> impl Fn(&str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values/tor.sh");
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--mount", "--pid", "--fork"]);
    run(inside
        .args(["--kill-child", "bash"])
        .arg(script)
        .arg(PROGRAMS)
        .arg(folder));
    let output = folder.join("output");
    move |name| fs_err::read_to_string(output.join(name)).unwrap()
}

/// Texts by kind, with the option in which they stand and the options that Tor then needs.
fn texts() -> Vec<(Kind, &'static str, &'static str, Vec<String>)> {
    let relay = "ORPort 9001\nSocksPort 0";
    let client = "SocksPort 0\nUseBridges 1\nClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy";
    let long = "x".repeat(20);
    let nicknames = [
        "Relay1",
        "a",
        &long[1..],
        long.as_str(),
        "my-relay",
        "caf\u{e9}",
        "a b",
    ];
    let fingerprints = [
        DIGEST.to_owned(),
        format!("${DIGEST}"),
        format!("${DIGEST}~Relay1"),
        format!("${DIGEST}={}", &long[1..]),
        format!("${DIGEST}={long}"),
        format!("${DIGEST}~"),
        format!("${DIGEST}0"),
        format!("$${DIGEST}"),
        "$AAAA".to_owned(),
        DIGEST.replace('0', "g"),
        "a,b-c".to_owned(),
        format!("${DIGEST};"),
    ];
    let id = "wweKJrJxUDs1EdtFFHCDtvVgTKftOC/crUl1mYJv830";
    let ids = [
        id.to_owned(),
        format!("{id}="),
        format!("{}B", &id[1..]),
        "*".to_owned(),
        "**".to_owned(),
        "hello".to_owned(),
        format!("{id}A"),
        id[1..].to_owned(),
        format!("ed25519:{id}"),
        id.replace('/', "_"),
        format!("{id} {id}"),
    ];
    let mut bridges = Vec::new();
    for address in [
        "192.0.2.1:443",
        "[2001:db8::1]:9001",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.256:443",
        "2001:db8::1:443",
        "[192.0.2.1]:443",
        "bridge.example:443",
        "010.0.0.1:443",
    ] {
        bridges.push(format!("{address} {DIGEST}"));
        bridges.push(format!("obfs4 {address} {DIGEST} cert={CERT} iat-mode=0"));
    }
    let rest = [
        "192.0.2.1:443".to_owned(),
        format!("192.0.2.1:443 {DIGEST} a=b"),
        format!("192.0.2.1:443 {DIGEST}0"),
        format!("192.0.2.1:443 ${DIGEST}"),
        format!("obfs4 192.0.2.1:443 cert={CERT} iat-mode=2"),
        format!("obfs4  192.0.2.1:443   {DIGEST} iat-mode=1 cert={CERT} "),
        format!("Bridge obfs4 192.0.2.1:443 {DIGEST} cert={CERT} iat-mode=0"),
        format!("obfs4 192.0.2.1:443 {DIGEST} cert iat-mode=0"),
        format!("obfs4 192.0.2.1:443 {DIGEST} ={CERT}"),
        format!("ob-fs4 192.0.2.1:443 {DIGEST} cert={CERT} iat-mode=0"),
    ];
    bridges.extend(rest);
    vec![
        (
            kind("nickname"),
            "Nickname",
            relay,
            nicknames.map(str::to_owned).to_vec(),
        ),
        (
            kind("tor-fingerprint"),
            "MyFamily",
            relay,
            fingerprints.to_vec(),
        ),
        (kind("tor-family-id"), "FamilyId", relay, ids.to_vec()),
        (kind("tor-bridge"), "Bridge", client, bridges),
    ]
}

/// All of these texts. The device must accept the same ones as imgbuild.
pub(crate) fn all() -> Vec<String> {
    texts().into_iter().flat_map(|(.., texts)| texts).collect()
}

#[test]
fn tor_takes_what_is_taken_and_what_it_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for (kind, option, needs, texts) in texts() {
        for text in texts {
            let value = kind.read(&Raw::Text(text.clone()));
            let line = match &value {
                Some(Value::Text(line)) => line,
                _ => &text,
            };
            let torrc = format!("DataDirectory /tmp/data\n{needs}\n{option} {line}\n");
            let name = format!("{:03}", cases.len());
            fs_err::write(folder.path().join(&name), torrc).unwrap();
            cases.push((name, format!("{option} {text}"), value.is_some()));
        }
    }
    let output = tor(folder.path());
    // Tor takes the whole text for an address, and the port is lost.
    let stricter = ["Bridge 2001:db8::1:443", "Bridge obfs4 2001:db8::1:443"];
    let mut wrong = Vec::new();
    for (name, line, taken) in &cases {
        let output = output(name);
        let known = stricter.iter().any(|start| line.starts_with(start));
        if *taken != output.is_empty() && !known {
            wrong.push(format!("{line}: {taken}: {output}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.iter().filter(|(_, _, taken)| *taken).count() > 12);
}

/// The text that Tor prints between quotes: with a backslash before quotes and backslashes, and
/// with bytes that are not ASCII in octal.
fn unquoted(text: &str) -> Vec<u8> {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut bytes = inner.unwrap_or(text).bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match (byte, inner) {
            (b'\\', Some(_)) => match bytes.next().unwrap() {
                digit @ b'0'..=b'7' => {
                    let digits = [digit, bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 8).unwrap()
                }
                escaped => escaped,
            },
            _ => byte,
        });
    }
    plain
}

#[test]
fn tor_reads_the_contact_that_was_set() {
    let mut contacts = [
        "tor <tor[at]example.org>",
        "a # b",
        "\"a\"",
        "a\\",
        "  \\x41\\101 %s $HOME ${x} ",
        "caf\u{e9} \u{1f4e1}\u{2028}",
        "email:me[]example.org ciissversion:2 proof:uri-rsa",
    ]
    .map(str::to_owned)
    .to_vec();
    contacts.extend(generated(&awkward(1..=200, false), 60));
    contacts.push("x".repeat(1000));
    let cases: Vec<Case> = contacts
        .iter()
        .map(|contact| Case {
            settings: vec![
                ("contact", contact.clone()),
                ("nickname", "Relay1".to_owned()),
            ],
            ..Case::default()
        })
        .collect();
    let read = Cases::read("tor-relay", &cases, "contact.sh");
    for (contact, output) in contacts.iter().zip(read.output("tor")) {
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix("ContactInfo "));
        let line = line.unwrap_or_else(|| panic!("{contact:?}: {output}"));
        assert_eq!(unquoted(line), contact.as_bytes(), "{contact:?}: {line}");
        assert!(output.contains("\nNickname Relay1\n"), "{output}");
    }
}

/// The key that Tor writes is accepted, and a part of it is not.
#[test]
fn the_key_of_a_family_is_one_that_tor_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/values/family.sh");
    let mut inside = Command::new("unshare");
    inside.args([
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    run(inside
        .arg("bash")
        .arg(script)
        .arg(PROGRAMS)
        .arg(folder.path()));
    let key = fs_err::read_to_string(folder.path().join("key")).unwrap();
    let takes = |text: &str| {
        kind("tor-family-key")
            .read(&Raw::Text(text.to_owned()))
            .is_some()
    };
    assert!(takes(&key), "{key}");
    for text in [
        &key[1..],
        &key[..key.len() - 4],
        &format!("{key}AAAA"),
        &key.replacen("PT", "QT", 1),
    ] {
        assert!(!takes(text), "{text}");
    }
}

/// Tests numbers at the ends of their ranges, families and bridges, in the files of images.
#[test]
fn tor_of_an_image_takes_its_torrc_at_every_end_of_a_setting() {
    let bridge = format!("obfs4 192.0.2.1:443 {DIGEST} cert={CERT} iat-mode=0");
    let family = format!("{DIGEST},${DIGEST}~Relay1");
    let largest = "2097151".to_owned();
    let id = "wweKJrJxUDs1EdtFFHCDtvVgTKftOC/crUl1mYJv830".to_owned();
    let cases: [(&str, Vec<(&'static str, String)>); 6] = [
        ("tor-relay", vec![("family", family), ("family-id", id)]),
        (
            "tor-relay",
            vec![
                ("bandwidth-rate", largest.clone()),
                ("bandwidth-burst", largest),
            ],
        ),
        (
            "tor-relay",
            vec![
                ("bandwidth-rate", "75".into()),
                ("bandwidth-burst", "75".into()),
            ],
        ),
        (
            "tor-relay",
            vec![
                ("accounting-max", "1000000".into()),
                ("accounting-day", "28".into()),
            ],
        ),
        ("tor-hotspot", vec![]),
        (
            "tor-hotspot",
            vec![("bridges", format!("{bridge},[2001:db8::1]:443 {DIGEST}"))],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (index, (profile, settings)) in cases.iter().enumerate() {
        let files = tempfile::tempdir().unwrap();
        let case = Case {
            settings: settings.clone(),
            ..Case::default()
        };
        write(&case.spec(profile), files.path());
        let torrc = fs_err::read_to_string(below(files.path(), "/etc/tor/torrc")).unwrap();
        // The other files need accounts, and interfaces with addresses.
        let torrc = format!(
            "DataDirectory /tmp/data\n{}",
            torrc.replace("%include", "#")
        );
        fs_err::write(folder.path().join(index.to_string()), torrc).unwrap();
    }
    let output = tor(folder.path());
    for (index, case) in cases.iter().enumerate() {
        assert_eq!(output(&index.to_string()), "", "{case:?}");
    }
}
