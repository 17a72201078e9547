//! Command lines in the documents are ones that the program takes, links lead to files, and so do the paths that
//! comments and documents name.

use imgbuild::cli::check_arguments;
use std::path::{Path, PathBuf};

/// Flags of other programs that sentences name alone.
const OTHER_FLAGS: [&str; 7] = [
    // imgbuild-config, on the device
    "--force",
    "--overwrite",
    "--wait",
    // ci/bench and the scripts beside it
    "--folder",
    "--root",
    "--runs",
    // tor
    "--SigningKeyLifetime",
];

/// The command, and flags with their values, that are put before a flag that a sentence names alone, until the
/// program takes the line.
const CONTEXTS: [(&[&str], &[[&str; 2]]); 9] = [
    (&[], &[BOARD, PROFILE]),
    (&[], &[BOARD, PROFILE, ["--base", "IMAGE"]]),
    (&[], &[]),
    (&["test"], &[BOARD, PROFILE]),
    (&["cache", "gc"], &[]),
    (&["release"], &[BOARD, PROFILE]),
    (&["verify", "IMAGE"], &[]),
    (&["inspect", "IMAGE"], &[]),
    (&["inspect", "IMAGE", "/PATH"], &[]),
];
const BOARD: [&str; 2] = ["--board", "B"];
const PROFILE: [&str; 2] = ["--profile", "P"];
/// Values of a flag that a sentence names without one.
const VALUES: [&[&str]; 5] = [&[], &["KEY=@FILE"], &["SECONDS"], &["DIGEST"], &["img.xz"]];

/// The documents that people read to use the program, and to work on it, each with its text.
fn documents() -> Vec<(PathBuf, String)> {
    documents_in(&["boards", "ci", "docs", "overlays", "profiles"])
}

/// The documents in the root of the repository and in `folders` of it, each with its text.
fn documents_in(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| root.join(name))
        .to_vec();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    let read = |path: PathBuf| {
        let text = fs_err::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Adds the documents below `folder`, but not those that overlays put into images.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for name in imgbuild::listing::sorted(folder).unwrap_or_default() {
        let path = folder.join(&name);
        if path.is_dir() && name != "root" {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            paths.push(path);
        }
    }
}

/// The lines of code blocks, with continued lines joined, and the spans of code in sentences.
fn code(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut block, mut prose) = (String::new(), String::new());
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            block += line;
            block += "\n";
        } else {
            prose += line;
            prose += "\n";
        }
    }
    let lines = block.replace("\\\n", " ");
    // Behind a prompt, and in front of what another program makes of the output.
    let command = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("$ ").unwrap_or(line);
        line.split(" | ").next().unwrap_or_default().to_owned()
    };
    let lines = lines.lines().map(command).collect();
    let spans = prose.split('`').skip(1).step_by(2);
    (lines, spans.map(|span| span.replace('\n', " ")).collect())
}

/// The words of `line` as a shell would divide them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in line.chars().chain([' ']) {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ', None) if word.is_empty() => {}
            (' ', None) => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words
}

/// `words` with something in the places of names that stand for a number.
fn filled(words: &[String]) -> Vec<String> {
    let fill = |word: &String| match word.as_str() {
        "SECONDS" => "60".to_owned(),
        "DIGEST" => "0".repeat(64),
        word => word.trim_end_matches('…').to_owned(),
    };
    words.iter().map(fill).collect()
}

/// Whether the program takes `words` behind its name.
fn check(words: &[String]) -> Result<(), String> {
    let arguments = ["imgbuild".to_owned()].into_iter().chain(filled(words));
    check_arguments(arguments.map(Into::into))
}

