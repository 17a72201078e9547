//! The accounts of a system, and how a person can log in to each: by a password, by a key, or by nothing at all.

use super::files::Files;
use super::password::Scheme;
use crate::tree::{NodeId, TreePath};
use serde::Serialize;
use std::collections::BTreeMap;

/// The file of accounts, passwd(5). Everybody on the device can read it, and a password may be in it.
pub(super) const PASSWD: &str = "/etc/passwd";
/// The file of passwords, shadow(5).
pub(super) const SHADOW: &str = "/etc/shadow";

/// The most accounts that are looked at; a system has some dozens.
const MAX_ACCOUNTS: usize = 10_000;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The user id, if the line has a number.
    pub uid: Option<u32>,
    /// The group id, if the line has a number.
    pub gid: Option<u32>,
    /// The names of its groups, without its own.
    pub groups: Vec<String>,
    /// The home directory.
    pub home: String,
    /// The shell.
    pub shell: String,
    /// Its password.
    pub password: Password,
    /// The number of keys in its `authorized_keys`.
    pub ssh_keys: usize,
    /// The ways in which a person can log in to it.
    pub login: Vec<Login>,
}

/// What an account has for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// No password opens the account.
    Locked,
    /// The account has the hash of a password.
    Hash(Scheme),
    /// The account is open without a password.
    Empty,
    /// The account has a password that has to be changed at the first login.
    Expired(Scheme),
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// With a password, at the console, and by SSH where that takes passwords.
    Password,
    /// With a key, by SSH.
    SshKey,
    /// At the console, without anything.
    WithoutPassword,
}

impl Login {
    /// The way in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Password => "with a password",
            Self::SshKey => "with an SSH key",
            Self::WithoutPassword => "WITHOUT a password",
        }
    }
}

/// An account with the hash of its password. The hash is never printed.
pub(super) struct Hashed {
    pub(super) account: Account,
    pub(super) hash: String,
    /// The file that has the hash.
    pub(super) file: &'static str,
}

/// The accounts in `/etc/passwd`, in its order.
pub(super) fn accounts(files: &Files<'_>) -> Vec<Hashed> {
    let passwd = files.text(PASSWD).unwrap_or_default();
    let shadow = files.text(SHADOW).unwrap_or_default();
    let shadow: BTreeMap<&str, Vec<&str>> = shadow.lines().filter_map(named).collect();
    let groups = files.text("/etc/group").unwrap_or_default();
    let groups = members(&groups);
    let mut counted = BTreeMap::new();
    let mut accounts = Vec::new();
    let lines = passwd
        .lines()
        .filter(|line| !line.starts_with(['#', '+', '-']));
    for line in lines.take(MAX_ACCOUNTS) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, word, uid, gid, _, home, shell] = fields[..] else {
            continue;
        };
        let entry = shadow.get(name);
        let (file, hash) = match (word, entry) {
            ("x", Some(entry)) => (SHADOW, entry.get(1).copied().unwrap_or("*")),
            ("x", None) => (SHADOW, "*"),
            (hash, _) => (PASSWD, hash),
        };
        // A date of 0 for the last change asks for a new password.
        let expired = entry
            .and_then(|entry| entry.get(2))
            .is_some_and(|day| *day == "0");
        let password = password(hash, expired);
        let ssh_keys = keys(files, home, &mut counted);
        let groups = groups.get(name).into_iter().flatten();
        accounts.push(Hashed {
            account: Account {
                name: name.to_owned(),
                uid: uid.parse().ok(),
                gid: gid.parse().ok(),
                groups: groups.map(|it| (*it).to_owned()).collect(),
                home: home.to_owned(),
                shell: shell.to_owned(),
                password,
                ssh_keys,
                login: login(shell, password, ssh_keys),
            },
            hash: hash.to_owned(),
            file,
        });
    }
    accounts
}

/// The groups of each member, by the lines of `/etc/group`.
fn members(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(group), Some(members)) = (fields.next(), fields.nth(2)) else {
            continue;
        };
        for member in members.split(',') {
            let groups = groups.entry(member).or_default();
            if groups.last() != Some(&group) {
                groups.push(group);
            }
        }
    }
    groups
}

fn named(line: &str) -> Option<(&str, Vec<&str>)> {
    let fields: Vec<&str> = line.split(':').collect();
    Some((*fields.first()?, fields))
}

/// The meaning of the second field of shadow(5).
fn password(hash: &str, expired: bool) -> Password {
    match (hash, Scheme::of(hash), expired) {
        ("", ..) => Password::Empty,
        (_, Some(scheme), true) => Password::Expired(scheme),
        (_, Some(scheme), false) => Password::Hash(scheme),
        (_, None, _) => Password::Locked,
    }
}

fn login(shell: &str, password: Password, ssh_keys: usize) -> Vec<Login> {
    let last = shell.rsplit('/').next().unwrap_or_default();
    if ["nologin", "false", "sync", "halt", "shutdown"].contains(&last) {
        return Vec::new();
    }
    let by_password = match password {
        Password::Locked => None,
        Password::Hash(_) | Password::Expired(_) => Some(Login::Password),
        Password::Empty => Some(Login::WithoutPassword),
    };
    let by_key = (ssh_keys > 0).then_some(Login::SshKey);
    by_password.into_iter().chain(by_key).collect()
}

/// The number of keys that open the account with the directory `home`. `counted` has that of each file that was read.
fn keys(files: &Files<'_>, home: &str, counted: &mut BTreeMap<NodeId, usize>) -> usize {
    let is_key = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let count = |name: &str| {
        let path = format!("{home}/.ssh/{name}");
        let id = TreePath::parse(path.as_bytes()).ok();
        let id = id.and_then(|path| files.tree.resolve(&path))?;
        let count = counted.entry(id).or_insert_with(|| {
            let text = files.text(&path).unwrap_or_default();
            text.lines().filter(is_key).count()
        });
        Some(*count)
    };
    let names = ["authorized_keys", "authorized_keys2"];
    names.into_iter().filter_map(count).sum()
}
