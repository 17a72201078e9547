//! Permissions and owners of what an overlay brings.

use crate::define::read::Section;
use crate::diag::Diagnostic;

/// Permissions and owner of what an overlay makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Permission bits.
    pub mode: u16,
    /// Name of a user of the image.
    pub owner: String,
    /// Name of a group of the image.
    pub group: String,
}

/// Root's own, with `mode`.
pub(super) fn root_owned(mode: u16) -> Ownership {
    Ownership {
        mode,
        owner: "root".to_owned(),
        group: "root".to_owned(),
    }
}

/// What `mode` says.
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
