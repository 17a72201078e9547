//! Reads the members of control.tar into memory: `control`, `conffiles`, maintainer scripts and
//! others.

use super::entry::EntryKind;
use super::error::DebError;
use super::tar;
use crate::disk::device::Device;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

/// The greatest length of a decompressed control.tar; Debian's largest ones have a few MB.
pub(super) const MAX_CONTROL: u64 = 64 << 20;

/// One file of control.tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMember {
    /// Permission bits.
    pub mode: u16,
    /// Content.
    pub bytes: Arc<[u8]>,
}

/// The files of control.tar by name, without `./`.
pub type ControlFiles = BTreeMap<String, ControlMember>;

/// Reads the decompressed control.tar from `reader`.
pub(super) fn read(reader: impl Read) -> Result<ControlFiles, DebError> {
    let archive = read_limited(reader)?;
    let archive = archive.as_slice();
    let mut files = ControlFiles::new();
    for entry in tar::entries(&archive) {
        let entry = entry.map_err(DebError::ControlTar)?;
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let short = name.strip_prefix("./").unwrap_or(&name);
        match entry.kind {
            EntryKind::Directory if matches!(short, "" | ".") => continue,
            EntryKind::File if !short.is_empty() && !short.contains('/') => {}
            _ => return Err(DebError::ControlMember { name }),
        }
        let mut bytes = vec![0; usize::try_from(entry.size).expect("it lies in memory")];
        let read = archive.read_at(entry.offset, &mut bytes);
        read.map_err(DebError::Read)?;
        let member = ControlMember {
            mode: entry.mode,
            bytes: bytes.into(),
        };
        files.insert(short.to_owned(), member);
    }
    Ok(files)
}

fn read_limited(reader: impl Read) -> Result<Vec<u8>, DebError> {
    let member = "control.tar";
    let mut archive = Vec::new();
    let copied = io::copy(&mut reader.take(MAX_CONTROL + 1), &mut archive);
    let len = copied.map_err(|source| DebError::Decompress { member, source })?;
    if len > MAX_CONTROL {
        return Err(DebError::TooLarge {
            member,
            max: MAX_CONTROL,
        });
    }
    Ok(archive)
}
