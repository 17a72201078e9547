//! The canonical text form of a tree: one line per name, read back without loss.
//!
//! ```text
//! /                d 755 0 0 1757663741.0 builtin
//! /bin             l 777 0 0 1757663741.0 package:base-files usr/bin
//! /etc/hostname    f 644 0 0 1757663741.0 overlay:base "imgbuild\n"
//! /usr/bin/perl    f 755 0 0 1757663741.0 package:perl-base <sha256>+<offset>+<len>
//! /usr/bin/perl5   h /usr/bin/perl
//! ```
//!
//! Fields are separated by one space. Bytes outside printable ASCII, and space and `%"=,`, are
//! `%XX`. Content is one piece or several with commas between them: `=` followed by bytes, a slice of
//! a stored object, or `~` and the length of a hole. A slice that is known to be followed by zeros in
//! its object ends with `+` and their number. Extended attributes follow as ` name=value`.

use super::{
    ALIGNMENT, Content, Kind, Meta, Node, NodeId, Origin, Piece, Slice, Tree, TreeError, TreePath,
};
use crate::epoch::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

/// Writes `tree` as text.
pub fn dump(tree: &Tree) -> String {
    let mut text = String::new();
    let mut first_names: BTreeMap<NodeId, TreePath> = BTreeMap::new();
    for (path, id) in tree.walk() {
        text.push_str(&escape(&path.to_bytes()));
        match first_names.get(&id) {
            Some(first) => {
                writeln!(text, " h {}", escape(&first.to_bytes())).expect("a String takes all");
            }
            None => {
                line(&mut text, tree.node(id));
                first_names.insert(id, path);
            }
        }
    }
    text
}

fn line(text: &mut String, node: &Node) {
    let (letter, rest) = match &node.kind {
        Kind::Directory(_) => ('d', String::new()),
        Kind::File(content) => ('f', format!(" {}", content_text(content))),
        Kind::Symlink(target) => ('l', format!(" {}", escape(target))),
        Kind::BlockDevice { major, minor } => ('b', format!(" {major}:{minor}")),
        Kind::CharDevice { major, minor } => ('c', format!(" {major}:{minor}")),
        Kind::Fifo => ('p', String::new()),
        Kind::Socket => ('s', String::new()),
    };
    let Meta {
        mode,
        uid,
        gid,
        mtime,
    } = node.meta;
    let Timestamp {
        seconds,
        nanoseconds,
    } = mtime;
    let origin = match &node.origin {
        Origin::Base => "base".to_owned(),
        Origin::Package(name) => format!("package:{}", escape(name.as_bytes())),
        Origin::Script => "script".to_owned(),
        Origin::Overlay(name) => format!("overlay:{}", escape(name.as_bytes())),
        Origin::Setting => "setting".to_owned(),
        Origin::Unit => "unit".to_owned(),
        Origin::Builtin => "builtin".to_owned(),
    };
    write!(
        text,
        " {letter} {mode:o} {uid} {gid} {seconds}.{nanoseconds} {origin}{rest}"
    )
    .expect("a String takes all");
    for (name, value) in &node.xattrs {
        write!(text, " {}={}", escape(name), escape(value)).expect("a String takes all");
    }
    text.push('\n');
}

fn content_text(content: &Content) -> String {
    if let Content::Padded(slice) = content {
        let zeros = ALIGNMENT - slice.len % ALIGNMENT;
        return format!("{}+{zeros}", piece_text(&Piece::Stored(*slice)));
    }
    let pieces: Vec<String> = content.pieces().map(|piece| piece_text(&piece)).collect();
    match pieces.as_slice() {
        [] => "=".to_owned(),
        pieces => pieces.join(","),
    }
}

fn piece_text(piece: &Piece) -> String {
    match piece {
        Piece::Bytes(bytes) => format!("={}", escape(bytes)),
        Piece::Stored(Slice {
            object,
            offset,
            len,
        }) => format!("{object}+{offset}+{len}"),
        Piece::Hole(len) => format!("~{len}"),
    }
}

fn escape(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |half: u8| DIGITS[usize::from(half)];
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0x21..=0x7e if !b"%\"=,".contains(byte) => text.push(char::from(*byte)),
            _ => text.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    text
}

