//! Writes the account of the person who runs the device into the account files.
//!
//! An image has no password: root's stays locked, or is locked on a base image that has one, and the
//! administrator's is `!` until the first boot makes one.

use super::layer::{Layer, LayerError};
use crate::epoch::Epoch;
use crate::specification::system::Administrator;

/// The ids that Debian gives to the accounts of people.
pub(super) const PERSONS: std::ops::Range<u32> = 1000..60_000;
/// The fields about validity, in days, that `useradd` writes into /etc/shadow by default.
const NEVER_EXPIRES: &str = "0:99999:7:::";
/// The groups of an administrator, who may act as root and read all logs.
const GROUPS: [&str; 3] = ["sudo", "adm", "systemd-journal"];
const SECONDS_A_DAY: u64 = 86_400;

/// Accounts that have a published password on some base images: root has `1234` on Armbian, root and `dietpi`
/// have `dietpi` on DietPi.
const WELL_KNOWN: [&str; 2] = ["root", "dietpi"];

/// Adds `administrator` to the account files and makes the home directory from /etc/skel. If a base image
/// has an account of that name, it keeps its password, id and home.
///
/// # Errors
///
/// An account file cannot be read, or the tree does not take a file.
pub fn add(
    layer: &mut Layer<'_>,
    administrator: &Administrator,
    epoch: Epoch,
) -> Result<(), LayerError> {
    let name = &administrator.name;
    let known = layer.text("/etc/passwd")?;
    let known = known.lines().find_map(|line| home_of(line, name));
    if let Some((home, owner)) = known {
        for group in GROUPS {
            join_group(layer, group, name)?;
        }
        return authorize(layer, &home, &administrator.ssh_keys, owner);
    }
    let id = free_id(layer)?;
    let today = epoch.0 / SECONDS_A_DAY;
    let account = format!("{name}:x:{id}:{id}::/home/{name}:/bin/bash");
    append(layer, "/etc/passwd", &account)?;
    let password = format!("{name}:!:{today}:{NEVER_EXPIRES}");
    append(layer, "/etc/shadow", &password)?;
    append(layer, "/etc/group", &format!("{name}:x:{id}:"))?;
    append(layer, "/etc/gshadow", &format!("{name}:!::"))?;
    for group in GROUPS {
        join_group(layer, group, name)?;
    }
    home(layer, administrator, id)
}

/// Locks the accounts that have a published password. Locked accounts, such as those that Debian's packages make,
/// stay as they are. The hash is removed, because `passwd --unlock` would make it valid again. A base image that
/// asks questions when root logs in for the first time still asks them, of the person who becomes root by sudo.
///
/// # Errors
///
/// /etc/shadow cannot be read.
pub fn lock_well_known(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    let before = layer.text("/etc/shadow")?;
    let after: String = before.lines().map(|line| locked(line) + "\n").collect();
    match after == before {
        true => Ok(()),
        false => layer.rewrite("/etc/shadow", &after),
    }
}

/// A line of /etc/shadow with published passwords locked. An empty password is also locked.
fn locked(line: &str) -> String {
    let mut fields: Vec<&str> = line.split(':').collect();
    match fields[..] {
        [name, hash, ..] if WELL_KNOWN.contains(&name) && !hash.starts_with(['!', '*']) => {
            fields[1] = "!";
            fields.join(":")
        }
        _ => line.to_owned(),
    }
}

/// The home directory, user id and group id in `line` of /etc/passwd, if it is the account `name`.
fn home_of(line: &str, name: &str) -> Option<(String, (u32, u32))> {
    let fields: Vec<&str> = line.split(':').collect();
    let [user, _, uid, gid, _, home, ..] = fields[..] else {
        return None;
    };
    let owner = (uid.parse().ok()?, gid.parse().ok()?);
    (user == name).then(|| (home.to_owned(), owner))
}

/// The first of the ids for people that neither a user nor a group has.
fn free_id(layer: &Layer<'_>) -> Result<u32, LayerError> {
    let mut taken: Vec<u32> = Vec::new();
    for path in ["/etc/passwd", "/etc/group"] {
        let text = layer.text(path)?;
        let ids = text.lines().filter_map(|line| line.split(':').nth(2));
        taken.extend(ids.filter_map(|id| id.parse::<u32>().ok()));
    }
    let mut persons = PERSONS;
    let free = persons.find(|id| !taken.contains(id));
    Ok(free.unwrap_or(PERSONS.end))
}

fn append(layer: &mut Layer<'_>, path: &str, line: &str) -> Result<(), LayerError> {
    let text = layer.text(path)?;
    layer.rewrite(path, &format!("{text}{line}\n"))
}

/// Adds `user` to the members of `group` in both group files, where the group exists.
fn join_group(layer: &mut Layer<'_>, group: &str, user: &str) -> Result<(), LayerError> {
    for path in ["/etc/group", "/etc/gshadow"] {
        let text = layer.text(path)?;
        let joined: String = text.lines().map(|line| member(line, group, user)).collect();
        layer.rewrite(path, &joined)?;
    }
    Ok(())
}

fn member(line: &str, group: &str, user: &str) -> String {
    let separator = if line.ends_with(':') { "" } else { "," };
    match line.split(':').next() {
        Some(name) if name == group => format!("{line}{separator}{user}\n"),
        _ => format!("{line}\n"),
    }
}

fn home(layer: &mut Layer<'_>, administrator: &Administrator, id: u32) -> Result<(), LayerError> {
    let home = format!("/home/{}", administrator.name);
    let directory = layer.directory(&home, 0o700)?;
    layer.own(directory, id, id);
    for file in [".bashrc", ".profile", ".bash_logout"] {
        let text = layer.text(&format!("/etc/skel/{file}"))?;
        if !text.is_empty() {
            let copied = layer.file(&format!("{home}/{file}"), text, 0o644)?;
            layer.own(copied, id, id);
        }
    }
    authorize(layer, &home, &administrator.ssh_keys, (id, id))
}

/// Adds `keys` to the SSH keys that may log in to the account with the directory `home`.
fn authorize(
    layer: &mut Layer<'_>,
    home: &str,
    keys: &[String],
    (uid, gid): (u32, u32),
) -> Result<(), LayerError> {
    if keys.is_empty() {
        return Ok(());
    }
    let path = format!("{home}/.ssh/authorized_keys");
    let mut text = layer.text(&path)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend(keys.iter().map(|key| format!("{key}\n")));
    let folder = layer.directory(&format!("{home}/.ssh"), 0o700)?;
    let file = layer.file(&path, text, 0o600)?;
    layer.own(folder, uid, gid);
    layer.own(file, uid, gid);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_password_is_locked() {
        for (line, expected) in [
            ("root:$y$j9T$a$b:20000:0:", "root:!:20000:0:"),
            ("root::20000:0:", "root:!:20000:0:"),
            ("root:*:20000:0:", "root:*:20000:0:"),
            ("root:!$6$a$b:0::::::", "root:!$6$a$b:0::::::"),
            ("dietpi:$6$a$b:20000:0:", "dietpi:!:20000:0:"),
            ("ada:$6$a$b:20000:0:", "ada:$6$a$b:20000:0:"),
        ] {
            assert_eq!(locked(line), expected);
        }
    }

    #[test]
    fn a_member_joins_its_group_and_no_other() {
        for (line, expected) in [
            ("sudo:x:27:", "sudo:x:27:ada\n"),
            ("sudo:x:27:bob", "sudo:x:27:bob,ada\n"),
            ("sudoers:x:28:", "sudoers:x:28:\n"),
        ] {
            assert_eq!(member(line, "sudo", "ada"), expected);
        }
    }
}
