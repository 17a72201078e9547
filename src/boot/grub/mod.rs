//! GRUB on a disk that starts under BIOS, UEFI and UEFI with Secure Boot.
//!
//! Under UEFI, Debian's signed shim and GRUB are on the EFI system partition. Under BIOS, the boot
//! code of the first sector loads a core image from the BIOS boot partition. Both then read one static
//! `/boot/grub/grub.cfg`, which starts `/vmlinuz` and `/initrd.img`. Debian's kernel packages keep these
//! links up to date, so that no kernel upgrade needs GRUB's tools on the device.
//!
//! The board's definition says where the files of shim and GRUB go; this module makes the configurations
//! and the core image.

mod core;

pub use self::core::{CoreError, core_image};

/// The settings that come from the disk and the definitions.
#[derive(Clone, Debug)]
pub struct GrubSettings {
    /// UUID of the root filesystem, as text.
    pub root_uuid: String,
    /// The whole kernel command line, with `root=`.
    pub command_line: String,
    /// Whether the menu and messages also appear on the first serial port.
    pub serial: bool,
}

/// The kernel command line has a character that is syntax for GRUB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the kernel command line `{0}` has a character that GRUB's configuration would take for syntax; leave out quotes, `$`, `\\`, `;`, `{{`, `}}`, `|`, `&`, `<`, `>`, `#` and line breaks"
)]
pub struct NotACommandLine(pub String);

/// The configuration that Debian's signed GRUB reads from the EFI system partition.
pub const ESP_CONFIGURATION: &str = "EFI/debian/grub.cfg";

/// The menu, `/boot/grub/grub.cfg` of the root filesystem.
///
/// # Errors
///
/// The kernel command line has a character that is syntax.
pub fn menu(settings: &GrubSettings) -> Result<String, NotACommandLine> {
    let syntax = |c: char| c.is_control() || "\"'$\\;{}|&<>#`".contains(c);
    if settings.command_line.contains(syntax) {
        return Err(NotACommandLine(settings.command_line.clone()));
    }
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
    Ok(text)
}

/// The configuration that finds the root filesystem and opens its menu. It is the content of
/// [`ESP_CONFIGURATION`], and is built into the core image.
pub fn find_menu(settings: &GrubSettings) -> String {
    let uuid = &settings.root_uuid;
    format!(
        "search.fs_uuid {uuid} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(command_line: &str) -> GrubSettings {
        GrubSettings {
            root_uuid: "0f1e".to_owned(),
            command_line: command_line.to_owned(),
            serial: true,
        }
    }

    #[test]
    fn the_menu_follows_the_links_and_has_a_way_back() {
        let menu = menu(&settings("root=UUID=0f1e ro")).unwrap();
        assert!(menu.contains("  linux /vmlinuz root=UUID=0f1e ro\n  initrd /initrd.img\n"));
        assert!(menu.contains("  linux /vmlinuz.old root=UUID=0f1e ro\n"));
        assert!(menu.contains("  linux /vmlinuz root=UUID=0f1e ro break=bottom\n"));
        assert_eq!(menu.matches('{').count(), menu.matches('}').count());
    }

    #[test]
    fn a_command_line_cannot_leave_its_line() {
        for bad in ["a\nb", "a; reboot", "$x", "a } b"] {
            assert_eq!(menu(&settings(bad)), Err(NotACommandLine(bad.to_owned())));
        }
    }
}
