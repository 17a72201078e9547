//! Differences, as they are shown: one for each part of a file, field and gap, however many bytes of it differ.

use crate::diag::visible_name;
use crate::digest::Sha256;
use crate::fs::spot::Form;
use crate::tree::TreePath;
use serde::Serialize;
use std::fmt::Write;

/// The most differences that are shown as text.
const SHOWN: usize = 100;
/// The most bytes of a value that are shown.
const MAX_VALUE: usize = 8;

/// How a published image differs from the one that was built again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Differences {
    /// The digest of the published image, unless it is longer than expected.
    pub sha256: Option<Sha256>,
    /// The expected length, if the published image has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<Length>,
    /// The parts that differ, in the order in which they lie on the disk.
    pub parts: Vec<Difference>,
    /// The bytes of further blocks and parts that differ, which are too many to be told apart.
    pub further: u64,
}

/// Two lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Length {
    /// The length of the image that was built.
    pub expected: u64,
    /// The length of the published one, or one more than expected if it is longer.
    pub found: u64,
}

/// A part of the disk that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The number of the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The name of the partition in the definition of the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_name: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The part of the file, of the filesystem or of the disk.
    pub part: String,
    /// The offset of the first byte that differs within the part.
    pub offset: u64,
    /// The same byte's offset on the disk.
    pub disk_offset: u64,
    /// How many of its bytes differ.
    pub n_bytes: u64,
    /// The value that was expected: of the field, or of the first bytes that differ, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The value that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Whether the values are those of a whole field.
    #[serde(skip)]
    pub is_field: bool,
}

impl Difference {
    /// The place and the values in one line.
    fn line(&self) -> String {
        let mut line = String::new();
        if let Some(number) = self.partition {
            line += &format!("partition {number}");
            if let Some(name) = &self.partition_name {
                line += &format!(" ({name})");
            }
            line += ": ";
        }
        if let Some(path) = &self.path {
            line += &format!("{path}: ");
        }
        line += &self.part;
        if !self.is_field {
            let counted = match self.n_bytes {
                1 => "1 byte".to_owned(),
                n_bytes => format!("{n_bytes} bytes"),
            };
            line += &format!(": {counted} from byte {} on", self.offset);
        }
        if let (Some(found), Some(expected)) = (&self.found, &self.expected) {
            line += &format!(": {found}, expected {expected}");
        }
        line
    }
}

impl Differences {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len.is_none() && self.parts.is_empty()
    }

    /// Takes out the values that may be parts of secrets: all but fields.
    #[must_use]
    pub fn without_content(mut self) -> Self {
        for part in self.parts.iter_mut().filter(|part| !part.is_field) {
            (part.expected, part.found) = (None, None);
        }
        self
    }

    /// `identical`, or a line for each difference.
    pub fn text(&self) -> String {
        if self.is_empty() {
            return "identical\n".to_owned();
        }
        let mut text = String::new();
        if let Some(Length { expected, found }) = self.len {
            let found = match found > expected {
                true => "more".to_owned(),
                false => format!("{found} bytes"),
            };
            let _ = writeln!(text, "length: {found}, expected {expected} bytes");
        }
        for part in self.parts.iter().take(SHOWN) {
            let _ = writeln!(text, "{}", part.line());
        }
        let more = self.parts.len().saturating_sub(SHOWN);
        if more > 0 {
            let _ = writeln!(text, "and {more} more places; --json shows them all");
        }
        if self.further > 0 {
            let _ = writeln!(
                text,
                "and {} bytes in further blocks that differ",
                self.further
            );
        }
        text
    }
}

/// The name of a file, with what would control a terminal made visible.
pub(super) fn shown(path: &TreePath) -> String {
    visible_name(&path.to_bytes())
}

/// The value of `bytes`: in `form`, or else in hexadecimal digits.
pub(super) fn value(bytes: &[u8], form: Option<Form>) -> String {
    if let Some(form) = form {
        return form.show(bytes);
    }
    let digits = bytes.iter().take(MAX_VALUE);
    let mut digits: Vec<String> = digits.map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > MAX_VALUE {
        digits.push("…".to_owned());
    }
    digits.join(" ")
}
