//! The name of the image's file.

use super::failure::Failure;
use crate::specification::Spec;
use std::path::{Path, PathBuf};

/// Extensions of files in other formats than that of a raw disk image, which is what imgbuild writes.
const OTHER_FORMS: [&str; 36] = [
    "7z", "bmap", "bz2", "cpio", "deb", "dmg", "ext4", "fat", "gz", "iso", "lz4", "lzma", "lzo",
    "ova", "ovf", "qcow", "qcow2", "qed", "rar", "simg", "squashfs", "swu", "tar", "tbz", "tbz2",
    "tgz", "txz", "tzst", "vdi", "vhd", "vhdx", "vmdk", "xz", "zip", "zst", "zstd",
];

/// Refuses the name of an output that stands for another format, or for standard output.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        let words = "`--output -`: an image cannot be written to standard output; give the name of a file, or \
                     `./-` for a file of that name";
        return Err(Failure::Usage(words.to_owned()));
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_ascii_lowercase);
    let other = ending.filter(|ending| OTHER_FORMS.contains(&ending.as_str()));
    other.map_or(Ok(()), |ending| {
        let plain = path.with_extension("");
        Err(Failure::Usage(format!(
            "`--output {}`: an image is written as it goes to the disk, not as .{ending}; write it to `{}` and \
             pack or convert that",
            path.display(),
            plain.display(),
        )))
    })
}

/// The name of the block map of the image `path`: bmaptool finds it beside the image.
pub(super) fn block_map(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".bmap");
    PathBuf::from(name)
}

/// The default name for the image of `spec`, in the working directory.
pub(super) fn default(spec: &Spec) -> PathBuf {
    PathBuf::from(format!("{}-{}.img", spec.board.name, spec.profile.name))
}
