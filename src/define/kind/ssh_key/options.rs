//! The options before a key, as sshd reads them (auth-options.c, `sshauthopt_parse`).

use super::super::host::{is_network, prefixed};
use super::super::text::all_of;
use super::shortened;

/// Options that stand alone.
const FLAGS: [&str; 2] = ["restrict", "cert-authority"];
/// Options that stand alone, also with `no-` in front.
const SWITCHES: [&str; 7] = [
    "agent-forwarding",
    "port-forwarding",
    "pty",
    "touch-required",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];
/// Options that sshd takes once.
const ONCE: [&str; 3] = ["command", "from", "principals"];
/// The largest number of a tunnel (misc.h: two numbers above it have a meaning of their own).
const MAX_TUNNEL: u32 = 0x7fff_ffff - 2;

/// Where the options at the start of `text` end; `None` where a quote is never closed.
pub(super) fn end(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '"' if before != '\\' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Some(at),
            _ => {}
        }
        before = if c == '"' { ' ' } else { c };
    }
    (!quoted).then_some(text.len())
}

/// Refuses what sshd would pass over the line for.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut seen = Vec::new();
    for option in parts(text).into_iter().filter(|option| !option.is_empty()) {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), Some(value)),
            None => (option.to_ascii_lowercase(), None),
        };
        match value {
            Some(value) => check_value(&name, value)?,
            None => check_flag(&name, option)?,
        }
        if ONCE.contains(&&*name) && seen.contains(&name) {
            return Err(format!("the option `{name}` is there twice"));
        }
        seen.push(name);
    }
    let has = |option: &str| seen.iter().any(|name| name == option);
    if has("principals") && !has("cert-authority") {
        return Err("`principals` lets nobody in without `cert-authority` beside it".into());
    }
    Ok(())
}

/// The options of `text`, between commas that stand in no quotes.
fn parts(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut quoted, mut before, mut start) = (false, ' ', 0);
    for (at, c) in text.char_indices() {
        match c {
            '"' if before != '\\' => quoted = !quoted,
            ',' if !quoted => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = if c == '"' { ' ' } else { c };
    }
    found.push(&text[start..]);
    found
}

fn check_flag(name: &str, written: &str) -> Result<(), String> {
    let positive = name.strip_prefix("no-").unwrap_or(name);
    match FLAGS.contains(&name) || SWITCHES.contains(&positive) {
        true => Ok(()),
        false => Err(format!("sshd knows no option `{}`", shortened(written))),
    }
}

fn check_value(name: &str, written: &str) -> Result<(), String> {
    let value = unquoted(written);
    let value = value.ok_or_else(|| format!("the value of `{}` is not in quotes", shortened(name)));
    let sound = match name {
        "command" | "principals" => value.map(|_| true)?,
        "from" => return check_from(&value?),
        "expiry-time" => is_time(&value?),
        "environment" => is_environment(&value?),
        "permitopen" => is_destination(&value?),
        "permitlisten" => {
            let value = value?;
            value == "*" || is_port(&value) || is_destination(&value)
        }
        "tunnel" => is_tunnel(&value?),
        _ => return Err(format!("sshd knows no option `{}`", shortened(name))),
    };
    let expected = match name {
        "expiry-time" => "YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, perhaps with Z behind it",
        "environment" => "NAME=value",
        "permitopen" => "HOST:PORT, where the port is a number or *",
        "permitlisten" => "PORT or HOST:PORT, where the port is a number or *",
        _ => "a number or `any`",
    };
    match sound {
        true => Ok(()),
        false => Err(format!("the value of `{name}` is not {expected}")),
    }
}

/// What stands in the quotes, in which `\"` is a quote.
fn unquoted(written: &str) -> Option<String> {
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = inner;
    while let Some(at) = rest.find('"') {
        text.push_str(rest[..at].strip_suffix('\\')?);
        text.push('"');
        rest = &rest[at + 1..];
    }
    // A last `\"` would be a quote of the value, which is then not closed.
    (!rest.ends_with('\\')).then(|| text + rest)
}

/// sshd takes a login for refused where one network of the list has bits behind its prefix (addr.c).
fn check_from(list: &str) -> Result<(), String> {
    // sshd(8): what is not named without `!` is not let in, whatever stands behind `!`.
    if list.split(',').all(|pattern| pattern.starts_with('!')) {
        return Err(format!(
            "`from` lets nobody in; expected somebody without `!`, as in `*,{}`",
            shortened(list)
        ));
    }
    for pattern in list.split(',') {
        let pattern = pattern.strip_prefix('!').unwrap_or(pattern);
        if pattern.is_empty() {
            return Err("the list of `from` has nothing between two commas".into());
        }
        if pattern.contains('/') && !is_network(pattern) {
            let shown = shortened(pattern);
            return Err(match prefixed(pattern) {
                Some(net) => {
                    let network = net.trunc();
                    format!(
                        "`{shown}` of `from` has bits behind its prefix; the network is `{network}`"
                    )
                }
                None => format!("`{shown}` of `from` is not a network"),
            });
        }
    }
    Ok(())
}

/// misc.c, `parse_absolute_time`: a time of UTC or of the device's zone, after 1970.
fn is_time(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let digits = upper.strip_suffix("UTC").or(upper.strip_suffix('Z'));
    let digits = digits.unwrap_or(&upper);
    if !matches!(digits.len(), 8 | 12 | 14) || !all_of(digits, |byte| byte.is_ascii_digit()) {
        return false;
    }
    let within = |range: std::ops::Range<usize>, low: u16, high: u16| {
        let number = digits.get(range).map(str::parse::<u16>);
        number.is_none_or(|number| number.is_ok_and(|number| (low..=high).contains(&number)))
    };
    within(0..4, 1971, 9999)
        && within(4..6, 1, 12)
        && within(6..8, 1, 31)
        && within(8..10, 0, 23)
        && within(10..12, 0, 59)
        && within(12..14, 0, 61)
}

fn is_environment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else {
        return false;
    };
    !name.is_empty() && all_of(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// misc.c, `hpdelim2`: a host, in brackets where it has colons, and a port.
fn is_destination(text: &str) -> bool {
    let port = match text.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .and_then(|(_, rest)| rest.strip_prefix([':', '/'])),
        None => text.split_once([':', '/']).map(|(_, port)| port),
    };
    port.is_some_and(|port| port == "*" || is_port(port))
}

fn is_port(text: &str) -> bool {
    all_of(text, |byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_tunnel(text: &str) -> bool {
    let digits = all_of(text, |byte| byte.is_ascii_digit());
    let number = text.parse::<u32>().ok().filter(|_| digits);
    text.eq_ignore_ascii_case("any") || number.is_some_and(|number| number <= MAX_TUNNEL)
}
