//! Keyrings that sources of apt in overlays are signed by. apt looks for them when it fetches an index: the device would
//! have an archive that it takes nothing from.

use super::check::Problem;
use crate::apt::sources::{self, SourceEntry};
use crate::tree::{Kind, NodeId, Tree, TreePath};

/// What is wrong with the keyrings that `text`, the file of an overlay at `path` in `tree`, names. Whether the text is one
/// of sources, apt says.
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
    let named = entries
        .iter()
        .filter_map(|entry| entry.signed_by.as_deref());
    // What is no path is a fingerprint, or the key itself.
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

/// Why apt cannot read a key from `path`.
fn fault(tree: &Tree, path: &str) -> Option<&'static str> {
    const MISSING: &str = "which the image does not have";
    let path = TreePath::parse(path.as_bytes()).ok();
    let Some(id) = path.and_then(|path| tree.resolve(&path)) else {
        return Some(MISSING);
    };
    let is_readable = |id: NodeId| tree.node(id).meta.mode & 0o004 != 0;
    match &tree.node(id).kind {
        Kind::File(content) if content.is_empty() => Some("which is empty"),
        // Indices are fetched and checked by a user of apt's own.
        Kind::File(_) if !is_readable(id) => Some("which user `_apt` cannot read"),
        Kind::File(_) => None,
        _ => Some("which is no file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Meta, Node, Origin};

    #[test]
    fn a_keyring_is_there_and_can_be_read() {
        let meta = |mode| Meta::root(mode, Timestamp::default());
        let mut tree = Tree::new(meta(0o755));
        let folder = TreePath::parse(b"/k").unwrap();
        tree.make_directories(&folder, meta(0o755), &Origin::Builtin)
            .unwrap();
        for (path, text, mode) in [
            ("/k/good", "x", 0o644),
            ("/k/none", "", 0o644),
            ("/k/own", "x", 0o600),
        ] {
            let path = TreePath::parse(path.as_bytes()).unwrap();
            let kind = Kind::File(Content::inline(text.as_bytes()));
            tree.insert(&path, Node::new(kind, meta(mode), Origin::Builtin))
                .unwrap();
        }
        let said = |path: &str, text: &str| -> Vec<String> {
            let place = TreePath::parse(path.as_bytes()).unwrap();
            let problems = problems(&tree, &place, text).into_iter();
            problems.map(|problem| problem.words).collect()
        };
        let start = "Types: deb\nURIs: http://a.example/\nSuites: x\nComponents: main\nSigned-By:";
        let path = "/etc/apt/sources.list.d/a.sources";
        let text = format!("{start} /k/good /k/gone, /k/none\n");
        let expected = [
            "`/etc/apt/sources.list.d/a.sources` is signed by `/k/gone`, which the image does not have",
            "`/etc/apt/sources.list.d/a.sources` is signed by `/k/none`, which is empty",
        ];
        assert_eq!(said(path, &text), expected);
        let block = format!(
            "{start}\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc/def\n -----END PGP PUBLIC KEY BLOCK-----\n"
        );
        assert_eq!(said(path, &block), Vec::<String>::new());
        let list = "deb [arch=all signed-by=/k/own,/k] http://a.example/ x main\ndeb http://b.example/ x main\n";
        for path in ["/etc/apt/sources.list", "/etc/apt/sources.list.d/a.list"] {
            let expected = [
                format!("`{path}` is signed by `/k`, which is no file"),
                format!("`{path}` is signed by `/k/own`, which user `_apt` cannot read"),
            ];
            assert_eq!(said(path, list), expected);
        }
        assert_eq!(
            said("/etc/apt/sources.list.d/a.txt", list),
            Vec::<String>::new()
        );
        assert_eq!(
            said("/etc/apt/apt.conf.d/a.list", list),
            Vec::<String>::new()
        );
    }
}
