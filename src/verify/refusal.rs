//! What programs of the image do not take, in words for a person.

use super::check::{Check, Problem};
use crate::define::Value;
use crate::define::overlay::OverlayFile;
use crate::plan::Plan;
use crate::sandbox::Refusal;
use crate::specification::Assigned;
use crate::tree::TreePath;
use std::collections::BTreeSet;
use std::fmt;

/// As many lines of a program's words as are shown, and as many refusals.
const LINES: usize = 100;
const REFUSALS: usize = 100;
/// As many files as are named where no overlay brought any of them.
const FILES: usize = 5;
/// In the place of a secret.
const HIDDEN: &str = "(secret)";

/// Everything that programs of the image refuse.
#[derive(Debug)]
pub struct Refusals {
    list: Vec<Shown>,
}

/// One refusal, as it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    /// Who refuses, and how: one line.
    title: String,
    /// Its words.
    words: Vec<String>,
    /// The files, with where they come from.
    files: Vec<String>,
    /// The settings that a person gave and that they depend on.
    settings: Vec<String>,
}

impl std::error::Error for Refusals {}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.list.len();
        let thing = if n == 1 { "mistake" } else { "mistakes" };
        write!(
            f,
            "the image's own programs refuse its configuration: {n} {thing}"
        )?;
        for shown in self.list.iter().take(REFUSALS) {
            write!(f, "\n\n  {}", shown.title)?;
            for line in &shown.words {
                write!(f, "\n    | {line}")?;
            }
            for (what, list) in [("file", &shown.files), ("setting", &shown.settings)] {
                for item in list {
                    write!(f, "\n    {what}: {item}")?;
                }
            }
        }
        if n > REFUSALS {
            write!(f, "\n\n  and {} more", n - REFUSALS)?;
        }
        Ok(())
    }
}

impl Refusals {
    /// What `refused` of `checks` and `problems` mean to whoever wrote the definitions and settings of `plan`;
    /// nothing where nothing is refused.
    pub(super) fn new(
        plan: &Plan,
        checks: &[Check],
        refused: Vec<Refusal>,
        problems: Vec<Problem>,
    ) -> Option<Self> {
        let teller = Teller::new(plan);
        let of_problem = |problem: Problem| teller.shown(&problem.words, "", &[problem.file]);
        let of_refusal = |refusal: Refusal| {
            let check = &checks[refusal.index];
            // What exceeded a limit has a line for each process.
            let ending = refusal.ending.to_string();
            let (how, processes) = ending.split_once('\n').unwrap_or((&ending, ""));
            let title = format!("`{}`: {how}", check.step.name);
            let words = format!("{processes}\n{}", refusal.output);
            teller.shown(&title, &words, &check.files)
        };
        let list: Vec<Shown> = (problems.into_iter().map(of_problem))
            .chain(refused.into_iter().map(of_refusal))
            .collect();
        (!list.is_empty()).then_some(Self { list })
    }
}

/// Knows where files come from, and what must not be said.
struct Teller<'p> {
    plan: &'p Plan,
    secrets: Vec<&'p str>,
}

impl<'p> Teller<'p> {
    fn new(plan: &'p Plan) -> Self {
        let revealed = |(_, assigned): (&'p str, &'p Assigned)| match assigned {
            Assigned::Secret(secret) => Some(secret.reveal()),
            Assigned::Absent | Assigned::Plain(_) => None,
        };
        let texts = plan.spec.settings.iter().filter_map(revealed);
        // A certificate is quoted by the line.
        let mut secrets: Vec<&str> = texts
            .flat_map(|text| [text].into_iter().chain(text.lines()))
            .filter(|text| text.len() > 3)
            .collect();
        secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self { plan, secrets }
    }

    fn shown(&self, title: &str, output: &str, files: &[TreePath]) -> Shown {
        let mut words: Vec<String> = output
            .lines()
            .map(|line| self.speakable(line.trim_end()))
            .collect();
        words.retain(|line| !line.is_empty());
        if words.len() > LINES {
            let n_more = words.len() - LINES;
            words.drain(..n_more);
            words.insert(0, format!("({n_more} lines before)"));
        }
        let named = |by: fn(&str, &TreePath) -> bool| -> Vec<&TreePath> {
            files.iter().filter(|file| by(output, file)).collect()
        };
        let by_path = named(|output, file| names(output, &file.to_string()));
        let found = [by_path, named(names_unit)].into_iter();
        let mut found = found.filter(|found| !found.is_empty());
        let about = found.next().unwrap_or_else(|| files.iter().collect());
        let sources: Vec<&OverlayFile> = self.sources(&about);
        let shown_files = match sources.is_empty() {
            true => about
                .iter()
                .take(FILES)
                .map(|file| file.to_string())
                .collect(),
            false => {
                let of_source =
                    |file: &&OverlayFile| format!("{}, from {}", file.path, file.source);
                sources.iter().map(of_source).collect()
            }
        };
        Shown {
            title: self.speakable(title),
            words,
            files: shown_files,
            settings: self.settings(&sources, output),
        }
    }

