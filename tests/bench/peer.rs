//! The writer of the crate mkext4, from a folder to a file.

use super::folder::{self, Found};
use mkext4::build::ImageWriter;
use mkext4::sink::FileSink;
use mkext4::{FsBuilder, InodeCount, InodeHandle, Meta, Options, ROOT, SparseSeg, SpecialKind};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Writes `folder` into a filesystem of `len` bytes with `inodes` inodes in the file `image`.
pub(super) fn write(folder: &Path, image: &Path, len: u64, inodes: u64) {
    let found = folder::read(folder);
    let mut builder = FsBuilder::new(options(len, inodes)).unwrap();
    let mut handles = vec![ROOT];
    let mut linked: BTreeMap<(u64, u64), InodeHandle> = BTreeMap::new();
    let mut fills = Vec::new();
    for found in &found[1..] {
        let (parent, name) = (handles[found.parent], found.name.to_str().unwrap());
        let inode = (found.metadata.dev(), found.metadata.ino());
        let handle = if let Some(handle) = linked.get(&inode) {
            builder.hardlink(parent, name, *handle).unwrap();
            *handle
        } else {
            let handle = add(&mut builder, parent, name, found);
            if found.metadata.is_file() {
                linked.insert(inode, handle);
                if found.metadata.len() > 0 {
                    fills.push((handle, found));
                }
            }
            handle
        };
        handles.push(handle);
    }
    finish(builder, image, |writer| {
        for (handle, found) in fills {
            writer.fill(handle, &mut data(found)).unwrap();
        }
    });
}

/// The same parameters as for imgbuild, if mkext4 has the option.
pub(super) fn options(len: u64, inodes: u64) -> Options {
    let mut options = Options::new(len, *b"filesystem uuid!", 1_757_663_741);
    options.inodes = InodeCount::Exact(u32::try_from(inodes.max(len / 16_384)).unwrap());
    options
}

/// Writes the file `image`, into which `fill` puts all content.
pub(super) fn finish(
    builder: FsBuilder,
    image: &Path,
    fill: impl FnOnce(&mut ImageWriter<'_, &mut FileSink>),
) {
    let layout = builder.seal().unwrap();
    let mut sink = FileSink::create(image, layout.image_len()).unwrap();
    let mut writer = layout.writer(&mut sink).unwrap();
    fill(&mut writer);
    writer.finish().unwrap();
    // imgbuild does this too.
    sink.into_file().sync_all().unwrap();
}

fn add(builder: &mut FsBuilder, parent: InodeHandle, name: &str, found: &Found) -> InodeHandle {
    let metadata = &found.metadata;
    let mode = (metadata.mode() & 0o7777) as u16;
    let mtime = (metadata.mtime(), metadata.mtime_nsec() as u32);
    let meta = Meta::new(mode, metadata.uid(), metadata.gid(), mtime);
    let added = if metadata.is_dir() {
        builder.mkdir(parent, name, meta)
    } else if metadata.is_symlink() {
        let target = fs_err::read_link(&found.path).unwrap();
        builder.symlink(parent, name, target.to_str().unwrap(), meta)
    } else if !metadata.is_file() {
        builder.mknod(parent, name, meta, SpecialKind::Fifo)
    } else {
        let spans = folder::data(&found.path, metadata);
        match spans.as_slice() {
            [(0, end)] if *end == metadata.len() => builder.file(parent, name, meta, *end),
            _ => builder.file_sparse(parent, name, meta, &segments(&spans, metadata.len())),
        }
    };
    added.unwrap()
}

fn segments(spans: &[(u64, u64)], len: u64) -> Vec<SparseSeg> {
    let mut segments = Vec::new();
    let mut at = 0;
    for (start, end) in spans {
        segments.extend([SparseSeg::Hole(start - at), SparseSeg::Data(end - start)]);
        at = *end;
    }
    segments.push(SparseSeg::Hole(len - at));
    segments.retain(|segment| !matches!(segment, SparseSeg::Hole(0)));
    segments
}

/// The data of a file without its holes.
fn data(found: &Found) -> Box<dyn Read> {
    let spans = folder::data(&found.path, &found.metadata);
    let mut all: Box<dyn Read> = Box::new(std::io::empty());
    for (start, end) in spans {
        let mut file = fs_err::File::open(&found.path).unwrap();
        file.seek(SeekFrom::Start(start)).unwrap();
        all = Box::new(all.chain(file.take(end - start)));
    }
    all
}
