//! Warns of secrets that scripts of packages drew at random while they were configured, such as bind9's key for rndc,
//! bacula's passwords and Erlang's cookie, and of names that no two machines may share, such as those of an iSCSI
//! initiator or an NVMe host.
//!
//! Every device of the image would have the same secret, and no other build makes the same bytes. The known ones are
//! removed from the image and made by each device (`configure::normalize`). No list of them is complete, so a file
//! that looks like a secret is named in a warning.

use crate::event::{Event, Reporter};
use crate::tree::{Kind, Node, Objects, Origin, Tree, TreePath};
use std::io;

/// The longest file that is searched; longer files are data, not secrets.
const LONGEST: u64 = 64 << 10;

/// The least length of a random word. Words of a language that mix letters and digits are shorter.
const RANDOM: usize = 16;

/// The words before a secret, in small letters, as bind9, bacula, Erlang and slapd (`olcRootPW`) use them.
const LABELS: &[&str] = &["secret", "passw", "cookie", "token", "rootpw"];

/// The beginning of the line that holds the exponent of xrdp's private key, byte by byte.
const EXPONENT: &str = "pri_exp=0x";

/// The longest binary key, such as that of munge.
const LONGEST_KEY: usize = 4096;

/// The files in which scripts of open-iscsi, nvme-cli and popularity-contest name the machine. Everybody may read them.
const NAMES: &[&str] = &[
    "/etc/iscsi/initiatorname.iscsi",
    "/etc/nvme/hostid",
    "/etc/nvme/hostnqn",
    "/etc/popularity-contest.conf",
];

/// A file that a script made, with something in it that every device of the image would share.
pub(super) struct Generated {
    /// The file.
    pub(super) path: TreePath,
    /// Whether it is a secret, and not only a name of the machine.
    pub(super) is_secret: bool,
}

/// Every file that a script made and that looks like a secret or a name of the machine.
pub(super) fn find(tree: &Tree, objects: &dyn Objects) -> io::Result<Vec<Generated>> {
    let mut found = Vec::new();
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if node.origin != Origin::Script {
            continue;
        }
        let is_name = NAMES.contains(&path.to_string().as_str());
        if is_name || looks_secret(&path, node, objects)? {
            let is_secret = !is_name;
            found.push(Generated { path, is_secret });
        }
    }
    Ok(found)
}

/// Warns of every file of `found`.
pub(super) fn warn(found: &[Generated], reporter: &dyn Reporter) {
    for Generated { path, is_secret } in found {
        let drawn = match is_secret {
            true => "a secret",
            false => "a name for the machine",
        };
        reporter.report(Event::Warning(format!(
            "a package's script drew {drawn}: `{path}`; every device of this image has it, and the next build from \
             an empty store has another one: put your own into its place by an overlay, or have each device make it \
             (`firstboot.d` in overlays/README.md)"
        )));
    }
}

/// Whether the file holds a secret. A file that everybody may read does not count.
fn looks_secret(path: &TreePath, node: &Node, objects: &dyn Objects) -> io::Result<bool> {
    let Kind::File(content) = &node.kind else {
        return Ok(false);
    };
    let closed = node.meta.mode & 0o004 == 0;
    // The files of shadow(5) hold hashes of passwords that the build sets, and locked accounts.
    let name = path.components().next_back();
    let accounts = name.is_some_and(|name| name.as_bytes().ends_with(b"shadow"));
    if !closed || accounts || content.len() > LONGEST {
        return Ok(false);
    }
    let bytes = content.read(objects)?;
    let is_key = || (RANDOM..=LONGEST_KEY).contains(&bytes.len());
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => is_secret(text),
        Err(_) => path.to_string().starts_with("/etc/") && is_key(),
    })
}

fn is_secret(text: &str) -> bool {
    let has_secret = |line: &str| {
        let line = line.trim();
        if ["#", ";", "//"].iter().any(|start| line.starts_with(start)) {
            return false;
        }
        let small = line.to_ascii_lowercase();
        let labels = LABELS.iter().filter_map(|label| place_of(label, &small));
        let random = |at: usize| words(line.get(at..).unwrap_or_default()).any(is_random);
        line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")
            || small.starts_with(EXPONENT)
            || labels.min().is_some_and(random)
    };
    is_random(text.trim()) || text.lines().any(has_secret)
}

/// The place of `label` in `line`. A longer word that begins with it, such as `secretary`, does not count.
fn place_of(label: &str, line: &str) -> Option<usize> {
    let is_whole = |at: &usize| {
        let rest = line[at + label.len()..].trim_start_matches('s');
        label == "passw" || !rest.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let mut found = line.match_indices(label).map(|(at, _)| at);
    found.find(is_whole)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "\"';=:,<>{}()".contains(c))
}

/// Whether `word` has letters and digits, or only capitals, and is too long for a word of a language. A path does not
/// count, and neither does `twoWordsInOne`.
fn is_random(word: &str) -> bool {
    let word = word.trim_end_matches('=');
    let of = |test: fn(&u8) -> bool| word.bytes().filter(test).count();
    let (small, large) = (of(u8::is_ascii_lowercase), of(u8::is_ascii_uppercase));
    let digits = of(u8::is_ascii_digit);
    let others = word.bytes().filter(|byte| b"+/_-".contains(byte)).count();
    let kinds = [small, large, digits].into_iter();
    let kinds = kinds.filter(|count| *count >= 2).count();
    word.len() >= RANDOM
        && small + large + digits + others == word.len()
        && (digits >= 2 && kinds >= 2 || large == word.len())
        && !word.starts_with('/')
        && others * 6 <= word.len()
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn a_secret_of_a_debian_package_is_found() {
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
    fn a_text_about_secrets_is_not_a_secret() {
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
