//! Removes what no two devices may share, and writes the name, time zone and locale of this image.

use super::layer::{Layer, LayerError};
use crate::per_device::{
    HOST_KEY_PREFIX, HOST_KEYS, IDENTITIES, MACHINE_ID, SSH_FOLDER, UNINITIALIZED,
};
use crate::specification::SystemSettings;

const HOSTS: &str = "/etc/hosts";

/// Removes the secrets and identifiers that each device makes for itself, at its first boot or later.
///
/// # Errors
///
/// The machine-id cannot be read.
pub fn wipe(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    for path in IDENTITIES {
        layer.remove(path)?;
    }
    for key in HOST_KEYS {
        layer.remove(&format!("{SSH_FOLDER}/{HOST_KEY_PREFIX}{key}"))?;
        layer.remove(&format!("{SSH_FOLDER}/{HOST_KEY_PREFIX}{key}.pub"))?;
    }
    if layer.text(MACHINE_ID)? != UNINITIALIZED {
        // The file is empty and not missing: systemd then fills it in without treating the boot as a
        // first one, so that it applies no preset and systemd-firstboot asks nothing on the console
        // (machine-id(5)).
        layer.file(MACHINE_ID, "", 0o444)?;
    }
    Ok(())
}

/// Writes the settings in `system`. A setting that is not given leaves its files as they are.
///
/// # Errors
///
/// A file cannot be read, or the tree does not take one.
pub fn write(layer: &mut Layer<'_>, system: &SystemSettings) -> Result<(), LayerError> {
    if let Some(hostname) = &system.host_name {
        if layer.has(CLOUD_INIT) {
            layer.file(&format!("{CLOUD_INIT}/99-imgbuild.cfg"), KEEP_NAME, 0o644)?;
        }
        set_host_name(layer, hostname)?;
    }
    if let Some(time_zone) = &system.time_zone {
        let time_zone = &time_zone.value;
        let target = format!("/usr/share/zoneinfo/{time_zone}");
        layer.symlink("/etc/localtime", &target)?;
        layer.file("/etc/timezone", format!("{time_zone}\n"), 0o644)?;
    }
    if let Some(locale) = &system.locale {
        let text = format!("LANG={}\n", locale.value);
        layer.file("/etc/locale.conf", text, 0o644)?;
        layer.symlink("/etc/default/locale", "../locale.conf")?;
    }
    if layer.has(RESOLVED) {
        link_resolver(layer)?;
    }
    Ok(())
}

/// Writes what a root filesystem made of packages needs: the link to the resolver's configuration, and
/// the time that a board without a clock starts from.
///
/// # Errors
///
/// The tree does not take a file.
pub fn write_defaults(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    link_resolver(layer)?;
    // PID 1 starts no earlier than the time of this file, which Debian does not ship.
    layer.file("/usr/lib/clock-epoch", "", 0o644)?;
    Ok(())
}

/// Makes programs ask systemd-resolved for names and for the domain of the device.
///
/// # Errors
///
/// The tree does not take the link.
pub fn link_resolver(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    layer.symlink("/etc/resolv.conf", STUB)?;
    Ok(())
}

/// Writes the host name. In an /etc/hosts that exists, only the line for the host name changes.
///
/// # Errors
///
/// /etc/hosts cannot be read, or the tree does not take a file.
pub fn set_host_name(layer: &mut Layer<'_>, hostname: &str) -> Result<(), LayerError> {
    layer.file("/etc/hostname", format!("{hostname}\n"), 0o644)?;
    let own = format!("127.0.1.1\t{hostname}\n");
    let text = match layer.has(HOSTS) {
        true => renamed(&layer.text(HOSTS)?, &own),
        false => hosts(&own),
    };
    layer.file(HOSTS, text, 0o644)?;
    Ok(())
}

/// The lines of `hosts`, in which the line `own` replaces the first line for 127.0.1.1 and all others
/// for this address are left out.
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

/// An /etc/hosts as Debian's installer writes it, with the line `own` for the host name.
fn hosts(own: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost\n{own}\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\
         ff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n"
    )
}

/// The folder from which cloud-init reads settings. Those of the last file win, except over the user-data.
const CLOUD_INIT: &str = "/etc/cloud/cloud.cfg.d";
/// Without these settings cloud-init sets the host name from its metadata, or to `localhost`.
const KEEP_NAME: &str = "\
# Written by imgbuild, which has set the name of this device. Who names it in user-data says there
# `preserve_hostname: false` too.
preserve_hostname: true
manage_etc_hosts: false
";

/// The program of the resolver, where it is installed.
const RESOLVED: &str = "/usr/lib/systemd/systemd-resolved";
/// The resolver's own resolv.conf, which names it as the only server.
const STUB: &str = "../run/systemd/resolve/stub-resolv.conf";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::{Epoch, Timestamp};
    use crate::tree::generated::NoObjects;
    use crate::tree::{Meta, Origin, Tree};

    /// /etc/hosts and the settings of cloud-init after a base with the directory `folder` was named.
    fn named(folder: &str) -> (String, String) {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        let mut layer = Layer::new(&mut tree, &NoObjects, Epoch(0), Origin::Builtin);
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
    fn a_setting_that_is_not_given_writes_nothing() {
        let none = SystemSettings::default();
        for is_new in [false, true] {
            let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
            let mut layer = Layer::new(&mut tree, &NoObjects, Epoch(0), Origin::Builtin);
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
