//! Makes text from outside safe to show on a terminal.
//!
//! The output of a script, a field of an archive, the name of a file or a title may contain
//! characters that move the cursor, change colours or the window's title, make the terminal answer
//! as if keys were pressed, or reverse the order of letters. So everything that reaches the
//! terminal is a [`Visible`]. Only this module makes one, and writes such characters out.

use std::borrow::Cow;
use std::fmt;

/// Text in which characters that control a terminal, or that are invisible, are written out: ESC is
/// `\u{1b}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible(String);

impl Visible {
    /// Writes out the hidden characters of `text`.
    pub fn of(text: &str) -> Self {
        Self(visible(text).into_owned())
    }

    /// The output of the renderer of diagnostics, whose parts are visible already; its colours
    /// stay.
    pub(super) fn rendered(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes out each hidden character of `text` as `\u{…}`. A line end of Windows becomes a plain
/// one.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.replace("\r\n", "\n").chars() {
        match is_hidden(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Writes out a file's name so that every byte can be seen: as [`visible`] does, and also line
/// ends, tabs and bytes that are not UTF-8.
pub fn visible_name(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match is_hidden(letter) || letter.is_control() {
                true => shown.extend(letter.escape_unicode()),
                false => shown.push(letter),
            }
        }
        let bytes = chunk.invalid().iter();
        bytes.for_each(|byte| shown += &format!("\\x{byte:02x}"));
    }
    shown
}

/// Writes each hidden character of `json` as an escape of JSON. Serialized JSON has such characters
/// in strings only, where the escape has the same meaning.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        if !is_hidden(letter) {
            shown.push(letter);
            continue;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            shown += &format!("\\u{unit:04x}");
        }
    }
    Cow::Owned(shown)
}

/// A visible character that stands for `letter`, so that columns stay the same.
pub(super) fn picture(letter: char) -> char {
    let picture = match u32::from(letter) {
        code @ 0..0x20 => char::from_u32(0x2400 + code),
        0x7f => Some('\u{2421}'),
        _ => None,
    };
    match is_hidden(letter) {
        true => picture.unwrap_or(char::REPLACEMENT_CHARACTER),
        false => letter,
    }
}

/// Whether a terminal takes `letter` for a command or shows nothing for it: characters of Unicode's
/// categories Cc and Cf, and its separators of lines and paragraphs. A newline and a tab do not
/// count.
pub(super) fn is_hidden(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        // Soft hyphen, Arabic and Syriac marks, the Mongolian vowel separator.
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' => true,
        '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' => true,
        // Spaces of no width, marks, embeddings, overrides and isolates of direction, separators.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // The mark of UTF-8 and UTF-16, and annotations.
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        // Controls of hieroglyphs, of shorthand and of music; tags.
        '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => letter.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_or_hides_is_written_out() {
        for (text, expected) in [
            ("plain\ttext\nzwölf 日本", "plain\ttext\nzwölf 日本"),
            (
                "\u{1b}[31mred\u{1b}]0;title\u{7}",
                "\\u{1b}[31mred\\u{1b}]0;title\\u{7}",
            ),
            ("a\rb\u{8}c\r\nd", "a\\u{d}b\\u{8}c\nd"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            (
                "\u{202e}txt.exe\u{2066}\u{200b}\u{feff}",
                "\\u{202e}txt.exe\\u{2066}\\u{200b}\\u{feff}",
            ),
            ("\u{e0041}\u{ad}", "\\u{e0041}\\u{ad}"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn every_byte_of_a_name_is_seen() {
        for (name, expected) in [
            (b"zw\xc3\xb6lf a".as_slice(), "zwölf a"),
            (b"a\nb\tc\r\n", "a\\u{a}b\\u{9}c\\u{d}\\u{a}"),
            (b"\x1b[2J\xe2\x80\xaeb", "\\u{1b}[2J\\u{202e}b"),
            (b"caf\xe9\xff.conf", "caf\\xe9\\xff.conf"),
        ] {
            assert_eq!(visible_name(name), expected);
        }
    }

    #[test]
    fn json_means_the_same_after_it() {
        let text = "\u{1b}[2J \u{9b} \u{202e} \u{e0041} \u{7f} \"q\" \\";
        let json = serde_json::json!({ text: [text] });
        let plain = json.to_string();
        let shown = visible_json(&plain);
        assert!(!shown.contains(is_hidden), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            json
        );
    }
}
