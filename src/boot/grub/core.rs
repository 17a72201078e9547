//! Makes GRUB's core image for a BIOS from the files of grub-pc-bin, as grub-mkimage does.
//!
//! ```text
//! sector 0      diskboot.img: loads the rest, whose address is in its last 12 bytes
//! sector 1 …    lzma_decompress.img, with both sizes at byte 8
//!               raw LZMA1 of: kernel | module table: modules in order of dependency, configuration, prefix
//! ```
//!
//! grub-mkimage itself is a program of the target, which the building machine may be unable to run.

use super::super::contents::{Contents, ContentsError, path};
use super::super::elf::{Elf, ElfError};
use crate::tree::{Name, TreePath};
use crate::units::{Lba, SECTOR_SIZE};
use liblzma::stream::{Action, Filters, LzmaOptions, Status, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The folder of the packaged files.
const FOLDER: &str = "/usr/lib/grub/i386-pc";

const SECTOR: usize = SECTOR_SIZE as usize;

/// The most bytes of a core image: it is loaded at 0x8200, and memory from 0x80000 on may belong to the BIOS.
const MAX_CORE: usize = 0x7_0000;

/// The most bytes of kernel and modules, which the decompressor unpacks at the address 1 MiB.
const MAX_RAW: usize = 8 << 20;

// Offsets in diskboot.img: include/grub/i386/pc/boot.h of GRUB.
const DISKBOOT_LIST_START: usize = 500;
const DISKBOOT_LIST_LEN: usize = 508;
// Offsets in lzma_decompress.img: include/grub/offsets.h.
const COMPRESSED_SIZE: usize = 8;
const RAW_SIZE: usize = 12;

// Module table: include/grub/kernel.h.
const TABLE_MAGIC: u32 = 0x676d_696d;
const TABLE_HEADER: u32 = 12;
const OBJECT_ELF: u32 = 0;
const OBJECT_CONFIG: u32 = 2;
const OBJECT_PREFIX: u32 = 3;

/// Why a core image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// A file of grub-pc-bin is missing or unreadable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// kernel.img is damaged.
    #[error("`{FOLDER}/kernel.img` cannot be used")]
    Kernel(#[from] ElfError),
    /// A file has another structure than this code can patch.
    #[error(
        "`{path}` has {found}, expected {expected}; this release of grub-pc-bin needs a newer imgbuild"
    )]
    Unknown {
        /// The file.
        path: TreePath,
        /// The expected structure.
        expected: &'static str,
        /// The structure of the file.
        found: String,
    },
    /// A module depends on one that is not listed.
    #[error("GRUB's module `{module}` is not in `{FOLDER}/moddep.lst`")]
    NoModule {
        /// Its name.
        module: String,
    },
    /// The core image is too large.
    #[error("GRUB's core image has {len} bytes, expected at most {max}")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The most that the BIOS can load.
        max: usize,
    },
    /// The compressor failed.
    #[error("cannot compress GRUB's kernel")]
    Compress(#[source] liblzma::stream::Error),
}

/// The core image, in whole sectors, for a partition that starts at sector `core`. It has `modules` and
/// all modules on which these depend, and runs `configuration` first. It loads no modules later, so the
/// root filesystem needs none.
///
/// # Errors
///
/// A file of grub-pc-bin is missing or has an unknown structure, or the core image is too large.
pub fn core_image(
    inputs: Contents<'_>,
    core: Lba,
    modules: &[String],
    configuration: &str,
) -> Result<Vec<u8>, CoreError> {
    let raw = raw_kernel(inputs, modules, configuration)?;
    let mut image = decompressor(inputs)?;
    let compressed = compress(&raw)?;
    let compressed_size = length(compressed.len()).to_le_bytes();
    patch(&mut image, COMPRESSED_SIZE, &compressed_size);
    patch(&mut image, RAW_SIZE, &length(raw.len()).to_le_bytes());
    image.extend_from_slice(&compressed);
    image.resize(image.len().next_multiple_of(SECTOR), 0);
    check_len(image.len(), MAX_CORE)?;
    let mut first = sector(inputs, "diskboot.img")?;
    let n_sectors = u16::try_from(image.len() / SECTOR).expect("a core image is below 448 KiB");
    let start = core.0.saturating_add(1).to_le_bytes();
    patch(&mut first, DISKBOOT_LIST_START, &start);
    patch(&mut first, DISKBOOT_LIST_LEN, &n_sectors.to_le_bytes());
    first.extend_from_slice(&image);
    Ok(first)
}

