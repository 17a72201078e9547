//! The packages of a system, by dpkg's list.

use super::error::chain;
use super::files::Files;
use crate::dpkg::control;
use crate::dpkg::status::{PATH, State, Status};
use serde::Serialize;

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The architecture.
    pub architecture: String,
    /// Its source package and the version of that, where these differ from its own.
    pub source: Option<String>,
    /// Its section: `net`, or `non-free-firmware/kernel` where it is not of Debian's component `main`.
    pub section: Option<String>,
    /// Whether it is configured. One that is not is usually configured when the device starts for the first time.
    pub configured: bool,
    /// Whether it is held at its version.
    pub held: bool,
}

/// The number of packages with which reading ends. Debian has about 70,000.
const MAX_PACKAGES: usize = 100_000;

/// The packages of `files` that are installed, in the order of dpkg's list.
pub(super) fn packages(files: &Files<'_>) -> Vec<Package> {
    let text = files.long_text(PATH).unwrap_or_default();
    let mut packages = Vec::new();
    for stanza in control::parse(&text) {
        let stanza = match stanza {
            Ok(stanza) => stanza,
            Err(error) => {
                files.fault(format!("`{PATH}`: {}", chain(&error)));
                break;
            }
        };
        if packages.len() == MAX_PACKAGES {
            files.fault(format!(
                "`{PATH}` has more than {MAX_PACKAGES} packages; only these were read"
            ));
            break;
        }
        let Some(status) = Status::of(&stanza) else {
            let line = stanza.line();
            files.fault(format!(
                "`{PATH}`: the stanza at line {line} has no `Status` of dpkg"
            ));
            continue;
        };
        if !status.state.is_there() {
            continue;
        }
        let field = |name: &str| stanza.get(name).unwrap_or_default().to_owned();
        packages.push(Package {
            name: field("Package"),
            version: field("Version"),
            architecture: field("Architecture"),
            source: stanza.get("Source").map(str::to_owned),
            section: stanza.get("Section").map(str::to_owned),
            configured: status.state == State::Installed,
            held: status.held,
        });
    }
    packages
}
