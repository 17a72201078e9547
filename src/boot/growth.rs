//! Growth of the root filesystem over the whole disk in the first boot, without a restart.
//!
//! A script extends the partition, in an MBR or a GPT. systemd-growfs then extends the mounted
//! filesystem, because `/` has the option `x-systemd.growfs` in [`super::fstab`]. Both may be interrupted
//! at any point, and the next boot does the rest. They change nothing if the partition fills the disk.
//! The script needs the packages fdisk and util-linux.

use super::contents::{builtin_file, builtin_symlink, path};
use crate::epoch::Epoch;
use crate::tree::{Node, TreePath};

const SCRIPT: &[u8] = include_bytes!("files/grow-root.sh");
const UNIT: &[u8] = include_bytes!("files/imgbuild-grow-root.service");

/// The script, its unit and the link that enables the unit.
pub fn files(epoch: Epoch) -> Vec<(TreePath, Node)> {
    let mtime = epoch.into();
    let wanted = "/etc/systemd/system/local-fs.target.wants/imgbuild-grow-root.service";
    let unit = "/usr/lib/systemd/system/imgbuild-grow-root.service";
    vec![
        (
            path("/usr/lib/imgbuild/grow-root"),
            builtin_file(SCRIPT, 0o755, mtime),
        ),
        (path(unit), builtin_file(UNIT, 0o644, mtime)),
        (path(wanted), builtin_symlink(unit, mtime)),
    ]
}
