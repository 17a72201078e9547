//! The text of `/etc/fstab`, which names filesystems by UUID, so that the disk may be on any bus or in any slot.

use std::fmt::Write;

/// A line of fstab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The filesystem: `UUID=…`.
    pub source: String,
    /// The mount point, such as `/boot/firmware`.
    pub at: String,
    /// `ext4` or `vfat`.
    pub filesystem: &'static str,
    /// Mount options in their order. An empty list becomes `defaults`.
    pub options: Vec<String>,
}

/// The text for `mounts`, of which parents come first. All filesystems except `/` get `nofail`: a boot
/// partition that is slow or damaged must not keep a device without a keyboard from starting.
pub fn text(mounts: &[Mount]) -> String {
    let mut text = String::from("# source mountpoint type options dump pass\n");
    for mount in mounts {
        let is_root = mount.at == "/";
        let mut options: Vec<&str> = mount.options.iter().map(String::as_str).collect();
        if !is_root && !options.contains(&"nofail") {
            options.push("nofail");
        }
        if options.is_empty() {
            options.push("defaults");
        }
        let pass = if is_root { 1 } else { 2 };
        let (source, at) = (escaped(&mount.source), escaped(&mount.at));
        let (filesystem, options) = (mount.filesystem, options.join(","));
        writeln!(text, "{source} {at} {filesystem} {options} 0 {pass}").expect("memory takes text");
    }
    text
}

/// The UUID that Linux shows for a FAT filesystem with this volume id: `1A2B-3C4D`.
pub fn fat_uuid(volume_id: u32) -> String {
    format!("{:04X}-{:04X}", volume_id >> 16, volume_id & 0xffff)
}

/// Spaces and tabs end a field, so they are written in octal (fstab(5)).
fn escaped(field: &str) -> String {
    field
        .replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_root_filesystem_may_hold_up_the_boot() {
        let mount = |source: &str, at: &str, filesystem, options: &[&str]| Mount {
            source: source.to_owned(),
            at: at.to_owned(),
            filesystem,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let table = text(&[
            mount("UUID=0f1e", "/", "ext4", &["noatime", "x-systemd.growfs"]),
            mount("UUID=1A2B-3C4D", "/boot/firmware", "vfat", &["umask=0022"]),
            mount("LABEL=my data", "/srv", "ext4", &["nofail"]),
        ]);
        assert_eq!(
            table,
            "# source mountpoint type options dump pass\n\
             UUID=0f1e / ext4 noatime,x-systemd.growfs 0 1\n\
             UUID=1A2B-3C4D /boot/firmware vfat umask=0022,nofail 0 2\n\
             LABEL=my\\040data /srv ext4 nofail 0 2\n"
        );
    }

    #[test]
    fn a_volume_id_is_shown_as_blkid_does() {
        assert_eq!(fat_uuid(0x0a2b_3c4d), "0A2B-3C4D");
    }
}
