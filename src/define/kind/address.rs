//! IP addresses and networks: which addresses a kind allows, and which bits may follow a prefix.

use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// Reads an address with the length of its prefix, which has no leading zeros.
pub(crate) fn prefixed(text: &str) -> Option<IpNet> {
    let (address, digits) = text.split_once('/')?;
    let length: u8 = digits.parse().ok()?;
    let net = IpNet::new(address.parse().ok()?, length).ok()?;
    (length.to_string() == digits).then_some(net)
}

/// A network whose addresses are allowed (`10.0.0.0/8`) or not allowed (`!10.0.0.0/8`).
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Route {
    net: IpNet,
    allowed: bool,
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.strip_prefix('!').unwrap_or(&text);
        let net = prefixed(network).filter(|net| net.addr() == net.network());
        let net = net.ok_or_else(|| format!("`{network}` is not a network"))?;
        let allowed = network == text;
        Ok(Self { net, allowed })
    }
}

/// Whether `routes` allow the address `text`. The longest prefix that contains the address decides, as in a routing table;
/// an address outside of all networks is not allowed.
pub(super) fn allows(routes: &[Route], text: &str) -> bool {
    let Ok(address) = text.parse::<IpAddr>() else {
        return false;
    };
    let around = routes.iter().filter(|route| route.net.contains(&address));
    let longest = around.max_by_key(|route| route.net.prefix_len());
    longest.is_some_and(|route| route.allowed)
}

/// A rule for the bits of an address after the prefix.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HostBits {
    /// All bits are zero: the address is that of a network.
    Zero,
    /// The bits are those of a machine, not of the network itself or of its broadcast address. A network of two machines has
    /// one such bit, with IPv4 (RFC 3021) and with IPv6 (RFC 6164), and both its values are machines.
    Machine,
}

impl HostBits {
    /// Whether the bits of `address` after a prefix of `length` bits follow the rule.
    pub(super) fn hold(self, address: &str, length: &str) -> bool {
        let Some(net) = prefixed(&format!("{address}/{length}")) else {
            return false;
        };
        let is_first = net.addr() == net.network();
        let is_last = net.addr().is_ipv4() && net.addr() == net.broadcast();
        match self {
            Self::Zero => is_first,
            Self::Machine => net.prefix_len() + 1 >= net.max_prefix_len() || !is_first && !is_last,
        }
    }
}
