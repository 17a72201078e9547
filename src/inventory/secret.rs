//! Looks for secrets that every device of an image would share: private keys, and passwords of accounts.
//!
//! Packages of an archive are public, and so is what they hold. Files that scripts drew at random are found elsewhere,
//! by the file's look (`pipeline/generated_secrets.rs`).

use crate::tree::{Kind, Node, Objects, Origin, Tree, TreePath};
use std::io;

/// The longest file that is searched; longer files are data, not secrets.
const LONGEST: u64 = 64 << 10;

/// The folders of a base image in which a private key would be somebody's own.
const FOLDERS: [&str; 3] = ["/etc", "/root", "/home"];

/// The files with the passwords of accounts: passwd(5), which usually has none, and shadow(5).
const ACCOUNTS: [&str; 2] = ["/etc/passwd", "/etc/shadow"];

/// A file that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSecret {
    /// The file.
    pub path: TreePath,
    /// What the secret is, or who wrote it, for a message.
    pub origin: String,
}

/// The secrets in the files of `tree`.
pub(super) fn secrets(tree: &Tree, objects: &dyn Objects) -> io::Result<Vec<FoundSecret>> {
    let folders = FOLDERS.map(TreePath::constant);
    let mut found = Vec::new();
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let origin = match &node.origin {
            Origin::Overlay(overlay) => format!("of overlay `{overlay}`"),
            Origin::Base if folders.iter().any(|folder| path.starts_with(folder)) => {
                "of the base image".to_owned()
            }
            _ => continue,
        };
        if text(node, objects)?.is_some_and(|text| has_private_key(&text)) {
            found.push(FoundSecret { path, origin });
        }
    }
    for path in ACCOUNTS.map(TreePath::constant) {
        let lines = tree.resolve(&path).map(|id| text(tree.node(id), objects));
        for account in accounts(&lines.transpose()?.flatten().unwrap_or_default()) {
            let origin = format!("with the password of account `{account}`");
            let path = path.clone();
            found.push(FoundSecret { path, origin });
        }
    }
    Ok(found)
}

/// The text of a file that is not too long to hold a secret.
fn text(node: &Node, objects: &dyn Objects) -> io::Result<Option<String>> {
    match &node.kind {
        Kind::File(content) if content.len() <= LONGEST => {
            let bytes = content.read(objects)?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Ok(None),
    }
}

fn has_private_key(text: &str) -> bool {
    text.lines().any(begins_private_key)
}

/// Whether `line` begins a private key as OpenSSL, OpenSSH and GnuPG write it.
pub(crate) fn begins_private_key(line: &str) -> bool {
    line.trim_start().starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")
}

/// The accounts in `text` that have a password. A field that is no hash, such as `*`, locks an account.
fn accounts(text: &str) -> impl Iterator<Item = &str> {
    const LENGTH_OF_DES: usize = 13;
    let fields = text.lines().map(|line| line.split(':'));
    fields.filter_map(|mut fields| {
        let (name, hash) = (fields.next()?, fields.next()?);
        (hash.starts_with('$') || hash.len() == LENGTH_OF_DES).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::{accounts, has_private_key};

    #[test]
    fn private_keys_are_found_and_what_speaks_of_them_is_not() {
        for kind in ["", "RSA ", "OPENSSH ", "ENCRYPTED "] {
            let text = format!("# mine\n-----BEGIN {kind}PRIVATE KEY-----\nMIIE\n");
            assert!(has_private_key(&text), "{text}");
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nMIIE\n",
            "grep -q -- '-----BEGIN PRIVATE KEY-----' \"$1\"\n",
        ] {
            assert!(!has_private_key(text), "{text}");
        }
    }

    #[test]
    fn accounts_with_a_password_are_found_and_locked_ones_are_not() {
        let shadow = "root:*:20000:0:99999:7:::\nadmin:!$y$j9T$a$b:20000::::::\nnobody:!*:1::::::\n\
             me:$y$j9T$salt$hash:20000::::::\nold:aaBBccDDeeFFg:1::::::\nnone::1::::::\nbroken\n";
        assert_eq!(accounts(shadow).collect::<Vec<_>>(), ["me", "old"]);
        let passwd = "root:x:0:0::/root:/bin/sh\nme:$6$salt$hash:1000:1000::/home/me:/bin/sh\n";
        assert_eq!(accounts(passwd).collect::<Vec<_>>(), ["me"]);
    }
}
