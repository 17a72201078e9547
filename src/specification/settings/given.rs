//! The text that a person gave for a setting, and mistakes in the way of giving it.

use crate::define::setting::unknown_setting;
use crate::define::{Raw, Setting};
use crate::diag::{Diagnostic, Located, Span};
use std::collections::BTreeMap;

/// The text that was given for one setting.
pub(super) struct Given {
    pub(super) raw: Located<Raw>,
    /// Whether it comes from `--set`. The values of several such options for a list are joined.
    pub(super) flag: bool,
}

/// The mistake that a secret is given in a place that others can read.
pub(super) fn open_secret(name: &str, span: &Span) -> Diagnostic {
    Diagnostic::new("setting::open-secret", format!("`{name}` is a secret"))
        .label(span, "others can read it here")
        .help(format!(
            "write it to a file and give `--secret {name}=@FILE`"
        ))
}

/// The mistake that no setting has this name.
pub(super) fn unknown(
    name: &str,
    span: &Span,
    definitions: &BTreeMap<String, Setting>,
) -> Diagnostic {
    let (value, span) = (name.to_owned(), span.clone());
    unknown_setting("setting::unknown", &Located { value, span }, definitions)
}
