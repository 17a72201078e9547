//! The files of a root filesystem that each device makes for itself, so that no image has them.
//!
//! `configure` removes them after maintainer scripts have run, and `compose` from the finished tree.

/// Identifiers and seeds of one device. systemd and D-Bus make those that are missing.
pub(crate) const IDENTITIES: [&str; 3] = [
    "/var/lib/dbus/machine-id",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
];

/// The folder of the SSH server's keys.
pub(crate) const SSH_FOLDER: &str = "/etc/ssh";
/// The names of all host keys begin with this.
pub(crate) const HOST_KEY_PREFIX: &str = "ssh_host_";
/// The algorithms for which Debian's sshd makes a host key, in a file of this name and one with `.pub`.
pub(crate) const HOST_KEYS: [&str; 3] = ["rsa_key", "ecdsa_key", "ed25519_key"];

/// The id of the device (machine-id(5)). The file of an image is empty.
pub(crate) const MACHINE_ID: &str = "/etc/machine-id";
/// The machine-id of a base image whose first boot is still to come, which an image keeps.
pub(crate) const UNINITIALIZED: &str = "uninitialized\n";
