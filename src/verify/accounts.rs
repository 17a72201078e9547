//! Finds accounts that files of overlays name and the image does not have: a unit with such a user does not start,
//! and sudo and cron ignore such a line without a word.
//!
//! udev and systemd-tmpfiles report a missing account themselves, and are not checked here. An account of
//! sysusers.d(5) counts, because the device makes it before services start. A word that is no plain name (a specifier,
//! an alias, a number) is not checked.

use super::check::{Problem, suggestion};
use super::rules::matching;
use super::units::unit_of;
use crate::tree::{Objects, Tree, TreePath};
use std::collections::BTreeSet;
use std::fmt;
use std::io;

/// The files that declare accounts, of packages and of administrators.
const SYSUSERS: [&str; 2] = ["/usr/lib/sysusers.d/*.conf", "/etc/sysusers.d/*.conf"];
/// The words that begin a line of sudoers(5) that is not a rule.
const NOT_RULES: [&str; 7] = [
    "Defaults",
    "User_Alias",
    "Runas_Alias",
    "Host_Alias",
    "Cmnd_Alias",
    "Cmd_Alias",
    "@include",
];

/// The kind of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    User,
    Group,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

/// An account that a file names.
type Reference<'t> = (Role, &'t str);

/// The users and groups of a tree.
pub(super) struct Accounts<'t> {
    tree: &'t Tree,
    objects: &'t dyn Objects,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl<'t> Accounts<'t> {
    /// The accounts of `tree` and those that systemd-sysusers makes there.
    pub(super) fn read(tree: &'t Tree, objects: &'t dyn Objects) -> io::Result<Self> {
        let mut accounts = Self {
            tree,
            objects,
            users: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        let first = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
        let passwd = accounts.text("/etc/passwd")?;
        accounts.users.extend(passwd.lines().map(first));
        let group = accounts.text("/etc/group")?;
        accounts.groups.extend(group.lines().map(first));
        for file in SYSUSERS.iter().flat_map(|pattern| matching(tree, pattern)) {
            let text = accounts.text(&file.to_string())?;
            text.lines().for_each(|line| accounts.add_declared(line));
        }
        Ok(accounts)
    }

    /// Adds the accounts of a line of sysusers.d(5): `u NAME …` makes a user and a group, `g NAME …` a group, and
    /// `m USER GROUP` both if they are missing.
    fn add_declared(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().chars().next();
        let (name, second) = (words.next(), words.next());
        let group = if kind == Some('m') { second } else { name };
        if matches!(kind, Some('u' | 'm')) {
            self.users.extend(name.map(str::to_owned));
        }
        if matches!(kind, Some('u' | 'g' | 'm')) {
            self.groups.extend(group.map(str::to_owned));
        }
    }

    /// The problems of `text`, the file of an overlay at `path`: every account in it that does not exist.
    pub(super) fn problems(&self, path: &TreePath, text: &str) -> io::Result<Vec<Problem>> {
        let mut references = self.references(path, text)?;
        references.retain(|(role, name)| is_plain(name) && !self.known(*role).contains(*name));
        references.dedup();
        let problem = |(role, name): Reference<'_>| {
            let near = suggestion(name, self.known(role).iter().map(String::as_str));
            Problem {
                words: format!(
                    "`{path}` names {role} `{name}`, which the image does not have{near}"
                ),
                file: path.clone(),
            }
        };
        Ok(references.into_iter().map(problem).collect())
    }

    fn known(&self, role: Role) -> &BTreeSet<String> {
        match role {
            Role::User => &self.users,
            Role::Group => &self.groups,
        }
    }

    /// The accounts that `text` at `path` names.
    fn references<'f>(&self, path: &TreePath, text: &'f str) -> io::Result<Vec<Reference<'f>>> {
        let place = path.to_string();
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", &place));
        Ok(match folder {
            // sudo ignores a file with a dot or a last `~` in its name, cron one with a dot. Other
            // names that cron ignores are refused when an overlay is parsed.
            "/etc/sudoers.d" if !name.contains('.') && !name.ends_with('~') => of_sudo(text),
            "/etc" if name == "sudoers" => of_sudo(text),
            "/etc/cron.d" if !name.contains('.') => of_cron(text),
            "/etc" if name == "crontab" => of_cron(text),
            _ => match unit_of(path) {
                Some(unit) => {
                    let unit = self.text(&format!("/usr/lib/systemd/system/{unit}"))?;
                    of_unit(text, makes_its_user(text) || makes_its_user(&unit))
                }
                None => Vec::new(),
            },
        })
    }

    /// The text of the file at `path`; empty if there is no such file.
    fn text(&self, path: &str) -> io::Result<String> {
        let path = TreePath::parse(path.as_bytes()).ok();
        match path.and_then(|path| self.tree.file(&path)) {
            Some(content) => content.text(self.objects),
            None => Ok(String::new()),
        }
    }
}

