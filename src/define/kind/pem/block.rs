//! The blocks of a PEM file (RFC 7468). Text between the blocks is a comment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block that a TLS server uses.
pub(super) struct Block {
    pub(super) label: String,
    /// The number of its first line.
    pub(super) line: usize,
    pub(super) encrypted: bool,
    pub(super) content: Vec<u8>,
}

impl Block {
    pub(super) fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }

    /// Whether the label is one that OpenSSL has for certificates (pem.h).
    pub(super) fn is_certificate(&self) -> bool {
        let names = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
        names.contains(&&*self.label)
    }

    fn is_used(&self) -> bool {
        self.is_key() || self.is_certificate() || self.label == "DH PARAMETERS"
    }

    pub(super) fn damaged(&self) -> String {
        let Self { label, line, .. } = self;
        format!("the block `{label}` that begins in line {line} is damaged")
    }
}

/// The blocks of `text` that a TLS server uses.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut found = Vec::new();
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = (1..).zip(text.lines().map(str::trim));
    let mut seen = false;
    while let Some((line, text)) = lines.next() {
        let label = text.strip_prefix("-----BEGIN ");
        let Some(label) = label.and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        seen = true;
        let end = format!("-----END {label}-----");
        let inner = lines.by_ref().map(|(_, text)| text);
        let mut block = Block {
            label: label.to_owned(),
            line,
            encrypted: label.starts_with("ENCRYPTED "),
            content: Vec::new(),
        };
        let decoded = decode(&mut block, inner, &end);
        if block.is_used() {
            decoded.ok_or_else(|| block.damaged())?;
            found.push(block);
        }
    }
    match seen {
        true => Ok(found),
        false => Err("it is not PEM: no line begins with `-----BEGIN `".into()),
    }
}

/// Reads `lines` into `block` until the line `end`. Returns `None` if the lines are damaged or `end` is missing.
fn decode<'t>(block: &mut Block, lines: impl Iterator<Item = &'t str>, end: &str) -> Option<()> {
    let mut digits = String::new();
    for line in lines {
        if line == end {
            let digits: String = digits.split_whitespace().collect();
            let content = STANDARD.decode(digits);
            // A key that is encrypted in the old form is not DER, and nothing reads its content.
            block.content = content.ok().or(block.encrypted.then(Vec::new))?;
            return Some(());
        }
        if line.starts_with("-----") {
            return None;
        }
        // RFC 1421: lines with a colon are headers of the old form.
        match line.split_once(':') {
            Some((_, value)) => block.encrypted |= value.contains("ENCRYPTED"),
            None => digits.push_str(line),
        }
    }
    None
}
