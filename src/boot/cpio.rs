//! Writes a tree as a `newc` cpio archive, the format of an initramfs
//! (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's source).
//!
//! The bytes depend only on the tree and the epoch: entries are in the order of the tree, numbered from
//! one, owned by root, and have one time.

use super::contents::{Contents, ContentsError};
use crate::epoch::Epoch;
use crate::tree::{Kind, Node, TreePath};

/// The largest number in a field of `newc`, which has 32 bits.
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
        /// The field.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

/// Writes every node of the tree except the root. Each name of a hard link becomes a file.
///
/// # Errors
///
/// A file cannot be read, or a number does not fit its field.
pub fn write(contents: Contents<'_>, epoch: Epoch) -> Result<Vec<u8>, CpioError> {
    let mut archive = Vec::new();
    for (serial, (path, id)) in contents.tree.walk().into_iter().enumerate().skip(1) {
        let node = contents.tree.node(id);
        let body = match &node.kind {
            Kind::File(content) => contents.read(&path, content)?,
            Kind::Symlink(target) => target.clone(),
            _ => [].into(),
        };
        let name = path.to_bytes();
        let header = Header {
            inode: field(&path, "number", serial as u64)?,
            mode: mode(node),
            n_links: if node.is_directory() { 2 } else { 1 },
            mtime: field(&path, "time", epoch.0)?,
            size: field(&path, "length", body.len() as u64)?,
            device: device(node),
        };
        header.write(&mut archive, name.strip_prefix(b"/").unwrap_or(&name));
        archive.extend_from_slice(&body);
        pad(&mut archive, 4);
    }
    Header::default().write(&mut archive, b"TRAILER!!!");
    // GNU cpio pads an archive to 512 bytes; the kernel accepts any length.
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

fn field(path: &TreePath, what: &'static str, value: u64) -> Result<u32, CpioError> {
    u32::try_from(value).map_err(|_| CpioError::TooLarge {
        path: path.clone(),
        what,
        value,
    })
}

/// `st_mode`: the type of the node and its permissions.
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