    /// The files of overlays that are laid at `paths`; a later one wins.
    fn sources(&self, paths: &[&TreePath]) -> Vec<&'p OverlayFile> {
        let spec = &self.plan.spec;
        let laid = |file: &&OverlayFile| {
            let when = file.when.as_ref();
            when.is_none_or(|when| spec.settings.holds(when))
        };
        let found = paths.iter().filter_map(|path| {
            let overlays = spec.overlays.iter().rev();
            let files = overlays.flat_map(|overlay| &overlay.files);
            files.filter(laid).find(|file| file.path == **path)
        });
        let mut sources: Vec<&OverlayFile> = found.collect();
        sources.dedup_by(|one, other| one.path == other.path);
        sources
    }

    /// The settings that a person gave and that decide `files`; those whose values the program quotes, if it
    /// quotes any.
    fn settings(&self, files: &[&OverlayFile], output: &str) -> Vec<String> {
        let spec = &self.plan.spec;
        let named: BTreeSet<&str> = files.iter().flat_map(|file| file.settings()).collect();
        let given: Vec<(&str, &String)> = named
            .into_iter()
            .filter_map(|name| Some((name, spec.given.get(name)?)))
            .collect();
        let is_quoted = |name: &str| {
            let value = spec.settings.value(name);
            value.is_some_and(|value| quotes(output, value))
        };
        let quoted: Vec<_> = given.iter().filter(|(name, _)| is_quoted(name)).collect();
        let shown = |(name, place): &(&str, &String)| format!("`{name}` of {place}");
        match quoted.is_empty() {
            true => given.iter().map(shown).collect(),
            false => quoted.into_iter().map(shown).collect(),
        }
    }

    /// `line` without secrets and with its control characters made visible.
    fn speakable(&self, line: &str) -> String {
        let mut text = line.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, HIDDEN);
        }
        let mut visible = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '\t' => visible.push(' '),
                _ if letter.is_control() => visible.extend(letter.escape_default()),
                _ => visible.push(letter),
            }
        }
        visible
    }
}

/// Whether `output` names `path`, and not one that only begins with it.
fn names(output: &str, path: &str) -> bool {
    output.match_indices(path).any(|(at, _)| {
        let rest = output[at + path.len()..].trim_start_matches('.');
        !rest.starts_with(|letter: char| letter.is_alphanumeric() || "_-/~".contains(letter))
    })
}

/// Whether `output` names the unit whose file lies at `path`. systemd says so of a template by an instance of it.
fn names_unit(output: &str, path: &TreePath) -> bool {
    let path = path.to_string();
    let unit = path.rsplit('/').next().unwrap_or_default();
    let unit = unit.replace("@.", "@test_instance.");
    let is_whole =
        |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "_-@.".contains(c));
    let mut found = output.match_indices(&unit);
    unit.contains('.')
        && found.any(|(at, _)| is_whole(&output[..at]) && names(&output[at..], &unit))
}

/// Whether `output` holds a text or number of `value`; one letter says nothing.
fn quotes(output: &str, value: &Value) -> bool {
    let holds = |text: &str| text.len() > 1 && output.contains(text);
    match value {
        Value::Text(text) => holds(text),
        Value::Integer(number) => holds(&number.to_string()),
        Value::Boolean(_) => false,
        Value::List(items) => items.iter().any(|item| quotes(output, item)),
        Value::Table(fields) => fields.values().any(|field| quotes(output, field)),
    }
}

#[cfg(test)]
mod tests {
    use super::{TreePath, names, names_unit};

    #[test]
    fn a_unit_is_named_by_its_last_name() {
        for (output, expected) in [
            ("nginx.service: Command /x is not executable", true),
            ("x\nUnit nginx.service not found", true),
            ("my-nginx.service: no", false),
            ("nginx.service.d: no", false),
            ("nginx.services", false),
        ] {
            let path = TreePath::parse(b"/etc/systemd/system/nginx.service").unwrap();
            assert_eq!(names_unit(output, &path), expected, "{output}");
        }
        let template = TreePath::parse(b"/etc/systemd/system/x@.service").unwrap();
        assert!(names_unit("x@test_instance.service: no", &template));
        let bare = TreePath::parse(b"/etc/default/x").unwrap();
        assert!(!names_unit("no x here", &bare));
    }

    #[test]
    fn a_path_is_named_by_itself_alone() {
        for (output, expected) in [
            ("/etc/a:1: no", true),
            ("in /etc/a.", true),
            ("[/etc/a]", true),
            ("/etc/a.conf", false),
            ("/etc/a/b: no", false),
            ("/etc/ab and /etc/a", true),
        ] {
            assert_eq!(names(output, "/etc/a"), expected, "{output}");
        }
    }
}
