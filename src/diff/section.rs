//! The changes as rows, from which the text and the page are made.

use super::bytes::BytesChange;
use super::change::{Change, ChangeKind, Field};
use super::files::FileChange;
use super::image::ImageDiff;
use super::lock::LockDiff;
use super::packages::{PackageChange, PackageChangeKind};
use super::system::SystemDiff;
use serde_json::Value;
use std::collections::BTreeSet;

/// Where dpkg has the lists and scripts of each package.
const INFO: &str = "/var/lib/dpkg/info/";

/// The changes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What is compared.
    pub title: String,
    /// How many changes there are of each kind.
    pub summary: String,
    /// The changes.
    pub rows: Vec<Row>,
    /// Whether they follow from others, so that they are counted and not listed.
    pub is_minor: bool,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `+` if it is added, `-` if it is removed, `~` if it is changed, `!` for what could not be read.
    pub sign: char,
    /// What differs.
    pub name: String,
    /// How it differs.
    pub text: String,
    /// The address of more about it.
    pub link: Option<String>,
}

impl ImageDiff {
    /// The changes as rows. What is below a directory that one image does not have is counted unless `all` is set.
    pub fn sections(&self, all: bool) -> Vec<Section> {
        let mut sections = vec![
            of_fields("disk", &self.disk),
            of_changes("partitions", &self.partitions),
            of_changes("boot loaders", &self.boot_loaders),
        ];
        for system in &self.systems {
            sections.extend(of_system(system, self.systems.len() > 1));
        }
        sections.extend(self.files(all));
        sections.push(section(
            "other bytes",
            self.bytes.iter().map(of_bytes).collect(),
        ));
        let fault = |fault: &String| row('!', fault, String::new());
        sections.push(section("faults", self.faults.iter().map(fault).collect()));
        sections.retain(|section| !section.rows.is_empty());
        sections
    }

    /// The files in three sections: those that follow from a change of their package, those of which only the time
    /// differs, and all others.
    fn files(&self, all: bool) -> [Section; 3] {
        let packages = self.systems.iter().flat_map(|it| &it.packages);
        let names =
            packages.flat_map(|it| [it.name.clone(), format!("{}:{}", it.name, it.architecture)]);
        let packages: BTreeSet<String> = names.collect();
        let follows = |file: &FileChange| {
            let info = file
                .path
                .strip_prefix(INFO)
                .and_then(|name| name.rsplit_once('.'));
            let package = file.package.as_deref().or(info.map(|(package, _)| package));
            package.is_some_and(|package| packages.contains(package))
        };
        let (mut main, mut of_packages, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for file in &self.files {
            match (file.is_time_only(), follows(file)) {
                (true, _) => times.push(file),
                (false, true) => of_packages.push(file),
                (false, false) => main.push(file),
            }
        }
        let minor = |title, files: &[&FileChange]| Section {
            is_minor: true,
            ..section(title, files.iter().map(|file| of_file(file, 0)).collect())
        };
        let mut rows = if all { each(&main) } else { gathered(&main) };
        if self.more_files > 0 {
            let name = format!(
                "{} more files, which are too many to be listed",
                self.more_files
            );
            rows.push(row('~', &name, String::new()));
        }
        [
            section("files", rows),
            minor("package files", &of_packages),
            minor("file times", &times),
        ]
    }
}

impl LockDiff {
    /// The changes as rows.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![
            of_fields("lock", &self.lock),
            of_changes("archives", &self.archives),
            of_packages("packages", &self.packages),
            of_packages("other packages", &self.other_packages),
        ];
        sections.retain(|section| !section.rows.is_empty());
        sections
    }
}

fn row(sign: char, name: &str, text: String) -> Row {
    Row {
        sign,
        name: name.to_owned(),
        text,
        link: None,
    }
}

/// A section whose summary counts its rows by their signs.
fn section(title: &str, rows: Vec<Row>) -> Section {
    let counts = [
        ('~', "changed"),
        ('+', "added"),
        ('-', "removed"),
        ('!', "unread"),
    ];
    let counts = counts.iter().filter_map(|(sign, word)| {
        let n = rows.iter().filter(|row| row.sign == *sign).count();
        (n > 0).then(|| format!("{n} {word}"))
    });
    Section {
        title: title.to_owned(),
        summary: counts.collect::<Vec<_>>().join(", "),
        rows,
        is_minor: false,
    }
}

