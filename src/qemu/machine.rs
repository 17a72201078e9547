//! Chooses the QEMU machine for an image, and its arguments.
//!
//! A PC starts from the disk alone. QEMU cannot run the boot ROM and the firmware of a board. So an image for ARM
//! starts in QEMU's machine `virt`, with the kernel, the initramfs and the command line that the board would start.
//! That kernel needs drivers for virtio, which Debian's kernels have.

use crate::architecture::Architecture;
use crate::base::{Format, OpenError, Opened};
use crate::boot::contents::{Contents, ContentsError};
use crate::boot::extlinux::MENU;
use crate::boot::initramfs::kernels;
use crate::seed::uuid_text;
use crate::tree::{BadName, TreePath};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Kernel command line of an emulated machine, on which everything takes about ten times as long.
const LONG_TIMEOUTS: &str =
    "systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900";
/// The same for a PC, whose kernel command line is in the image. systemd takes unit drop-ins as credentials from
/// SMBIOS (systemd-debug-generator(8), since version 256). The login waits for the device unit of the console.
const LONG_TIMEOUTS_PC: &str = "type=11,value=io.systemd.credential:\
     systemd.unit-dropin.dev-ttyS0.device=[Unit]\nJobRunningTimeoutSec=900\n";
/// The memory of the machine in MiB, as a small board has it.
const MEMORY: &str = "1024";

/// The firmware that starts the disk of a PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The BIOS of old PCs.
    Bios,
    /// UEFI, by OVMF.
    Uefi,
}