/// An error in the text of a tree dump.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// A line cannot be read.
    #[error("line {line} of the tree dump cannot be read: {found}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// A line contradicts the lines before it.
    #[error("line {line} of the tree dump does not fit the tree")]
    Tree {
        /// Counted from 1.
        line: usize,
        /// The contradiction.
        #[source]
        source: TreeError,
    },
}

/// Reads what [`dump`] wrote.
///
/// # Errors
///
/// A line cannot be read, or does not fit the lines before it.
pub fn parse_dump(text: &str) -> Result<Tree, DumpError> {
    let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let unreadable = || DumpError::Line {
            line: number,
            found: line.to_owned(),
        };
        let (path, entry) = parse_line(line).ok_or_else(unreadable)?;
        let placed = match entry {
            Entry::Node(node) => tree.insert(&path, *node).map(|_| ()),
            Entry::Link(target) => match tree.at(&target) {
                Some(id) => tree.link(&path, id),
                None => Err(TreeError::Missing { path: target }),
            },
        };
        placed.map_err(|source| DumpError::Tree {
            line: number,
            source,
        })?;
    }
    Ok(tree)
}

enum Entry {
    Node(Box<Node>),
    Link(TreePath),
}

fn parse_line(line: &str) -> Option<(TreePath, Entry)> {
    let mut fields = line.split(' ');
    let path = TreePath::parse(&unescape(fields.next()?)?).ok()?;
    let letter = fields.next()?;
    if letter == "h" {
        let target = TreePath::parse(&unescape(fields.next()?)?).ok()?;
        return Some((path, Entry::Link(target)));
    }
    let mode = u16::from_str_radix(fields.next()?, 8).ok()?;
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let (seconds, nanoseconds) = pair(fields.next()?, '.')?;
    let meta = Meta {
        mode,
        uid,
        gid,
        mtime: Timestamp {
            seconds,
            nanoseconds,
        },
    };
    let origin = parse_origin(fields.next()?)?;
    let kind = match letter {
        "d" => Kind::Directory(BTreeMap::new()),
        "f" => Kind::File(parse_content(fields.next()?)?),
        "l" => Kind::Symlink(unescape(fields.next()?)?.into()),
        "b" | "c" => {
            let (major, minor) = pair(fields.next()?, ':')?;
            match letter {
                "b" => Kind::BlockDevice { major, minor },
                _ => Kind::CharDevice { major, minor },
            }
        }
        "p" => Kind::Fifo,
        "s" => Kind::Socket,
        _ => return None,
    };
    let mut node = Node::new(kind, meta, origin);
    for field in fields {
        let (name, value) = field.split_once('=')?;
        node.xattrs.insert(unescape(name)?, unescape(value)?);
    }
    Some((path, Entry::Node(Box::new(node))))
}

fn parse_origin(text: &str) -> Option<Origin> {
    let named = |name: &str| Some(Arc::from(String::from_utf8(unescape(name)?).ok()?));
    Some(match text.split_once(':') {
        None if text == "base" => Origin::Base,
        None if text == "script" => Origin::Script,
        None if text == "setting" => Origin::Setting,
        None if text == "unit" => Origin::Unit,
        None if text == "builtin" => Origin::Builtin,
        Some(("package", name)) => Origin::Package(named(name)?),
        Some(("overlay", name)) => Origin::Overlay(named(name)?),
        _ => return None,
    })
}

fn parse_content(text: &str) -> Option<Content> {
    if let Some((slice, zeros)) = text.rsplit_once('+').filter(|_| is_padded(text)) {
        let zeros: u64 = zeros.parse().ok()?;
        let Piece::Stored(slice) = parse_piece(slice)? else {
            return None;
        };
        let whole = slice.len.checked_add(zeros)?;
        let fits = zeros < ALIGNMENT && whole.is_multiple_of(ALIGNMENT);
        return fits.then(|| Content::padded(slice));
    }
    let pieces: Option<Vec<Piece>> = text.split(',').map(parse_piece).collect();
    Some(Content::from_pieces(pieces?))
}

