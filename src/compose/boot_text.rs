//! The text file on the boot partition in which a person sets what is to change, before the first boot
//! and later. Any editor of any system can write it; `Imgbuild::BootFile` reads it.

use crate::define::{Kind, Setting, Value};
use crate::spec::Spec;

/// Its name on the boot partition.
pub const NAME: &str = "imgbuild.txt";

/// Its text for `spec`, with every setting that can change and without any secret. Lines end as on
/// Windows, whose older editors show anything else as one line.
pub fn text(spec: &Spec) -> String {
    let mut lines = vec![
        format!("# Settings of this device: {} on {}.", spec.profile.name, spec.board.name),
        "#".to_owned(),
        "# To change one, take the # before its line away and write another value. The device reads this".to_owned(),
        "# file whenever it starts, and takes over what has changed in it. If a value is wrong, nothing of".to_owned(),
        "# the file is used: imgbuild-problems.txt, beside it, then says why. Passwords disappear from here".to_owned(),
        "# once the device has them. On the device itself: sudo imgbuild-config set NAME=VALUE".to_owned(),
    ];
    for name in spec.changeable() {
        let setting = &spec.profile.settings[name];
        let value = spec.settings.value(name).and_then(line_of);
        lines.push(String::new());
        lines.push(format!("# {}", setting.help));
        lines.push(format!("# ({})", expected(setting)));
        lines.push(format!("#{name} = {}", value.unwrap_or_default()));
    }
    lines.into_iter().map(|line| line + "\r\n").collect()
}

/// What may stand there.
fn expected(setting: &Setting) -> String {
    let mut text = match (&setting.values[..], &setting.items) {
        ([], Some(items)) => format!(
            "several, with commas between; each {}",
            items.kind.expected()
        ),
        ([], None) => setting.kind.expected().to_owned(),
        (values, _) => format!("one of {}", values.join(", ")),
    };
    if let (Kind::Integer, Some(min), Some(max)) = (setting.kind, setting.min, setting.max) {
        text += &format!(" from {min} to {max}");
    }
    if setting.generate.is_some() {
        text += "; the device makes one where none is given";
    }
    text.replace('`', "")
}

/// A value on one line; none where it does not fit, as a server with a weight.
fn line_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::List(items) => {
            let items = items.iter().map(line_of).collect::<Option<Vec<_>>>();
            items.map(|items| items.join(","))
        }
        Value::Table(fields) => {
            let plain = fields.get("weight") == Some(&Value::Integer(1))
                && fields.get("backup") == Some(&Value::Boolean(false));
            let (Value::Text(name), Value::Text(address), Value::Integer(port)) = (
                fields.get("name")?,
                fields.get("address")?,
                fields.get("port")?,
            ) else {
                return None;
            };
            let bracketed = address.contains(':').then(|| format!("[{address}]"));
            let address = bracketed.unwrap_or_else(|| address.clone());
            plain.then(|| format!("{name}={address}:{port}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Definitions;
    use crate::spec::{self, GivenSecret, Secret, UserSettings};

    #[test]
    fn the_file_offers_what_can_change_and_no_secret() {
        let secret = GivenSecret {
            name: "wifi-passphrase".to_owned(),
            origin: String::new(),
            value: Secret::new("swordfish 42".to_owned()),
        };
        let user = UserSettings {
            flags: vec!["client-dns=9.9.9.9,::1".to_owned()],
            secrets: vec![secret],
            ..UserSettings::default()
        };
        let spec = spec::check(&Definitions::find(&[]), "rpi4", "wifi-hotspot", &user);
        let text = text(&spec.unwrap_or_else(|wrong| panic!("{wrong}")));
        for part in [
            "\r\n# the network's name\r\n# (1 to 32 bytes without control characters; the device makes one where none is given)\r\n#wifi-ssid = \r\n",
            "\r\n#wifi-passphrase = \r\n",
            "\r\n# (one of n, ac, ax)\r\n#wifi-standard = ac\r\n",
            "\r\n#client-dns = 9.9.9.9,::1\r\n",
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