/// Whether `name` is a plain name of an account.
fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut letters = name.chars();
    name.starts_with(is_letter) && letters.all(|c| is_letter(c) || c.is_ascii_digit() || c == '-')
}

/// The accounts in `User=`, `Group=` and the like of a unit (systemd.exec(5), systemd.socket(5)). If
/// `makes_its_user`, systemd makes the user and the group of the service itself.
fn of_unit(text: &str, makes_its_user: bool) -> Vec<Reference<'_>> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    let mut found = Vec::new();
    for (key, value) in pairs {
        match key.trim_end() {
            "User" if !makes_its_user => found.push((Role::User, value.trim())),
            "Group" if !makes_its_user => found.push((Role::Group, value.trim())),
            "SocketUser" => found.push((Role::User, value.trim())),
            "SocketGroup" => found.push((Role::Group, value.trim())),
            "SupplementaryGroups" => {
                let names = value.split_ascii_whitespace();
                found.extend(names.map(|name| (Role::Group, name)));
            }
            _ => {}
        }
    }
    found
}

/// Whether systemd makes the user of the unit `text`.
fn makes_its_user(text: &str) -> bool {
    let lines = text.lines().rev();
    let mut values = lines.filter_map(|line| line.trim().strip_prefix("DynamicUser="));
    let last = values.next().unwrap_or_default().trim();
    ["yes", "true", "on", "1"].contains(&last)
}

/// The accounts in sudoers(5), in which a rule begins with users and `%groups`, separated by commas.
fn of_sudo(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let begins = !std::mem::replace(&mut goes_on, line.ends_with('\\'));
        let rule =
            begins && line.contains('=') && !NOT_RULES.iter().any(|word| line.starts_with(word));
        if !rule {
            continue;
        }
        for word in users_of_rule(line) {
            let word = word.trim_start_matches('!');
            let group = word.strip_prefix('%').map(|group| (Role::Group, group));
            found.push(group.unwrap_or((Role::User, word)));
        }
    }
    found
}

/// The words of a list at the beginning of `line`.
fn users_of_rule(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    loop {
        let end = rest
            .find(|c: char| c == ',' || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        words.push(&rest[..end]);
        match rest[end..].trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return words,
        }
    }
}

/// The users in a crontab(5) of the system, in which the user follows five fields or a word such as `@daily`.
fn of_cron(text: &str) -> Vec<Reference<'_>> {
    let lines = text.lines().map(str::trim_start);
    let begins_job = |c: char| c.is_ascii_digit() || "*@".contains(c);
    let jobs = lines.filter(|line| line.starts_with(begins_job));
    let users = jobs.filter_map(|line| {
        let before = if line.starts_with('@') { 1 } else { 5 };
        line.split_ascii_whitespace().nth(before)
    });
    users.map(|name| (Role::User, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain names among `found`, groups with `%`.
    fn shown(found: Vec<Reference<'_>>) -> String {
        let plain = found.into_iter().filter(|(_, name)| is_plain(name));
        let shown = plain.map(|(role, name)| match role {
            Role::User => name.to_owned(),
            Role::Group => format!("%{name}"),
        });
        shown.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn a_unit_names_its_user_and_its_groups() {
        let text = "[Service]\nUser = ada\nGroup=%i\nGroup=\nSupplementaryGroups=adm 7 tty\nExecStart=x User=no\n";
        assert_eq!(shown(of_unit(text, false)), "ada %adm %tty");
        assert_eq!(shown(of_unit(text, true)), "%adm %tty");
        assert_eq!(
            shown(of_unit("SocketUser=root\nSocketGroup=web\n", true)),
            "root %web"
        );
        assert!(makes_its_user("DynamicUser=no\nDynamicUser=yes\n"));
    }

    #[test]
    fn a_rule_of_sudo_begins_with_its_users() {
        for (text, expected) in [
            ("ada ALL=(bob) NOPASSWD: ALL", "ada"),
            ("ada, !bob ,%ops  host1,host2 = ALL", "ada bob %ops"),
            (
                "%ops\tALL = /bin/x, \\\n  carol ALL=x\ndave ALL=x",
                "%ops dave",
            ),
            (
                "#1000 ALL=x\n# ada ALL=x\nALL ALL=x\nADMINS ALL=x\n+net ALL=x\n%#7 ALL=x",
                "",
            ),
            ("Defaults:ada x=y\nUser_Alias A = ada\n@includedir /x=y", ""),
        ] {
            assert_eq!(shown(of_sudo(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_line_of_cron_has_its_user_behind_the_time() {
        let text =
            "MAILTO=ada\n# 0 0 * * * no x\n0 */2 * * 1-5 bob cd / && x\n@daily carol x\n* * *\n";
        assert_eq!(shown(of_cron(text)), "bob carol");
    }
}
