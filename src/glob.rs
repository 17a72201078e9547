//! Matches wildcards of a shell, as fnmatch(3) does.

/// Whether `text` matches `pattern`, whose wildcards are `*`, `?` and `[…]`.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to continue if the text does not match the pattern after the last `*`: that `*` then
    // takes one byte more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) => one(&pattern[p..], text[t]),
            None => None,
        };
        match (step, star) {
            (Some(len), _) => (p, t) = (p + len, t + 1),
            (None, Some((behind, at))) => {
                star = Some((behind, at + 1));
                (p, t) = (behind, at + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The length of the part at the start of `pattern` that matches the byte `found`; `None` if it
/// does not match.
fn one(pattern: &[u8], found: u8) -> Option<usize> {
    match pattern[0] {
        b'?' => Some(1),
        b'[' => {
            let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
            let start = 1 + usize::from(negated);
            // A closing bracket that comes first is a member of the set.
            let rest = pattern.get(start + 1..).unwrap_or_default();
            let Some(len) = rest.iter().position(|byte| *byte == b']') else {
                return (found == b'[').then_some(1);
            };
            let end = start + 1 + len;
            let set = &pattern[start..end];
            let ranges = set
                .windows(3)
                .any(|range| range[1] == b'-' && (range[0]..=range[2]).contains(&found));
            let member = ranges || set.contains(&found);
            (member != negated).then_some(end + 1)
        }
        b'\\' => {
            let escaped = *pattern.get(1)?;
            (escaped == found).then_some(2)
        }
        byte => (byte == found).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_a_shell() {
        for (pattern, text, expected) in [
            ("linux-*", "linux-image", true),
            ("*-image", "linux-image", true),
            ("l*x*e", "linux-image", true),
            ("linux", "linux-image", false),
            ("li?ux", "linux", true),
            ("1.[0-4]*", "1.3-2", true),
            ("1.[!0-4]*", "1.3-2", false),
            ("a[]b]c", "a]c", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("**", "", true),
            ("[", "[", true),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
