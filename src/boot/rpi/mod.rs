//! The boot partition of a Raspberry Pi, as the firmware in its chip and its EEPROM reads it.
//!
//! Debian's raspi-firmware writes this partition again after every kernel upgrade on the device
//! (`/etc/kernel/postinst.d/z50-raspi-firmware`). Its defaults depend on the machine on which it runs, so
//! this module also writes its settings below `/etc/default`. The hook and this module then agree on every
//! effective line of config.txt and every word of cmdline.txt.

mod check;

pub use check::{FirmwareFault, check};

use super::contents::{Contents, ContentsError, builtin_file, path, put};
use crate::architecture::Architecture;
use crate::epoch::Epoch;
use crate::tree::{BadName, Content, Kind, Meta, Name, Node, Origin, Tree, TreeError, TreePath};

/// The settings that come from the board, the disk and the profile.
#[derive(Clone, Debug)]
pub struct RpiSettings {
    /// Architecture of kernel and packages.
    pub architecture: Architecture,
    /// Version of the kernel that is started.
    pub kernel: Name,
    /// The root filesystem: `UUID=…`.
    pub root: String,
    /// Consoles in their order; the last one is `/dev/console`.
    pub consoles: Vec<String>,
    /// Size of the memory pool for devices (CMA). A Pi 4 does not start with the default of older models.
    pub cma: Option<String>,
    /// Further words of the kernel command line.
    pub command_line: String,
    /// Further lines of config.txt; may be empty.
    pub config: String,
    /// Files of raspi-firmware that this model needs. A Pi 5 needs none.
    pub firmware_files: Vec<String>,
}

/// The files that a Raspberry Pi needs on the disk.
#[derive(Clone, Debug)]
pub struct RpiBoot {
    /// Content of the FAT partition.
    pub firmware: Tree,
    /// Files of the root filesystem.
    pub root_changes: Vec<(TreePath, Node)>,
}

/// Why the boot partition cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RpiError {
    /// A file of a package is missing or unreadable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The tree does not take a file.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A name in the board's list of firmware files cannot be a file name.
    #[error("the board's list of firmware files has a name that is none")]
    FileName(#[from] BadName),
    /// The kernel package has no device tree for any Raspberry Pi.
    #[error("`{folder}` has no `bcm*.dtb`; choose a kernel that supports this board")]
    NoDeviceTree {
        /// The folder of device trees.
        folder: TreePath,
    },
    /// A setting has a line break, or a character that is syntax.
    #[error(
        "{what} `{text}` has a line break, a quote, `$`, `\\` or a backquote, which the firmware's settings cannot hold"
    )]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its text.
        text: String,
    },
}

const PACKAGED_FILES: &str = "/usr/lib/raspi-firmware";

/// Makes the boot partition from the configured tree and its `initramfs`.
///
/// # Errors
///
/// A file is missing, or a setting cannot be written.
pub fn prepare(
    contents: Contents<'_>,
    settings: &RpiSettings,
    initramfs: &Content,
    epoch: Epoch,
) -> Result<RpiBoot, RpiError> {
    settings.check()?;
    let mut files: Vec<(Name, Content)> = Vec::new();
    for name in &settings.firmware_files {
        let name = Name::new(name.as_bytes())?;
        let source = path(PACKAGED_FILES).join(&name);
        files.push((name, contents.needed(&source)?.clone()));
    }
    files.extend(device_trees(contents, settings)?);
    let kernel = settings.kernel_file()?;
    let source = path("/boot").join(&kernel);
    files.push((kernel, contents.needed(&source)?.clone()));
    files.push((settings.initramfs_file()?, initramfs.clone()));
    let own = |name: &str, text: String| (Name::constant(name), Content::inline(text.as_bytes()));
    files.push(own("config.txt", settings.config_txt()));
    files.push(own("cmdline.txt", settings.cmdline_txt()));

    let mtime = epoch.into();
    let mut firmware = Tree::new(Meta::root(0o755, mtime));
    for (name, content) in files {
        let meta = Meta::root(0o755, mtime);
        let node = Node::new(Kind::File(content), meta, Origin::Builtin);
        put(&mut firmware, &TreePath::root().join(&name), node)?;
    }
    let change = |at: &str, text: String| (path(at), builtin_file(text.as_bytes(), 0o644, mtime));
    let mut root_changes = vec![
        change("/etc/default/raspi-firmware", settings.hook_settings()),
        change(
            "/etc/default/raspi-extra-cmdline",
            line(&settings.command_line),
        ),
    ];
    if !settings.config.trim().is_empty() {
        let custom = line(&settings.config);
        root_changes.push(change("/etc/default/raspi-firmware-custom", custom));
    }
    Ok(RpiBoot {
        firmware,
        root_changes,
    })
}

