//! A line of authorized_keys (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"): options, type, key, comment.
//!
//! sshd silently skips a line that it cannot use, and the owner of the key is locked out. So a line is read here as sshd of
//! OpenSSH 10 reads it: a line that sshd would skip is refused with the reason, and every other line is accepted.
//! `Imgbuild::SshKey` does the same on the device.

mod options;

use super::Kind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ops::Range;

/// The longest line in bytes, with all its options.
const MAX_LEN: usize = 16 * 1024;
/// The sizes of RSA keys that OpenSSH accepts, in bits (sshkey.h, and the limit of OpenSSL).
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=16_384;
/// The end of the first line of a private key, both in the format of OpenSSH and in that of OpenSSL.
const PRIVATE: &str = "PRIVATE KEY-----";

/// Whether `text` contains a private key.
pub(crate) fn is_private(text: &str) -> bool {
    text.contains(PRIVATE)
}

/// Returns the line for sshd, or the reason for which sshd would skip it.
pub(super) fn read(rules: &Kind, text: &str) -> Result<String, String> {
    let text = text.trim_matches(is_around);
    if is_private(text) {
        return Err("it is a private key, which stays with its owner; give the `.pub` file".into());
    }
    if text.starts_with('@') {
        return Err("a file is read from the command line alone: `--set ssh-keys=@FILE`".into());
    }
    if text.len() > MAX_LEN {
        return Err(format!("it has more than {MAX_LEN} bytes"));
    }
    let (before, rest) = split_options(text).ok_or("a `\"` of its options is never closed")?;
    let (kind, rest) = first_word(rest);
    let (key, comment) = first_word(rest);
    if kind.is_empty() {
        return Err("it has no key; those of a file are given by `--set ssh-keys=@FILE`".into());
    }
    check_key(kind, key)?;
    let comment = comment.replace('\t', " ");
    let words = [before, kind, key, comment.trim_matches(is_blank)];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().any(char::is_control) {
        return Err("it has a control character".into());
    }
    options::check(rules, before)?;
    Ok(line)
}

/// The ranges of the keys in `text`, which is the text of a file or, with `commas`, keys with commas between them. A comma
/// is part of options or of a comment unless another key follows it.
pub(crate) fn lines(text: &str, commas: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // A private key is kept together, so that no message shows its lines one by one.
    if is_private(text) {
        found.push(0..text.len());
        return found;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.strip_prefix('\u{feff}').filter(|_| start == 0);
        let bare = bare.unwrap_or(line);
        let begin = start + (line.len() - bare.len());
        let content = bare.trim_start_matches(is_blank);
        if !content.trim_matches(is_around).is_empty() && !content.starts_with('#') {
            let mut rest = begin..begin + bare.len();
            while let Some(at) = commas.then(|| next_key(&text[rest.clone()])).flatten() {
                found.push(rest.start..rest.start + at);
                rest.start += at + 1;
            }
            found.push(rest);
        }
        start += line.len();
    }
    let trimmed = found.into_iter().map(|range| {
        let part = &text[range.clone()];
        let start = range.start + part.len() - part.trim_start_matches(is_around).len();
        start..start + part.trim_matches(is_around).len()
    });
    trimmed.collect()
}

/// The position of the comma after which the second key of `line` begins.
fn next_key(line: &str) -> Option<usize> {
    let (_, rest) = split_options(line)?;
    let from = line.len() - rest.len();
    let mut commas = line.match_indices(',').map(|(at, _)| at);
    commas.find(|&at| at >= from && begins_key(&line[at + 1..]))
}

fn begins_key(text: &str) -> bool {
    let Some((_, rest)) = split_options(text) else {
        return false;
    };
    let (kind, rest) = first_word(rest);
    is_type(kind) && rest.trim_start_matches(is_blank).starts_with("AAAA")
}

/// Whether `c` separates the words of a line.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Whether `c` is dropped at the start and at the end of a line.
fn is_around(c: char) -> bool {
    is_blank(c) || matches!(c, '\r' | '\n')
}

/// Whether a word can only be the type of a key.
fn is_type(word: &str) -> bool {
    let known = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
    known.iter().any(|start| word.starts_with(start)) && !word.contains(['=', '"', ','])
}

/// Splits a line after its options, which may be empty.
fn split_options(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(is_blank);
    if is_type(first_word(text).0) {
        return Some(("", text));
    }
    let end = options::end(text)?;
    Some(text.split_at(end))
}

/// Splits `text` after its first word.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(is_blank);
    text.split_at(text.find(is_blank).unwrap_or(text.len()))
}

