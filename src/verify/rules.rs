//! Reads the rules of `/usr/lib/imgbuild/apply.d` in a tree as `Imgbuild::Rules` does on the device. They say which
//! program checks which files. `overlays/README.md` explains the format.

use super::check::Check;
use crate::glob::glob;
use crate::tree::{Name, Objects, Origin, Tree, TreePath};
use std::io;

/// The folder of the rules.
const FOLDER: &str = "/usr/lib/imgbuild/apply.d";

/// The words that may begin a line.
const WORDS: [&str; 7] = [
    "changed", "prepare", "verify", "install", "reload", "service", "confirm",
];

/// Why the rules cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A line is not one that a device understands.
    #[error(
        "line {line} of `{file}` is `{found}`, expected `changed` and files first, then lines of \
         `prepare`, `verify`, `install`, `reload`, `service` or `confirm` (overlays/README.md)"
    )]
    Line {
        /// The file in the image.
        file: TreePath,
        /// The number of the line, counted from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}

/// The commands that run if the tree has a file that the rule is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Names of files; `*` stands for any characters of one name.
    patterns: Vec<String>,
    /// The commands that make the files that a device has made before the program checks its files.
    pub(super) prepare: Vec<String>,
    /// The commands that check the files, and must succeed.
    pub(super) verify: Vec<String>,
}

impl Rule {
    /// The files in `tree` that the rule is about.
    pub(super) fn files(&self, tree: &Tree) -> Vec<TreePath> {
        let of_pattern = |pattern: &String| matching(tree, pattern);
        let mut files: Vec<TreePath> = self.patterns.iter().flat_map(of_pattern).collect();
        files.sort();
        files.dedup();
        files
    }
}

/// The rules in `tree`, in the order of their files.
pub(super) fn read(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Rule>, RulesError> {
    let mut rules = Vec::new();
    for file in matching(tree, &format!("{FOLDER}/*")) {
        let hidden = |(_, name): (TreePath, Name)| name.as_bytes().starts_with(b".");
        if file.split_last().is_some_and(hidden) {
            continue;
        }
        let content = tree.file(&file).expect("the pattern matches files only");
        let parsed = parse(&content.text(objects)?);
        rules.extend(parsed.map_err(|(line, found)| RulesError::Line { file, line, found })?);
    }
    Ok(rules)
}

/// The rules of one file, or the line that is not a rule.
fn parse(text: &str) -> Result<Vec<Rule>, (usize, String)> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_ascii_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let wrong = || (index + 1, line.to_owned());
        let (word, rest) = line
            .split_once(|letter: char| letter.is_ascii_whitespace())
            .ok_or_else(wrong)?;
        let rest = rest.trim_ascii();
        if word == "changed" {
            let patterns = rest.split_ascii_whitespace().map(str::to_owned).collect();
            rules.push(Rule {
                patterns,
                ..Rule::default()
            });
            continue;
        }
        let rule = rules.last_mut().filter(|_| WORDS.contains(&word));
        let rule = rule.ok_or_else(wrong)?;
        match word {
            "prepare" => rule.prepare.push(rest.to_owned()),
            "verify" => rule.verify.push(rest.to_owned()),
            _ => {}
        }
    }
    Ok(rules)
}

/// The commands of those `rules` whose files are in `tree`, each command once, with the commands `prepare` first. A
/// rule is left out if all of its files are those of a base.
pub(super) fn checks(rules: &[Rule], tree: &Tree) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for prepares in [true, false] {
        for rule in rules {
            let commands = match prepares {
                true => &rule.prepare,
                false => &rule.verify,
            };
            let files = rule.files(tree);
            // The programs of a base accept its own unchanged files as before.
            let bases = |path: &TreePath| {
                let node = tree.at(path).map(|id| tree.node(id));
                node.is_some_and(|node| node.origin == Origin::Base)
            };
            if files.iter().all(bases) {
                continue;
            }
            for command in commands {
                match checks.iter_mut().find(|check| check.step.name == *command) {
                    Some(check) => check.files.extend(files.iter().cloned()),
                    None => checks.push(Check::shell(command, files.clone())),
                }
            }
        }
    }
    checks
}

