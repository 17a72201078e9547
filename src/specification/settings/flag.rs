//! Reads `--set NAME=VALUE`. A list can also be a TOML array: `--set 'NAME=["a", "b"]'`.

use super::given::{Given, open_secret, unknown};
use crate::define::read::free_table;
use crate::define::{Raw, Setting};
use crate::diag::{Diagnostic, Diagnostics, FileId, Located, Span};
use std::collections::BTreeMap;

/// Reads `flag` into `given`. It replaces an earlier value, but adds to a list of an earlier `--set`.
pub(super) fn read(
    diagnostics: &mut Diagnostics,
    definitions: &BTreeMap<String, Setting>,
    flag: &str,
    given: &mut BTreeMap<String, Given>,
) {
    const BEFORE: &str = "--set ";
    let file = (diagnostics.sources).add("<command line>", format!("{BEFORE}{flag}"));
    let at = |from: usize, to: usize| Span {
        file,
        range: BEFORE.len() + from..BEFORE.len() + to,
    };
    let pair = flag.split_once('=');
    let Some((name, text)) = pair.filter(|(name, _)| !name.is_empty()) else {
        // In `KEY:VALUE` and the like, the value may be a secret.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let name = flag.bytes().take_while(|byte| is_name(*byte)).count();
        diagnostics.sources.mask(&at(name, flag.len()));
        let problem = Diagnostic::new("setting::flag", "not a setting");
        let problem = problem.label(&at(0, flag.len()), "expected `name=value`");
        return diagnostics.push(problem);
    };
    let (name_span, span) = (at(0, name.len()), at(name.len() + 1, flag.len()));
    let setting = match definitions.get(name) {
        Some(setting) if !setting.secret => setting,
        found => {
            diagnostics.sources.mask(&span);
            return diagnostics.push(match found {
                Some(_) => open_secret(name, &name_span),
                None => unknown(name, &name_span, definitions),
            });
        }
    };
    let array = setting.items.is_some() && text.starts_with('[') && text.ends_with(']');
    let raw = match array {
        true => read_array(diagnostics, file, BEFORE, flag),
        false => Some(Located {
            value: Raw::Text(text.to_owned()),
            span,
        }),
    };
    let Some(raw) = raw else { return };
    let raw = match given.remove(name) {
        Some(earlier) if earlier.flag && setting.items.is_some() => {
            append(setting, earlier.raw, raw)
        }
        _ => raw,
    };
    given.insert(name.to_owned(), Given { raw, flag: true });
}

/// Reads `name=[…]`, which is a line of TOML.
fn read_array(
    diagnostics: &mut Diagnostics,
    file: FileId,
    before: &str,
    flag: &str,
) -> Option<Located<Raw>> {
    let line = " ".repeat(before.len()) + flag;
    let mut pairs = free_table(diagnostics, file, &line)?.into_iter();
    if let (Some((_, raw)), None) = (pairs.next(), pairs.next()) {
        return Some(raw);
    }
    let range = before.len()..line.len();
    let problem = Diagnostic::new("setting::flag", "more than one setting");
    diagnostics.push(problem.label(&Span { file, range }, "expected `name=[…]`"));
    None
}

/// Joins the items of two `--set` options for one list.
fn append(setting: &Setting, earlier: Located<Raw>, later: Located<Raw>) -> Located<Raw> {
    let span = later.span.clone();
    let items = [earlier, later]
        .into_iter()
        .flat_map(|raw| setting.parts(raw));
    let value = Raw::List(items.collect());
    Located { value, span }
}

#[cfg(test)]
mod tests {
    use crate::specification::mistakes;

    #[test]
    fn a_flag_holds_a_name_and_one_array() {
        for (flag, reason) in [
            ("ntp-servers=[\"a.example\", \"b.example\"]", ""),
            ("=3", "expected `name=value`"),
            (
                "ntp-servers=[\"a.example\"]\nlocale=[]",
                "more than one setting",
            ),
            ("ntp-servers=[\"a.example]", "not TOML"),
            ("ntp-servers=[1]", "`1` cannot be `ntp-servers`"),
        ] {
            let found = mistakes("base", [flag]);
            assert!(found.contains(reason), "{flag}: {found}");
            assert_eq!(found.is_empty(), reason.is_empty(), "{flag}: {found}");
        }
    }
}
