//! Finds libraries that files of overlays name and the image does not have: modules of PAM in `/etc/pam.d`, and the
//! services of `/etc/nsswitch.conf`.
//!
//! No program looks for them before it needs them. If one is missing, nobody can log in, or no account is known, and
//! the messages of other programs are about something else. So these problems are shown first.

use super::check::{Problem, suggestion};
use super::rules::matching;
use crate::tree::{Tree, TreePath};

const PAM: &str = "/etc/pam.d/";
const NSSWITCH: &str = "/etc/nsswitch.conf";

/// The types of pam.conf(5).
const TYPES: [&str; 4] = ["account", "auth", "password", "session"];
/// The databases of nsswitch.conf(5), and those of sudo, autofs and shadow.
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
/// The services that are part of the C library.
const BUILT_IN: [&str; 2] = ["files", "dns"];
/// The databases without which root is unknown unless their services include `files`.
const ACCOUNTS: [&str; 3] = ["passwd", "group", "shadow"];
const STATES: [&str; 4] = ["success", "notfound", "unavail", "tryagain"];
const ACTIONS: [&str; 3] = ["return", "continue", "merge"];

/// The problems of `text`, the file of an overlay at `path` in `tree`.
pub(super) fn problems(tree: &Tree, path: &TreePath, text: &str) -> Vec<Problem> {
    let place = path.to_string();
    let lines = logical_lines(text);
    let mut problems = Vec::new();
    for (number, line) in lines {
        let found = match place.as_str() {
            NSSWITCH => of_nsswitch(tree, &line),
            _ if place.starts_with(PAM) => of_pam(tree, &line).into_iter().collect(),
            _ => Vec::new(),
        };
        problems.extend(found.into_iter().map(|words| Problem {
            words: format!("`{place}`, line {number}: {words}"),
            file: path.clone(),
        }));
    }
    problems
}

/// The lines that are not empty, without comments, each with its number. A line that ends in a backslash is joined
/// with the next.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let text = line.strip_suffix('\\').unwrap_or(line);
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, last)) => *last = format!("{last} {text}"),
            None => lines.push((index + 1, text.to_owned())),
        }
        goes_on = text.len() < line.len();
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// The problem of a `line` of a file in pam.d.
fn of_pam(tree: &Tree, line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("@include") {
        return missing_service(tree, name.trim());
    }
    let (kind, rest) = first_word(line);
    // A module may be missing if there is a dash before the type.
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
        None => first_word(rest),
    };
    let Some(module) = rest.split_ascii_whitespace().next() else {
        return Some("names no module; expected type, control and module".to_owned());
    };
    if matches!(control, "include" | "substack") {
        return missing_service(tree, module);
    }
    let known = libraries(tree, "security/*.so");
    let is_there = match module.starts_with('/') {
        true => !matching(tree, module).is_empty(),
        false => known.iter().any(|known| known == module),
    };
    if is_there || optional {
        return None;
    }
    let near = suggestion(module, known.iter().map(String::as_str));
    Some(format!(
        "names module `{module}`, which the image does not have{near}"
    ))
}

/// The first word of `text`, and the text behind it.
fn first_word(text: &str) -> (&str, &str) {
    let parts = text.split_once(|c: char| c.is_ascii_whitespace());
    parts.unwrap_or((text, ""))
}

/// The names of the libraries in `tree` that match `pattern`, which begins in the folder for all architectures or for
/// one.
fn libraries(tree: &Tree, pattern: &str) -> Vec<String> {
    let places = [
        format!("/usr/lib/{pattern}"),
        format!("/usr/lib/*/{pattern}"),
    ];
    let paths = places.iter().flat_map(|place| matching(tree, place));
    let names = paths.filter_map(|path| path.split_last().map(|(_, name)| name.to_string()));
    names.collect()
}

