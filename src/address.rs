//! Addresses as text: removes logins, and checks paths that are appended.

use std::borrow::Cow;

/// Removes the login from `text`: the part between `//` and `@`, as in
/// `http://user:password@host/path`. A login belongs to the user who builds, and may not come into
/// a lock, a message, a log or an image. A text that is not an address, because it was mistyped, is
/// treated in the same way.
pub fn without_login(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("//") else {
        return Cow::Borrowed(text);
    };
    // A password may have characters in it that should have been quoted. So the last `@` before the
    // path ends the login; the path begins after the host, which has neither an `@` nor a slash.
    let host = match rest.rfind('@') {
        Some(at) if is_login(&rest[..at]) => &rest[at + 1..],
        _ => return Cow::Borrowed(text),
    };
    Cow::Owned(format!("{scheme}//{host}"))
}

/// Whether `path` stays below the address to which it is appended: whether it is names joined by
/// `/`, without `..`.
pub fn is_plain_path(path: &str) -> bool {
    let is_plain = |name: &str| {
        !matches!(name, "" | "." | "..") && !name.contains(|c: char| c == '\\' || c.is_control())
    };
    path.split('/').all(is_plain)
}

/// Whether `text`, which was found before an `@`, is a login and not a host with a path.
fn is_login(text: &str) -> bool {
    match text.find('/') {
        None => true,
        // The text is a login such as `user:pass/word` if anything but digits follows its colon;
        // digits alone are the port of a host.
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
