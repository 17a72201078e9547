//! Secrets that scripts of packages drew at random while they were configured: bind9's key for rndc, bacula's
//! passwords, Erlang's cookie.
//!
//! So are names that no two machines may share: that of an initiator of iSCSI, a host's of NVMe.
//!
//! Every device of the image has them, and no other build makes the same bytes. What is known of them is taken out
//! and made by each device (`sandbox::normalize`); nobody knows them all, so what looks like one is named.

use crate::event::{Event, Reporter};
use crate::tree::{Kind, Node, Objects, Origin, Tree, TreePath};
use std::io;

/// Larger files are data, not secrets.
const LONGEST: u64 = 64 << 10;

/// A word of so many letters and digits is no word of a language.
const DRAWN: usize = 16;

/// What stands before a secret, in small letters: those of bind9, bacula, Erlang, and slapd's `olcRootPW`.
const CALLED: &[&str] = &["secret", "passw", "cookie", "token", "rootpw"];

/// The exponent of xrdp's private key, byte for byte.
const EXPONENT: &str = "pri_exp=0x";

/// Keys without text, as munge has one, are no longer.
const LONGEST_KEY: usize = 4096;

/// Files in which scripts name the machine, whoever may read them (open-iscsi, nvme-cli, popularity-contest).
const NAMES: &[&str] = &[
    "/etc/iscsi/initiatorname.iscsi",
    "/etc/nvme/hostid",
    "/etc/nvme/hostnqn",
    "/etc/popularity-contest.conf",
];

/// Names what looks drawn, for the person who is about to flash it twice.
pub(super) fn warn(tree: &Tree, objects: &dyn Objects, reporter: &dyn Reporter) -> io::Result<()> {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if node.origin != Origin::Script {
            continue;
        }
        let shown = path.to_string();
        let drawn = if NAMES.contains(&shown.as_str()) {
            "a name for the machine"
        } else if looks_secret(&path, node, objects)? {
            "a secret"
        } else {
            continue;
        };
        reporter.report(Event::Warning(format!(
            "a package's script drew {drawn}: `{shown}`; every device of this image has it, and the next build from \
             an empty store has another one: put your own into its place by an overlay, or have each device make it \
             (`firstboot.d` in overlays/README.md)"
        )));
    }
    Ok(())
}

/// Only what others may not read is a secret.
fn looks_secret(path: &TreePath, node: &Node, objects: &dyn Objects) -> io::Result<bool> {
    let Kind::File(content) = &node.kind else {
        return Ok(false);
    };
    let closed = node.meta.mode & 0o004 == 0;
    // The hashes of passwords that the build decides (shadow(5)), and their locked accounts.
    let name = path.components().next_back();
    let accounts = name.is_some_and(|name| name.as_bytes().ends_with(b"shadow"));
    if !closed || accounts || content.len() > LONGEST {
        return Ok(false);
    }
    let bytes = content.read(objects)?;
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => is_secret(text),
        Err(_) => {
            let lengths = DRAWN..=LONGEST_KEY;
            path.to_string().starts_with("/etc/") && lengths.contains(&bytes.len())
        }
    })
}

fn is_secret(text: &str) -> bool {
    let lone = text.trim();
    if is_drawn(lone) {
        return true;
    }
    text.lines().any(|line| {
        let line = line.trim();
        let comment = ["#", ";", "//"].iter().any(|start| line.starts_with(start));
        if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY") {
            return true;
        }
        if comment {
            return false;
        }
        let small = line.to_ascii_lowercase();
        let called = CALLED
            .iter()
            .filter_map(|called| place_of(called, &small))
            .min();
        let drawn = |at: usize| words(line.get(at..).unwrap_or_default()).any(is_drawn);
        small.starts_with(EXPONENT) || called.is_some_and(drawn)
    })
}

/// Where `called` stands in `line`, and no longer word that begins with it: a secretary has no secret.
fn place_of(called: &str, line: &str) -> Option<usize> {
    let is_whole = |at: usize| {
        let rest = line[at + called.len()..].trim_start_matches('s');
        called == "passw" || !rest.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let mut found = line.match_indices(called).map(|(at, _)| at);
    found.find(|at| is_whole(*at))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "\"';=:,<>{}()".contains(c))
}

/// Whether `word` has letters and digits, or capitals alone, and too many of them for a word. A path does not count, nor does
/// `twoWordsInOne`.
fn is_drawn(word: &str) -> bool {
    let word = word.trim_end_matches('=');
    let of = |test: fn(&u8) -> bool| word.bytes().filter(test).count();
    let (small, large) = (of(u8::is_ascii_lowercase), of(u8::is_ascii_uppercase));
    let digits = of(u8::is_ascii_digit);
    let others = word.bytes().filter(|byte| b"+/_-".contains(byte)).count();
    let kinds = [small, large, digits]
        .iter()
        .filter(|count| **count >= 2)
        .count();
    word.len() >= DRAWN
        && small + large + digits + others == word.len()
        && (digits >= 2 && kinds >= 2 || large == word.len())
        && !word.starts_with('/')
        && others * 6 <= word.len()
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn what_scripts_of_debian_draw_is_seen() {
        for text in [
            // bind9, by rndc-confgen
            "key \"rndc-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"4bW9zG3pbd2m1kLw0q8Zs9Xo7Yt5Rv6Un3Aq2Bc1De4=\";\n};\n",
            // bacula-fd
            "Director {\n  Name = box-dir\n  Password = \"Kx8_qhQzD3vWn2aTtLrPw5YbCjUeMf7s\"\n}\n",
            "# The passwords\nFDPASSWD=sW4eR7tY0uI3oP6aSdFgHjKlZxCvBnM\n",
            // erlang-base
            "QWERTZUIOPASDFGHJKLY",
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            // slapd, xrdp
            "dn: olcDatabase={1}mdb\nolcRootPW:: e1NTSEF9YWI0dWx6Qm1QOXRZc2RqN0tXcEQ2c1hRMnM=\n",
            "[keys]\npub_exp=0x01,0x00\npri_exp=0xd1,0x8c,0x11\n",
        ] {
            assert!(is_secret(text), "{text}");
        }
    }

    #[test]
    fn what_tells_of_secrets_is_none() {
        for text in [
            "",
            "# password = Kx8_qhQzD3vWn2aTtLrPw5YbCjUeMf7s\n",
            "local   all   postgres   peer\nhost all all 127.0.0.1/32 scram-sha-256\n",
            "password_file = /etc/mosquitto/passwords-of-users\n",
            "password\trequisite\tpam_deny.so\npassword [success=1 default=ignore] pam_unix.so obscure yescrypt\n",
            "[client]\nhost     = localhost\nuser     = root\npassword =\n",
            "passwd: files systemd\n",
            "requirepass foobared\n",
            // freeradius, slapd's schema
            "secret = 'radiusClientSecret'\ncontrol:Password-With-Header += 'userPassword'\n",
            "&FreeRADIUS-Client-Secret = \"%{sql: SELECT secret FROM nas}\"\n",
            "olcAttributeTypes: ( 0.9 NAME 'secretary' EQUALITY distinguishedNameMatch 12345ab67890cdefgh )\n",
            "-----BEGIN CERTIFICATE-----\nMIIE\n",
        ] {
            assert!(!is_secret(text), "{text}");
        }
    }
}