/// The problem if pam.d has no file `name`.
fn missing_service(tree: &Tree, name: &str) -> Option<String> {
    let path = match name.starts_with('/') {
        true => name.to_owned(),
        false => format!("{PAM}{name}"),
    };
    let is_there = !matching(tree, &path).is_empty();
    (!is_there).then(|| format!("includes `{path}`, which the image does not have"))
}

/// The problems of a `line` of nsswitch.conf.
fn of_nsswitch(tree: &Tree, line: &str) -> Vec<String> {
    let Some((database, services)) = line.split_once(':') else {
        return vec![format!("`{}` is no `database: service …`", line.trim())];
    };
    let database = database.trim();
    if !DATABASES.contains(&database) {
        let near = suggestion(database, DATABASES);
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
            let mut criteria = criteria.split_ascii_whitespace();
            let wrong = criteria.find(|it| !is_criterion(it));
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
            let near = suggestion(service, known.iter().map(String::as_str));
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
    let mut services = BUILT_IN.map(str::to_owned).to_vec();
    services.extend(libraries(tree, "libnss_*.so.2").iter().filter_map(|name| {
        let service = name.strip_prefix("libnss_")?.strip_suffix(".so.2")?;
        Some(service.to_owned())
    }));
    services
}

/// Whether `text` is a criterion such as `NOTFOUND=return` or `!UNAVAIL=return`.
fn is_criterion(text: &str) -> bool {
    let text = text.trim_start_matches('!').to_ascii_lowercase();
    let parts = text.split_once('=');
    parts.is_some_and(|(state, action)| STATES.contains(&state) && ACTIONS.contains(&action))
}

fn listed(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, path, put};
    use crate::epoch::Timestamp;
    use crate::tree::Meta;

    fn tree() -> Tree {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        for at in [
            "/usr/lib/x/security/pam_unix.so",
            "/usr/lib/x/security/pam_deny.so",
            "/usr/lib/x/libnss_systemd.so.2",
            "/etc/pam.d/common-auth",
        ] {
            let file = builtin_file(b"x", 0o755, Timestamp::default());
            put(&mut tree, &path(at), file).unwrap();
        }
        tree
    }

    fn messages(at: &str, text: &str) -> Vec<String> {
        let problems = problems(&tree(), &path(at), text).into_iter();
        let start = format!("`{at}`, line ");
        let words = problems.map(|it| it.words.strip_prefix(&start).unwrap().to_owned());
        words.collect()
    }

    #[test]
    fn a_module_of_pam_is_there_unless_it_may_be_missing() {
        let sound = "# pam_no.so\n@include common-auth\nauth [success=1 default=ignore] pam_unix.so nullok\n\
                     -session optional pam_systemd.so\nauth \\\n  required pam_deny.so # pam_no.so\n";
        assert_eq!(messages("/etc/pam.d/x", sound), Vec::<String>::new());
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
        assert_eq!(messages("/etc/pam.d/x", broken), expected);
        assert_eq!(messages("/etc/pam.conf", broken), Vec::<String>::new());
    }

    #[test]
    fn a_service_of_nsswitch_has_its_library() {
        let sound = "# no\npasswd: files systemd\nhosts: files [!UNAVAIL=return] dns[NOTFOUND=return]\nsudoers:files\n";
        assert_eq!(messages("/etc/nsswitch.conf", sound), Vec::<String>::new());
        let broken = "passwd: fles systemd\npaswd: files\nhosts: files [NOTFOUND=retrun] dns\nnonsense\nrpc: files [x\n";
        let expected = [
            "1: `passwd` names service `fles`, whose library `libnss_fles.so.2` the image does not have; there is `files`",
            "1: `passwd` has no `files`, so that nothing in `/etc/passwd` is known, not even root",
            "2: the C library knows no database `paswd`; there is `passwd`",
            "3: `NOTFOUND=retrun` is no `STATUS=action`",
            "4: `nonsense` is no `database: service …`",
            "5: `[x` has no `]`",
        ];
        assert_eq!(messages("/etc/nsswitch.conf", broken), expected);
    }
}
