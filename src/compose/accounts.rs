//! The account of the person who runs the device, written into the account files as data.
//!
//! No password leaves this place: root's stays locked, the administrator's is `!` until the first
//! boot makes one.

use super::layer::{Layer, LayerError};

/// The first id that Debian gives to a person.
const FIRST_PERSON: u32 = 1000;
/// Days of validity that `useradd` writes into /etc/shadow by default.
const NEVER_EXPIRES: &str = "0:99999:7:::";
const SECONDS_A_DAY: u64 = 86_400;

/// An administrator: may use sudo, and log in over SSH with one of `ssh_keys`.
pub struct Administrator<'a> {
    /// Login name.
    pub name: &'a str,
    /// Lines of `authorized_keys`.
    pub ssh_keys: &'a [String],
}

/// Adds `administrator` to the account files and makes the home directory from /etc/skel.
pub fn add(
    layer: &mut Layer<'_>,
    administrator: &Administrator<'_>,
    epoch: crate::epoch::Epoch,
) -> Result<(), LayerError> {
    let name = administrator.name;
    let id = FIRST_PERSON;
    let today = epoch.0 / SECONDS_A_DAY;
    append(
        layer,
        "/etc/passwd",
        &format!("{name}:x:{id}:{id}::/home/{name}:/bin/bash"),
    )?;
    append(
        layer,
        "/etc/shadow",
        &format!("{name}:!:{today}:{NEVER_EXPIRES}"),
    )?;
    append(layer, "/etc/group", &format!("{name}:x:{id}:"))?;
    append(layer, "/etc/gshadow", &format!("{name}:!::"))?;
    for group in ["sudo", "adm", "systemd-journal"] {
        join_group(layer, group, name)?;
    }
    home(layer, administrator, id)
}

fn append(layer: &mut Layer<'_>, path: &str, line: &str) -> Result<(), LayerError> {
    let text = layer.text(path)?;
    layer.rewrite(path, &format!("{text}{line}\n"))
}

/// Adds `user` to the members of `group` in both group files, where the group exists.
fn join_group(layer: &mut Layer<'_>, group: &str, user: &str) -> Result<(), LayerError> {
    for path in ["/etc/group", "/etc/gshadow"] {
        let joined: String = layer
            .text(path)?
            .lines()
            .map(|line| member(line, group, user))
            .collect();
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

fn home(
    layer: &mut Layer<'_>,
    administrator: &Administrator<'_>,
    id: u32,
) -> Result<(), LayerError> {
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
    if !administrator.ssh_keys.is_empty() {
        let keys: String = administrator
            .ssh_keys
            .iter()
            .map(|key| format!("{key}\n"))
            .collect();
        let folder = layer.directory(&format!("{home}/.ssh"), 0o700)?;
        let file = layer.file(&format!("{home}/.ssh/authorized_keys"), keys, 0o600)?;
        layer.own(folder, id, id);
        layer.own(file, id, id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_joins_its_group_and_no_other() {
        assert_eq!(member("sudo:x:27:", "sudo", "ada"), "sudo:x:27:ada\n");
        assert_eq!(
            member("sudo:x:27:bob", "sudo", "ada"),
            "sudo:x:27:bob,ada\n"
        );
        assert_eq!(member("sudoers:x:28:", "sudo", "ada"), "sudoers:x:28:\n");
    }
}