/// What is wrong with `words`, of which a sentence may leave out what does not matter there.
fn mistake_of_part(words: &[String]) -> Option<String> {
    let is_command = !words[0].starts_with('-');
    let mut first = None;
    for (command, flags) in CONTEXTS {
        let is_named = |flag: &str| {
            words
                .iter()
                .any(|word| *word == flag || *word == flag[1..3])
        };
        let flags = flags.iter().filter(|[flag, _]| !is_named(flag)).flatten();
        let flags: Vec<String> = flags.map(|word| (*word).to_owned()).collect();
        for value in VALUES {
            let value = value.iter().map(|word| (*word).to_owned());
            let line: Vec<String> = match (is_command, command) {
                (true, []) => words.iter().cloned().chain(flags.clone()).collect(),
                (true, _) => continue,
                (false, command) => {
                    let command = command.iter().map(|word| (*word).to_owned());
                    let front = command.chain(flags.clone());
                    front.chain(words.iter().cloned()).chain(value).collect()
                }
            };
            match check(&line) {
                Ok(()) => return None,
                Err(error) => first = first.or(Some(error)),
            }
        }
    }
    first
}

/// What is wrong with the command lines and flags in `text`, and how many were looked at.
fn mistakes(text: &str) -> (usize, Vec<String>) {
    let (lines, spans) = code(text);
    let mut n_checked = 0;
    let mut mistakes = Vec::new();
    let of_block = lines.iter().map(|line| (line, false));
    for (line, is_part) in of_block.chain(spans.iter().map(|span| (span, true))) {
        let words = words(line);
        let Some(first) = words.first() else { continue };
        let behind = match first.as_str() {
            "imgbuild" | "target/release/imgbuild" | "target/debug/imgbuild" if words.len() > 1 => {
                &words[1..]
            }
            flag if is_part && flag.starts_with("--") && !OTHER_FLAGS.contains(&flag) => &words[..],
            _ => continue,
        };
        n_checked += 1;
        let mistake = match is_part {
            true => mistake_of_part(behind),
            false => check(behind).err(),
        };
        if let Some(mistake) = mistake {
            mistakes.push(format!("`{line}`: {mistake}"));
        }
    }
    (n_checked, mistakes)
}

#[test]
fn every_command_line_of_the_documents_is_taken() {
    let mut n_checked = 0;
    let mut wrong = String::new();
    for (path, text) in documents() {
        let (n, mistakes) = mistakes(&text);
        n_checked += n;
        for mistake in mistakes {
            wrong += &format!("{}: {mistake}\n", path.display());
        }
    }
    assert_eq!(wrong, "");
    assert!(n_checked > 60, "only {n_checked} command lines were found");
}

#[test]
fn every_link_of_the_documents_leads_to_a_file() {
    let folders = [
        "boards", "ci", "docs", "keyrings", "overlays", "profiles", "src", "tests",
    ];
    let mut n_links = 0;
    for (path, text) in documents_in(&folders) {
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or_default();
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            n_links += 1;
        }
    }
    assert!(n_links > 60, "only {n_links} links were found");
}

/// Folders of source files, whose comments name other files of them.
const SOURCES: [&str; 4] = ["ci", "overlays", "src", "tests"];
/// Folders of data of tests, and of what cargo makes.
const DATA: [&str; 5] = ["bases", "corpus", "data", "regressions", "target"];
/// Paths that are examples, that are to be made, or that are of another program.
const OTHER_PATHS: [&str; 3] = [
    "overlays/hotspot/root/etc/hotspot/env.hbs",
    "src/main/archives.c",
    "tests/boot/boards/rockchip.rs",
];

/// Adds `path` to `paths` and, if it is a folder, everything below it that is not data of tests.
fn walk(path: &Path, paths: &mut Vec<PathBuf>) {
    for name in imgbuild::listing::sorted(path).unwrap_or_default() {
        if !DATA.iter().any(|data| name == *data) {
            walk(&path.join(name), paths);
        }
    }
    paths.push(path.to_owned());
}

/// The part of `line` in which a path may be named: the comment, or the code in a sentence of a document.
fn prose_of(path: &Path, line: &str) -> String {
    let mark = match path.extension().and_then(|ending| ending.to_str()) {
        Some("md") => {
            return line
                .split('`')
                .skip(1)
                .step_by(2)
                .collect::<Vec<_>>()
                .join(" ");
        }
        Some("rs") => "//",
        _ => "#",
    };
    let comment = line.match_indices(mark).find(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    });
    comment.map_or(String::new(), |(at, _)| line[at + mark.len()..].to_owned())
}

