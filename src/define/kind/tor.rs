//! What Tor takes as names of relays and as bridges; a mistake in one of them, and it does not start at all.

use super::text::all_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a bridge looks like, for messages.
pub(super) const BRIDGE: &str =
    "a bridge line, such as `obfs4 192.0.2.1:443 FINGERPRINT cert=… iat-mode=0`";
/// A node's id and its public key (obfs4-spec, "cert"), in base64 without padding.
const CERT_LEN: usize = 70;

/// The SHA-1 of a relay's key (torspec, "fingerprint").
fn is_digest(text: &str) -> bool {
    text.len() == 40 && all_of(text, |byte| byte.is_ascii_hexdigit())
}

/// torspec, "Nicknames".
pub(super) fn is_nickname(text: &str) -> bool {
    (1..=19).contains(&text.len()) && all_of(text, |byte| byte.is_ascii_alphanumeric())
}

/// As `MyFamily` takes it, perhaps with the nickname behind it.
pub(super) fn is_fingerprint(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    match text.split_once(['=', '~']) {
        Some((digest, nickname)) => is_digest(digest) && is_nickname(nickname),
        None => is_digest(text),
    }
}

/// A key of Ed25519, or `*` for every one that is there.
pub(super) fn is_family_id(text: &str) -> bool {
    let digits = text.strip_suffix('=').unwrap_or(text);
    text == "*" || digits.len() == 43 && all_of(digits, is_base64)
}

/// What the key of a family looks like, for messages.
pub(super) const FAMILY_KEY: &str = "the file that `tor --keygen-family` wrote, in base64 without line breaks: 128 characters that begin with `PT0g`";
/// The first characters of every such file: `== ed25519v1-secret: fmly-id ==` and a zero byte, all but the last two
/// bits of which stand in 43 characters. 64 bytes of the key follow.
const FAMILY_KEY_HEAD: &str = "PT0gZWQyNTUxOXYxLXNlY3JldDogZm1seS1pZCA9PQ";

/// The secret key of a family as base64(1) prints it with `-w0`. Another file beside the relay's own keys, and Tor does
/// not start.
pub(super) fn is_family_key(text: &str) -> bool {
    let rest = text.strip_prefix(FAMILY_KEY_HEAD);
    text.len() == 128
        && rest
            .is_some_and(|rest| rest.starts_with(['A', 'B', 'C', 'D']) && all_of(rest, is_base64))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/".contains(&byte)
}

/// A bridge as a line of torrc has it, or why the image's Tor could not use it.
pub(super) fn bridge(text: &str) -> Result<String, &'static str> {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case("bridge"))
    {
        words.remove(0);
    }
    let line = words.join(" ");
    let mut words = words.into_iter().peekable();
    let first = *words.peek().ok_or("it has no address")?;
    let transport = words.next_if(|_| !first.starts_with(|c: char| c == '[' || c.is_ascii_digit()));
    if transport.is_some_and(|transport| transport != "obfs4") {
        return Err("images have obfs4proxy: of the transports, obfs4 alone works");
    }
    if !words.next().is_some_and(is_endpoint) {
        return Err("its address is not `192.0.2.1:443` or `[2001:db8::1]:443`");
    }
    let fingerprint = words.next_if(|word| !word.contains('='));
    if !fingerprint.is_none_or(is_digest) {
        return Err("its fingerprint is not of 40 hexadecimal digits");
    }
    let rest: Vec<&str> = words.collect();
    match (transport, rest.as_slice()) {
        (None, []) => Ok(line),
        (None, _) => Err("a bridge without `obfs4` has nothing behind its fingerprint"),
        (Some(_), [one, other]) if is_pair(one, other) || is_pair(other, one) => Ok(line),
        (Some(_), _) => Err("obfs4 needs `cert=…`, of 70 characters, and `iat-mode=0`, 1 or 2"),
    }
}

fn is_pair(cert: &str, mode: &str) -> bool {
    let cert = cert.strip_prefix("cert=");
    cert.is_some_and(|cert| cert.len() == CERT_LEN && all_of(cert, is_base64))
        && matches!(mode, "iat-mode=0" | "iat-mode=1" | "iat-mode=2")
}

fn is_endpoint(text: &str) -> bool {
    let Some((host, digits)) = text.rsplit_once(':') else {
        return false;
    };
    let port = digits.parse::<u16>();
    let host: Option<IpAddr> = match host.strip_prefix('[') {
        Some(rest) => {
            let address = rest.strip_suffix(']').map(str::parse::<Ipv6Addr>);
            address.and_then(Result::ok).map(IpAddr::V6)
        }
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    host.is_some() && port.is_ok_and(|port| port > 0 && port.to_string() == digits)
}