/// The files of `tree` that match `pattern`, in the order of their paths. A symlink counts as the file to which it
/// leads.
pub(super) fn matching(tree: &Tree, pattern: &str) -> Vec<TreePath> {
    let mut found = vec![TreePath::root()];
    for pattern in pattern.split('/').filter(|name| !name.is_empty()) {
        let pattern = star_only(pattern);
        let below = |folder: &TreePath| -> Vec<TreePath> {
            let entries = tree.resolve(folder).into_iter();
            let entries = entries.flat_map(|id| tree.entries(id));
            let fits = entries.filter(|(name, _)| glob(&pattern, name.as_bytes()));
            fits.map(|(name, _)| folder.join(name)).collect()
        };
        found = found.iter().flat_map(below).collect();
    }
    found.retain(|path| tree.file(path).is_some());
    found
}

/// `pattern` for [`glob`] with its other wildcards escaped, so that only the star is one.
fn star_only(pattern: &str) -> Vec<u8> {
    let mut escaped = Vec::new();
    for byte in pattern.bytes() {
        if matches!(byte, b'?' | b'[' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, builtin_symlink, path, put};
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Kind, Meta, Node};

    #[test]
    fn a_block_is_about_files_and_has_commands() {
        let text = "# why\n\nchanged /etc/a /etc/d/*.conf\nverify  a -c  \nreload systemctl a\n\
                    changed /etc/b\nprepare make b\nverify b one\nverify b two\n";
        let rules = parse(text).unwrap();
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let rule = |patterns: &[&str], prepare: &[&str], verify: &[&str]| Rule {
            patterns: owned(patterns),
            prepare: owned(prepare),
            verify: owned(verify),
        };
        let expected = [
            rule(&["/etc/a", "/etc/d/*.conf"], &[], &["a -c"]),
            rule(&["/etc/b"], &["make b"], &["b one", "b two"]),
        ];
        assert_eq!(rules, expected);
    }

    #[test]
    fn a_line_that_no_device_understands_is_named() {
        for (text, line) in [
            ("verify a\n", 1),
            ("changed /a\nverifies a\n", 2),
            ("changed /a\n\nverify\n", 3),
            ("changed /a\n  verify a\n", 2),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_characters_of_one_name_and_links_lead_to_files() {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for at in ["/etc/d/a.conf", "/etc/d/b", "/etc/d/x/c.conf", "/etc/[d]"] {
            let file = builtin_file(b"x", 0o644, meta.mtime);
            put(&mut tree, &path(at), file).unwrap();
        }
        for (at, target) in [
            ("/etc/d/l.conf", "a.conf"),
            ("/etc/d/n.conf", "none"),
            ("/e", "etc"),
        ] {
            put(&mut tree, &path(at), builtin_symlink(target, meta.mtime)).unwrap();
        }
        let shown = |pattern| {
            let found = matching(&tree, pattern).into_iter();
            found.map(|path| path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(shown("/etc/d/*.conf"), ["/etc/d/a.conf", "/etc/d/l.conf"]);
        assert_eq!(shown("/e/*/*/c*"), ["/e/d/x/c.conf"]);
        assert_eq!(shown("/etc/[d]"), ["/etc/[d]"]);
        assert!(shown("/etc/none/*").is_empty());
    }

    #[test]
    fn what_a_base_alone_has_brought_is_not_asked_about() {
        let meta = Meta::root(0o755, Timestamp::default());
        let rules =
            parse("changed /etc/d/*\nprepare make\nverify a -c\nchanged /etc/e\nverify b\n")
                .unwrap();
        let shown = |files: &[(&str, Origin)]| {
            let mut tree = Tree::new(meta);
            for (at, origin) in files {
                let node = Node::new(Kind::File(Content::inline(b"x")), meta, origin.clone());
                put(&mut tree, &path(at), node).unwrap();
            }
            let checks = checks(&rules, &tree).into_iter();
            let shown = |check: Check| {
                let files: Vec<String> = check.files.iter().map(TreePath::to_string).collect();
                format!("{}: {}", check.step.name, files.join(" "))
            };
            checks.map(shown).collect::<Vec<String>>()
        };
        let overlay = || Origin::Overlay("mine".into());
        let package = || Origin::Package("some".into());
        let base = [("/etc/d/base", Origin::Base), ("/etc/e", Origin::Base)];
        assert_eq!(shown(&base), Vec::<String>::new());
        assert_eq!(shown(&[]), Vec::<String>::new());
        for added in [overlay(), package(), Origin::Script, Origin::Builtin] {
            let files = [base[0].clone(), base[1].clone(), ("/etc/d/mine", added)];
            // All that the program reads is named, the base's file as well.
            let expected = [
                "make: /etc/d/base /etc/d/mine",
                "a -c: /etc/d/base /etc/d/mine",
            ];
            assert_eq!(shown(&files), expected);
        }
    }
}
