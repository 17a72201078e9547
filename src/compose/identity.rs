//! What no two devices may share is taken away; what this image calls itself is written.

use super::layer::{Layer, LayerError};
use crate::specification::SystemSettings;
use crate::specification::system::Choice;

/// Made by the device itself, at its first boot or later; never part of an image.
const PER_DEVICE: [&str; 9] = [
    "/var/lib/dbus/machine-id",
    "/var/lib/systemd/random-seed",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_rsa_key.pub",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ecdsa_key.pub",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/var/lib/systemd/credential.secret",
];

const MACHINE_ID: &str = "/etc/machine-id";
const HOSTS: &str = "/etc/hosts";

/// Takes every per-device secret and identifier away.
pub fn wipe(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    for path in PER_DEVICE {
        layer.remove(path)?;
    }
    // A base may say by this word that its first boot is still to come (machine-id(5)).
    if layer.text(MACHINE_ID)? == "uninitialized\n" {
        return Ok(());
    }
    // Empty, not missing: systemd then fills it in without treating the boot as a first one, so
    // that no preset is applied and systemd-firstboot asks nothing on the console (machine-id(5)).
    layer.file(MACHINE_ID, "", 0o444)?;
    Ok(())
}

/// Writes what `system` says; for what is not set, nothing is written.
pub fn write(layer: &mut Layer<'_>, system: &SystemSettings) -> Result<(), LayerError> {
    if let Some(hostname) = &system.host_name {
        if layer.has(CLOUD_INIT) {
            layer.file(&format!("{CLOUD_INIT}/99-imgbuild.cfg"), KEEP_NAME, 0o644)?;
        }
        call(layer, hostname)?;
    }
    if let Some(Choice {
        value: time_zone, ..
    }) = &system.time_zone
    {
        let target = format!("/usr/share/zoneinfo/{time_zone}");
        layer.symlink("/etc/localtime", &target)?;
        layer.file("/etc/timezone", format!("{time_zone}\n"), 0o644)?;
    }
    if let Some(Choice { value: locale, .. }) = &system.locale {
        layer.file("/etc/locale.conf", format!("LANG={locale}\n"), 0o644)?;
        layer.symlink("/etc/default/locale", "../locale.conf")?;
    }
    if layer.has(RESOLVED) {
        link_resolver(layer)?;
    }
    Ok(())
}

/// Writes what a root needs that has nothing of its own yet: who answers names, and the time that a board without
/// a clock starts from.
pub fn write_defaults(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    link_resolver(layer)?;
    // PID 1 starts no earlier than the time of this file, which Debian does not ship.
    layer.file("/usr/lib/clock-epoch", "", 0o644)?;
    Ok(())
}

/// Leads whoever asks for names to systemd-resolved. Scripts look there for the domain of the machine.
pub fn link_resolver(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    layer.symlink("/etc/resolv.conf", STUB)?;
    Ok(())
}

/// Calls the device by its name. Of an /etc/hosts that is there, only the line about the name changes.
pub fn call(layer: &mut Layer<'_>, hostname: &str) -> Result<(), LayerError> {
    layer.file("/etc/hostname", format!("{hostname}\n"), 0o644)?;
    let own = format!("127.0.1.1\t{hostname}\n");
    let text = match layer.has(HOSTS) {
        true => renamed(&layer.text(HOSTS)?, &own),
        false => hosts(&own),
    };
    layer.file(HOSTS, text, 0o644)?;
    Ok(())
}

/// The lines of `hosts` with the line `own` in the place of the first one about the device's name, and without any
/// other of that kind.
fn renamed(hosts: &str, own: &str) -> String {
    let is_own = |line: &str| line.split_whitespace().next() == Some("127.0.1.1");
    let mut own = Some(own.to_owned());
    let mut text = String::new();
    for line in hosts.lines() {
        text += &match is_own(line) {
            true => own.take().unwrap_or_default(),
            false => format!("{line}\n"),
        };
    }
    text + &own.unwrap_or_default()
}

