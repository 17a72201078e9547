//! What must hold of a setting, so that a file is there: `when` in the definitions.

use super::read::Section;
use crate::diag::Located;

/// Something about a setting: `name`, `!name` or `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The setting.
    pub setting: Located<String>,
    /// What must hold.
    pub test: Test,
}

/// What a [`Condition`] asks of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is true, or has a value that is not empty.
    Set,
    /// It is false, empty or absent.
    Unset,
    /// Its value, as text, is this.
    Is(String),
}

impl Condition {
    /// What `when` of `section` says, if it is there.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let text = section.text("when")?;
        let (name, test) = match (text.value.strip_prefix('!'), text.value.split_once('=')) {
            (Some(name), _) => (name, Test::Unset),
            (None, Some((name, value))) => (name, Test::Is(value.to_owned())),
            (None, None) => (text.value.as_str(), Test::Set),
        };
        let setting = text.with(name.to_owned());
        Some(Self { setting, test })
    }
}
