//! The kernels of a system: those in `/boot`, and those that a Raspberry Pi's firmware finds on its partition.

use super::files::Files;
use crate::tree::{Content, Kind, TreePath};
use flate2::read::GzDecoder;
use memchr::memmem;
use serde::Serialize;
use std::io::Read;

/// The folders that boot loaders read.
const FOLDERS: [&str; 4] = ["/boot", "/boot/firmware", "/boot/efi", ""];
/// The bytes of an unpacked kernel in which its version is looked for.
const MAX_KERNEL: u64 = 128 << 20;
/// The words before the version in a kernel.
const WORDS: &[u8] = b"Linux version ";
/// The longest version that is shown, which is the longest one of uname(2) (`__NEW_UTS_LEN` of Linux).
const MAX_VERSION: usize = 64;
const MAX_WORDS: usize = WORDS.len() + MAX_VERSION;
/// The bytes of an unpacked kernel that are in memory at once, twice at most.
const PART: usize = 1 << 20;
/// The number of kernels whose version is looked for in their content; a Raspberry Pi has six.
const MAX_SEARCHED: usize = 16;
/// How many places of a kernel are unpacked.
const MAX_PACKED: usize = 4;

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// Its file.
    pub path: String,
    /// Its version, by its name or by its content.
    pub version: Option<String>,
    /// Whether there are modules of this version.
    pub modules: bool,
    /// Whether there is an initramfs of this version beside it.
    pub initramfs: bool,
}

/// The kernels of `files`.
pub(super) fn kernels(files: &Files<'_>) -> Vec<Kernel> {
    let mut kernels = Vec::new();
    for folder in FOLDERS {
        for (name, id) in files.entries(folder) {
            let Kind::File(content) = &files.tree.node(id).kind else {
                continue;
            };
            let name = name.to_string();
            let path = format!("{folder}/{name}");
            let version = match kernel(&name) {
                Some("") if kernels.len() < MAX_SEARCHED => in_content(files, &path, content),
                Some("") => None,
                Some(version) => Some(version.to_owned()),
                None => continue,
            };
            // The Raspberry Pi's firmware finds `initramfs8` for `kernel8.img`.
            let beside = match &version {
                Some(version) if !name.ends_with(".img") => format!("initrd.img-{version}"),
                _ => name.replace("kernel", "initramfs").replace(".img", ""),
            };
            let has_modules = |version: &String| files.has(&format!("/lib/modules/{version}"));
            kernels.push(Kernel {
                modules: version.as_ref().is_some_and(has_modules),
                initramfs: beside != name && files.has(&format!("{folder}/{beside}")),
                path,
                version,
            });
        }
    }
    kernels
}

/// The version in the name of a kernel, which is empty if the name has none; `None` for other files.
fn kernel(name: &str) -> Option<&str> {
    for prefix in ["vmlinuz-", "vmlinux-"] {
        if let Some(version) = name.strip_prefix(prefix) {
            return Some(version);
        }
    }
    let is_firmware = name.starts_with("kernel") && name.ends_with(".img");
    let is_plain = ["Image", "zImage", "uImage", "Image.gz", "vmlinuz"].contains(&name);
    (is_firmware || is_plain).then_some("")
}

/// The version that the kernel `content` at `path` says.
fn in_content(files: &Files<'_>, path: &str, content: &Content) -> Option<String> {
    let path = TreePath::parse(path.as_bytes()).ok()?;
    let bytes = files.bytes(&path, content)?;
    if let Some(version) = version(&bytes) {
        return Some(version);
    }
    // A packed kernel begins with gzip; an ARM zImage has it behind its decompressor.
    let mut packed = memmem::find_iter(&bytes, b"\x1f\x8b\x08").take(MAX_PACKED);
    packed.find_map(|at| in_stream(GzDecoder::new(&bytes[at..])))
}

/// The version in an unpacked kernel, which is read in parts. It may end with an error, because something else may
/// follow the packed kernel.
fn in_stream(mut kernel: impl Read) -> Option<String> {
    let mut bytes = Vec::with_capacity(2 * PART);
    let mut read = 0;
    while read < MAX_KERNEL {
        // The end of the part before stays, because the words may lie across two parts.
        let behind = bytes.len().saturating_sub(MAX_WORDS);
        bytes.drain(..behind);
        let n = kernel.by_ref().take(PART as u64).read_to_end(&mut bytes);
        if let Some(version) = version(&bytes) {
            return Some(version);
        }
        match n {
            Ok(n) if n > 0 => read += n as u64,
            _ => return None,
        }
    }
    None
}

/// The version behind [`WORDS`] in `bytes`. A kernel also has these words as the beginning of a format.
fn version(bytes: &[u8]) -> Option<String> {
    memmem::find_iter(bytes, WORDS).find_map(|at| {
        let behind = bytes[at + WORDS.len()..].iter().copied();
        let text: Vec<u8> = behind
            .take(MAX_VERSION)
            .take_while(u8::is_ascii_graphic)
            .collect();
        let is_version = text.first().is_some_and(u8::is_ascii_digit);
        is_version.then(|| String::from_utf8_lossy(&text).into_owned())
    })
}
