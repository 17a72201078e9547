//! Reads a Raspberry Pi's boot partition the way its firmware does and says what would keep the board
//! from starting. No emulator runs that firmware, so this is the only judge before real hardware.

use crate::architecture::Architecture;
use crate::boot::contents::{Contents, path};
use crate::tree::TreePath;
use std::collections::BTreeMap;

/// The firmware reads no more of a line of config.txt (Raspberry Pi documentation, config.txt).
const MAX_CONFIG_LINE: usize = 98;
/// The kernel's `COMMAND_LINE_SIZE` is 1024 on 32-bit ARM and 2048 on arm64; the smaller counts.
const MAX_COMMAND_LINE: usize = 1023;

/// Something that keeps the board from starting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareFault {
    /// A file that the firmware opens is not there.
    #[error("the boot partition has no `{name}`, which {needed_by} asks for")]
    NoFile {
        /// Its name.
        name: String,
        /// Who opens it.
        needed_by: &'static str,
    },
    /// A line is cut off.
    #[error(
        "line {number} of config.txt has {len} characters, and the firmware reads {MAX_CONFIG_LINE}"
    )]
    LongLine {
        /// Counted from one.
        number: usize,
        /// Its length.
        len: usize,
    },
    /// A setting has another value than this image needs.
    #[error("config.txt has `{key}` = `{found}`, expected `{expected}`")]
    Setting {
        /// Its name.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is; empty where it is missing.
        found: String,
    },
    /// cmdline.txt is not one line of bearable length.
    #[error(
        "cmdline.txt has {n_lines} lines and {len} characters, expected one line of at most {MAX_COMMAND_LINE}"
    )]
    CommandLine {
        /// Lines that are not empty.
        n_lines: usize,
        /// Characters in all.
        len: usize,
    },
    /// The kernel is told of another root filesystem.
    #[error("cmdline.txt has `root={found}`, expected `root={expected}`")]
    Root {
        /// What it should be.
        expected: String,
        /// What it is; empty where it is missing.
        found: String,
    },
}

/// Everything wrong with the boot partition `firmware` of an image whose root filesystem is `root`.
/// An empty answer is a good one.
pub fn check(
    firmware: Contents<'_>,
    architecture: Architecture,
    root: &str,
    needed_files: &[String],
) -> Vec<FirmwareFault> {
    let mut faults = Vec::new();
    let has =
        |name: &str| TreePath::parse(name.as_bytes()).is_ok_and(|at| firmware.file(&at).is_some());
    let mut need = |name: &str, needed_by| {
        if !has(name) {
            let name = name.to_owned();
            faults.push(FirmwareFault::NoFile { name, needed_by });
        }
    };
    for name in needed_files {
        need(name, "the chip's boot program");
    }
    need("config.txt", "the firmware");
    need("cmdline.txt", "the firmware");
    let config_text = firmware.text(&path("/config.txt")).unwrap_or_default();
    let config = effective(&config_text);
    for key in ["kernel", "initramfs"] {
        need(config.get(key).map_or(key, String::as_str), "config.txt");
    }
    faults.extend(long_lines(&config_text));
    let wanted = match architecture {
        Architecture::Arm64 => [("arm_64bit", "1"), ("upstream_kernel", "1")].as_slice(),
        Architecture::Armhf | Architecture::Amd64 => &[("upstream_kernel", "1")],
    };
    for (key, expected) in wanted {
        let found = config.get(*key).cloned().unwrap_or_default();
        if found != *expected {
            faults.push(FirmwareFault::Setting {
                key,
                expected,
                found,
            });
        }
    }
    faults.extend(check_command_line(firmware, root));
    faults
}

fn long_lines(text: &str) -> impl Iterator<Item = FirmwareFault> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let (number, len) = (index + 1, line.chars().count());
        // A comment may be cut off.
        let harmful = len > MAX_CONFIG_LINE && !line.starts_with('#');
        harmful.then_some(FirmwareFault::LongLine { number, len })
    })
}