/// The reason why an image cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The image cannot be read, or it has no Debian root filesystem.
    #[error("the image cannot be started")]
    Open(#[from] OpenError),
    /// The Debian in the image is for another architecture.
    #[error("the image is for `{0}`: expected amd64, arm64 or armhf")]
    Architecture(String),
    /// A file is missing or cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The configuration of the boot loader has a name that is not a path.
    #[error("what starts the kernel names a file that cannot be")]
    Name(#[from] BadName),
    /// The image has no kernel and no configuration of a boot loader.
    #[error("the image has no kernel: expected extlinux.conf, config.txt or /boot/vmlinuz-*")]
    NoKernel,
    /// `--firmware` was given for a board of this architecture, which is not a PC.
    #[error("`--firmware` is for images of PCs; this one is for {}", .0.debian())]
    Firmware(Architecture),
}

/// A machine that can start an image.
pub struct Machine {
    architecture: Architecture,
    firmware: Firmware,
    /// The kernel that QEMU starts itself, on architectures other than amd64.
    kernel: Option<Kernel>,
}

/// The kernel that the boot loader of a board starts.
struct Kernel {
    image: Arc<[u8]>,
    initramfs: Option<Arc<[u8]>>,
    command_line: String,
}

impl Machine {
    /// The machine for `image`, whose files are in `contents`. `firmware` is for PCs only.
    ///
    /// # Errors
    /// The architecture of the image is not supported, or no kernel is found in it.
    pub fn of(
        image: &Opened,
        contents: Contents<'_>,
        firmware: Option<Firmware>,
    ) -> Result<Self, MachineError> {
        let name = image.architecture(contents.objects)?;
        use Architecture::{Amd64, Arm64, Armhf};
        let mut known = [Amd64, Arm64, Armhf].into_iter();
        let architecture = known
            .find(|known| known.debian() == name)
            .ok_or(MachineError::Architecture(name))?;
        let kernel = match (architecture, firmware) {
            (Amd64, _) => None,
            (_, Some(_)) => return Err(MachineError::Firmware(architecture)),
            _ => Some(Kernel::of(image, contents)?),
        };
        Ok(Self {
            architecture,
            firmware: firmware.unwrap_or(Firmware::Bios),
            kernel,
        })
    }

    /// The program that emulates the machine, and its Debian package.
    pub fn program(&self) -> (&'static str, &'static str) {
        match self.architecture {
            Architecture::Amd64 => ("qemu-system-x86_64", "qemu-system-x86"),
            Architecture::Arm64 => ("qemu-system-aarch64", "qemu-system-arm"),
            Architecture::Armhf => ("qemu-system-arm", "qemu-system-arm"),
        }
    }

    /// Adds the arguments of the machine with the disk `overlay` to `command`, which starts QEMU. The other files
    /// that QEMU reads are written into `folder`.
    ///
    /// # Errors
    /// A file cannot be written to `folder`, or the package ovmf, which has the UEFI firmware, is not installed.
    pub fn arguments(
        &self,
        command: &mut Command,
        folder: &Path,
        overlay: &Path,
    ) -> io::Result<()> {
        let machine: &[&str] = match self.architecture {
            Architecture::Amd64 => &["-machine", "q35", "-cpu", "max"],
            Architecture::Arm64 => &["-machine", "virt", "-cpu", "cortex-a72"],
            Architecture::Armhf => &["-machine", "virt", "-cpu", "cortex-a15"],
        };
        command.args(machine);
        command.args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", MEMORY]);
        command.args(["-no-reboot", "-display", "none", "-monitor", "none"]);
        command.args(["-serial", "stdio", "-device", "virtio-rng-pci"]);
        command.args(["-device", "virtio-net-pci,netdev=net"]);
        command
            .arg("-drive")
            .arg(joined("if=virtio,format=qcow2,cache=unsafe,file=", overlay));
        if let Some(kernel) = &self.kernel {
            kernel.arguments(command, folder)?;
        } else {
            command.args(["-smbios", LONG_TIMEOUTS_PC]);
        }
        if self.firmware == Firmware::Uefi {
            let variables = folder.join("variables");
            fs_err::copy(OVMF_VARIABLES, &variables)?;
            command.args(["-drive", OVMF_CODE]);
            command
                .arg("-drive")
                .arg(joined("if=pflash,unit=1,format=raw,file=", &variables));
        }
        Ok(())
    }
}

/// The firmware and its variables are files of Debian's package ovmf.
const OVMF_CODE: &str =
    "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Appends `path` to `option`. QEMU ends a value at a single comma, so commas of the path are doubled.
fn joined(option: &str, path: &Path) -> OsString {
    let parts: Vec<&[u8]> = path
        .as_os_str()
        .as_bytes()
        .split(|byte| *byte == b',')
        .collect();
    OsString::from_vec([option.as_bytes(), &parts.join(b",,".as_slice())].concat())
}

impl Kernel {
    /// Finds the kernel that the board would start: by extlinux.conf, by the Raspberry Pi's config.txt, or else the
    /// newest one in /boot.
    fn of(image: &Opened, contents: Contents<'_>) -> Result<Self, MachineError> {
        let boot = TreePath::parse(image.boot_mount().as_bytes())?;
        let lookup = Lookup { contents, boot };
        if let Some(menu) = lookup.text(MENU)? {
            return lookup.of_menu(&menu);
        }
        if let Some(config) = lookup.text("config.txt")? {
            return lookup.of_config(&config);
        }
        let newest = kernels(contents).pop().ok_or(MachineError::NoKernel)?;
        let Format::Ext4 { params, .. } = &image.root().format else {
            return Err(MachineError::NoKernel);
        };
        let initramfs = format!("/boot/initrd.img-{newest}");
        Ok(Self {
            image: lookup.bytes(&format!("/boot/vmlinuz-{newest}"))?,
            initramfs: Some(lookup.bytes(&initramfs)?),
            command_line: format!("root=UUID={} rw", uuid_text(&params.uuid)),
        })
    }

    fn arguments(&self, command: &mut Command, folder: &Path) -> io::Result<()> {
        let put = |name: &str, bytes: &[u8]| -> io::Result<PathBuf> {
            let path = folder.join(name);
            fs_err::write(&path, bytes)?;
            Ok(path)
        };
        command.arg("-kernel").arg(put("kernel", &self.image)?);
        if let Some(initramfs) = &self.initramfs {
            command.arg("-initrd").arg(put("initramfs", initramfs)?);
        }
        let command_line = &self.command_line;
        let command_line = format!("{command_line} console=ttyAMA0,115200 {LONG_TIMEOUTS}");
        command.args(["-append", &command_line]);
        Ok(())
    }
}

/// Finds files by the names that a boot loader uses, which begin at the boot partition or at the root filesystem.
struct Lookup<'a> {
    contents: Contents<'a>,
    boot: TreePath,
}

