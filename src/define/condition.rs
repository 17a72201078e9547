//! The condition under which an entry of an overlay is in the image: the key `when`.

use super::read::Section;
use crate::diag::Located;

/// A condition on a setting: `name`, `!name` or `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The setting.
    pub setting: Located<String>,
    /// The test of its value.
    pub test: Test,
}

/// The test of a [`Condition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The setting is true, or has a value that is not empty.
    Set,
    /// The setting is false, empty or absent.
    Unset,
    /// The value of the setting, as text, is this.
    Is(String),
}

impl Condition {
    /// Reads `when` in `section`, if it is there.
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
