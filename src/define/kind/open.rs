//! The kinds that cannot become known because of the kinds of their parts.

use crate::define::read::Section;
use crate::diag::{Diagnostic, Located};
use std::collections::BTreeMap;

/// A kind with the kinds of its parts.
pub(super) type Open<'r> = (Located<String>, BTreeMap<String, String>, Section<'r>);

/// Reports the kinds of parts that are not there; if all are there, that the parts of `open` form a circle. `known` are the
/// names of all other kinds.
pub(super) fn report(open: &[Open<'_>], known: &[&str]) {
    let is_there =
        |kind: &str| known.contains(&kind) || open.iter().any(|(name, ..)| name.value == kind);
    let all_parts = || open.iter().flat_map(|(_, parts, _)| parts.values());
    let is_circle = all_parts().all(|kind| is_there(kind));
    for (name, parts, section) in open {
        let place = section.raw("parts").map(|raw| raw.span);
        let place = place.unwrap_or_else(|| name.span.clone());
        if is_circle {
            let title = format!("the parts of `{}` form a circle", name.value);
            let problem = Diagnostic::new("kind::circle", title);
            section.report(problem.label(&place, "expected kinds that are made of simpler ones"));
        }
        for (part, kind) in parts.iter().filter(|(_, kind)| !is_there(kind)) {
            section.note(|| {
                let title = format!("`{kind}`, the kind of the part `{part}`, is not known");
                let problem = Diagnostic::new("define::bad-value", title).label(&place, "");
                problem.suggest(kind, known.iter().copied())
            });
        }
    }
}
