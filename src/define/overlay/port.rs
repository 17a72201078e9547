//! `[ports.NAME]` of an overlay: a port on which a program of the device listens whatever the settings are. No setting may
//! give this port to another program.

use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located, Span};

/// A TCP port that is in use on every device.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedPort {
    /// The name. The port of the same name in a later overlay replaces it.
    pub name: String,
    /// The number.
    pub port: i64,
    /// The address, or the name of the setting with the address; `None` for all addresses.
    pub address: Option<Located<String>>,
    /// The program that listens there: `SSH`.
    pub help: String,
    /// The place of the number.
    pub span: Span,
}

/// The keys of `[ports.NAME]`.
pub(super) static PORT: Keys = Keys::of("[ports.NAME]", "port address help");

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