/// All device trees of the family, which the hook copies too, so that one card starts in every model for
/// which it has firmware files.
fn device_trees(
    contents: Contents<'_>,
    settings: &RpiSettings,
) -> Result<Vec<(Name, Content)>, RpiError> {
    let version = String::from_utf8_lossy(settings.kernel.as_bytes()).into_owned();
    let vendor = match settings.architecture {
        Architecture::Arm64 => "/broadcom",
        Architecture::Armhf | Architecture::Amd64 => "",
    };
    let folder = path(&format!("/usr/lib/linux-image-{version}{vendor}"));
    let names = contents.names(&folder, "bcm").into_iter();
    let names = names.filter(|name| name.as_bytes().ends_with(b".dtb"));
    let found: Vec<(Name, Content)> = names
        .filter_map(|name| Some((name.clone(), contents.file(&folder.join(&name))?.clone())))
        .collect();
    if found.is_empty() {
        return Err(RpiError::NoDeviceTree { folder });
    }
    Ok(found)
}

impl RpiSettings {
    fn check(&self) -> Result<(), RpiError> {
        let consoles = self.consoles.iter().map(|text| ("the console", text));
        let cma = self.cma.iter().map(|text| ("the CMA size", text));
        let others = [
            ("the root filesystem", &self.root),
            ("the command line", &self.command_line),
        ];
        let syntax = |c: char| c.is_control() || "\"'$\\`".contains(c);
        for (what, text) in consoles.chain(cma).chain(others) {
            if text.contains(syntax) {
                let text = text.clone();
                return Err(RpiError::Setting { what, text });
            }
        }
        Ok(())
    }

    fn kernel_file(&self) -> Result<Name, BadName> {
        Name::new(&[b"vmlinuz-", self.kernel.as_bytes()].concat())
    }

    fn initramfs_file(&self) -> Result<Name, BadName> {
        Name::new(&[b"initrd.img-", self.kernel.as_bytes()].concat())
    }

    fn config_txt(&self) -> String {
        let kernel = String::from_utf8_lossy(self.kernel.as_bytes());
        let mut text = String::from(
            "# Written anew by raspi-firmware after every kernel upgrade. To change something for\n\
             # good, change /etc/default/raspi-firmware and raspi-firmware-custom beside it.\n\n",
        );
        if self.architecture == Architecture::Arm64 {
            text.push_str("arm_64bit=1\n");
        }
        text.push_str("enable_uart=1\n");
        // The firmware then uses the names of device trees of the mainline kernel.
        text.push_str("upstream_kernel=1\n");
        text.push_str(&format!(
            "kernel=vmlinuz-{kernel}\ninitramfs initrd.img-{kernel}\n"
        ));
        if !self.config.trim().is_empty() {
            text.push_str(&format!("\n{}", line(&self.config)));
        }
        text
    }

    /// One line with the same words as that of the hook, in the same order.
    fn cmdline_txt(&self) -> String {
        let consoles = self.consoles.iter();
        let consoles = consoles.map(|console| format!("console={console}"));
        let fixed = [
            format!("root={}", self.root),
            "rw fsck.repair=yes net.ifnames=0".to_owned(),
        ];
        let cma = self.cma.iter().map(|size| format!("cma={size}"));
        let rest = ["rootwait".to_owned(), self.command_line.trim().to_owned()];
        let words: Vec<String> = consoles.chain(fixed).chain(cma).chain(rest).collect();
        line(&words.join(" "))
    }

    fn hook_settings(&self) -> String {
        format!(
            "# Read by raspi-firmware when it writes config.txt and cmdline.txt after a kernel upgrade.\n\
             ROOTPART=\"{}\"\nCONSOLES=\"{}\"\nCMA=\"{}\"\n",
            self.root,
            self.consoles.join(" "),
            self.cma.as_deref().unwrap_or("0"),
        )
    }
}

fn line(text: &str) -> String {
    format!("{}\n", text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn settings() -> RpiSettings {
        RpiSettings {
            architecture: Architecture::Arm64,
            kernel: Name::constant("6.12.1-arm64"),
            root: "UUID=0f1e".to_owned(),
            consoles: vec!["tty0".to_owned(), "ttyS1,115200".to_owned()],
            cma: None,
            command_line: " systemd.show_status=1\n".trim().to_owned(),
            config: "dtparam=audio=off".to_owned(),
            firmware_files: vec!["start4.elf".to_owned()],
        }
    }

    #[test]
    fn the_command_line_is_one_line() {
        assert_eq!(
            settings().cmdline_txt(),
            "console=tty0 console=ttyS1,115200 root=UUID=0f1e rw fsck.repair=yes net.ifnames=0 \
             rootwait systemd.show_status=1\n"
        );
    }

    #[test]
    fn a_setting_with_a_line_break_is_refused() {
        let mut settings = settings();
        settings.command_line = "quiet\ninit=/bin/sh".to_owned();
        assert!(matches!(settings.check(), Err(RpiError::Setting { .. })));
    }
}
