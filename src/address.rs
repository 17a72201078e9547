//! Addresses as text: what of them may be shown and kept, and what stays below them.

use std::borrow::Cow;

/// `text` without what stands between `//` and `@`, as in `http://user:password@host/path`. A login is of
/// whoever builds: it belongs into no lock, message, log or image. What is no address at all, because it
/// was mistyped, is treated alike.
pub fn without_login(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("//") else {
        return Cow::Borrowed(text);
    };
    // A password may hold what should have been quoted, so the last `@` before the path counts, and the
    // path begins behind a host, which has neither of these.
    let host = match rest.rfind('@') {
        Some(at) if is_login(&rest[..at]) => &rest[at + 1..],
        _ => return Cow::Borrowed(text),
    };
    Cow::Owned(format!("{scheme}//{host}"))
}

/// Whether `path` stays below the address that it is appended to: names joined by `/`, without `..`.
pub fn is_plain_path(path: &str) -> bool {
    let is_plain = |name: &str| {
        !matches!(name, "" | "." | "..") && !name.contains(|c: char| c == '\\' || c.is_control())
    };
    path.split('/').all(is_plain)
}

/// Whether `text`, which stands before an `@`, is a login and not a host with a path.
fn is_login(text: &str) -> bool {
    match text.find('/') {
        None => true,
        // `user:pass/word@host`: no port has anything else than digits.
        Some(slash) => text[..slash]
            .split_once(':')
            .is_some_and(|(_, port)| port.is_empty() || port.chars().any(|c| !c.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_and_nothing_else() {
        for (text, expected) in [
            ("http://u:p@h/debian", "http://h/debian"),
            ("http://u@h:80/debian", "http://h:80/debian"),
            ("http://u:p@s@h/debian", "http://h/debian"),
            ("http://u:p/w@h/debian", "http://h/debian"),
            ("http://u:p@h:99999/", "http://h:99999/"),
            ("http://h/debian", "http://h/debian"),
            ("http://h/a@b", "http://h/a@b"),
            ("http://h:80/a@b", "http://h:80/a@b"),
            ("debian", "debian"),
        ] {
            assert_eq!(without_login(text), expected);
        }
    }
}
