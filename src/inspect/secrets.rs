//! The secrets that an image has: private keys, hashes of passwords, passwords and passphrases in configuration files,
//! and well-known passwords. Whoever has the image has them. A report names their places and never the secrets.
//!
//! The files of packages are public, so they are passed over, apart from configuration files that differ from those of
//! their packages. Of every other file, the first bytes are looked at.

use super::accounts::{Hashed, Login, PASSWD, SHADOW};
use super::files::Files;
use super::owners::owners;
use super::password::{hashes, well_known};
use crate::dpkg::control::{self, Field};
use crate::dpkg::status::PATH;
use crate::inventory::begins_private_key;
use crate::tree::{Content, Kind, NodeId, Piece, TreePath};
use md5::{Digest, Md5};
use serde::Serialize;
use std::collections::BTreeSet;

/// The number of bytes of a file that are looked at.
const MAX_LOOK: u64 = 256 << 10;
/// The number of secrets with which the search ends. A system has some dozens.
const MAX_SECRETS: usize = 10_000;
/// The number of configuration files that are compared with their sums. A desktop has some thousands.
const MAX_CONFFILES: usize = 100_000;
/// The most hashes that are compared with well-known passwords, which takes half a second for each.
const MAX_COMPARED: usize = 16;

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Secret {
    /// The file that has it.
    pub path: String,
    /// The number of its line, from 1.
    pub line: usize,
    /// Its kind.
    pub kind: SecretKind,
    /// What it is for: the name of an account or of a key in a configuration file.
    pub of: Option<String>,
}

/// The kind of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// A password that everybody knows, such as that of an old Raspberry Pi OS.
    WellKnownPassword,
    /// An account that is open without a password.
    NoPassword,
    /// A private key.
    PrivateKey,
    /// A password or passphrase that can be read.
    Password,
    /// The hash of a password, from which the password can be guessed.
    PasswordHash,
}

impl SecretKind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::WellKnownPassword => "a password that everybody knows",
            Self::NoPassword => "an account without a password",
            Self::PrivateKey => "a private key",
            Self::Password => "a password",
            Self::PasswordHash => "the hash of a password",
        }
    }
}

/// The keys of configuration files whose values are secrets, without case, `-` and `_`.
const KEYS: [&str; 22] = [
    "psk",
    "wpapsk",
    "wpapassphrase",
    "saepassword",
    "password",
    "passwd",
    "passphrase",
    "plaintextpasswd",
    "autosetupglobalpassword",
    "awifikey0",
    "awifikey",
    "wepkey0",
    "privatekey",
    "presharedkey",
    "secret",
    "secretkey",
    "apikey",
    "apitoken",
    "token",
    "accesstoken",
    "authtoken",
    "clientsecret",
];

/// The ends of the names of programs and texts, in which an assignment is no configuration.
const CODE: [&str; 12] = [
    ".py", ".pl", ".pm", ".js", ".sh", ".rb", ".c", ".h", ".lua", ".html", ".md", ".xml",
];

/// The beginnings of private keys in other forms than PEM, with what they are.
const BINARY: [(&[u8], &str); 2] = [
    (b"== ed25519v1-secret: type0 ==", "Tor's ed25519"),
    (b"PuTTY-User-Key-File-", "PuTTY's"),
];

/// The secrets of `files`, whose accounts are `accounts`, by their places.
pub(super) fn secrets(files: &Files<'_>, accounts: &[Hashed]) -> Vec<Secret> {
    let public = public(files);
    let mut search = Search {
        files,
        found: Vec::new(),
        n_compared: 0,
    };
    search.of_accounts(accounts);
    let mut seen = BTreeSet::new();
    files.tree.visit(|path, id| {
        let Kind::File(content) = &files.tree.node(id).kind else {
            return;
        };
        if !public.contains(&id) && seen.insert(id) && search.found.len() < MAX_SECRETS {
            search.look(path, content);
        }
    });
    if search.found.len() >= MAX_SECRETS {
        files.fault(format!(
            "there are more than {MAX_SECRETS} secrets; the files behind them were not searched"
        ));
    }
    search.found.sort();
    search.found.dedup();
    search.found
}

/// The files that are as packages have brought them, by dpkg's lists and the sums of configuration files.
fn public(files: &Files<'_>) -> BTreeSet<NodeId> {
    let mut ids: BTreeSet<NodeId> = owners(files).into_keys().collect();
    let mut compared = BTreeSet::new();
    let mut n_lines = 0;
    let text = files.long_text(PATH).unwrap_or_default();
    for stanza in control::parse(&text).filter_map(Result::ok) {
        let conffiles = stanza.field("Conffiles").map(Field::lines);
        for line in conffiles.into_iter().flatten() {
            let mut words = line.split_ascii_whitespace();
            let (Some(path), Some(sum)) = (words.next(), words.next()) else {
                continue;
            };
            n_lines += 1;
            if n_lines > MAX_CONFFILES {
                return ids;
            }
            let path = TreePath::parse(path.as_bytes()).ok();
            let Some((id, path)) = path.and_then(|path| Some((files.tree.at(&path)?, path))) else {
                continue;
            };
            if compared.insert(id) && is_changed(files, &path, id, sum) {
                ids.remove(&id);
            }
        }
    }
    ids
}

/// Whether the configuration file `id` at `path` does not have the MD5 `sum`. One that is too long to be one of a
/// package counts as changed.
fn is_changed(files: &Files<'_>, path: &TreePath, id: NodeId, sum: &str) -> bool {
    let Kind::File(content) = &files.tree.node(id).kind else {
        return false;
    };
    let content = Some(content).filter(|content| content.len() <= MAX_LOOK);
    let bytes = content.and_then(|content| files.bytes(path, content));
    bytes.is_none_or(|bytes| hex::encode(Md5::digest(&*bytes)) != sum)
}

