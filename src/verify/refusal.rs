//! The message about files that the programs of an image refuse.

use super::check::{Check, Problem};
use crate::define::Value;
use crate::define::overlay::OverlayFile;
use crate::plan::Plan;
use crate::sandbox::Refusal;
use crate::specification::Assigned;
use crate::tree::TreePath;
use std::collections::BTreeSet;
use std::fmt;

/// The most lines of one program's output that are shown, and the most refusals.
const LINES: usize = 100;
const REFUSALS: usize = 100;
/// The most files that are named if no overlay has any of them.
const FILES: usize = 5;
/// The text that replaces a secret.
const HIDDEN: &str = "(secret)";

/// All refusals of one image.
#[derive(Debug)]
pub struct Refusals {
    list: Vec<Shown>,
}

/// One refusal as it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    /// One line with the program and the way in which it ended.
    title: String,
    /// The lines of the program's output.
    words: Vec<String>,
    /// The files, with the overlays that they come from.
    files: Vec<String>,
    /// The settings that the user gave and that the files depend on.
    settings: Vec<String>,
}

impl std::error::Error for Refusals {}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.list.len();
        let mistakes = if n == 1 { "mistake" } else { "mistakes" };
        write!(
            f,
            "the image's own programs refuse its configuration: {n} {mistakes}"
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
    /// Fails if a check was `refused` or there are `problems`. The error names the files and settings of `plan` that
    /// are the cause.
    pub(super) fn check(
        plan: &Plan,
        checks: &[Check],
        refused: Vec<Refusal>,
        problems: Vec<Problem>,
    ) -> Result<(), Self> {
        let writer = Writer::new(plan);
        let of_problem = |problem: Problem| writer.shown(&problem.words, "", &[problem.file]);
        let of_refusal = |refusal: Refusal| {
            let check = &checks[refusal.index];
            // For a step that exceeded the time limit, the words have a further line for each process.
            let ending = refusal.ending.to_string();
            let (how, processes) = ending.split_once('\n').unwrap_or((&ending, ""));
            let title = format!("`{}`: {how}", check.step.name);
            let words = format!("{processes}\n{}", refusal.output);
            writer.shown(&title, &words, &check.files)
        };
        let list: Vec<Shown> = (problems.into_iter().map(of_problem))
            .chain(refused.into_iter().map(of_refusal))
            .collect();
        match list.is_empty() {
            true => Ok(()),
            false => Err(Self { list }),
        }
    }
}

/// Writes refusals, with the sources of files and without secrets.
struct Writer<'p> {
    plan: &'p Plan,
    /// The secrets, the longest first.
    secrets: Vec<&'p str>,
}

impl<'p> Writer<'p> {
    fn new(plan: &'p Plan) -> Self {
        let revealed = |(_, assigned): (&'p str, &'p Assigned)| match assigned {
            Assigned::Secret(secret) => Some(secret.reveal()),
            Assigned::Absent | Assigned::Plain(_) => None,
        };
        let texts = plan.spec.settings.iter().filter_map(revealed);
        // A program may quote a single line of a certificate.
        let mut secrets: Vec<&str> = texts
            .flat_map(|text| [text].into_iter().chain(text.lines()))
            .filter(|text| text.len() > 3)
            .collect();
        secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self { plan, secrets }
    }

    fn shown(&self, title: &str, output: &str, files: &[TreePath]) -> Shown {
        let lines = output.lines().map(str::trim_end);
        let mut words: Vec<String> = lines.map(|line| self.redacted(line)).collect();
        words.retain(|line| !line.is_empty());
        if words.len() > LINES {
            let n_more = words.len() - LINES;
            words.drain(..n_more);
            words.insert(0, format!("({n_more} lines before)"));
        }
        let by_path = |file: &&TreePath| names(output, &file.to_string());
        let mut about: Vec<&TreePath> = files.iter().filter(by_path).collect();
        if about.is_empty() {
            about = (files.iter())
                .filter(|file| names_unit(output, file))
                .collect();
        }
        if about.is_empty() {
            about = files.iter().collect();
        }
        let sources: Vec<&OverlayFile> = self.sources(&about);
        let of_source = |file: &&OverlayFile| format!("{}, from {}", file.path, file.source);
        let shown_files = match sources.is_empty() {
            true => about.iter().take(FILES).map(|it| it.to_string()).collect(),
            false => sources.iter().map(of_source).collect(),
        };
        Shown {
            title: self.redacted(title),
            words,
            files: shown_files,
            settings: self.settings(&sources, output),
        }
    }

    /// The files of overlays that are written to `paths`. A later overlay replaces the file of an earlier one.
    fn sources(&self, paths: &[&TreePath]) -> Vec<&'p OverlayFile> {
        let spec = &self.plan.spec;
        let is_written = |file: &&OverlayFile| {
            let when = file.when.as_ref();
            when.is_none_or(|when| spec.settings.holds(when))
        };
        let found = paths.iter().filter_map(|path| {
            let overlays = spec.overlays.iter().rev();
            let files = overlays.flat_map(|overlay| &overlay.files);
            files.filter(is_written).find(|file| file.path == **path)
        });
        let mut sources: Vec<&OverlayFile> = found.collect();
        sources.dedup_by(|one, other| one.path == other.path);
        sources
    }

    /// The settings that the user gave and on which `files` depend. If `output` quotes the values of some of them, only
    /// those are given.
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
    fn redacted(&self, line: &str) -> String {
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

/// Whether `output` names `path`, and not a longer path that begins with it.
fn names(output: &str, path: &str) -> bool {
    output.match_indices(path).any(|(at, _)| {
        let rest = output[at + path.len()..].trim_start_matches('.');
        !rest.starts_with(|letter: char| letter.is_alphanumeric() || "_-/~".contains(letter))
    })
}

/// Whether `output` names the unit whose file is at `path`. systemd names an instance in place of a template.
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

/// Whether `output` holds a text or number of `value`. A single letter does not count.
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
