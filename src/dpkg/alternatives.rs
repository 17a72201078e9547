//! The symlinks of update-alternatives(1), which give one of several files a common name.
//!
//! ```text
//! /var/lib/dpkg/alternatives/NAME   "auto" or "manual"
//!                                   the link, then each slave's name and link, then an empty line
//!                                   each choice: path, priority, the slaves' paths (or nothing)
//! /etc/alternatives/NAME            a symlink to the choice; the slaves have such symlinks too
//! ```

use super::database::FOLDER;
use crate::epoch::Epoch;
use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreeError, TreePath};
use std::io;

/// The folder of the symlinks to the choices.
const LINKS: &str = "/etc/alternatives";
/// The mode of a symlink.
const LINK: u16 = 0o777;

/// Why an alternative cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum AlternativesError {
    /// The file cannot be read.
    #[error("cannot read `{0}`")]
    Read(TreePath, #[source] io::Error),
    /// A line of the file, counted from 1, is not as update-alternatives writes it.
    #[error("`{0}` is damaged: line {1} is missing or out of place")]
    Damaged(TreePath, usize),
    /// A symlink cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// One name with its choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Whether the administrator has chosen.
    manual: bool,
    name: String,
    link: String,
    /// Name and link of each.
    slaves: Vec<(String, String)>,
    choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    path: String,
    priority: String,
    /// One path for each slave; empty if this choice has no such file.
    slaves: Vec<String>,
}

impl Alternative {
    /// The alternative `name` of the system in `tree`, if it has one.
    ///
    /// # Errors
    ///
    /// The file of the alternative is damaged or cannot be read.
    pub fn read(
        tree: &Tree,
        objects: &dyn Objects,
        name: &str,
    ) -> Result<Option<Self>, AlternativesError> {
        let path = database(name);
        let Some(content) = tree.file(&path) else {
            return Ok(None);
        };
        match content.read(objects) {
            Ok(bytes) => match parse(name, &String::from_utf8_lossy(&bytes)) {
                Ok(found) => Ok(Some(found)),
                Err(line) => Err(AlternativesError::Damaged(path, line)),
            },
            Err(error) => Err(AlternativesError::Read(path, error)),
        }
    }

    /// The choice whose path ends in `ending`.
    pub fn choice(&self, ending: &str) -> Option<&str> {
        let mut paths = self.choices.iter().map(|choice| choice.path.as_str());
        paths.find(|path| path.ends_with(ending))
    }

    /// Changes `tree` as `update-alternatives --set NAME PATH` would. The result is whether
    /// anything has changed.
    ///
    /// # Errors
    ///
    /// A symlink or file cannot be put into the tree.
    pub fn set(
        &self,
        tree: &mut Tree,
        path: &str,
        epoch: Epoch,
    ) -> Result<bool, AlternativesError> {
        let Some(choice) = self.choices.iter().find(|choice| choice.path == path) else {
            return Ok(false);
        };
        let mut changed = false;
        let mut put = |at: &str, kind: Kind, mode| -> Result<(), TreeError> {
            let Ok(at) = TreePath::parse(at.as_bytes()) else {
                return Ok(());
            };
            let old = tree.at(&at).map(|id| &tree.node(id).kind);
            // A file at the path of a symlink was put there by the administrator, and stays.
            let replaceable =
                mode != LINK || old.is_none_or(|kind| matches!(kind, Kind::Symlink(_)));
            if old != Some(&kind) && replaceable {
                let node = Node::new(kind, Meta::root(mode, epoch.into()), Origin::Builtin);
                tree.insert(&at, node)?;
                changed = true;
            }
            Ok(())
        };
        let slaves = self.slaves.iter().zip(&choice.slaves);
        let slaves = slaves.map(|((name, link), target)| (name, link, target));
        let all = [(&self.name, &self.link, &choice.path)]
            .into_iter()
            .chain(slaves);
        for (name, link, target) in all.filter(|(_, _, target)| !target.is_empty()) {
            put(&format!("{LINKS}/{name}"), symlink(target), LINK)?;
            put(link, symlink(&format!("{LINKS}/{name}")), LINK)?;
        }
        if !self.manual {
            let chosen = Self {
                manual: true,
                ..self.clone()
            };
            let file = Kind::File(Content::inline(chosen.to_text().as_bytes()));
            put(&database(&self.name).to_string(), file, 0o644)?;
        }
        Ok(changed)
    }

    fn to_text(&self) -> String {
        let status = if self.manual { "manual" } else { "auto" };
        let mut text = format!("{status}\n{}\n", self.link);
        for (name, link) in &self.slaves {
            text += &format!("{name}\n{link}\n");
        }
        text.push('\n');
        for choice in &self.choices {
            text += &format!("{}\n{}\n", choice.path, choice.priority);
            choice
                .slaves
                .iter()
                .for_each(|path| text += &format!("{path}\n"));
        }
        text.push('\n');
        text
    }
}

fn database(name: &str) -> TreePath {
    let path = format!("{FOLDER}/alternatives/{name}");
    TreePath::parse(path.as_bytes()).expect("names of alternatives are plain")
}

fn symlink(target: &str) -> Kind {
    Kind::Symlink(target.as_bytes().into())
}

/// Parses the file of `name`. The error is the number of the malformed line.
fn parse(name: &str, text: &str) -> Result<Alternative, usize> {
    let mut lines = text.lines().enumerate();
    let end = text.lines().count();
    let mut next = || match lines.next() {
        Some((number, line)) => Ok((number + 1, line.to_owned())),
        None => Err(end + 1),
    };
    let manual = match next()? {
        (_, status) if status == "auto" => false,
        (_, status) if status == "manual" => true,
        (number, _) => return Err(number),
    };
    let (_, link) = next()?;
    let mut slaves = Vec::new();
    loop {
        match next()?.1 {
            name if name.is_empty() => break,
            name => slaves.push((name, next()?.1)),
        }
    }
    let mut choices = Vec::new();
    loop {
        let path = match next()?.1 {
            path if path.is_empty() => break,
            path => path,
        };
        let (number, priority) = next()?;
        if priority.parse::<i64>().is_err() {
            return Err(number);
        }
        let paths = slaves.iter().map(|_| Ok(next()?.1));
        let slaves = paths.collect::<Result<Vec<String>, usize>>()?;
        choices.push(Choice {
            path,
            priority,
            slaves,
        });
    }
    Ok(Alternative {
        manual,
        name: name.to_owned(),
        link,
        slaves,
        choices,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "auto\n/usr/bin/x\nx.1\n/usr/share/x.1\ny\n/y\n\n\
                        /usr/bin/a\n100\n/usr/share/a.1\n\n/usr/bin/b\n-5\n\n/b\n\n";

    #[test]
    fn what_was_read_is_written_again() {
        let read = parse("x", TEXT).unwrap();
        assert_eq!(read.to_text(), TEXT);
        assert_eq!(read.choices[1].slaves, ["", "/b"]);
        assert_eq!(read.choice("/b"), Some("/usr/bin/b"));
        assert_eq!(read.choice("/c"), None);
    }

    #[test]
    fn damage_is_placed() {
        for (text, line) in [
            ("", 1),
            ("sometimes\n", 1),
            ("auto\n/x\n", 3),
            ("auto\n/x\n\n/a\nhigh\n", 5),
            ("auto\n/x\n\n/a\n1\n", 6),
        ] {
            assert_eq!(parse("x", text), Err(line), "{text:?}");
        }
    }
}
