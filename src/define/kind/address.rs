//! IP addresses and networks: which addresses a kind allows, and what stands behind a prefix.

use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// An address and the length of its prefix, which has no zeros before it.
pub(crate) fn prefixed(text: &str) -> Option<IpNet> {
    let (address, digits) = text.split_once('/')?;
    let length: u8 = digits.parse().ok()?;
    let net = IpNet::new(address.parse().ok()?, length).ok()?;
    (length.to_string() == digits).then_some(net)
}

/// `10.0.0.0/8`, or `!10.0.0.0/8`: addresses that are allowed, or are not.
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

/// Whether `routes` allow the address that `text` is. The longest prefix decides, as in a table of routes; an address that
/// is in no network is not allowed.
pub(super) fn allows(routes: &[Route], text: &str) -> bool {
    let Ok(address) = text.parse::<IpAddr>() else {
        return false;
    };
    let around = routes.iter().filter(|route| route.net.contains(&address));
    let longest = around.max_by_key(|route| route.net.prefix_len());
    longest.is_some_and(|route| route.allowed)
}

/// What the bits behind a prefix have to be.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HostBits {
    /// Zero: it is a network.
    Zero,
    /// A machine's: neither those of the network itself, nor those of all its machines. Two machines of IPv4 (RFC 3021) or
    /// IPv6 (RFC 6164) need no more than a bit.
    Machine,
}

impl HostBits {
    /// Whether they are so in `address`, with `length` as the length of its prefix.
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