/// Refuses a key that OpenSSH does not read as one of type `kind` (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, PROTOCOL.u2f).
fn check_key(kind: &str, key: &str) -> Result<(), String> {
    if kind.contains("-cert-v0") {
        let help = "a certificate is for the client; here goes the key of its authority, behind `cert-authority`";
        return Err(help.into());
    }
    let (fields, curve) = match kind {
        "ssh-ed25519" => (1, ""),
        "sk-ssh-ed25519@openssh.com" => (2, ""),
        "ssh-rsa" => (2, ""),
        "ecdsa-sha2-nistp256" => (2, "nistp256"),
        "ecdsa-sha2-nistp384" => (2, "nistp384"),
        "ecdsa-sha2-nistp521" => (2, "nistp521"),
        "sk-ecdsa-sha2-nistp256@openssh.com" => (3, "nistp256"),
        "ssh-dss" => return Err("sshd takes no keys of type `ssh-dss` any more".into()),
        _ => return Err(format!("`{}` is no type of key", shortened(kind))),
    };
    let damaged = || "its key is damaged: copy the whole line".to_owned();
    let blob = STANDARD.decode(key).map_err(|_| damaged())?;
    let strings = strings(&blob).ok_or_else(damaged)?;
    let Some((&name, content)) = strings.split_first() else {
        return Err(damaged());
    };
    if name != kind.as_bytes() || content.len() != fields {
        return Err(damaged());
    }
    let sound = match kind {
        "ssh-rsa" => return check_rsa(content[1]),
        _ if curve.is_empty() => content[0].len() == 32,
        _ => content[0] == curve.as_bytes() && is_point(curve, content[1]),
    };
    sound.then_some(()).ok_or_else(damaged)
}

/// The strings of a key, each with its length before it (RFC 4251 §5).
fn strings(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (string, rest) = rest.split_at_checked(length)?;
        found.push(string);
        blob = rest;
    }
    Some(found)
}

/// Checks the length of an RSA key. `modulus` is a positive number in the format of RFC 4251, in which a zero byte comes
/// before a first bit that would be taken for the sign.
fn check_rsa(modulus: &[u8]) -> Result<(), String> {
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let negative = modulus.first().is_some_and(|&byte| byte & 0x80 != 0);
    let Some(&first) = modulus.get(zeros).filter(|_| !negative) else {
        return Err("its key is damaged: copy the whole line".into());
    };
    let unused = usize::try_from(first.leading_zeros()).unwrap_or(0);
    let bits = (modulus.len() - zeros) * 8 - unused;
    if RSA_BITS.contains(&bits) {
        return Ok(());
    }
    let (low, high) = RSA_BITS.into_inner();
    Err(format!(
        "its RSA key has {bits} bits, and sshd takes {low} to {high}"
    ))
}

/// Whether `bytes` are a point of the curve that is not compressed (SEC 1 §2.3.4).
fn is_point(curve: &str, bytes: &[u8]) -> bool {
    if bytes.first() != Some(&4) {
        return false;
    }
    match curve {
        "nistp256" => p256::PublicKey::from_sec1_bytes(bytes).is_ok(),
        "nistp384" => p384::PublicKey::from_sec1_bytes(bytes).is_ok(),
        _ => p521::PublicKey::from_sec1_bytes(bytes).is_ok(),
    }
}

/// The first 40 bytes of a word, for messages.
fn shortened(word: &str) -> String {
    let plain = word.bytes().all(|byte| byte.is_ascii_graphic());
    match word.get(..40) {
        Some(start) if plain => format!("{start}…"),
        None if plain => word.to_owned(),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJyb2tlbmJy";

    fn rules() -> Kind {
        Kind::named("ssh-key").unwrap()
    }

    fn parts(text: &str) -> Vec<&str> {
        let ranges = lines(text, true).into_iter();
        ranges.map(|range| &text[range]).collect()
    }

    #[test]
    fn a_comma_divides_keys_only_where_another_key_follows() {
        let with_options = format!("from=\"10.0.0.0/8,::1\",restrict {KEY} me, at home");
        let authority = format!("cert-authority {KEY}");
        let all = [&with_options, KEY, &authority, KEY];
        assert_eq!(parts(&all.join(",")), all);
        assert_eq!(parts(&format!("{KEY},rubbish")), [format!("{KEY},rubbish")]);
        let command = format!("command=\"echo ,{KEY}\" {KEY}");
        assert_eq!(parts(&command), [&command]);
    }

    #[test]
    fn lines_of_a_file_are_keys_but_for_comments() {
        let text = format!("\u{feff}{KEY} a\r\n\n # {KEY}\n\t{KEY} b, c \n");
        let expected = [format!("{KEY} a"), format!("{KEY} b, c")];
        assert_eq!(parts(&text), expected);
        assert_eq!(parts(" \r\n#\n"), [""; 0]);
    }

    #[test]
    fn lines_of_a_private_key_stay_together() {
        let text = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";
        assert_eq!(parts(text), [text]);
        assert!(read(&rules(), text).unwrap_err().contains("private key"));
    }

    #[test]
    fn words_of_a_line_have_one_space_between_them() {
        let key = KEY.replace(' ', "\t ");
        let line = read(&rules(), &format!("  restrict\t{key}  a\tb \r")).unwrap();
        assert_eq!(line, format!("restrict {KEY} a b"));
    }
}
