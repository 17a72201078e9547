//! Names and addresses of machines.
//!
//! What no machine is reached by is no name and no address, although programs take it: a server at `0.0.0.0` is for
//! HAProxy wherever the client was going, `010.0.0.1` and a host called `123` are for the C library addresses that
//! nobody meant, and what one family of addresses has inside another (`::ffff:192.0.2.1`) is not the address that
//! a firewall or a check of ports knows.

use super::text::all_of;
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv6Addr};

/// What Debian's /etc/hosts and systemd (nss-myhostname(8)) say is something else than this device's own address.
const TAKEN: [&str; 5] = [
    "localhost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-allnodes",
    "ip6-allrouters",
];

/// RFC 1123 §2.1, one label; a name with dots belongs to DNS, not to /etc/hostname.
pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && all_of(text, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What a device can be called.
pub(super) fn is_hostname(text: &str) -> bool {
    is_label(text)
        && !ends_in_number(text)
        && !TAKEN.iter().any(|taken| text.eq_ignore_ascii_case(taken))
}

/// The full name of a machine in the DNS.
pub(super) fn is_domain(text: &str) -> bool {
    text.contains('.') && is_name(text) && !is_localhost(text)
}

/// A host name with dots or without, or the address of a machine, which may be the device itself.
pub(super) fn is_host(text: &str) -> bool {
    match text.parse() {
        Ok(address) => is_unicast(address) && !needs_scope(address),
        Err(_) => is_name(text),
    }
}

/// The same of another machine.
pub(super) fn is_remote_host(text: &str) -> bool {
    let address = text.parse::<IpAddr>();
    is_host(text) && !is_localhost(text) && !address.is_ok_and(|address| address.is_loopback())
}

/// Why a text that looks like a name or an address is none of a machine.
pub(super) fn problem(text: &str) -> Option<String> {
    let address = text.split('/').next()?;
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            let plain = address.to_ipv4_mapped()?;
            return Some(format!("it is an address of IPv4; write `{plain}`"));
        }
        Ok(address) if needs_scope(address) => {
            let words = "it is of one link only, and by which interface cannot be said here";
            return Some(words.to_owned());
        }
        Ok(address) if address.is_loopback() => return Some(ITSELF.to_owned()),
        Ok(_) => return None,
        Err(_) => {}
    }
    let is_taken = TAKEN.iter().any(|taken| text.eq_ignore_ascii_case(taken));
    if is_taken || is_localhost(text) {
        return Some(ITSELF.to_owned());
    }
    let number = text.split('.').all(is_label) && ends_in_number(text);
    let words = "programs take a name that ends in a number for an address, and this is none";
    number.then(|| words.to_owned())
}

const ITSELF: &str = "for every machine that is the machine itself";

/// Names as programs look them up. A name whose last part is a number is an address for inet_aton(3), in octal or
/// hexadecimal as well, and a mistyped address (`10.0.0.256`) is no name.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label) && !ends_in_number(text)
}

fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or(text);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => all_of(digits, |byte| byte.is_ascii_hexdigit()),
        None => all_of(last, |byte| byte.is_ascii_digit()),
    }
}

/// Every machine calls itself so (RFC 6761 §6.3, and what was before it).
fn is_localhost(text: &str) -> bool {
    let name = text.to_ascii_lowercase();
    let name = name.strip_suffix(".localdomain").unwrap_or(&name);
    name == "localhost" || name.ends_with(".localhost")
}

/// An address that one machine can have: neither "this network" (RFC 1122 §3.2.1.3), nor of a group or reserved, nor
/// an IPv4 address in the form of IPv6 (RFC 4291 §2.5.5).
fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => (1..224).contains(&address.octets()[0]),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => true,
        IpAddr::V6(address) => {
            let before_the_last_32 = address.to_bits() >> 32;
            !address.is_multicast() && before_the_last_32 != 0 && before_the_last_32 != 0xffff
        }
    }
}

/// Whether the address is of a link, of which a program has to be told by which interface it is reached.
fn needs_scope(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The address of another machine, which may be on the link of an interface that is known.
pub(super) fn is_machine(address: IpAddr) -> bool {
    is_unicast(address) && !address.is_loopback()
}

/// What a program can listen on: every address, or one.
pub(super) fn is_bind(text: &str) -> bool {
    let fits =
        |address: IpAddr| address.is_unspecified() || is_unicast(address) && !needs_scope(address);
    text == "*" || text.parse().is_ok_and(fits)
}

/// The address of a machine in a network, with the length of its prefix: not the network itself, nor all of its
/// machines. Two of IPv4 (RFC 3021) or IPv6 (RFC 6164) need no more than a bit.
pub(super) fn is_prefixed(text: &str) -> bool {
    let Some(net) = prefixed(text) else {
        return false;
    };
    let address = net.addr();
    let is_first = address == net.network();
    let is_last = address.is_ipv4() && address == net.broadcast();
    let in_network = net.prefix_len() + 1 >= net.max_prefix_len() || !is_first && !is_last;
    net.prefix_len() > 0 && is_machine(address) && !needs_scope(address) && in_network
}

/// A network: all bits behind its prefix are zero. One of IPv4 in the form of IPv6 matches no packet.
pub(super) fn is_network(text: &str) -> bool {
    let is_mapped = |net: &Ipv6Net| net.prefix_len() >= 96 && net.addr().to_ipv4_mapped().is_some();
    match prefixed(text) {
        Some(IpNet::V6(net)) if is_mapped(&net) => false,
        Some(net) => net.addr() == net.network(),
        None => false,
    }
}

/// An address and the length of its prefix, which has no zeros before it.
pub(crate) fn prefixed(text: &str) -> Option<IpNet> {
    let (address, digits) = text.split_once('/')?;
    let length: u8 = digits.parse().ok()?;
    let net = IpNet::new(address.parse().ok()?, length).ok()?;
    (length.to_string() == digits).then_some(net)
}
