//! Debian versions, `[epoch:]upstream[-revision]`, and their order (deb-version(7)).
//!
//! The order is total. As in dpkg, versions that differ in spelling only, such as `1.0` and
//! `0:1.00-0`, are equal.

use std::cmp::Ordering;

/// The error for a text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a Debian version: {problem}")]
pub struct NotAVersion {
    /// The text.
    pub text: String,
    /// The mistake.
    pub problem: &'static str,
}

/// Checks that `text` is a version. An upstream version need not start with a digit: archives
/// outside Debian have such versions, and dpkg installs them with a warning.
///
/// # Errors
///
/// `text` is not a version.
pub fn check(text: &str) -> Result<(), NotAVersion> {
    let parts = Parts::of(text);
    let refuse = |problem| {
        Err(NotAVersion {
            text: text.chars().take(100).collect(),
            problem,
        })
    };
    if let Some(epoch) = parts.epoch
        && (epoch.len() > 9 || epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()))
    {
        return refuse("the epoch before `:` must be a number of at most 9 digits");
    }
    if parts.upstream.is_empty() {
        return refuse("the upstream version is empty");
    }
    if parts.revision == Some("") {
        return refuse("nothing follows the last `-`");
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+.~".contains(&b);
    let upstream = |b: u8| allowed(b) || b == b'-' || (b == b':' && parts.epoch.is_some());
    if !parts.upstream.bytes().all(upstream) || !parts.revision.unwrap_or("").bytes().all(allowed) {
        return refuse("it may have letters, digits and `. + - ~` only");
    }
    Ok(())
}

/// Compares two versions. The order is defined, and total, for invalid versions too.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    compare_part(a.epoch.unwrap_or("0"), b.epoch.unwrap_or("0"))
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision.unwrap_or("0"), b.revision.unwrap_or("0")))
}

struct Parts<'a> {
    epoch: Option<&'a str>,
    upstream: &'a str,
    revision: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Some(epoch), rest),
            None => (None, text),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((upstream, revision)) => (upstream, Some(revision)),
            None => (rest, None),
        };
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// Compares runs of non-digits and of digits in turn (deb-version(7), "Sorting algorithm").
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let order = compare_letters(take(&mut a, false), take(&mut b, false))
            .then_with(|| compare_digits(take(&mut a, true), take(&mut b, true)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the longest run of digits, or of other bytes, off the front.
fn take<'a>(rest: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let other = |b: &u8| b.is_ascii_digit() != digits;
    let length = rest.iter().position(other).unwrap_or(rest.len());
    let (run, behind) = rest.split_at(length);
    *rest = behind;
    run
}

/// Compares runs of non-digits: `~` sorts before the end of a run, the end before letters, and
/// letters before everything else.
fn compare_letters(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: &u8| match byte {
        b'~' => -1,
        letter if letter.is_ascii_alphabetic() => i32::from(*letter),
        other => i32::from(*other) + 256,
    };
    let end = [0];
    a.iter()
        .map(weight)
        .chain(end)
        .cmp(b.iter().map(weight).chain(end))
}

/// Compares numbers of any length.
fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| {
        digits
            .iter()
            .position(|b| *b != b'0')
            .unwrap_or(digits.len())
    };
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_debian_says() {
        let sorted = [
            "~~",
            "~~a",
            "~",
            "0~rc1",
            "0",
            "1~~",
            "1~~a",
            "1~",
            "1~bpo",
            "1-0~1",
            "1",
            "1-1",
            "1-1+b1",
            "1-1+deb13u1",
            "1a",
            "1+dfsg",
            "1.1",
            "2",
            "10",
            "10.9",
            "10.10",
            "1:0~1",
            "1:0",
            "10:0",
        ];
        for (n, a) in sorted.iter().enumerate() {
            for (m, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), n.cmp(&m), "{a} against {b}");
            }
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        for (a, b) in [
            ("1.0", "0:1.00"),
            ("1", "1-0"),
            ("1.a", "1.a0"),
            ("007-01", "7-1"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} against {b}");
        }
    }

    #[test]
    fn validity() {
        for text in ["1", "2:1:3-4", "1-2-3", "1.0~rc1+dfsg-1", "v5"] {
            assert_eq!(check(text), Ok(()));
        }
        for text in [
            "",
            ":1",
            "x:1",
            "1:",
            "1-",
            "-1",
            "1 2",
            "1_2",
            "1.é",
            "1-2:3",
            "9999999999:1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_total(a in "[0-9a1:~.+-]{0,8}", b in "[0-9a1:~.+-]{0,8}", c in "[0-9a1:~.+-]{0,8}") {
            proptest::prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            proptest::prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                proptest::prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
