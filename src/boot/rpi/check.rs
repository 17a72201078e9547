//! Reads a Raspberry Pi's boot partition as its firmware does, and finds the faults that would keep the
//! board from starting. No emulator runs this firmware, so nothing else tests the partition before real
//! hardware does.

use crate::architecture::Architecture;
use crate::boot::contents::{Contents, path};
use crate::tree::TreePath;
use std::collections::BTreeMap;

/// The most characters that the firmware reads of a line of config.txt (Raspberry Pi documentation, config.txt).
const MAX_CONFIG_LINE: usize = 98;
/// The most characters of the command line. The kernel's `COMMAND_LINE_SIZE` is 1024 on 32-bit ARM, and 2048
/// on arm64.
const MAX_COMMAND_LINE: usize = 1023;

/// A fault that keeps the board from starting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FirmwareFault(String);

/// All faults of the boot partition `firmware` of an image whose root filesystem is `root`. A sound
/// partition has none.
pub fn check(
    firmware: Contents<'_>,
    architecture: Architecture,
    root: &str,
    needed_files: &[String],
) -> Vec<FirmwareFault> {
    let mut faults = Vec::new();
    let has =
        |name: &str| TreePath::parse(name.as_bytes()).is_ok_and(|at| firmware.file(&at).is_some());
    let mut need = |name: &str, needed_by: &str| {
        if !has(name) {
            faults.push(format!(
                "the boot partition has no `{name}`, which {needed_by} asks for"
            ));
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
        let found = config.get(*key).map_or("", String::as_str);
        if found != *expected {
            faults.push(format!(
                "config.txt has `{key}` = `{found}`, expected `{expected}`"
            ));
        }
    }
    faults.extend(check_command_line(firmware, root));
    faults.into_iter().map(FirmwareFault).collect()
}

fn long_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        let len = line.chars().count();
        // A comment may be cut off.
        let harmful = len > MAX_CONFIG_LINE && !line.starts_with('#');
        harmful.then(|| {
            format!(
                "line {number} of config.txt has {len} characters, and the firmware reads {MAX_CONFIG_LINE}"
            )
        })
    })
}

/// The settings for all models: `key=value`, and `initramfs file` with a space. The last of several
/// wins. Sections such as `[pi4]` are left out up to the next `[all]`.
fn effective(text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut applies = true;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            applies = line == "[all]";
        } else if applies && !line.starts_with('#') {
            let setting = match line.strip_prefix("initramfs ") {
                Some(files) => files.split_whitespace().next().map(|it| ("initramfs", it)),
                None => line.split_once('='),
            };
            if let Some((key, value)) = setting {
                settings.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
    settings
}

fn check_command_line(firmware: Contents<'_>, root: &str) -> Vec<String> {
    let text = firmware.text(&path("/cmdline.txt")).unwrap_or_default();
    let mut faults = Vec::new();
    let n_lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    if n_lines != 1 || text.len() > MAX_COMMAND_LINE {
        faults.push(format!(
            "cmdline.txt has {n_lines} lines and {} characters, expected one line of at most {MAX_COMMAND_LINE}",
            text.len()
        ));
    }
    let mut words = text.lines().next().unwrap_or_default().split_whitespace();
    let found = words.find_map(|word| word.strip_prefix("root="));
    let found = found.unwrap_or_default();
    if found != root {
        faults.push(format!(
            "cmdline.txt has `root={found}`, expected `root={root}`"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{builtin_file, put};
    use crate::boot::rpi::tests::settings;
    use crate::epoch::Timestamp;
    use crate::tree::generated::NoObjects;
    use crate::tree::{Meta, Tree};

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

    fn faults(config: &str, command_line: &str) -> String {
        let tree = partition(config, command_line);
        let contents = Contents {
            tree: &tree,
            objects: &NoObjects,
        };
        let needed = ["start4.elf".to_owned()];
        let faults = check(contents, Architecture::Arm64, "UUID=0f1e", &needed);
        faults.iter().map(|fault| format!("{fault}\n")).collect()
    }

    #[test]
    fn what_we_write_starts() {
        let settings = settings();
        let found = faults(&settings.config_txt(), &settings.cmdline_txt());
        assert_eq!(found, "");
    }

    #[test]
    fn each_fault_is_found() {
        let settings = settings();
        let config = settings.config_txt().replace("arm_64bit=1", "arm_64bit=0");
        let config = config.replace("initrd.img-6", "initrd.img-7") + &"x".repeat(99);
        insta::assert_snapshot!(faults(&config, "root=/dev/sda\nquiet\n"), @r"
        the boot partition has no `initrd.img-7.12.1-arm64`, which config.txt asks for
        line 11 of config.txt has 99 characters, and the firmware reads 98
        config.txt has `arm_64bit` = `0`, expected `1`
        cmdline.txt has 2 lines and 20 characters, expected one line of at most 1023
        cmdline.txt has `root=/dev/sda`, expected `root=UUID=0f1e`
        ");
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
