//! The changes that follow from a profile's definitions alone, without a look at the base: its overlays and
//! units.

use crate::command::stdout;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::{Table, Value};

/// A profile and those that it extends.
#[derive(Default)]
pub(super) struct Profile {
    /// Files, and directories that these need.
    pub(super) files: BTreeSet<String>,
    /// Directories whose mode and owner an overlay sets.
    pub(super) directories: BTreeSet<String>,
    /// Units that it enables.
    pub(super) enabled: BTreeSet<String>,
    /// Units that it masks.
    pub(super) masked: BTreeSet<String>,
}

impl Profile {
    /// The shipped profile `name`.
    pub(super) fn read(name: &str) -> Self {
        let mut profile = Self::default();
        let mut overlays = BTreeSet::new();
        profile.extend(name, &mut overlays);
        for overlay in &overlays {
            profile.add_files(&shipped("overlays").join(overlay));
        }
        profile
    }

    fn extend(&mut self, name: &str, overlays: &mut BTreeSet<String>) {
        let table = table(&shipped("profiles").join(name).join("profile.toml"));
        for other in texts(table.get("extends")) {
            self.extend(&other, overlays);
        }
        let all = table.get("overlays");
        match all.and_then(Value::as_table) {
            Some(changes) => {
                for gone in texts(changes.get("remove")) {
                    overlays.remove(&gone);
                }
                overlays.extend(texts(changes.get("append")));
            }
            None => overlays.extend(texts(all)),
        }
        let units = |key| texts(table.get("units").and_then(|units| units.get(key)));
        self.enabled.extend(units("enable"));
        self.masked.extend(units("mask"));
    }

    fn add_files(&mut self, overlay: &Path) {
        let mut find = Command::new("find");
        find.arg(overlay.join("root"))
            .args(["-mindepth", "1", "-printf", "%P\n"]);
        let plain = |path: &str| path.trim_end_matches(".hbs").to_owned();
        self.files.extend(stdout(&mut find).lines().map(plain));
        let table = table(&overlay.join("overlay.toml"));
        let paths = |kind| {
            let entries = table.get(kind).and_then(Value::as_array).into_iter();
            let path = |entry: &Value| entry["path"].as_str().unwrap()[1..].to_owned();
            entries.flatten().map(path).collect::<Vec<_>>()
        };
        self.directories.extend(paths("directory"));
        self.files.extend(paths("symlink"));
    }
}

fn shipped(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind)
}

fn table(path: &Path) -> Table {
    fs_err::read_to_string(path).unwrap().parse().unwrap()
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}
