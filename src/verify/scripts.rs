//! Scripts that overlays bring: what runs them is in the image, and understands them.

use super::check::{Check, Problem};
use crate::tree::{Kind, NodeId, Tree, TreePath};

/// Where a program without a folder is looked for, as in a login's `PATH`.
const PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Folders whose files have no `#!`, and what reads them.
const PARTS: [(&str, &str); 3] = [
    // Every login shell reads them.
    ("/etc/profile.d", "/bin/sh"),
    ("/usr/lib/imgbuild/firstboot.d", "/bin/sh"),
    ("/usr/lib/imgbuild/health.d", "/bin/bash"),
];

/// Reads a program in Python without running it.
const PYTHON: &str = "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])";

/// How the script at `path` of `tree`, which begins with `bytes`, is checked: not at all where nobody knows
/// how, and at once where its interpreter is missing.
pub(super) fn check(tree: &Tree, path: &TreePath, bytes: &[u8]) -> Option<Result<Check, Problem>> {
    let (interpreter, arguments) = match Line::of(bytes) {
        Some(line) => match line.interpreter(tree) {
            Ok(found) => found,
            Err(reason) => {
                let begins = String::from_utf8_lossy(line.0);
                let words = format!("`{path}` begins with `#!{begins}`, and {reason}");
                return Some(Err(Problem {
                    words,
                    file: path.clone(),
                }));
            }
        },
        None => (part_interpreter(path)?.to_owned(), Vec::new()),
    };
    let name = interpreter.rsplit('/').next().unwrap_or_default();
    let path_text = path.to_string();
    let mut command = vec![interpreter.clone()];
    match name {
        "sh" | "dash" | "bash" | "ash" | "ksh" | "mksh" | "zsh" => command.push("-n".to_owned()),
        // `-T` and the like must be given again.
        "perl" => command.extend(arguments.into_iter().chain(["-c".to_owned()])),
        _ if name.starts_with("python3") => {
            command.extend(["-c".to_owned(), PYTHON.to_owned()]);
        }
        _ => return None,
    }
    command.push(path_text);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    Some(Ok(Check::program(&words, vec![path.clone()])))
}

/// What reads the file `path`, which has no `#!`.
fn part_interpreter(path: &TreePath) -> Option<&'static str> {
    let (folder, _) = path.split_last()?;
    let folder = folder.to_string();
    let found = PARTS.iter().find(|(known, _)| *known == folder);
    found.map(|(_, interpreter)| *interpreter)
}

/// What stands behind `#!`.
struct Line<'a>(&'a [u8]);

impl<'a> Line<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"#!")?;
        // The kernel reads no further (execve(2)).
        let line = rest.split(|byte| *byte == b'\n').next()?;
        Some(Self(&line[..line.len().min(255)]))
    }

    /// The path of the interpreter and its arguments; or why there is none.
    fn interpreter(&self, tree: &Tree) -> Result<(String, Vec<String>), String> {
        let text = String::from_utf8_lossy(self.0);
        let text = text.trim_matches([' ', '\t']);
        let (program, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let arguments: Vec<String> = rest.split_ascii_whitespace().map(str::to_owned).collect();
        let missing = |name: &str| format!("the image has no program `{name}`");
        if !program.is_empty() && !program.starts_with('/') {
            return Err(format!(
                "the kernel looks for `{program}` in the folder where the script is started; write the whole path, \
                 `/{program}`"
            ));
        }
        if !is_program(tree, program) {
            return Err(missing(program));
        }
        if !program.ends_with("/env") {
            return Ok((program.to_owned(), arguments));
        }
        // The kernel gives everything behind the interpreter as one argument (execve(2)), and env(1) divides it by
        // `-S` alone.
        let rest = rest.trim_start_matches([' ', '\t']);
        let splits = ["-S", "-vS", "-iS", "-viS", "-ivS", "--split-string"];
        if rest.contains([' ', '\t']) && !splits.iter().any(|option| rest.starts_with(option)) {
            let shown = rest.trim_end_matches('\r');
            return Err(format!(
                "env(1) takes `{shown}` for one word; write `#!{program} -S {shown}`"
            ));
        }
        let mut words = arguments.into_iter();
        let name = words.find(|word| !word.starts_with('-') && !word.contains('='));
        let Some(name) = name else {
            return Ok((program.to_owned(), Vec::new()));
        };
        // A carriage return is part of the name.
        let name = match rest.ends_with('\r') && !name.ends_with('\r') {
            true => format!("{name}\r"),
            false => name,
        };
        let mut places = PATH.iter().map(|folder| format!("{folder}/{name}"));
        match places.find(|path| is_program(tree, path)) {
            Some(path) => Ok((path, words.collect())),
            None => Err(missing(&name)),
        }
    }
}

