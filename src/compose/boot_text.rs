//! The text file on the boot partition in which a person changes settings, before the first boot or
//! later. Any text editor can write it. The Perl module `Imgbuild::BootFile` reads it on the device.

use super::device;
use super::layer::{Layer, LayerError};
use super::setting_syntax;
use crate::define::Setting;
use crate::specification::Spec;

/// Its name on the boot partition.
pub const NAME: &str = "imgbuild.txt";

/// Writes the file into the folder `mount`, if the image has the command that reads it. Without a FAT partition the
/// folder is on the root filesystem, which only a computer with Linux can read.
///
/// # Errors
///
/// The tree does not take the file.
pub fn write(layer: &mut Layer<'_>, spec: &Spec, mount: &str) -> Result<(), LayerError> {
    if layer.has(device::DEFINITIONS) {
        let path = format!("{}/{NAME}", mount.trim_end_matches('/'));
        layer.file(&path, text(spec), 0o644)?;
    }
    Ok(())
}

/// The text for `spec`, with all settings that can change on the device, and without secrets. Lines end with
/// CR LF, because older editors of Windows show any other text as one line.
fn text(spec: &Spec) -> String {
    let mut lines = vec![
        format!("# Settings of this device: {} on {}.", spec.profile.name, spec.board.name),
        "#".to_owned(),
        "# To change one, take the # before its line away and write another value. The device reads this".to_owned(),
        "# file whenever it starts, and takes over what has changed in it. If a value is wrong, nothing of".to_owned(),
        "# the file is used: imgbuild-problems.txt, beside it, then says why. If the device does not".to_owned(),
        "# work with it, it goes back to what it had and says why there, too. Passwords disappear from here once the".to_owned(),
        "# device works with them. On the device itself: sudo imgbuild-config set NAME=VALUE".to_owned(),
    ];
    for name in spec.changeable() {
        let setting = &spec.profile.settings[name];
        let value = spec.settings.value(name);
        let value = value.map(|value| setting_syntax::of(setting, value));
        lines.push(String::new());
        lines.push(format!("# {}", setting.help));
        lines.push(format!("# ({})", expected(setting)));
        let fields = setting.items.iter().flat_map(|items| &items.fields);
        lines.extend(fields.map(|(name, field)| format!("#   {name}: {}", described(field))));
        lines.push(format!("#{name} = {}", value.unwrap_or_default()));
    }
    lines.into_iter().map(|line| line + "\r\n").collect()
}

/// A description of the values that `setting` can have.
pub(crate) fn expected(setting: &Setting) -> String {
    let mut text = match (&setting.values[..], &setting.items) {
        ([], Some(items)) if items.kind.is("table") => {
            "a list [{ field = value, … }, …], on one line or between lines with [ and ], with the fields"
                .to_owned()
        }
        ([], Some(items)) => {
            let each = items.kind.expected();
            format!("several, with commas between; each {each}")
        }
        ([], None) => setting.kind.expected().to_owned(),
        (values, _) => format!("one of {}", values.join(", ")),
    };
    if let (true, Some(min), Some(max)) = (setting.kind.is("integer"), setting.min, setting.max) {
        text += &format!(" from {min} to {max}");
    }
    if setting.generate.is_some() {
        text += "; the device makes one where none is given";
    }
    text.replace('`', "")
}

/// A description of `field`, which is one of the fields of a list's tables.
pub(crate) fn described(field: &Setting) -> String {
    let otherwise = match &field.default {
        _ if field.required => "needed".to_owned(),
        Some(default) => format!("{} unless given", default.value),
        None => "may be absent".to_owned(),
    };
    let help = Some(&field.help).filter(|help| !help.is_empty());
    let help = help.map(|help| format!("{help}; ")).unwrap_or_default();
    format!("{help}{}; {otherwise}", expected(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Definitions;
    use crate::specification::{self, GivenSecret, Secret, UserSettings};

    #[test]
    fn the_file_offers_what_can_change_and_no_secret() {
        let secret = GivenSecret {
            name: "wifi-passphrase".to_owned(),
            origin: String::new(),
            value: Secret::new("swordfish 42".to_owned()),
        };
        let user = UserSettings {
            flags: vec!["client-dns=9.9.9.9,1.1.1.1".to_owned()],
            secrets: vec![secret],
            ..UserSettings::default()
        };
        let spec = specification::check(&Definitions::find(&[]), "rpi4", "wifi-hotspot", &user);
        let text = text(&spec.unwrap_or_else(|wrong| panic!("{wrong}")));
        for part in [
            "\r\n# the network's name\r\n# (1 to 32 bytes without control characters; the device makes one where none is given)\r\n#wifi-ssid = \r\n",
            "\r\n#wifi-passphrase = \r\n",
            "\r\n# (one of n, ac, ax)\r\n#wifi-standard = ac\r\n",
            "\r\n#client-dns = 9.9.9.9,1.1.1.1\r\n",
            "\r\n#hostname = wifi-hotspot\r\n",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert!(
            !text.contains("swordfish") && !text.contains("#user ") && !text.contains("#locale ")
        );
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }
}
