//! Modules that files of overlays name, and that no program looks for before it needs them: those of PAM in
//! `/etc/pam.d`, and the services of `/etc/nsswitch.conf`.
//!
//! Where one is missing, nobody can log in, or no name of an account is known: every program that asks for one
//! fails, and what each of them says is about something else. That is why this is said first.

use super::check::Problem;
use super::rules::matching;
use crate::diag::nearest;
use crate::tree::{Tree, TreePath};

const PAM: &str = "/etc/pam.d/";
const NSSWITCH: &str = "/etc/nsswitch.conf";

/// pam.conf(5).
const TYPES: [&str; 4] = ["account", "auth", "password", "session"];
/// nsswitch.conf(5), and those of sudo, autofs and shadow.
const DATABASES: [&str; 17] = [
    "aliases",
    "automount",
    "ethers",
    "group",
    "gshadow",
    "hosts",
    "initgroups",
    "netgroup",
    "networks",
    "passwd",
    "protocols",
    "publickey",
    "rpc",
    "services",
    "shadow",
    "subid",
    "sudoers",
];
/// They are the C library's own.
const BUILT_IN: [&str; 2] = ["files", "dns"];
/// Where they say nothing of files, root is not known.
const ACCOUNTS: [&str; 3] = ["passwd", "group", "shadow"];
const STATES: [&str; 4] = ["success", "notfound", "unavail", "tryagain"];
const ACTIONS: [&str; 3] = ["return", "continue", "merge"];

/// What is wrong with `text`, the file of an overlay at `path` in `tree`.
pub(super) fn problems(tree: &Tree, path: &TreePath, text: &str) -> Vec<Problem> {
    let place = path.to_string();
    let lines = logical_lines(text);
    let lines = lines.iter().map(|(number, line)| (*number, line.as_str()));
    let found: Vec<(usize, String)> = if place.starts_with(PAM) {
        lines
            .filter_map(|(number, line)| Some((number, of_pam(tree, line)?)))
            .collect()
    } else if place == NSSWITCH {
        lines
            .flat_map(|(number, line)| {
                of_nsswitch(tree, line)
                    .into_iter()
                    .map(move |it| (number, it))
            })
            .collect()
    } else {
        Vec::new()
    };
    let problem = |(number, words): (usize, String)| Problem {
        words: format!("`{place}`, line {number}: {words}"),
        file: path.clone(),
    };
    found.into_iter().map(problem).collect()
}

/// The lines that are not empty, without comments, each with its number; one that ends in a backslash goes on.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, last)) => *last = format!("{last} {line}"),
            None => lines.push((index + 1, line.to_owned())),
        }
        goes_on = more;
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// What is wrong with a `line` of a file in pam.d.
fn of_pam(tree: &Tree, line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("@include") {
        return missing_service(tree, name.trim());
    }
    let (kind, rest) = line
        .split_once(|c: char| c.is_ascii_whitespace())
        .unwrap_or((line, ""));
    // One with a dash may be missing.
    let optional = kind.starts_with('-');
    let kind = kind.trim_start_matches('-').to_ascii_lowercase();
    if !TYPES.contains(&kind.as_str()) {
        return Some(format!(
            "begins with `{kind}`, expected {} or `@include`",
            listed(&TYPES)
        ));
    }
    let rest = rest.trim_start();
    let (control, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => rest
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((rest, "")),
    };
    let Some(module) = rest.split_ascii_whitespace().next() else {
        return Some("names no module; expected type, control and module".to_owned());
    };
    if matches!(control, "include" | "substack") {
        return missing_service(tree, module);
    }
    let is_there = match module.starts_with('/') {
        true => !matching(tree, module).is_empty(),
        false => modules(tree).iter().any(|known| known == module),
    };
    if is_there || optional {
        return None;
    }
    let known = modules(tree);
    let near = near(module, known.iter().map(String::as_str));
    Some(format!(
        "names module `{module}`, which the image does not have{near}"
    ))
}

/// The modules of PAM in `tree`.
fn modules(tree: &Tree) -> Vec<String> {
    let places = ["/usr/lib/security/*.so", "/usr/lib/*/security/*.so"];
    let paths = places.iter().flat_map(|pattern| matching(tree, pattern));
    let names = paths.filter_map(|path| path.split_last().map(|(_, name)| name.to_string()));
    names.collect()
}

/// Says that pam.d has no file `name`.
fn missing_service(tree: &Tree, name: &str) -> Option<String> {
    let path = match name.starts_with('/') {
        true => name.to_owned(),
        false => format!("{PAM}{name}"),
    };
    let is_there = !matching(tree, &path).is_empty();
    (!is_there).then(|| format!("includes `{path}`, which the image does not have"))
}

