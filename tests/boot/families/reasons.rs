//! The reasons for which a path of the root filesystem may differ from the base's. A difference without a
//! reason is a failure.

use super::files::Files;
use super::profile::Profile;
use std::collections::{BTreeMap, BTreeSet};

/// The changes that a build may make.
pub(super) struct Reasons<'a> {
    before: &'a Files,
    after: &'a Files,
    profile: &'a Profile,
    /// The paths of packages that the base did not have, by package, with its architecture where dpkg's file
    /// names have it.
    packages: BTreeMap<&'a str, &'a BTreeSet<String>>,
}

/// The files that dpkg, debconf and ldconfig write anew with every package, and those that the build writes
/// on every base. Their contents are compared line by line (`texts`), except for those of debconf and
/// ldconfig.
const REWRITTEN: [&str; 11] = [
    "etc/group",
    "etc/gshadow",
    "etc/hostname",
    "etc/hosts",
    "etc/ld.so.cache",
    "etc/passwd",
    "etc/shadow",
    "var/cache/debconf/config.dat",
    "var/cache/debconf/templates.dat",
    "var/lib/apt/extended_states",
    "var/lib/dpkg/status",
];

/// Files that the scripts of a package write besides.
const SCRIPTED: [(&str, &str); 2] = [
    ("apparmor", "etc/apparmor.d/tunables/home.d/ubuntu"),
    (
        "apparmor",
        "etc/apparmor.d/tunables/xdg-user-dirs.d/site.local",
    ),
];

/// The file that keeps cloud-init from changing the host name.
const CLOUD_INIT: &str = "etc/cloud/cloud.cfg.d/99-imgbuild.cfg";

/// The files with which the device checks new settings.
const SETTINGS: &str = "usr/lib/imgbuild/settings";

/// The home of the account that the profile makes.
const ADMINISTRATOR: &str = "home/admin";

impl<'a> Reasons<'a> {
    pub(super) fn of(before: &'a Files, after: &'a Files, profile: &'a Profile) -> Self {
        let new = |(name, _): &(&String, _)| !before.lists.contains_key(*name);
        let packages = after.lists.iter().filter(new);
        let packages = packages.map(|(name, list)| (&**name, list)).collect();
        Self {
            before,
            after,
            profile,
            packages,
        }
    }

    /// Whether there is a reason for a change of `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        let profile = self.profile;
        if REWRITTEN.contains(&path) || profile.directories.contains(path) {
            return true;
        }
        let of_profile = profile.files.contains(path) && !self.before.has_directory(path);
        let is_new = !self.before.nodes.contains_key(path) && self.after.nodes.contains_key(path);
        of_profile || is_new && self.makes(path)
    }

    /// Whether new packages, their scripts or the profile's settings make `path`.
    fn makes(&self, path: &str) -> bool {
        let folder = |start: &str| path == start || path.starts_with(&format!("{start}/"));
        self.is_packaged(path)
            || folder(ADMINISTRATOR)
            || folder(SETTINGS)
            || path == CLOUD_INIT
            || self.is_record(path)
            || self.is_alternative(path)
            || self.is_unit_link(path)
            || self.is_of_a_daemon(path)
            || self.is_bytecode(path)
            || SCRIPTED
                .iter()
                .any(|(package, file)| *file == path && self.is_package(package))
    }

    fn is_packaged(&self, path: &str) -> bool {
        self.packages.values().any(|list| list.contains(path))
    }

    fn is_package(&self, name: &str) -> bool {
        let plain = |package: &&str| package.split(':').next() == Some(name);
        self.packages.keys().any(plain)
    }

    /// The files of dpkg and deb-systemd-helper about a new package.
    fn is_record(&self, path: &str) -> bool {
        if let Some(file) = path.strip_prefix("var/lib/dpkg/info/") {
            let (package, _) = file.rsplit_once('.').expect("an ending");
            return self.packages.contains_key(package);
        }
        let noted = path.strip_prefix("var/lib/systemd/deb-systemd-helper-enabled");
        let is_folder = path.ends_with(".wants") || path.ends_with(".requires");
        noted.is_some_and(|unit| is_folder || self.brings_unit(unit.trim_end_matches(".dsh-also")))
    }

    /// Links of update-alternatives(1) to files of a new package.
    fn is_alternative(&self, path: &str) -> bool {
        if let Some(name) = path.strip_prefix("var/lib/dpkg/alternatives/") {
            return self.is_alternative(&format!("etc/alternatives/{name}"));
        }
        let target = self.after.nodes[path].target().unwrap_or_default();
        match target.strip_prefix("/etc/alternatives/") {
            Some(name) => self.is_alternative(&format!("etc/alternatives/{name}")),
            None => {
                // Packages may name it by its path from before /bin became a symlink to /usr/bin.
                let file = target.trim_start_matches('/');
                let merged = format!("usr/{file}");
                path.starts_with("etc/alternatives/")
                    && [file, &merged].iter().any(|file| self.is_packaged(file))
            }
        }
    }

    /// Symlinks that enable or mask a unit, and those of its init script.
    fn is_unit_link(&self, path: &str) -> bool {
        let Some(target) = self.after.nodes[path].target() else {
            // The folder of these symlinks.
            let is_folder = path.ends_with(".wants") || path.ends_with(".requires");
            return is_folder && path.starts_with("etc/systemd/system/");
        };
        let name = path.rsplit('/').next().expect("a name");
        if path.starts_with("etc/systemd/system/") {
            return match target {
                "/dev/null" => self.profile.masked.contains(name),
                _ => self.brings_unit(target),
            };
        }
        let script = target.strip_prefix("../init.d/");
        path.starts_with("etc/rc")
            && script.is_some_and(|script| self.is_packaged(&format!("etc/init.d/{script}")))
    }

    /// Whether a new package has the unit at the end of `path`, or the profile has or enables it.
    fn brings_unit(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().expect("a name");
        let file = format!("usr/lib/systemd/system/{name}");
        self.is_packaged(&file)
            || self.profile.files.contains(&file)
            || self.profile.enabled.contains(name)
    }

    /// The folders in which the program of a new package keeps its data, and in which its administrator
    /// writes.
    fn is_of_a_daemon(&self, path: &str) -> bool {
        if let Some(name) = path.strip_prefix("etc/apparmor.d/local/") {
            return self.is_packaged(&format!("etc/apparmor.d/{name}"));
        }
        let inside = path
            .strip_prefix("var/lib/")
            .or(path.strip_prefix("var/log/"));
        inside.is_some_and(|inside| self.is_package(inside.split('/').next().expect("a name")))
    }
    /// The files that Python compiled from the modules of a new package.
    fn is_bytecode(&self, path: &str) -> bool {
        let Some((folder, file)) = path.split_once("/__pycache__") else {
            return false;
        };
        // The rest is `/NAME.cpython-313.pyc`, or nothing for the directory.
        let module = file.split_once(".cpython-").map_or("", |(name, _)| name);
        match module {
            "" => file.is_empty() && self.is_packaged(folder),
            _ => self.is_packaged(&format!("{folder}{module}.py")),
        }
    }
}