/// The words of `prose` that are paths of source files: in a folder of sources, or a file of Rust.
fn source_paths(prose: &str, is_document: bool) -> impl Iterator<Item = &str> {
    let is_of_path = |letter: char| letter.is_ascii_alphanumeric() || "/._+-".contains(letter);
    let words = prose.split(move |letter: char| !is_of_path(letter));
    let words = words.map(|word| word.trim_end_matches(['.', '-', '/']));
    words.filter(move |word| {
        let folder = word.split_once('/').map(|(folder, _)| folder);
        let is_rust = word.ends_with(".rs") && (is_document || folder.is_some());
        let in_sources = !is_document && folder.is_some_and(|folder| SOURCES.contains(&folder));
        !word.starts_with(['/', '.']) && (is_rust || in_sources)
    })
}

#[test]
fn every_source_path_that_a_comment_or_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in SOURCES {
        walk(&root.join(folder), &mut sources);
    }
    let mut files = documents_in(&["boards", "docs", "keyrings", "profiles"]);
    // Folders and data that is not text are left out.
    files.extend(sources.iter().filter_map(|path| {
        let text = fs_err::read_to_string(path).ok()?;
        Some((path.clone(), text))
    }));
    let (mut n_paths, mut wrong) = (0, String::new());
    for (path, text) in files {
        let is_document = path.extension().is_some_and(|ending| ending == "md");
        for (index, line) in text.lines().enumerate() {
            for word in source_paths(&prose_of(&path, line), is_document) {
                n_paths += 1;
                let module = format!("{word}.rs");
                let is_word = |found: &PathBuf| found.ends_with(word) || found.ends_with(&module);
                let is_there = root.join(word).exists() || sources.iter().any(is_word);
                if !is_there && !OTHER_PATHS.contains(&word) {
                    wrong += &format!("{}:{}: {word}\n", path.display(), index + 1);
                }
            }
        }
    }
    assert_eq!(wrong, "", "these files are not there");
    assert!(n_paths > 80, "only {n_paths} paths were found");
}

#[test]
fn a_path_in_a_comment_is_found() {
    let found = |file: &str, line: &str| -> Vec<String> {
        let path = Path::new(file);
        let prose = prose_of(path, line);
        let paths = source_paths(&prose, file.ends_with(".md"));
        paths.map(str::to_owned).collect()
    };
    let line = "let url = \"http://x/src/a.rs\"; // as `cli/files.rs` and tests/oracles/ext4 do";
    assert_eq!(found("x.rs", line), ["cli/files.rs", "tests/oracles/ext4"]);
    assert_eq!(
        found("x.pm", "my $x = 1; # (src/y.rs). See /usr/src/z"),
        ["src/y.rs"]
    );
    assert_eq!(found("x.md", "It is in `a.rs`, not `src/b`."), ["a.rs"]);
    assert_eq!(found("x.rs", "#[path = \"../src/a.rs\"]"), [""; 0]);
}

#[test]
fn a_wrong_command_line_is_found() {
    for wrong in [
        "    imgbuild --bord rpi4 --profile tor-hotspot",
        "    imgbuild --board rpi4",
        "    imgbuild -b rpi4 -p tor-hotspot --secret wifi-passphrase=key.txt",
        "```\nimgbuild -b rpi4 -p tor-hotspot \\\n    --sett a=b\n```",
        "Give `--secret KEY=FILE`.",
        "See `imgbuild list bords`.",
        "See `imgbuild plan --jason`.",
        "With `--ofline` no network\nis touched.",
        "1. Build:\n\n   ```console\n   $ target/debug/imgbuild --bord rpi4 -p base | head\n   ```",
    ] {
        let (_, mistakes) = mistakes(wrong);
        assert_eq!(mistakes.len(), 1, "{wrong}: {mistakes:?}");
    }
    let right = "Give `--secret KEY=@FILE`; `imgbuild show\nprofile NAME`, `imgbuild lock`, `--base` and\n\
                 `--script-timeout SECONDS`.";
    assert_eq!(mistakes(right), (5, Vec::new()));
}
