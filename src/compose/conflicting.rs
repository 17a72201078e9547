//! Masks services that need the same network interface or port as a service of the profile. They come from a base
//! image or a package; they are not removed.

use super::layer::Layer;
use super::units::{self, UnitError};

/// A unit that a profile enables, and the units that cannot run beside it.
const CONFLICTING: [(&str, &[&str]); 2] = [
    // Each of these configures all network interfaces.
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

/// Masks the units of the image that conflict with those in `enabled`.
///
/// # Errors
///
/// A unit cannot be read, or a link cannot be written.
pub fn mask(layer: &mut Layer<'_>, enabled: &[String]) -> Result<(), UnitError> {
    let wanted = |unit: &str| enabled.iter().any(|name| name == unit);
    for (unit, conflicting) in CONFLICTING.iter().filter(|(unit, _)| wanted(unit)) {
        debug_assert!(!conflicting.contains(unit), "no unit conflicts with itself");
        for other in conflicting.iter().filter(|other| !wanted(other)) {
            if units::exists(layer, other) {
                units::mask(layer, other)?;
            }
        }
    }
    Ok(())
}