/// Settings that hold for every model: `key=value`, and `initramfs file` with its blank. The last
/// one wins; sections such as `[pi4]` are passed over up to the next `[all]`.
fn effective(text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut applies = true;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            applies = line == "[all]";
        } else if applies && !line.starts_with('#') {
            let rest = line.strip_prefix("initramfs ");
            let setting = match rest {
                Some(files) => files
                    .split_whitespace()
                    .next()
                    .map(|file| ("initramfs", file)),
                None => line.split_once('='),
            };
            settings.extend(
                setting.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())),
            );
        }
    }
    settings
}

fn check_command_line(firmware: Contents<'_>, root: &str) -> Vec<FirmwareFault> {
    let text = firmware.text(&path("/cmdline.txt")).unwrap_or_default();
    let mut faults = Vec::new();
    let n_lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    if n_lines != 1 || text.len() > MAX_COMMAND_LINE {
        faults.push(FirmwareFault::CommandLine {
            n_lines,
            len: text.len(),
        });
    }
    let mut words = text.lines().next().unwrap_or_default().split_whitespace();
    let found = words
        .find_map(|word| word.strip_prefix("root="))
        .unwrap_or_default();
    if found != root {
        let (expected, found) = (root.to_owned(), found.to_owned());
        faults.push(FirmwareFault::Root { expected, found });
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, put};
    use crate::boot::rpi::tests::settings;
    use crate::epoch::Timestamp;
    use crate::tree::{Meta, Objects, Tree};

    struct Nothing;
    impl Objects for Nothing {
        fn open(&self, _: &crate::digest::Sha256) -> std::io::Result<fs_err::File> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }

    fn partition(config: &str, command_line: &str) -> Tree {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        let files = [
            ("vmlinuz-6.12.1-arm64", ""),
            ("initrd.img-6.12.1-arm64", ""),
            ("start4.elf", ""),
            ("config.txt", config),
            ("cmdline.txt", command_line),
        ];
        for (name, text) in files {
            let node = builtin_file(text.as_bytes(), 0o755, Timestamp::default());
            put(&mut tree, &path(name), node).unwrap();
        }
        tree
    }

    fn faults(config: &str, command_line: &str) -> Vec<FirmwareFault> {
        let tree = partition(config, command_line);
        let contents = Contents {
            tree: &tree,
            objects: &Nothing,
        };
        check(
            contents,
            Architecture::Arm64,
            "UUID=0f1e",
            &["start4.elf".to_owned()],
        )
    }

    #[test]
    fn what_we_write_starts() {
        let settings = settings();
        assert_eq!(faults(&settings.config_txt(), &settings.cmdline_txt()), []);
    }

    #[test]
    fn each_fault_is_found() {
        let settings = settings();
        let config = settings.config_txt().replace("arm_64bit=1", "arm_64bit=0");
        let config = config.replace("initrd.img-6", "initrd.img-7") + &"x".repeat(99);
        let found = faults(&config, "root=/dev/sda\nquiet\n");
        let long = config.lines().count();
        assert_eq!(
            found,
            [
                FirmwareFault::NoFile {
                    name: "initrd.img-7.12.1-arm64".to_owned(),
                    needed_by: "config.txt"
                },
                FirmwareFault::LongLine {
                    number: long,
                    len: 99
                },
                FirmwareFault::Setting {
                    key: "arm_64bit",
                    expected: "1",
                    found: "0".to_owned()
                },
                FirmwareFault::CommandLine {
                    n_lines: 2,
                    len: 20
                },
                FirmwareFault::Root {
                    expected: "UUID=0f1e".to_owned(),
                    found: "/dev/sda".to_owned()
                },
            ]
        );
    }

    #[test]
    fn settings_of_other_models_do_not_count() {
        let config = effective("a=1\n[pi5]\na=2\nb=1\n[all]\nc=3\n#c=4\n");
        assert_eq!(
            config,
            BTreeMap::from([("a".into(), "1".into()), ("c".into(), "3".into())])
        );
    }
}