/// Whether the content is one slice with zeros behind it. No other content has a third `+` in its
/// only piece.
fn is_padded(text: &str) -> bool {
    !text.contains(['=', '~', ',']) && text.matches('+').count() == 3
}

fn parse_piece(text: &str) -> Option<Piece> {
    if let Some(bytes) = text.strip_prefix('=') {
        return Some(Piece::Bytes(unescape(bytes)?.into()));
    }
    if let Some(len) = text.strip_prefix('~') {
        return Some(Piece::Hole(len.parse().ok()?));
    }
    let mut parts = text.split('+');
    let object = parts.next()?.parse().ok()?;
    let offset = parts.next()?.parse().ok()?;
    let len = parts.next()?.parse().ok()?;
    let slice = Slice {
        object,
        offset,
        len,
    };
    parts.next().is_none().then_some(Piece::Stored(slice))
}

fn pair<A: FromStr, B: FromStr>(text: &str, separator: char) -> Option<(A, B)> {
    let (a, b) = text.split_once(separator)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    fn sample() -> Tree {
        let (seconds, nanoseconds) = (-1, 5);
        let mtime = Timestamp {
            seconds,
            nanoseconds,
        };
        let meta = Meta::root(0o755, mtime);
        let mut tree = Tree::new(meta);
        let mut put = |path: &[u8], kind: Kind, origin: Origin| {
            let node = Node::new(kind, meta, origin);
            tree.insert(&TreePath::parse(path).unwrap(), node).unwrap()
        };
        put(b"/d", Kind::Directory(BTreeMap::new()), Origin::Base);
        let symlink = Kind::Symlink(b"x y\0".as_slice().into());
        put(b"/d/\xff a%\"", symlink, Origin::Script);
        let slice = Slice {
            object: Sha256::of(b"x"),
            offset: 7,
            len: 9,
        };
        let stored = Kind::File(Content::Stored(slice));
        let stored = put(b"/s", stored, Origin::Package("tor".into()));
        let padded = Kind::File(Content::padded(slice));
        put(b"/padded", padded, Origin::Script);
        let empty = Kind::File(Content::inline(b""));
        put(b"/empty", empty, Origin::Overlay("base".into()));
        let inline = Kind::File(Content::inline(b"a=b\n"));
        put(b"/i", inline, Origin::Builtin);
        let (major, minor) = (259, 70_000);
        let device = Kind::BlockDevice { major, minor };
        put(b"/b", device, Origin::Setting);
        put(b"/p", Kind::Fifo, Origin::Unit);
        let bytes = Piece::Bytes((*b",~=").into());
        let pieces = [Piece::Hole(4096), Piece::Stored(slice), bytes];
        let scattered = Kind::File(Content::from_pieces(pieces));
        put(b"/scattered", scattered, Origin::Base);
        tree.link(&TreePath::parse(b"/d/s2").unwrap(), stored)
            .unwrap();
        tree.node_mut(stored)
            .xattrs
            .insert(b"user.x=y".to_vec(), b"\x00=".to_vec());
        tree
    }

    #[test]
    fn a_dump_reads_back_to_the_same_dump() {
        let text = dump(&sample());
        assert_eq!(dump(&parse_dump(&text).unwrap()), text);
        assert!(text.contains("/s h /d/s2\n"), "{text}");
        assert!(text.contains("+7+9+4087\n"), "{text}");
    }

    #[test]
    fn padding_that_does_not_fill_a_block_is_refused() {
        let object = Sha256::of(b"x");
        for slice in [
            "0+5+4090",
            "0+5+1",
            "0+5+",
            "0+5+-1",
            "0+4096+4096",
            "0+1+4095+0",
        ] {
            let text = format!("/ d 755 0 0 0.0 builtin\n/x f 644 0 0 0.0 base {object}+{slice}\n");
            assert!(parse_dump(&text).is_err(), "{slice}");
        }
    }

    #[test]
    fn a_line_that_is_no_node_is_named() {
        let wrong = "/ d 755 0 0 0.0 builtin\n/x q 644 0 0 0.0 builtin\n";
        let error = parse_dump(wrong).unwrap_err();
        let found = "/x q 644 0 0 0.0 builtin".to_owned();
        assert_eq!(error, DumpError::Line { line: 2, found });
    }
}
