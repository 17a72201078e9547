//! Checks the keyrings that apt's sources in overlays name. apt looks for a keyring only when it fetches an index:
//! without it, the device would have an archive from which it installs nothing.

use super::check::Problem;
use crate::apt::sources::{self, SourceEntry};
use crate::tree::{Kind, NodeId, Tree, TreePath};

/// The problems of the keyrings that `text` names, the file of an overlay at `path` in `tree`. A text that cannot be
/// parsed has no problem here, because apt itself refuses it.
pub(super) fn problems(tree: &Tree, path: &TreePath, text: &str) -> Vec<Problem> {
    let place = path.to_string();
    let name = place.strip_prefix("/etc/apt/sources.list").unwrap_or("x");
    let entries = match name.strip_prefix(".d/") {
        Some(name) if name.ends_with(".sources") => sources::parse_sources(text),
        Some(name) if name.ends_with(".list") => sources::parse_list(text),
        None if name.is_empty() => sources::parse_list(text),
        _ => return Vec::new(),
    };
    let entries: Vec<SourceEntry> = entries.unwrap_or_default();
    let named = (entries.iter()).filter_map(|entry| entry.signed_by.as_deref());
    // A word that is not a path is a fingerprint, or a part of a key.
    let words = named.flat_map(|keys| keys.split(|c: char| c == ',' || c.is_ascii_whitespace()));
    let mut keyrings: Vec<&str> = words.filter(|key| key.starts_with('/')).collect();
    keyrings.sort_unstable();
    keyrings.dedup();
    let problem = |keyring: &str| {
        let fault = fault(tree, keyring)?;
        Some(Problem {
            words: format!("`{place}` is signed by `{keyring}`, {fault}"),
            file: path.clone(),
        })
    };
    keyrings.into_iter().filter_map(problem).collect()
}

/// The reason why apt cannot read a key from `path`, if there is one.
fn fault(tree: &Tree, path: &str) -> Option<&'static str> {
    const MISSING: &str = "which the image does not have";
    let path = TreePath::parse(path.as_bytes()).ok();
    let Some(id) = path.and_then(|path| tree.resolve(&path)) else {
        return Some(MISSING);
    };
    let is_readable = |id: NodeId| tree.node(id).meta.mode & 0o004 != 0;
    match &tree.node(id).kind {
        Kind::File(content) if content.is_empty() => Some("which is empty"),
        // apt fetches and checks indices as its own user.
        Kind::File(_) if !is_readable(id) => Some("which user `_apt` cannot read"),
        Kind::File(_) => None,
        _ => Some("which is no file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, path, put};
    use crate::epoch::Timestamp;
    use crate::tree::Meta;

    #[test]
    fn a_keyring_is_there_and_can_be_read() {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        for (at, text, mode) in [
            ("/k/good", "x", 0o644),
            ("/k/none", "", 0o644),
            ("/k/own", "x", 0o600),
        ] {
            let file = builtin_file(text.as_bytes(), mode, Timestamp::default());
            put(&mut tree, &path(at), file).unwrap();
        }
        let messages = |at: &str, text: &str| -> Vec<String> {
            let problems = problems(&tree, &path(at), text).into_iter();
            problems.map(|problem| problem.words).collect()
        };
        let start = "Types: deb\nURIs: http://a.example/\nSuites: x\nComponents: main\nSigned-By:";
        let sources = "/etc/apt/sources.list.d/a.sources";
        let text = format!("{start} /k/good /k/gone, /k/none\n");
        let expected = [
            "`/etc/apt/sources.list.d/a.sources` is signed by `/k/gone`, which the image does not have",
            "`/etc/apt/sources.list.d/a.sources` is signed by `/k/none`, which is empty",
        ];
        assert_eq!(messages(sources, &text), expected);
        let block = format!(
            "{start}\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc/def\n -----END PGP PUBLIC KEY BLOCK-----\n"
        );
        assert_eq!(messages(sources, &block), Vec::<String>::new());
        let list = "deb [arch=all signed-by=/k/own,/k] http://a.example/ x main\ndeb http://b.example/ x main\n";
        for path in ["/etc/apt/sources.list", "/etc/apt/sources.list.d/a.list"] {
            let expected = [
                format!("`{path}` is signed by `/k`, which is no file"),
                format!("`{path}` is signed by `/k/own`, which user `_apt` cannot read"),
            ];
            assert_eq!(messages(path, list), expected);
        }
        for path in [
            "/etc/apt/sources.list.d/a.txt",
            "/etc/apt/apt.conf.d/a.list",
        ] {
            assert_eq!(messages(path, list), Vec::<String>::new());
        }
    }
}
