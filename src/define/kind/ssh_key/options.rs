//! The options before a key, as sshd reads them (auth-options.c, `sshauthopt_parse`). The values that an option may have are
//! data: the parts of the kind `ssh-key`.

use super::super::{Kind, prefixed};
use super::shortened;

/// The options that sshd accepts only once in a line.
const ONCE: [&str; 3] = ["command", "from", "principals"];

/// The end of the options at the start of `text`; `None` if a quote is never closed.
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

/// Refuses options for which sshd would skip the line.
pub(super) fn check(kind: &Kind, text: &str) -> Result<(), String> {
    let flag = kind.part("flag");
    let is_flag = |option| flag.is_some_and(|flag| flag.text(option).is_some());
    let mut seen = Vec::new();
    for option in parts(text).into_iter().filter(|option| !option.is_empty()) {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), Some(value)),
            None => (option.to_ascii_lowercase(), None),
        };
        match value {
            Some(value) => check_value(kind, &name, value)?,
            None if is_flag(option) => {}
            None => return Err(unknown(option)),
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

/// The options of `text`. They are separated by the commas outside of quotes.
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

fn unknown(option: &str) -> String {
    format!("sshd knows no option `{}`", shortened(option))
}

fn check_value(kind: &Kind, name: &str, written: &str) -> Result<(), String> {
    let Some(part) = kind.part(name).filter(|_| name != "flag") else {
        return Err(unknown(name));
    };
    let value = unquoted(written);
    let value = value.ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
    match name {
        "command" | "principals" => Ok(()),
        "from" => check_from(&value),
        _ if part.text(&value).is_some() => Ok(()),
        _ => Err(format!("the value of `{name}` is not {}", part.expected())),
    }
}

/// The text in the quotes, where `\"` stands for a quote.
fn unquoted(written: &str) -> Option<String> {
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = inner;
    while let Some(at) = rest.find('"') {
        text.push_str(rest[..at].strip_suffix('\\')?);
        text.push('"');
        rest = &rest[at + 1..];
    }
    // If the text ends with `\`, the last quote belongs to the value, and the value is never closed.
    (!rest.ends_with('\\')).then(|| text + rest)
}

/// sshd refuses every login if one network of the list has bits after its prefix (addr.c).
fn check_from(list: &str) -> Result<(), String> {
    // sshd(8): a login has to match a pattern without `!`; patterns with `!` only exclude.
    if list.split(',').all(|pattern| pattern.starts_with('!')) {
        return Err(format!(
            "`from` lets nobody in; expected somebody without `!`, as in `*,{}`",
            shortened(list)
        ));
    }
    let network = Kind::named("network").expect("`kinds.toml` has a kind `network`");
    for pattern in list.split(',') {
        let pattern = pattern.strip_prefix('!').unwrap_or(pattern);
        if pattern.is_empty() {
            return Err("the list of `from` has nothing between two commas".into());
        }
        if pattern.contains('/') && network.text(pattern).is_none() {
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