/// The bytes that are compressed: GRUB's kernel as it is in memory, and the table of modules behind it.
fn raw_kernel(
    inputs: Contents<'_>,
    modules: &[String],
    configuration: &str,
) -> Result<Vec<u8>, CoreError> {
    let mut objects = Vec::new();
    for module in in_order(modules, &read(inputs, "moddep.lst")?)? {
        let bytes = read(inputs, &format!("{module}.mod"))?;
        push_object(&mut objects, OBJECT_ELF, &bytes);
    }
    let text = [configuration.as_bytes(), b"\0"].concat();
    push_object(&mut objects, OBJECT_CONFIG, &text);
    push_object(&mut objects, OBJECT_PREFIX, b"/boot/grub\0");

    let mut raw = kernel_segment(inputs)?;
    let total = length(objects.len()).saturating_add(TABLE_HEADER);
    for field in [TABLE_MAGIC, TABLE_HEADER, total] {
        raw.extend_from_slice(&field.to_le_bytes());
    }
    raw.append(&mut objects);
    check_len(raw.len(), MAX_RAW)?;
    Ok(raw)
}

fn check_len(len: usize, max: usize) -> Result<(), CoreError> {
    match len <= max {
        true => Ok(()),
        false => Err(CoreError::TooLarge { len, max }),
    }
}

fn push_object(objects: &mut Vec<u8>, kind: u32, bytes: &[u8]) {
    let padded = bytes.len().next_multiple_of(4);
    objects.extend_from_slice(&kind.to_le_bytes());
    objects.extend_from_slice(&length(padded).saturating_add(8).to_le_bytes());
    objects.extend_from_slice(bytes);
    objects.resize(objects.len().next_multiple_of(4), 0);
}

/// The bytes of kernel.img's only loadable segment.
fn kernel_segment(inputs: Contents<'_>) -> Result<Vec<u8>, CoreError> {
    let bytes = read(inputs, "kernel.img")?;
    let elf = Elf::parse(&bytes)?;
    let unknown = |found: String| CoreError::Unknown {
        path: file("kernel.img"),
        expected: "one loadable segment of a multiple of 4 bytes",
        found,
    };
    let [segment] = elf.segments[..] else {
        return Err(unknown(format!("{} loadable segments", elf.segments.len())));
    };
    let range = || {
        let start = usize::try_from(segment.offset).ok()?;
        let len = usize::try_from(segment.file_size).ok()?;
        bytes.get(start..start.checked_add(len)?)
    };
    let found = format!(
        "a segment of {} bytes at {}",
        segment.file_size, segment.offset
    );
    let kernel = range().filter(|kernel| kernel.len().is_multiple_of(4));
    kernel.map(<[u8]>::to_vec).ok_or_else(|| unknown(found))
}