fn of_system(system: &SystemDiff, has_several: bool) -> Vec<Section> {
    let changes = [
        ("settings", &system.settings),
        ("units", &system.units),
        ("kernels", &system.kernels),
        ("accounts", &system.accounts),
        ("services", &system.services),
        ("privileged", &system.privileged),
        ("secrets", &system.secrets),
    ];
    let mut sections = vec![
        of_fields("system", &system.system),
        of_packages("packages", &system.packages),
    ];
    sections.extend(changes.map(|(title, changes)| of_changes(title, changes)));
    let number = system.after.or(system.before);
    for section in sections.iter_mut().filter(|_| has_several) {
        section.title += &number.map_or(String::new(), |number| format!(" {number}"));
    }
    sections
}

fn of_fields(title: &str, fields: &[Field]) -> Section {
    let rows = fields
        .iter()
        .map(|field| row('~', &field.name, arrow(&field.before, &field.after)));
    section(title, rows.collect())
}

fn of_changes(title: &str, changes: &[Change]) -> Section {
    let rows = changes
        .iter()
        .map(|change| row(change.change.sign(), &change.name, of_change(change)));
    section(title, rows.collect())
}

fn of_change(change: &Change) -> String {
    let side = |field: &Field| match change.change {
        ChangeKind::Added => field.after.clone(),
        _ => field.before.clone(),
    };
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty() && *text != change.name,
        _ => true,
    };
    let fields = change.fields.iter();
    let texts: Vec<String> = match change.change {
        ChangeKind::Changed => fields.map(of_field).collect(),
        _ => fields
            .map(|field| (&field.name, side(field)))
            .filter(|(_, value)| says(value))
            .map(|(name, value)| format!("{name} {}", Field::show(&value)))
            .collect(),
    };
    texts.join("; ")
}

/// A field that differs; the lengths of a content only if they do.
fn of_field(field: &Field) -> String {
    if field.before == field.after {
        return field.name.clone();
    }
    format!("{} {}", field.name, arrow(&field.before, &field.after))
}

fn arrow(before: &Value, after: &Value) -> String {
    format!("{} → {}", Field::show(before), Field::show(after))
}

fn of_packages(title: &str, packages: &[PackageChange]) -> Section {
    let counts = PackageChangeKind::ALL.into_iter().filter_map(|kind| {
        let n = packages.iter().filter(|it| it.change == kind).count();
        (n > 0).then(|| format!("{n} {}", kind.word()))
    });
    let rows = packages.iter().map(|package| {
        let (before, after) = (package.before.as_deref(), package.after.as_deref());
        let (sign, mut text) = match (before, after) {
            (Some(before), Some(after)) if before == after => ('~', after.to_owned()),
            (Some(before), Some(after)) => ('~', format!("{before} → {after}")),
            (None, after) => ('+', after.unwrap_or_default().to_owned()),
            (Some(before), None) => ('-', before.to_owned()),
        };
        for field in &package.fields {
            text += &format!("; {}", of_field(field));
        }
        Row {
            link: package.changelog.clone(),
            ..row(
                sign,
                &format!("{}:{}", package.name, package.architecture),
                text,
            )
        }
    });
    Section {
        summary: counts.collect::<Vec<_>>().join(", "),
        ..section(title, rows.collect())
    }
}

fn of_bytes(change: &BytesChange) -> Row {
    row(
        '~',
        &change.place,
        format!("from byte {} of the disk on", change.first),
    )
}

fn of_file(file: &FileChange, n_below: usize) -> Row {
    let fields = file.fields.iter().map(of_field);
    let mut text = fields.collect::<Vec<_>>().join("; ");
    if file.change != ChangeKind::Changed && file.kind != "file" {
        text = file.kind.to_owned();
    }
    if n_below > 0 {
        text += &format!(", with {n_below} below it");
    }
    row(file.change.sign(), &file.path, text)
}

fn each(files: &[&FileChange]) -> Vec<Row> {
    files.iter().map(|file| of_file(file, 0)).collect()
}

/// The rows of `files`, without those below a directory that is added or removed.
fn gathered(files: &[&FileChange]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut files = files.iter().peekable();
    while let Some(file) = files.next() {
        let mut n_below = 0;
        if file.kind == "directory" && file.change != ChangeKind::Changed {
            let folder = format!("{}/", file.path.trim_end_matches('/'));
            let is_below = |other: &&&FileChange| {
                other.change == file.change && other.path.starts_with(&folder)
            };
            while files.next_if(is_below).is_some() {
                n_below += 1;
            }
        }
        rows.push(of_file(file, n_below));
    }
    rows
}