/// What is wrong with a `line` of nsswitch.conf.
fn of_nsswitch(tree: &Tree, line: &str) -> Vec<String> {
    let Some((database, services)) = line.split_once(':') else {
        return vec![format!("`{}` is no `database: service …`", line.trim())];
    };
    let database = database.trim();
    if !DATABASES.contains(&database) {
        let near = near(database, DATABASES);
        return vec![format!(
            "the C library knows no database `{database}`{near}"
        )];
    }
    let mut problems = Vec::new();
    let mut found = Vec::new();
    let mut rest = services.trim();
    while !rest.is_empty() {
        if let Some(criteria) = rest.strip_prefix('[') {
            let Some((criteria, behind)) = criteria.split_once(']') else {
                problems.push(format!("`{rest}` has no `]`"));
                break;
            };
            let wrong = criteria
                .split_ascii_whitespace()
                .find(|it| !is_criterion(it));
            problems.extend(wrong.map(|it| format!("`{it}` is no `STATUS=action`")));
            rest = behind.trim_start();
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '[');
        let (service, behind) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(service);
        rest = behind.trim_start();
        let known = services_of(tree);
        if !known.iter().any(|known| known == service) {
            let near = near(service, known.iter().map(String::as_str));
            problems.push(format!(
                "`{database}` names service `{service}`, whose library `libnss_{service}.so.2` the image does not \
                 have{near}"
            ));
        }
    }
    if ACCOUNTS.contains(&database) && !["files", "compat"].iter().any(|it| found.contains(it)) {
        problems.push(format!(
            "`{database}` has no `files`, so that nothing in `/etc/{database}` is known, not even root"
        ));
    }
    problems
}

/// The services that `tree` has.
fn services_of(tree: &Tree) -> Vec<String> {
    let places = ["/usr/lib/libnss_*.so.2", "/usr/lib/*/libnss_*.so.2"];
    let paths = places.iter().flat_map(|pattern| matching(tree, pattern));
    let names = paths.filter_map(|path| {
        let (_, name) = path.split_last()?;
        let name = name.to_string();
        Some(
            name.strip_prefix("libnss_")?
                .strip_suffix(".so.2")?
                .to_owned(),
        )
    });
    BUILT_IN
        .iter()
        .map(|it| (*it).to_owned())
        .chain(names)
        .collect()
}

/// `NOTFOUND=return`, `!UNAVAIL=return`.
fn is_criterion(text: &str) -> bool {
    text.trim_start_matches('!')
        .split_once('=')
        .is_some_and(|(state, action)| {
            STATES.contains(&state.to_ascii_lowercase().as_str())
                && ACTIONS.contains(&action.to_ascii_lowercase().as_str())
        })
}

fn near<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = nearest(word, known);
    near.map_or_else(String::new, |near| format!("; there is `{near}`"))
}

fn listed(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Kind, Meta, Node, Origin};

    fn tree() -> Tree {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut tree = Tree::new(meta);
        for path in [
            "/usr/lib/x/security/pam_unix.so",
            "/usr/lib/x/security/pam_deny.so",
            "/usr/lib/x/libnss_systemd.so.2",
            "/etc/pam.d/common-auth",
        ] {
            let path = TreePath::parse(path.as_bytes()).unwrap();
            let (parent, _) = path.split_last().unwrap();
            tree.make_directories(&parent, meta, &Origin::Builtin)
                .unwrap();
            let kind = Kind::File(Content::inline(b"x"));
            tree.insert(&path, Node::new(kind, meta, Origin::Builtin))
                .unwrap();
        }
        tree
    }

    fn said(path: &str, text: &str) -> Vec<String> {
        let place = TreePath::parse(path.as_bytes()).unwrap();
        let problems = problems(&tree(), &place, text).into_iter();
        let start = format!("`{path}`, line ");
        let words = problems.map(|it| it.words.strip_prefix(&start).unwrap().to_owned());
        words.collect()
    }

    #[test]
    fn a_module_of_pam_is_there_unless_it_may_be_missing() {
        let sound = "# pam_no.so\n@include common-auth\nauth [success=1 default=ignore] pam_unix.so nullok\n\
                     -session optional pam_systemd.so\nauth \\\n  required pam_deny.so # pam_no.so\n";
        assert_eq!(said("/etc/pam.d/x", sound), Vec::<String>::new());
        let broken = "auth required pam_unixx.so\n\nauht required pam_unix.so\n@include common-no\n\
                      account include common-not\nsession required\nauth required /opt/pam_x.so\n";
        let expected = [
            "1: names module `pam_unixx.so`, which the image does not have; there is `pam_unix.so`",
            "3: begins with `auht`, expected `account`, `auth`, `password`, `session` or `@include`",
            "4: includes `/etc/pam.d/common-no`, which the image does not have",
            "5: includes `/etc/pam.d/common-not`, which the image does not have",
            "6: names no module; expected type, control and module",
            "7: names module `/opt/pam_x.so`, which the image does not have",
        ];
        assert_eq!(said("/etc/pam.d/x", broken), expected);
        assert_eq!(said("/etc/pam.conf", broken), Vec::<String>::new());
    }

    #[test]
    fn a_service_of_nsswitch_has_its_library() {
        let sound = "# no\npasswd: files systemd\nhosts: files [!UNAVAIL=return] dns[NOTFOUND=return]\nsudoers:files\n";
        assert_eq!(said("/etc/nsswitch.conf", sound), Vec::<String>::new());
        let broken = "passwd: fles systemd\npaswd: files\nhosts: files [NOTFOUND=retrun] dns\nnonsense\nrpc: files [x\n";
        let expected = [
            "1: `passwd` names service `fles`, whose library `libnss_fles.so.2` the image does not have; there is `files`",
            "1: `passwd` has no `files`, so that nothing in `/etc/passwd` is known, not even root",
            "2: the C library knows no database `paswd`; there is `passwd`",
            "3: `NOTFOUND=retrun` is no `STATUS=action`",
            "4: `nonsense` is no `database: service …`",
            "5: `[x` has no `]`",
        ];
        assert_eq!(said("/etc/nsswitch.conf", broken), expected);
    }
}
