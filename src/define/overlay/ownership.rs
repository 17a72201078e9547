//! The permissions and owners of the entries of an overlay.

use crate::define::read::Section;
use crate::diag::Diagnostic;

/// The permissions and the owner of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The permission bits.
    pub mode: u16,
    /// The name of a user of the image.
    pub owner: String,
    /// The name of a group of the image.
    pub group: String,
}

/// The ownership of root, with `mode`.
pub(super) fn root_owned(mode: u16) -> Ownership {
    Ownership {
        mode,
        owner: "root".to_owned(),
        group: "root".to_owned(),
    }
}

/// Reads the key `mode`.
pub(super) fn mode(section: &Section<'_>) -> Option<u16> {
    let text = section.text("mode")?;
    let digits = text.value.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u16::from_str_radix(&text.value, 8).ok();
    let mode = mode.filter(|mode| digits && *mode <= 0o7777 && text.value.len() == 4);
    if mode.is_none() {
        section.report(
            Diagnostic::new("overlay::mode", format!("`{}` is no mode", text.value))
                .label(&text.span, "expected four octal digits, such as `0640`"),
        );
    }
    mode
}
