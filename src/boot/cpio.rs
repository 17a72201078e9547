//! Writes a tree as a `newc` cpio archive, the form in which the kernel takes an initramfs
//! (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's source).
//!
//! The bytes depend on the tree and the epoch only: entries in the order of the tree, numbered from
//! one, owned by root, all of one time.

use super::contents::{Contents, ContentsError};
use crate::epoch::Epoch;
use crate::tree::{Kind, Node, NodeId, TreePath};

/// `newc` has 32-bit fields.
const MAX_FIELD: u64 = u32::MAX as u64;

/// Why a tree cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// A file cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A number is too large for the format.
    #[error("`{path}` has a {what} of {value}, expected at most {MAX_FIELD} in an initramfs")]
    TooLarge {
        /// The node.
        path: TreePath,
        /// Which field.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

/// Writes every node of the tree but the root itself. Each name of a hard link becomes a file.
pub fn write(contents: Contents<'_>, epoch: Epoch) -> Result<Vec<u8>, CpioError> {
    let mut archive = Vec::new();
    for (serial, (path, id)) in contents.tree.walk().into_iter().enumerate().skip(1) {
        let body = body(contents, &path, id)?;
        let name = path.to_bytes();
        let header = Header {
            inode: field(&path, "number", u64::try_from(serial).unwrap_or(u64::MAX))?,
            mode: mode(contents.tree.node(id)),
            n_links: if contents.tree.node(id).is_directory() {
                2
            } else {
                1
            },
            mtime: field(&path, "time", epoch.0)?,
            size: field(
                &path,
                "length",
                u64::try_from(body.len()).unwrap_or(u64::MAX),
            )?,
            device: device(contents.tree.node(id)),
        };
        header.write(&mut archive, name.strip_prefix(b"/").unwrap_or(&name));
        archive.extend_from_slice(&body);
        pad(&mut archive, 4);
    }
    Header::default().write(&mut archive, b"TRAILER!!!");
    // GNU cpio and the kernel both take any end; 512 is what cpio writes.
    pad(&mut archive, 512);
    Ok(archive)
}

#[derive(Default)]
struct Header {
    inode: u32,
    mode: u32,
    n_links: u32,
    mtime: u32,
    size: u32,
    device: (u32, u32),
}

impl Header {
    fn write(&self, archive: &mut Vec<u8>, name: &[u8]) {
        let name_size = u32::try_from(name.len() + 1).expect("a path is shorter than 4 GiB");
        let n_links = self.n_links.max(1);
        archive.extend_from_slice(b"070701");
        for field in [
            self.inode,
            self.mode,
            0,
            0,
            n_links,
            self.mtime,
            self.size,
            0,
            0,
            self.device.0,
            self.device.1,
            name_size,
            0,
        ] {
            archive.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        archive.extend_from_slice(name);
        archive.push(0);
        pad(archive, 4);
    }
}

fn body(contents: Contents<'_>, path: &TreePath, id: NodeId) -> Result<Vec<u8>, ContentsError> {
    match &contents.tree.node(id).kind {
        Kind::File(content) => Ok(contents.read(path, content)?.to_vec()),
        Kind::Symlink(target) => Ok(target.to_vec()),
        _ => Ok(Vec::new()),
    }
}

fn field(path: &TreePath, what: &'static str, value: u64) -> Result<u32, CpioError> {
    let too_large = || CpioError::TooLarge {
        path: path.clone(),
        what,
        value,
    };
    u32::try_from(value).map_err(|_| too_large())
}

/// `st_mode`: the type bits of POSIX over the permissions.
fn mode(node: &Node) -> u32 {
    let kind = match node.kind {
        Kind::Directory(_) => 0o040_000,
        Kind::File(_) => 0o100_000,
        Kind::Symlink(_) => 0o120_000,
        Kind::BlockDevice { .. } => 0o060_000,
        Kind::CharDevice { .. } => 0o020_000,
        Kind::Fifo => 0o010_000,
        Kind::Socket => 0o140_000,
    };
    kind | u32::from(node.meta.mode)
}

fn device(node: &Node) -> (u32, u32) {
    match node.kind {
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => (major, minor),
        _ => (0, 0),
    }
}

fn pad(archive: &mut Vec<u8>, alignment: usize) {
    archive.resize(archive.len().next_multiple_of(alignment), 0);
}
