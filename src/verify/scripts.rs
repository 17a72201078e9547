//! Checks scripts of overlays: the image has their interpreter, and the interpreter can parse them.

use super::check::{Check, Problem};
use crate::tree::{Kind, Tree, TreePath};

/// The folders in which a program without a path is looked up, as in the `PATH` of a login.
const PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The folders whose files have no `#!`, and the interpreters that read them.
const PARTS: [(&str, &str); 3] = [
    // Every login shell reads these files.
    ("/etc/profile.d", "/bin/sh"),
    ("/usr/lib/imgbuild/firstboot.d", "/bin/sh"),
    ("/usr/lib/imgbuild/health.d", "/bin/bash"),
];

/// A program that parses a Python script without running it.
const PYTHON: &str = "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])";

/// The check of the script at `path` of `tree`, whose content is `bytes`; a problem if its interpreter is missing, and
/// `None` if it is no script or there is no check for its language.
pub(super) fn check(tree: &Tree, path: &TreePath, bytes: &[u8]) -> Option<Result<Check, Problem>> {
    let (interpreter, arguments) = match Line::of(bytes) {
        Some(line) => match line.interpreter(tree) {
            Ok(found) => found,
            Err(reason) => {
                let begins = String::from_utf8_lossy(line.0);
                return Some(Err(Problem {
                    words: format!("`{path}` begins with `#!{begins}`, and {reason}"),
                    file: path.clone(),
                }));
            }
        },
        None => (part_interpreter(path)?.to_owned(), Vec::new()),
    };
    let name = interpreter.rsplit('/').next().unwrap_or_default();
    let mut command = vec![interpreter.clone()];
    match name {
        "sh" | "dash" | "bash" | "ash" | "ksh" | "mksh" | "zsh" => command.push("-n".to_owned()),
        // perl wants options such as `-T` on its command line too.
        "perl" => command.extend(arguments.into_iter().chain(["-c".to_owned()])),
        _ if name.starts_with("python3") => command.extend(["-c", PYTHON].map(str::to_owned)),
        _ => return None,
    }
    command.push(path.to_string());
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    Some(Ok(Check::program(&words, vec![path.clone()])))
}

/// The interpreter that reads the file `path`, which has no `#!`.
fn part_interpreter(path: &TreePath) -> Option<&'static str> {
    let (folder, _) = path.split_last()?;
    let folder = folder.to_string();
    let found = PARTS.iter().find(|(known, _)| *known == folder);
    found.map(|(_, interpreter)| *interpreter)
}

/// The text behind `#!`.
struct Line<'a>(&'a [u8]);

impl<'a> Line<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"#!")?;
        // The kernel reads at most this many bytes (execve(2)).
        let line = rest.split(|byte| *byte == b'\n').next()?;
        Some(Self(&line[..line.len().min(255)]))
    }

    /// The path of the interpreter and its arguments, or the reason why the kernel finds no interpreter.
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
        // The kernel gives everything behind the interpreter as one argument (execve(2)), and env(1) splits it only with
        // `-S`.
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
        // A carriage return at the end is part of the name.
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
    let path = TreePath::parse(path.as_bytes()).ok();
    let node = path
        .and_then(|path| tree.resolve(&path))
        .map(|id| tree.node(id));
    node.is_some_and(|node| matches!(node.kind, Kind::File(_)) && node.meta.mode & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, builtin_symlink, path, put};
    use crate::epoch::Timestamp;
    use crate::tree::Meta;

    fn tree() -> Tree {
        let mtime = Timestamp::default();
        let mut tree = Tree::new(Meta::root(0o755, mtime));
        for (name, mode) in [
            ("sh", 0o755),
            ("env", 0o755),
            ("perl", 0o755),
            ("python3", 0o755),
            ("data", 0o644),
        ] {
            let at = path(&format!("/usr/bin/{name}"));
            put(&mut tree, &at, builtin_file(b"x", mode, mtime)).unwrap();
        }
        put(&mut tree, &path("/bin"), builtin_symlink("usr/bin", mtime)).unwrap();
        tree
    }

    /// How a script that begins with `text` is checked.
    fn checked(text: &str) -> String {
        match check(&tree(), &path("/opt/x"), text.as_bytes()) {
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
        for (line, expected) in [
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
            assert!(found.ends_with(expected), "{found}");
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
