//! The boot loaders of an image, wherever a board or a PC looks for one: in the first sectors, before the first
//! partition, and in files.

use super::image::Image;
use super::volume::{Disk, Volume};
use crate::disk::probe::Contents;
use crate::disk::table::{self as disk_table, Table};
use crate::tree::{Content, Kind, Objects, TreePath};
use memchr::memmem::find;
use serde::Serialize;
use std::io;

/// The bytes before the first partition in which a boot loader is looked for: all of what boards use.
const MAX_GAP: u64 = 16 << 20;
/// The number of programs whose name and version are looked for in their content.
const MAX_DESCRIBED: usize = 64;
/// The bytes of a program of UEFI or of firmware that are looked at.
const MAX_PROGRAM: u64 = 8 << 20;

/// A boot loader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootLoader {
    /// The name, with what it is for.
    pub name: String,
    /// The version, if it says one.
    pub version: Option<String>,
    /// The place: an offset on the disk, or a file of a partition as `1:/EFI/BOOT/BOOTX64.EFI`.
    pub place: String,
}

/// Files by which boot loaders are known, without case: the end of the path, and the name.
const FILES: [(&str, &str); 10] = [
    ("/bootcode.bin", "Raspberry Pi firmware"),
    ("/start.elf", "Raspberry Pi firmware"),
    ("/start4.elf", "Raspberry Pi firmware"),
    ("/config.txt", "configuration of the Raspberry Pi firmware"),
    (
        "/extlinux/extlinux.conf",
        "configuration of U-Boot (extlinux)",
    ),
    ("/boot.scr", "script of U-Boot"),
    ("/boot.ini", "script of Odroid's U-Boot"),
    ("/armbianenv.txt", "configuration of Armbian's U-Boot"),
    ("/grub/grub.cfg", "configuration of GRUB"),
    ("/loader/loader.conf", "configuration of systemd-boot"),
];

/// Words of boot loaders that lie before the first partition, and their names.
const IN_GAPS: [(&[u8], &str); 3] = [
    (b"U-Boot SPL 20", "U-Boot SPL"),
    (b"U-Boot 20", "U-Boot"),
    (b"NOTICE:  BL2: ", "ARM Trusted Firmware"),
];

/// The boot loaders of `image`, whose partitions are in `disk`. The second list has what could not be read.
pub(super) fn boot_loaders(image: &Image, disk: &Disk) -> (Vec<BootLoader>, Vec<String>) {
    let mut loaders = Vec::new();
    let mut faults = Vec::new();
    if let Some(table) = &disk.table {
        loaders.extend(of_boot_code(&table.boot_code[..]));
        match of_gap(image, disk, table) {
            Ok(found) => loaders.extend(found),
            Err(error) => faults.push(format!("cannot read before the first partition: {error}")),
        }
    }
    for volume in &disk.volumes {
        let bios_boot = volume.entry.type_name == Some("BIOS boot");
        if bios_boot && volume.contents.is_none() {
            loaders.push(BootLoader {
                name: "GRUB for BIOS (core image)".to_owned(),
                version: None,
                place: format!("partition {}", volume.entry.number),
            });
        }
        of_files(image, volume, &mut loaders, &mut faults);
    }
    (loaders, faults)
}

/// The boot loader in the first sector.
fn of_boot_code(code: &[u8]) -> Option<BootLoader> {
    let has = |words: &[u8]| find(code, words).is_some();
    let name = match () {
        () if code.iter().all(|byte| *byte == 0) => return None,
        () if has(b"GRUB") => "GRUB for BIOS",
        () if has(b"SYSLINUX") || has(b"EXTLINUX") => "SYSLINUX",
        () if has(b"LILO") => "LILO",
        () => "unknown boot code",
    };
    Some(BootLoader {
        name: name.to_owned(),
        version: None,
        place: "byte 0 of the disk".to_owned(),
    })
}