/// An /etc/hosts as Debian's installer writes it, with the line `own` about the device's name.
fn hosts(own: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost\n{own}\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\
         ff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n"
    )
}

/// Where cloud-init reads settings, the last file's words last but for those of the user's data.
const CLOUD_INIT: &str = "/etc/cloud/cloud.cfg.d";
/// Without this text cloud-init calls the device what its metadata say, or `localhost`.
const KEEP_NAME: &str = "\
# Written by imgbuild, which has set the name of this device. Who names it in user-data says there
# `preserve_hostname: false` too.
preserve_hostname: true
manage_etc_hosts: false
";

/// The service that answers names, where it is installed.
const RESOLVED: &str = "/usr/lib/systemd/systemd-resolved";
/// The file in which it says that it does.
const STUB: &str = "../run/systemd/resolve/stub-resolv.conf";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::epoch::{Epoch, Timestamp};
    use crate::tree::{Meta, Objects, Origin, Tree};

    struct Nothing;
    impl Objects for Nothing {
        fn open(&self, digest: &Sha256) -> std::io::Result<fs_err::File> {
            fs_err::File::open(digest.to_string())
        }
    }

    /// What is written of the name where a base has the directory `folder`.
    fn named(folder: &str) -> (String, String) {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        let mut layer = Layer::new(&mut tree, &Nothing, Epoch(0), Origin::Builtin);
        layer.directory(folder, 0o755).unwrap();
        let hosts = "127.0.0.1 localhost\n127.0.1.1 vendor\n";
        layer.file("/etc/hosts", hosts, 0o644).unwrap();
        let system = SystemSettings {
            host_name: Some("node".to_owned()),
            ..SystemSettings::default()
        };
        write(&mut layer, &system).unwrap();
        assert_eq!(layer.text("/etc/hostname").unwrap(), "node\n");
        let cloud = layer.text("/etc/cloud/cloud.cfg.d/99-imgbuild.cfg");
        (layer.text("/etc/hosts").unwrap(), cloud.unwrap())
    }

    #[test]
    fn a_device_is_renamed_and_keeps_its_other_hosts() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tnode\n";
        assert_eq!(named("/etc"), (hosts.to_owned(), String::new()));
    }

    #[test]
    fn the_line_about_the_name_stays_where_it_is_and_is_there_once() {
        let own = "127.0.1.1\tnode\n";
        for (before, expected) in [
            ("", own),
            ("127.0.1.1 a\n::1 b\n", "127.0.1.1\tnode\n::1 b\n"),
            (
                "::1 b\n127.0.1.1 a\n127.0.1.1 c",
                "::1 b\n127.0.1.1\tnode\n",
            ),
            ("::1 b", "::1 b\n127.0.1.1\tnode\n"),
        ] {
            assert_eq!(renamed(before, own), expected);
        }
        assert_eq!(renamed(&hosts("127.0.1.1\tother\n"), own), hosts(own));
    }

    #[test]
    fn for_what_is_not_set_nothing_is_written() {
        let none = SystemSettings::default();
        for is_new in [false, true] {
            let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
            let mut layer = Layer::new(&mut tree, &Nothing, Epoch(0), Origin::Builtin);
            layer.directory(CLOUD_INIT, 0o755).unwrap();
            layer.file("/etc/hosts", "127.0.0.1 mine\n", 0o644).unwrap();
            write(&mut layer, &none).unwrap();
            if is_new {
                write_defaults(&mut layer).unwrap();
            }
            assert_eq!(layer.text("/etc/hosts").unwrap(), "127.0.0.1 mine\n");
            for path in [
                "hostname",
                "timezone",
                "locale.conf",
                "localtime",
                "default",
            ] {
                assert!(!layer.has(&format!("/etc/{path}")), "{path}");
            }
            assert!(layer.files(CLOUD_INIT).is_empty());
        }
    }

    #[test]
    fn cloud_init_leaves_the_name_alone() {
        let (_, cloud) = named("/etc/cloud/cloud.cfg.d");
        assert_eq!(cloud, KEEP_NAME);
    }
}
