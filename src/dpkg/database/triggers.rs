//! The interests of packages in files and in named triggers (deb-triggers(5)).
//!
//! ```text
//! triggers/File     "/usr/share/man man-db/noawait"   one line per path and package
//! triggers/<name>   "initramfs-tools"                 one line per package
//! triggers/Unincorp "/usr/share/man -"                activated triggers that dpkg has not processed
//! ```
//!
//! A package that is only unpacked is never triggered. So after packages were unpacked, triggers
//! are pending only for packages that were configured before.

use std::collections::{BTreeMap, BTreeSet};

/// The error for a line of a `triggers` member that dpkg would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "triggers line `{line}`: expected `interest` or `activate`, with `-await` or `-noawait` or \
     nothing behind it, and the name of a trigger"
)]
pub struct TriggersError {
    /// The line.
    pub line: String,
}

/// The interest of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interest {
    /// Its name, as [`super::Record::info_name`] gives it.
    package: String,
    noawait: bool,
}

impl Interest {
    fn parse(text: &str) -> Self {
        let (package, noawait) = match text.strip_suffix("/noawait") {
            Some(package) => (package, true),
            None => (text, false),
        };
        Self {
            package: package.to_owned(),
            noawait,
        }
    }

    fn show(&self) -> String {
        let options = if self.noawait { "/noawait" } else { "" };
        format!("{}{options}", self.package)
    }
}

/// All interests of the packages in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    /// In the order in which they were declared, which is the order of the file.
    files: Vec<(String, Interest)>,
    named: BTreeMap<String, Vec<Interest>>,
    /// The lines of `Unincorp`.
    activated: Vec<String>,
}

impl Triggers {
    /// Adds the interests that the member `triggers` of `package` declares.
    ///
    /// # Errors
    ///
    /// dpkg would refuse a line.
    pub fn declare(&mut self, member: &str, package: &str) -> Result<(), TriggersError> {
        let lines = member.lines().map(|line| line.trim_matches([' ', '\t']));
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let wrong = || TriggersError {
                line: line.to_owned(),
            };
            let (directive, trigger) = line.split_once([' ', '\t']).ok_or_else(wrong)?;
            let trigger = trigger.trim_matches([' ', '\t']);
            // A named trigger has a file of its name, which must not be one of these files.
            let named = !trigger.contains('/') && !["File", "Unincorp", "Lock"].contains(&trigger);
            let sound = trigger.bytes().all(|byte| byte.is_ascii_graphic());
            if !sound || trigger.is_empty() || !(named || trigger.starts_with('/')) {
                return Err(wrong());
            }
            let noawait = match directive {
                "interest" | "interest-await" => false,
                "interest-noawait" => true,
                "activate" | "activate-await" | "activate-noawait" => continue,
                _ => return Err(wrong()),
            };
            self.add(
                trigger,
                Interest {
                    package: package.to_owned(),
                    noawait,
                },
            );
        }
        Ok(())
    }

    fn add(&mut self, trigger: &str, interest: Interest) {
        if trigger.starts_with('/') {
            let same = |(path, known): &&mut (String, Interest)| {
                *path == trigger && known.package == interest.package
            };
            match self.files.iter_mut().find(same) {
                Some((_, known)) => known.noawait = interest.noawait,
                None => self.files.push((trigger.to_owned(), interest)),
            }
        } else {
            let interests = self.named.entry(trigger.to_owned()).or_default();
            interests.retain(|known| known.package != interest.package);
            interests.push(interest);
        }
    }

    /// Activates the interests in `path`, or in a folder above it, of those packages that are
    /// `configured`, which are named as in [`super::Record::info_name`].
    pub fn activate(&mut self, path: &[u8], configured: &BTreeSet<String>) {
        for (interest, known) in &self.files {
            let below = path.strip_prefix(interest.as_bytes());
            let within = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
            // No package awaits the trigger (`-`), because all packages are configured together.
            let line = format!("{interest} -");
            if within && configured.contains(&known.package) && !self.activated.contains(&line) {
                self.activated.push(line);
            }
        }
    }

    /// Reads one file of the folder `triggers`. Malformed lines are left out.
    pub fn read(&mut self, name: &str, content: &str) {
        let mut lines = content.lines();
        match name {
            "File" => {
                let pair = |line: &str| {
                    let (path, interest) = line.rsplit_once(' ')?;
                    Some((path.to_owned(), Interest::parse(interest)))
                };
                self.files = lines.filter_map(pair).collect();
            }
            "Unincorp" => self.activated = lines.map(str::to_owned).collect(),
            "Lock" => {}
            name => {
                let interests = lines.by_ref().map(Interest::parse).collect();
                self.named.insert(name.to_owned(), interests);
            }
        }
    }

    /// The files of the folder `triggers` that are not empty, by name.
    pub fn files(&self) -> BTreeMap<&str, String> {
        let lines = |interests: &[Interest]| {
            interests
                .iter()
                .map(|interest| interest.show() + "\n")
                .collect::<String>()
        };
        let mut files: BTreeMap<&str, String> = self
            .named
            .iter()
            .map(|(name, interests)| (name.as_str(), lines(interests)))
            .collect();
        if !self.files.is_empty() {
            let line =
                |(path, interest): &(String, Interest)| format!("{path} {}\n", interest.show());
            files.insert("File", self.files.iter().map(line).collect());
        }
        if !self.activated.is_empty() {
            let lines = self.activated.iter().map(|line| format!("{line}\n"));
            files.insert("Unincorp", lines.collect());
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_are_filed_by_path_and_by_name() {
        let mut triggers = Triggers::default();
        let man = "# why\n\ninterest-noawait /usr/share/man\n\tinterest  x\nactivate y\n";
        triggers.declare(man, "man-db").unwrap();
        triggers
            .declare("interest /usr/share/man\ninterest x\n", "libc6:arm64")
            .unwrap();
        triggers.declare("interest-noawait x\n", "man-db").unwrap();
        let files = triggers.files();
        assert_eq!(
            files["File"],
            "/usr/share/man man-db/noawait\n/usr/share/man libc6:arm64\n"
        );
        assert_eq!(files["x"], "libc6:arm64\nman-db/noawait\n");
        assert_eq!(files.len(), 2);
        let mut read = Triggers::default();
        files
            .iter()
            .for_each(|(name, content)| read.read(name, content));
        assert_eq!(read, triggers);
    }

    #[test]
    fn only_who_is_configured_is_told_of_files() {
        let mut triggers = Triggers::default();
        triggers.read("Unincorp", "ldconfig libc-bin\n");
        triggers.read(
            "File",
            "/usr/share/man man-db/noawait\n/usr/share/ma new\n/usr a\n",
        );
        let configured = BTreeSet::from(["man-db".to_owned(), "b".to_owned()]);
        for path in [
            "/usr/share/man/x.1",
            "/usr/share/man",
            "/usr/share/manual",
            "/usr",
        ] {
            triggers.activate(path.as_bytes(), &configured);
        }
        let expected = "ldconfig libc-bin\n/usr/share/man -\n";
        assert_eq!(triggers.files()["Unincorp"], expected);
    }

    #[test]
    fn a_line_that_names_another_file_is_refused() {
        for line in [
            "interest",
            "wants x",
            "interest ../x",
            "interest File",
            "interest a b",
            "interest a/b",
        ] {
            let error = Triggers::default().declare(line, "p").unwrap_err();
            assert_eq!(
                error,
                TriggersError {
                    line: line.to_owned()
                }
            );
        }
    }
}