/// The boot loaders between the table and the first partition.
fn of_gap(image: &Image, disk: &Disk, table: &Table) -> io::Result<Vec<BootLoader>> {
    let first = disk.volumes.iter().map(|it| it.entry.start).min();
    let end = first
        .unwrap_or(MAX_GAP)
        .min(MAX_GAP)
        .min(image.device().len());
    let mut bytes = vec![0; usize::try_from(end).map_err(io::Error::other)?];
    image.device().read_at(0, &mut bytes)?;
    let mut found = Vec::new();
    for (words, name) in IN_GAPS {
        let Some(at) = find(&bytes, words) else {
            continue;
        };
        let words = bytes[at..].iter().copied().take_while(|it| is_text(*it));
        let words: Vec<u8> = words.take(80).collect();
        let text = String::from_utf8_lossy(&words).into_owned();
        let version = text.strip_prefix(name).map(|rest| rest.trim().to_owned());
        found.push(BootLoader {
            name: name.to_owned(),
            version,
            place: format!("byte {at} of the disk"),
        });
    }
    // GRUB for BIOS has its core image here, which has no name in it.
    let is_grub = find(&table.boot_code[..], b"GRUB").is_some();
    let behind_table = match table.kind {
        disk_table::Kind::Mbr { .. } => 512,
        disk_table::Kind::Gpt { .. } => 34 * table.sector.bytes() as usize,
    };
    let rest = bytes.get(behind_table..).unwrap_or_default();
    let data = rest.iter().position(|byte| *byte != 0);
    if let (true, Some(at)) = (found.is_empty(), data) {
        let name = if is_grub {
            "GRUB for BIOS (core image)"
        } else {
            "unknown boot loader"
        };
        found.push(BootLoader {
            name: name.to_owned(),
            version: None,
            place: format!("byte {} of the disk", behind_table + at),
        });
    }
    Ok(found)
}

fn is_text(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

/// The boot loaders among the files of `volume`.
fn of_files(
    image: &Image,
    volume: &Volume,
    loaders: &mut Vec<BootLoader>,
    faults: &mut Vec<String>,
) {
    let Some(tree) = &volume.tree else {
        return;
    };
    tree.visit(|path, id| {
        let Kind::File(content) = &tree.node(id).kind else {
            return;
        };
        let lower = path.to_string().to_ascii_lowercase();
        let below_efi = volume.contents == Some(Contents::Fat) && lower.starts_with("/efi/");
        let known = FILES.iter().find(|(end, _)| is_at(&lower, end));
        let name = match known {
            Some((_, name)) => (*name).to_owned(),
            None if below_efi && lower.ends_with(".efi") => "UEFI program".to_owned(),
            None => return,
        };
        let place = format!("{}:{path}", volume.entry.number);
        let described = match loaders.len() < MAX_DESCRIBED {
            true => describe(image, path, content, name),
            false => Ok((name, None)),
        };
        let (name, version) = match described {
            Ok(described) => described,
            Err(error) => {
                faults.push(format!("cannot read `{place}`: {error}"));
                return;
            }
        };
        loaders.push(BootLoader {
            name,
            version,
            place,
        });
    });
}

/// Whether `path` is `end`, in the root of a partition or in `/boot`.
fn is_at(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|folder| {
        matches!(
            folder,
            "" | "/boot" | "/boot/firmware" | "/efi" | "/boot/efi"
        )
    })
}

/// The name and the version of the program `content` at `path`, which is `name` by its path.
fn describe(
    image: &Image,
    path: &TreePath,
    content: &Content,
    name: String,
) -> io::Result<(String, Option<String>)> {
    let last = path.to_string().to_ascii_lowercase();
    if !last.ends_with(".efi") && !last.ends_with(".elf") {
        return Ok((name, None));
    }
    let objects: &dyn Objects = image;
    let bytes = content.head(MAX_PROGRAM).read(objects)?;
    if last.ends_with(".elf") {
        let version = words_behind(&bytes, b"VC_BUILD_ID_VERSION: ");
        return Ok((name, version));
    }
    Ok(sbat(&bytes).map_or((name, None), |(component, version)| {
        (format!("{component} for UEFI"), Some(version))
    }))
}

/// The component and the version in the section `.sbat` of a program: the line behind that of SBAT itself, which has
/// component, generation, vendor, package, version and address.
fn sbat(bytes: &[u8]) -> Option<(String, String)> {
    let at = find(bytes, b"sbat,1,SBAT Version")?;
    let text: Vec<u8> = bytes[at..].iter().copied().take(1024).collect();
    let text = String::from_utf8_lossy(&text).into_owned();
    let fields: Vec<&str> = text.lines().nth(1)?.split(',').collect();
    let [component, _, _, _, version, ..] = fields[..] else {
        return None;
    };
    let is_sound = |field: &str| !field.is_empty() && field.bytes().all(is_text);
    let sound = is_sound(component) && is_sound(version);
    sound.then(|| (component.to_owned(), version.to_owned()))
}

/// The text behind `words`, up to a space.
fn words_behind(bytes: &[u8], words: &[u8]) -> Option<String> {
    let from = find(bytes, words)? + words.len();
    let text = bytes[from..]
        .iter()
        .copied()
        .take_while(|byte| byte.is_ascii_graphic());
    let text: Vec<u8> = text.take(80).collect();
    (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
}
