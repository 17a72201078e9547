//! GRUB on a disk that starts under BIOS, UEFI and UEFI with Secure Boot.
//!
//! Under UEFI, Debian's signed shim and GRUB lie on the EFI system partition. Under BIOS, the boot
//! code of the first sector loads a core image from the BIOS boot partition. Both end in one static
//! `/boot/grub/grub.cfg`, which names `/vmlinuz` and `/initrd.img`: links that Debian's kernel packages
//! keep up to date, so that no kernel upgrade needs GRUB's own tools on the device.
//!
//! The files come from packages that are unpacked beside the image, not installed in it: grub-pc-bin,
//! grub-efi-amd64-signed, shim-signed.

mod core;

pub use self::core::{CoreError, MODULES, boot_code, core_image};

use super::contents::{Contents, ContentsError, builtin_file, path, put};
use crate::epoch::Epoch;
use crate::tree::{Kind, Meta, Node, Origin, Tree, TreeError, TreePath};
use crate::units::Lba;

const SHIM: &str = "/usr/lib/shim/shimx64.efi.signed";
const GRUB: &str = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";

/// What the disk and the definitions decide.
#[derive(Clone, Debug)]
pub struct GrubSettings {
    /// UUID of the root filesystem, as text.
    pub root_uuid: String,
    /// First sector of the BIOS boot partition.
    pub core: Lba,
    /// The whole kernel command line, with `root=`.
    pub command_line: String,
    /// Whether menu and messages also go to the first serial port.
    pub serial: bool,
}

/// What GRUB needs on the disk.
#[derive(Clone, Debug)]
pub struct GrubBoot {
    /// First bytes of the first sector, up to the disk signature.
    pub boot_code: [u8; 440],
    /// Content of the BIOS boot partition from its first sector on; whole sectors.
    pub core: Vec<u8>,
    /// Content of the EFI system partition.
    pub esp: Tree,
    /// Files of the root filesystem.
    pub root_changes: Vec<(TreePath, Node)>,
}

/// Why GRUB cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum GrubError {
    /// A package's file is missing or unreadable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The core image cannot be made.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Two files at one place.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A setting would be read as something else by GRUB's parser.
    #[error(
        "the kernel command line `{0}` has a character that GRUB's configuration would take for syntax; leave out quotes, `$`, `\\`, `;`, `{{`, `}}`, `|`, `&`, `<`, `>`, `#` and line breaks"
    )]
    CommandLine(String),
}

/// Lays GRUB out; `inputs` holds the unpacked packages.
pub fn prepare(
    inputs: Contents<'_>,
    settings: &GrubSettings,
    epoch: Epoch,
) -> Result<GrubBoot, GrubError> {
    let syntax = |c: char| c.is_control() || "\"'$\\;{}|&<>#`".contains(c);
    if settings.command_line.contains(syntax) {
        return Err(GrubError::CommandLine(settings.command_line.clone()));
    }
    let menu = builtin_file(menu(settings).as_bytes(), 0o644, epoch.into());
    Ok(GrubBoot {
        boot_code: boot_code(inputs, settings.core)?,
        core: core_image(inputs, settings.core, &find_menu(settings))?,
        esp: esp(inputs, settings, epoch)?,
        root_changes: vec![(path("/boot/grub/grub.cfg"), menu)],
    })
}

/// The files that firmware and shim look for: shim at the path of removable media, GRUB beside it,
/// and the configuration where Debian's signed GRUB has its built-in prefix.
fn esp(inputs: Contents<'_>, settings: &GrubSettings, epoch: Epoch) -> Result<Tree, GrubError> {
    let mtime = epoch.into();
    let mut esp = Tree::new(Meta::root(0o755, mtime));
    for (target, source) in [
        ("/EFI/BOOT/BOOTX64.EFI", SHIM),
        ("/EFI/BOOT/grubx64.efi", GRUB),
    ] {
        let source = path(source);
        let content = inputs.file(&source);
        let content = content.ok_or_else(|| ContentsError::Missing {
            path: source.clone(),
        })?;
        let kind = Kind::File(content.clone());
        let node = Node::new(kind, Meta::root(0o644, mtime), Origin::Builtin);
        put(&mut esp, &path(target), node)?;
    }
    let find = find_menu(settings);
    put(
        &mut esp,
        &path("/EFI/debian/grub.cfg"),
        builtin_file(find.as_bytes(), 0o644, mtime),
    )?;
    Ok(esp)
}

/// Finds the root filesystem and goes on with the menu there.
fn find_menu(settings: &GrubSettings) -> String {
    let uuid = &settings.root_uuid;
    format!(
        "search.fs_uuid {uuid} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
    )
}

fn menu(settings: &GrubSettings) -> String {
    let command_line = settings.command_line.trim();
    let entry = |title: &str, suffix: &str, words: &str| {
        format!(
            "menuentry \"{title}\" {{\n  linux /vmlinuz{suffix} {command_line}{words}\n  \
             initrd /initrd.img{suffix}\n}}\n"
        )
    };
    let serial = if settings.serial {
        "if serial --unit=0 --speed=115200; then\n  terminal_input console serial\n  \
         terminal_output console serial\nfi\n"
    } else {
        ""
    };
    let mut text = String::from(
        "# One menu for BIOS and UEFI. /vmlinuz and /initrd.img follow every kernel upgrade by\n\
         # themselves, so nothing has to run after one; change the kernel's words here by hand.\n",
    );
    text.push_str(serial);
    text.push_str("if [ \"$grub_platform\" = pc ]; then\n  set gfxpayload=text\nfi\n");
    text.push_str("set timeout=3\nset default=0\n\n");
    text.push_str(&entry("Debian", "", ""));
    text.push_str("if [ -e /vmlinuz.old -a -e /initrd.img.old ]; then\nset fallback=1\n");
    text.push_str(&entry("Debian, the kernel before", ".old", ""));
    text.push_str("fi\n");
    text.push_str(&entry(
        "Repair: a shell before the system starts",
        "",
        " break=bottom",
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(command_line: &str) -> GrubSettings {
        GrubSettings {
            root_uuid: "0f1e".to_owned(),
            core: Lba(2048),
            command_line: command_line.to_owned(),
            serial: true,
        }
    }

    #[test]
    fn the_menu_follows_the_links_and_has_a_way_back() {
        let menu = menu(&settings("root=UUID=0f1e ro"));
        assert!(menu.contains("  linux /vmlinuz root=UUID=0f1e ro\n  initrd /initrd.img\n"));
        assert!(menu.contains("  linux /vmlinuz.old root=UUID=0f1e ro\n"));
        assert!(menu.contains("  linux /vmlinuz root=UUID=0f1e ro break=bottom\n"));
        assert_eq!(menu.matches('{').count(), menu.matches('}').count());
    }

    #[test]
    fn a_command_line_cannot_leave_its_line() {
        let tree = Tree::new(Meta::root(0o755, Epoch(0).into()));
        struct Nothing;
        impl crate::tree::Objects for Nothing {
            fn open(&self, _: &crate::digest::Sha256) -> std::io::Result<fs_err::File> {
                Err(std::io::ErrorKind::NotFound.into())
            }
        }
        let inputs = Contents {
            tree: &tree,
            objects: &Nothing,
        };
        for bad in ["a\nb", "a; reboot", "$x", "a } b"] {
            let refused = prepare(inputs, &settings(bad), Epoch(0));
            assert!(matches!(refused, Err(GrubError::CommandLine(_))), "{bad}");
        }
    }
}
