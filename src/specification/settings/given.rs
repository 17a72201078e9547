//! What was given for a setting, and mistakes in how.

use crate::define::{Raw, Setting};
use crate::diag::{Diagnostic, Located, Span};
use std::collections::BTreeMap;

/// What was given for one setting.
pub(super) struct Given {
    pub(super) raw: Located<Raw>,
    /// Of a flag; those of a list add up.
    pub(super) flag: bool,
}

/// The mistake of a secret that is given openly.
pub(super) fn open_secret(name: &str, span: &Span) -> Diagnostic {
    Diagnostic::new("setting::open-secret", format!("`{name}` is a secret"))
        .label(span, "others can read it here")
        .help(format!(
            "write it to a file and give `--secret {name}=@FILE`"
        ))
}

/// The mistake of a name that no setting has.
pub(super) fn unknown(
    name: &str,
    span: &Span,
    definitions: &BTreeMap<String, Setting>,
) -> Diagnostic {
    Diagnostic::new("setting::unknown", format!("no setting is called `{name}`"))
        .label(span, "")
        .suggest(name, definitions.keys().map(String::as_str))
}
