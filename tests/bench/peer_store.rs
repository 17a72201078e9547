//! The writer of the crate mkext4 with the same input as imgbuild's: the tree of a store, and slices of its
//! object.

use super::peer;
use super::store::{self, Packed};
use imgbuild::tree::{Content, Kind, Meta, NodeId, Objects, Piece, Tree};
use mkext4::{FsBuilder, InodeHandle, ROOT, SparseSeg, SpecialKind};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Writes the contents of `store` into a filesystem of `len` bytes with `inodes` inodes in the file `image`.
pub(super) fn write(store: &Path, image: &Path, len: u64, inodes: u64) {
    let tree = store::tree(store);
    let mut adding = Adding {
        tree: &tree,
        builder: FsBuilder::new(peer::options(len, inodes)).unwrap(),
        linked: BTreeMap::new(),
        fills: Vec::new(),
    };
    adding.entries(tree.root(), ROOT);
    let Adding { builder, fills, .. } = adding;
    let object = Packed::of(store).open(&store::object()).unwrap();
    peer::finish(builder, image, |writer| {
        for (handle, content) in fills {
            writer
                .fill(handle, &mut Slices::new(&object, content))
                .unwrap();
        }
    });
}

struct Adding<'a> {
    tree: &'a Tree,
    builder: FsBuilder,
    linked: BTreeMap<NodeId, InodeHandle>,
    fills: Vec<(InodeHandle, &'a Content)>,
}

impl Adding<'_> {
    /// Adds the contents of the directory `id`.
    fn entries(&mut self, id: NodeId, parent: InodeHandle) {
        let tree = self.tree;
        for (name, id) in tree.entries(id) {
            let name = std::str::from_utf8(name.as_bytes()).unwrap();
            if let Some(handle) = self.linked.get(&id) {
                self.builder.hardlink(parent, name, *handle).unwrap();
                continue;
            }
            let handle = self.entry(id, parent, name);
            if tree.node(id).is_directory() {
                self.entries(id, handle);
            } else {
                self.linked.insert(id, handle);
            }
        }
    }

    fn entry(&mut self, id: NodeId, parent: InodeHandle, name: &str) -> InodeHandle {
        let node = self.tree.node(id);
        let (builder, meta) = (&mut self.builder, meta(&node.meta));
        let added = match &node.kind {
            Kind::Directory(_) => builder.mkdir(parent, name, meta),
            Kind::Symlink(target) => {
                builder.symlink(parent, name, std::str::from_utf8(target).unwrap(), meta)
            }
            Kind::File(Content::Pieces(pieces)) => {
                let segments: Vec<_> = pieces.iter().map(segment).collect();
                builder.file_sparse(parent, name, meta, &segments)
            }
            Kind::File(content) => builder.file(parent, name, meta, content.len()),
            _ => builder.mknod(parent, name, meta, SpecialKind::Fifo),
        };
        let handle = added.unwrap();
        if let Kind::File(content) = &node.kind
            && !content.is_empty()
        {
            self.fills.push((handle, content));
        }
        handle
    }
}

fn meta(meta: &Meta) -> mkext4::Meta {
    let mtime = (meta.mtime.seconds, meta.mtime.nanoseconds);
    mkext4::Meta::new(meta.mode, meta.uid, meta.gid, mtime)
}

fn segment(piece: &Piece) -> SparseSeg {
    match piece {
        Piece::Hole(len) => SparseSeg::Hole(*len),
        piece => SparseSeg::Data(piece.len()),
    }
}

/// The data of a content, read from the object.
struct Slices<'a> {
    object: &'a fs_err::File,
    /// The start and end of the spans that are still to be read, the next one last.
    ahead: Vec<(u64, u64)>,
}

impl<'a> Slices<'a> {
    fn new(object: &'a fs_err::File, content: &Content) -> Self {
        let stored = content.pieces().filter_map(|piece| match piece {
            Piece::Stored(slice) => Some((slice.offset, slice.offset + slice.len)),
            _ => None,
        });
        let mut ahead: Vec<_> = stored.collect();
        ahead.reverse();
        Self { object, ahead }
    }
}

impl Read for Slices<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some((at, end)) = self.ahead.last_mut() else {
            return Ok(0);
        };
        let n = into.len().min((*end - *at) as usize);
        let read = self.object.file().read_at(&mut into[..n], *at)?;
        *at += read as u64;
        if at == end {
            self.ahead.pop();
        }
        Ok(read)
    }
}