impl Lookup<'_> {
    /// The path of the file `name` in the root filesystem.
    fn place(&self, name: &str) -> Result<TreePath, MachineError> {
        let below = TreePath::parse(name.as_bytes())?;
        let names = self.boot.components().chain(below.components());
        let on_boot = TreePath::from_names(names.cloned().collect());
        Ok(match self.contents.file(&on_boot) {
            Some(_) => on_boot,
            None => below,
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>, MachineError> {
        let place = self.place(name)?;
        match self.contents.file(&place) {
            Some(_) => Ok(Some(self.contents.text(&place)?)),
            None => Ok(None),
        }
    }

    fn bytes(&self, name: &str) -> Result<Arc<[u8]>, MachineError> {
        Ok(self.contents.bytes(&self.place(name)?)?)
    }

    /// The first entry of extlinux.conf, which is that of the newest kernel.
    fn of_menu(&self, menu: &str) -> Result<Kernel, MachineError> {
        let value = |key: &str| {
            let mut lines = menu.lines().map(str::trim);
            lines.find_map(|line| {
                line.strip_prefix(key)?
                    .strip_prefix([' ', '\t'])
                    .map(str::trim)
            })
        };
        let initramfs = value("initrd").map(|name| self.bytes(name)).transpose()?;
        Ok(Kernel {
            image: self.bytes(value("linux").ok_or(MachineError::NoKernel)?)?,
            initramfs,
            command_line: value("append").unwrap_or_default().to_owned(),
        })
    }

    /// The kernel that the Raspberry Pi's firmware starts: the one that `config` names, or the one that has a
    /// default name of the firmware.
    fn of_config(&self, config: &str) -> Result<Kernel, MachineError> {
        let value = |key: &str| {
            let mut lines = config.lines().map(str::trim);
            let named = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(['=', ' ']));
            named
                .and_then(|value| value.split_whitespace().next())
                .map(str::to_owned)
        };
        let exists = |name: &&str| {
            self.place(name)
                .is_ok_and(|place| self.contents.file(&place).is_some())
        };
        let default = |names: &[&str]| names.iter().copied().find(exists).map(str::to_owned);
        let kernel =
            value("kernel").or_else(|| default(&["kernel8.img", "kernel7l.img", "kernel7.img"]));
        let initramfs =
            value("initramfs").or_else(|| default(&["initramfs8", "initramfs7l", "initramfs7"]));
        let command_line = self.text(value("cmdline").as_deref().unwrap_or("cmdline.txt"))?;
        Ok(Kernel {
            image: self.bytes(&kernel.ok_or(MachineError::NoKernel)?)?,
            initramfs: initramfs.map(|name| self.bytes(&name)).transpose()?,
            command_line: command_line.unwrap_or_default().trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, path, put};
    use crate::epoch::Timestamp;
    use crate::tree::generated::NoObjects;
    use crate::tree::{Meta, Tree};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        for (at, text) in files {
            let node = builtin_file(text.as_bytes(), 0o644, Timestamp::default());
            put(&mut tree, &path(at), node).unwrap();
        }
        tree
    }

    fn lookup(tree: &Tree) -> Lookup<'_> {
        let contents = Contents {
            tree,
            objects: &NoObjects,
        };
        Lookup {
            contents,
            boot: path("/boot/firmware"),
        }
    }

    fn shown(kernel: &Kernel) -> (&str, Option<&str>, &str) {
        let text = |bytes| str::from_utf8(bytes).unwrap();
        (
            text(&kernel.image),
            kernel.initramfs.as_deref().map(text),
            &kernel.command_line,
        )
    }

    #[test]
    fn the_first_entry_of_a_menu_is_started() {
        let tree = tree(&[
            ("/boot/vmlinuz-2", "two"),
            ("/boot/initrd.img-2", "its"),
            ("/boot/vmlinuz-1", "one"),
        ]);
        let menu = "default l0\nlabel l0\n\tlinux /boot/vmlinuz-2\n\tinitrd /boot/initrd.img-2\n\tfdtdir /x/\n\
                    \tappend root=PARTUUID=1 rw\nlabel l1\n\tlinux /boot/vmlinuz-1\n\tappend other\n";
        let kernel = lookup(&tree).of_menu(menu).unwrap();
        assert_eq!(shown(&kernel), ("two", Some("its"), "root=PARTUUID=1 rw"));
        assert!(matches!(
            lookup(&tree).of_menu("timeout 20\n"),
            Err(MachineError::NoKernel)
        ));
    }

    #[test]
    fn a_raspberry_pis_kernel_is_the_configured_or_the_usual_one() {
        let tree = tree(&[
            ("/boot/firmware/kernel8.img", "usual"),
            ("/boot/firmware/initramfs8", "usual too"),
            ("/boot/firmware/vmlinuz-6", "named"),
            ("/boot/firmware/initrd.img-6", "named too"),
            ("/boot/firmware/cmdline.txt", "root=LABEL=x rootwait\n"),
        ]);
        let kernel = lookup(&tree)
            .of_config("arm_64bit=1\nauto_initramfs=1\n")
            .unwrap();
        assert_eq!(
            shown(&kernel),
            ("usual", Some("usual too"), "root=LABEL=x rootwait")
        );
        let config = "kernel=vmlinuz-6\ninitramfs initrd.img-6 followkernel\n";
        let kernel = lookup(&tree).of_config(config).unwrap();
        assert_eq!(
            shown(&kernel),
            ("named", Some("named too"), "root=LABEL=x rootwait")
        );
        let missing = lookup(&tree).of_config("kernel=vmlinuz-7\n").err();
        assert!(matches!(missing, Some(MachineError::Contents(_))));
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_qemus_option() {
        let option = joined("file=", Path::new("/a,b/disk"));
        assert_eq!(option, "file=/a,,b/disk");
    }
}
