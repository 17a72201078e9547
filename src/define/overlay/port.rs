//! `[ports.NAME]` of an overlay: what listens on the device by its files or packages, whatever is set. No
//! setting gives its port to something else.

use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located, Span};

/// A TCP port that is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedPort {
    /// By what it is known. A later overlay's of the same name takes its place.
    pub name: String,
    /// Its number.
    pub port: i64,
    /// The address, or the setting that has it; all addresses where absent.
    pub address: Option<Located<String>>,
    /// Who listens there: `SSH`.
    pub help: String,
    /// Where it is written.
    pub span: Span,
}

/// The keys of `[ports.NAME]`.
pub(super) static PORT: Keys = Keys {
    table: "[ports.NAME]",
    keys: &["port", "address", "help"],
};

/// Reads every `[ports.NAME]`.
pub(super) fn read(top: &Section<'_>) -> Vec<FixedPort> {
    let sections = top.named_sections("ports", &PORT);
    let ports = sections.into_iter().filter_map(|(name, section)| {
        let help = section.need("help", section.text("help"));
        let port = section.need("port", section.number("port"))?;
        if !(1..=65535).contains(&port.value) {
            section.report(
                Diagnostic::new("overlay::port", format!("`{}` is no port", port.value))
                    .label(&port.span, "expected 1 to 65535"),
            );
        }
        Some(FixedPort {
            name: name.value,
            port: port.value,
            address: section.text("address"),
            help: help?.value,
            span: port.span,
        })
    });
    ports.collect()
}