struct Search<'a> {
    files: &'a Files<'a>,
    found: Vec<Secret>,
    n_compared: usize,
}

impl Search<'_> {
    fn add(&mut self, path: &str, line: usize, kind: SecretKind, of: Option<&str>) {
        self.found.push(Secret {
            path: path.to_owned(),
            line,
            kind,
            of: of.map(str::to_owned),
        });
    }

    /// Adds the accounts that are open to everybody. Hashes are found again in their files.
    fn of_accounts(&mut self, accounts: &[Hashed]) {
        for Hashed {
            account,
            hash,
            file,
        } in accounts
        {
            let is_open = account.login.contains(&Login::WithoutPassword);
            let is_known = self.is_well_known(hash, &account.name);
            let kinds = [
                is_open.then_some(SecretKind::NoPassword),
                is_known.then_some(SecretKind::WellKnownPassword),
            ];
            for kind in kinds.into_iter().flatten() {
                let line = self.line_of(file, &account.name);
                self.add(file, line, kind, Some(&account.name));
            }
        }
    }

    /// The number of the line of `account` in the file at `path`.
    fn line_of(&self, path: &str, account: &str) -> usize {
        let text = self.files.text(path).unwrap_or_default();
        let mut lines = text.lines().map(|line| line.split(':').next());
        lines
            .position(|name| name == Some(account))
            .map_or(0, |at| at + 1)
    }

    fn is_well_known(&mut self, hash: &str, account: &str) -> bool {
        if hashes(hash).next().is_none() || self.n_compared >= MAX_COMPARED {
            return false;
        }
        self.n_compared += 1;
        well_known(hash, account).is_some()
    }

    /// Looks for secrets in the file at `path`.
    fn look(&mut self, path: &TreePath, content: &Content) {
        // A file that begins with zeros is no text.
        let head = content.head(MAX_LOOK);
        if matches!(head.pieces().next(), None | Some(Piece::Hole(_))) {
            return;
        }
        let Some(bytes) = self.files.bytes(path, &head) else {
            return;
        };
        let path = path.to_string();
        if let Some((_, what)) = BINARY.iter().find(|(head, _)| bytes.starts_with(head)) {
            return self.add(&path, 1, SecretKind::PrivateKey, Some(what));
        }
        if bytes.contains(&0) {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        let plain = path.strip_suffix('-').unwrap_or(&path);
        let has_accounts = [PASSWD, SHADOW].contains(&plain);
        let is_code = bytes.starts_with(b"#!") || CODE.iter().any(|end| path.ends_with(end));
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if begins_private_key(line) {
                self.add(&path, number, SecretKind::PrivateKey, None);
                continue;
            }
            let account = line.split(':').next().filter(|_| has_accounts);
            for hash in hashes(line) {
                self.add(&path, number, SecretKind::PasswordHash, account);
                let name = line.split(':').next().unwrap_or_default();
                if !has_accounts && self.is_well_known(hash, name) {
                    self.add(&path, number, SecretKind::WellKnownPassword, None);
                }
            }
            if !is_code && let Some((key, kind)) = assigned(line) {
                self.add(&path, number, kind, Some(key));
            }
        }
    }
}

/// The key of a secret that `line` gives a value, and the kind of the secret.
fn assigned(line: &str) -> Option<(&str, SecretKind)> {
    let line = line.trim();
    if line.starts_with(['#', ';', '/']) {
        return None;
    }
    let (key, value) = line.split_once(['=', ':'])?;
    let key = key
        .trim()
        .trim_start_matches("- ")
        .trim_matches(['"', '\'']);
    let plain: String = key
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '[' | ']'))
        .collect();
    if !KEYS.contains(&plain.to_ascii_lowercase().as_str()) {
        return None;
    }
    let value = value.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    // A value that a program fills in, or a word that says that there is none, is no secret.
    let is_none = value.is_empty()
        || value.contains(char::is_whitespace)
        || value.starts_with(['$', '%', '<', '{', '/', '*', '!'])
        || [
            "none", "null", "true", "false", "yes", "no", "x", "ask", "files",
        ]
        .contains(&value.to_ascii_lowercase().as_str());
    if is_none {
        return None;
    }
    let kind = match plain.to_ascii_lowercase().as_str() {
        "privatekey" => SecretKind::PrivateKey,
        _ if ["dietpi", "raspberry", "1234"].contains(&value) => SecretKind::WellKnownPassword,
        _ => SecretKind::Password,
    };
    Some((key, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_of_a_secret_is_told_from_one_that_has_none() {
        for (line, expected) in [
            ("psk=some words are no key", None),
            ("psk=abcdefgh", Some(("psk", SecretKind::Password))),
            ("\tpsk=\"abcdefgh\"", Some(("psk", SecretKind::Password))),
            (
                "wpa_passphrase=abcdefgh",
                Some(("wpa_passphrase", SecretKind::Password)),
            ),
            (
                "PrivateKey = YWJj=",
                Some(("PrivateKey", SecretKind::PrivateKey)),
            ),
            ("#psk=abcdefgh", None),
            ("passwd: files systemd", None),
            ("passwd:         files", None),
            ("password = ${PASSWORD}", None),
            (
                "  - plain_text_passwd: abc",
                Some(("plain_text_passwd", SecretKind::Password)),
            ),
            (
                "AUTO_SETUP_GLOBAL_PASSWORD=dietpi",
                Some(("AUTO_SETUP_GLOBAL_PASSWORD", SecretKind::WellKnownPassword)),
            ),
        ] {
            assert_eq!(assigned(line), expected, "{line}");
        }
    }
}
