//! What no two devices may share is taken away; what this image calls itself is written.

use super::layer::{Layer, LayerError};

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

/// Takes every per-device secret and identifier away.
pub fn wipe(layer: &mut Layer<'_>) -> Result<(), LayerError> {
    for path in PER_DEVICE {
        layer.remove(path)?;
    }
    // Empty, not missing: systemd then fills it in without treating the boot as a first one, so
    // that no preset is applied and systemd-firstboot asks nothing on the console (machine-id(5)).
    layer.file("/etc/machine-id", "", 0o444)?;
    Ok(())
}

/// Names, time zone and locale.
pub struct Identity<'a> {
    /// Host name.
    pub hostname: &'a str,
    /// A name of the time zone database: `Europe/Berlin`.
    pub time_zone: &'a str,
    /// A locale: `C.UTF-8`.
    pub locale: &'a str,
}

/// Writes `identity`, and the clock that a board without one starts from.
pub fn write(layer: &mut Layer<'_>, identity: &Identity<'_>) -> Result<(), LayerError> {
    let Identity {
        hostname,
        time_zone,
        locale,
    } = identity;
    layer.file("/etc/hostname", format!("{hostname}\n"), 0o644)?;
    let hosts = format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n\n\
         ::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n"
    );
    layer.file("/etc/hosts", hosts, 0o644)?;
    layer.symlink(
        "/etc/localtime",
        &format!("/usr/share/zoneinfo/{time_zone}"),
    )?;
    layer.file("/etc/timezone", format!("{time_zone}\n"), 0o644)?;
    layer.file("/etc/locale.conf", format!("LANG={locale}\n"), 0o644)?;
    layer.symlink("/etc/default/locale", "../locale.conf")?;
    layer.symlink(
        "/etc/resolv.conf",
        "../run/systemd/resolve/stub-resolv.conf",
    )?;
    // PID 1 starts no earlier than the time of this file, which Debian does not ship.
    layer.file("/usr/lib/clock-epoch", "", 0o644)?;
    Ok(())
}
