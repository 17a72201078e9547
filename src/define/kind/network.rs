//! The IPv4 networks that an address of a setting must not be in.

use ipnet::Ipv4Net;

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Ipv4Net);

/// An error: the text is not an IPv4 network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an IPv4 network: expected an address with its prefix length, such as `10.0.0.0/8`"
)]
pub struct NotANetwork(String);

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    /// Reads `10.0.0.0/8`. An address inside of a network (`10.1.2.3/8`) is read as the network around it.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let net = || {
            let (address, prefix) = text.split_once('/')?;
            Ipv4Net::new(address.parse().ok()?, prefix.parse().ok()?).ok()
        };
        let net = net().ok_or_else(|| NotANetwork(text.to_owned()))?;
        Ok(Self(net.trunc()))
    }
}

impl Network {
    /// The first and the last address.
    pub fn bounds(self) -> (u32, u32) {
        (self.0.network().to_bits(), self.0.broadcast().to_bits())
    }

    /// Whether the two networks have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}
