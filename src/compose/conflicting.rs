//! Services that would fight with those of the profile over one thing: a network interface, a port. A base image
//! may have them, or a package bring them. The profile's word counts; the others are masked, not removed.

use super::layer::Layer;
use super::units::{self, UnitError};

/// A unit that a profile enables, and those that cannot run beside it.
const CONFLICTING: [(&str, &[&str]); 2] = [
    // Each of these configures every interface that it sees.
    (
        "systemd-networkd.service",
        &[
            "NetworkManager.service",
            "connman.service",
            "dhcpcd.service",
            "networking.service",
        ],
    ),
    // Both listen on port 22.
    ("ssh.service", &["dropbear.service"]),
];

/// Masks what is there and would fight with `enabled`.
pub fn mask(layer: &mut Layer<'_>, enabled: &[String]) -> Result<(), UnitError> {
    let wanted = |unit: &str| enabled.iter().any(|name| name == unit);
    for (unit, conflicting) in CONFLICTING.iter().filter(|(unit, _)| wanted(unit)) {
        debug_assert!(!conflicting.contains(unit), "no unit conflicts with itself");
        for other in conflicting.iter().filter(|other| !wanted(other)) {
            if units::is_there(layer, other) {
                units::mask(layer, other)?;
            }
        }
    }
    Ok(())
}