/// `modules` and all modules on which they depend, each behind its own dependencies.
fn in_order(modules: &[String], moddep: &[u8]) -> Result<Vec<String>, CoreError> {
    let text = String::from_utf8_lossy(moddep);
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let needs: BTreeMap<&str, Vec<&str>> = lines
        .map(|(module, needs)| (module.trim(), needs.split_whitespace().collect()))
        .collect();
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    // A module is put on the stack twice: first its dependencies are looked up, then it is put in order.
    let names = modules.iter().rev();
    let mut stack: Vec<(&str, bool)> = names.map(|name| (name.as_str(), false)).collect();
    while let Some((module, needs_done)) = stack.pop() {
        if needs_done {
            order.push(module.to_owned());
        } else if seen.insert(module) {
            let no_module = || CoreError::NoModule {
                module: module.to_owned(),
            };
            let needed = needs.get(module).ok_or_else(no_module)?;
            stack.push((module, true));
            stack.extend(needed.iter().rev().map(|name| (*name, false)));
        }
    }
    Ok(order)
}

/// Raw LZMA1 with the parameters that are built into lzma_decompress.img.
fn compress(raw: &[u8]) -> Result<Vec<u8>, CoreError> {
    let mut options = LzmaOptions::new_preset(6).map_err(CoreError::Compress)?;
    options
        .dict_size(1 << 16)
        .literal_context_bits(3)
        .literal_position_bits(0)
        .position_bits(2);
    let mut filters = Filters::new();
    filters.lzma1(&options);
    let mut stream = Stream::new_raw_encoder(&filters).map_err(CoreError::Compress)?;
    let mut compressed = Vec::with_capacity(raw.len().saturating_add(1 << 16));
    let status = stream.process_vec(raw, &mut compressed, Action::Finish);
    match status.map_err(CoreError::Compress)? {
        Status::StreamEnd => Ok(compressed),
        _ => Err(CoreError::TooLarge {
            len: raw.len(),
            max: MAX_CORE,
        }),
    }
}

fn decompressor(inputs: Contents<'_>) -> Result<Vec<u8>, CoreError> {
    let bytes = read(inputs, "lzma_decompress.img")?;
    let both_sizes = bytes.get(COMPRESSED_SIZE..RAW_SIZE + 4);
    if both_sizes == Some(&[0; 8]) {
        Ok(bytes.to_vec())
    } else {
        Err(CoreError::Unknown {
            path: file("lzma_decompress.img"),
            expected: "zeros where the sizes go, at byte 8",
            found: format!("{both_sizes:02x?}"),
        })
    }
}

fn sector(inputs: Contents<'_>, name: &str) -> Result<Vec<u8>, CoreError> {
    let bytes = read(inputs, name)?;
    if bytes.len() == SECTOR {
        return Ok(bytes.to_vec());
    }
    Err(CoreError::Unknown {
        path: file(name),
        expected: "one sector of 512 bytes",
        found: format!("{} bytes", bytes.len()),
    })
}

fn read(inputs: Contents<'_>, name: &str) -> Result<Arc<[u8]>, CoreError> {
    Ok(inputs.bytes(&file(name))?)
}

/// The path of a file of grub-pc-bin. A name from moddep.lst that cannot be one gives the folder.
fn file(name: &str) -> TreePath {
    let folder = path(FOLDER);
    Name::new(name.as_bytes()).map_or(folder.clone(), |name| folder.join(&name))
}

fn patch(bytes: &mut [u8], at: usize, value: &[u8]) {
    let end = at.checked_add(value.len());
    let target = end.and_then(|end| bytes.get_mut(at..end));
    target
        .expect("the file was checked to be long enough")
        .copy_from_slice(value);
}

fn length(len: usize) -> u32 {
    u32::try_from(len).expect("files are read up to 256 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_stands_behind_what_it_needs() {
        let modules = ["search", "linux"].map(str::to_owned);
        let list = b"search:\next2: fshelp\nfshelp:\nlinux: boot ext2\nboot:\n";
        let order = in_order(&modules, list).unwrap();
        assert_eq!(order, ["search", "boot", "fshelp", "ext2", "linux"]);
    }

    #[test]
    fn a_module_that_nobody_lists_is_named() {
        let refused = in_order(&["biosdisk".to_owned()], b"biosdisk: magic\n").unwrap_err();
        assert!(matches!(refused, CoreError::NoModule { module } if module == "magic"));
    }
}