/// Whether `tree` has a file at `path` that may be executed.
pub(super) fn is_program(tree: &Tree, path: &str) -> bool {
    let executable = |id: NodeId| {
        let node = tree.node(id);
        matches!(node.kind, Kind::File(_)) && node.meta.mode & 0o111 != 0
    };
    let path = TreePath::parse(path.as_bytes()).ok();
    path.and_then(|path| tree.resolve(&path))
        .is_some_and(executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Meta, Node, Origin};

    fn tree() -> Tree {
        let meta = |mode| Meta::root(mode, Timestamp::default());
        let mut tree = Tree::new(meta(0o755));
        let folder = TreePath::parse(b"/usr/bin").unwrap();
        tree.make_directories(&folder, meta(0o755), &Origin::Builtin)
            .unwrap();
        for (name, mode) in [
            ("sh", 0o755),
            ("env", 0o755),
            ("perl", 0o755),
            ("python3", 0o755),
            ("data", 0o644),
        ] {
            let path = TreePath::parse(format!("/usr/bin/{name}").as_bytes()).unwrap();
            let kind = Kind::File(Content::inline(b"x"));
            tree.insert(&path, Node::new(kind, meta(mode), Origin::Builtin))
                .unwrap();
        }
        let link = Kind::Symlink(b"usr/bin".as_slice().into());
        let path = TreePath::parse(b"/bin").unwrap();
        tree.insert(&path, Node::new(link, meta(0o777), Origin::Builtin))
            .unwrap();
        tree
    }

    /// How a script that begins with `text` is checked.
    fn checked(text: &str) -> String {
        let path = TreePath::parse(b"/opt/x").unwrap();
        match check(&tree(), &path, text.as_bytes()) {
            None => "not".to_owned(),
            Some(Ok(check)) => check.step.command.join(" "),
            Some(Err(problem)) => problem.words,
        }
    }

    #[test]
    fn a_script_is_read_by_what_runs_it() {
        for (text, expected) in [
            ("#!/bin/sh\necho", "/bin/sh -n /opt/x"),
            ("#! /bin/sh -e\n", "/bin/sh -n /opt/x"),
            ("#!/usr/bin/perl -T\n", "/usr/bin/perl -T -c /opt/x"),
            ("#!/usr/bin/env perl\n", "/usr/bin/perl -c /opt/x"),
            (
                "#!/usr/bin/env -S A=1 perl -w\n",
                "/usr/bin/perl -w -c /opt/x",
            ),
            ("echo\n", "not"),
            ("#!/usr/bin/env\n", "not"),
        ] {
            assert_eq!(checked(text), expected, "{text}");
        }
        let python = checked("#!/usr/bin/env python3");
        assert!(
            python.starts_with("/usr/bin/python3 -c import ast") && python.ends_with(" /opt/x")
        );
    }

    #[test]
    fn a_line_that_finds_no_interpreter_says_how_it_is_written() {
        for (line, said) in [
            ("bin/sh", "write the whole path, `/bin/sh`"),
            ("sh", "write the whole path, `/sh`"),
            (
                "/usr/bin/env perl -w",
                "env(1) takes `perl -w` for one word; write `#!/usr/bin/env -S perl -w`",
            ),
            (
                "/usr/bin/env  A=1 perl",
                "write `#!/usr/bin/env -S A=1 perl`",
            ),
        ] {
            let found = checked(&format!("#!{line}\necho\n"));
            assert!(found.ends_with(said), "{found}");
        }
    }

    #[test]
    fn an_interpreter_that_the_image_lacks_is_named() {
        for (line, missing) in [
            ("/bin/sh\r", "/bin/sh\r"),
            ("/usr/bin/env perl\r", "perl\r"),
            ("/usr/bin/env ruby", "ruby"),
            ("/usr/bin/data", "/usr/bin/data"),
            ("/usr/bin", "/usr/bin"),
            ("", ""),
        ] {
            let expected = format!(
                "`/opt/x` begins with `#!{line}`, and the image has no program `{missing}`"
            );
            assert_eq!(checked(&format!("#!{line}\necho\n")), expected);
        }
    }
}
