//! The packages that brought the files of a system, by dpkg's lists.

use super::files::Files;
use crate::dpkg::database::Diversions;
use crate::tree::{NodeId, TreePath};
use std::collections::BTreeMap;

const FOLDER: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";

/// The number of lines of all lists that are read. A desktop has half a million.
const MAX_LINES: usize = 4_000_000;

/// The package of each node of `files` that a list names, as dpkg writes it: `libc6:amd64`. A directory belongs to
/// several packages, of which one is given. A diverted file lies elsewhere than its list says.
pub(crate) fn owners(files: &Files<'_>) -> BTreeMap<NodeId, String> {
    let diversions = files.text(DIVERSIONS).unwrap_or_default();
    // Without the right number of lines, nobody can say what they mean.
    let diversions = Diversions::parse(diversions.as_bytes()).unwrap_or_default();
    let mut owners = BTreeMap::new();
    let mut n_lines = 0_usize;
    for list in files.matching(&format!("{FOLDER}/*.list")) {
        let name = list.rsplit('/').next().unwrap_or_default();
        let package = name.strip_suffix(".list").unwrap_or(name).to_owned();
        let without_architecture = package.split(':').next().unwrap_or_default();
        let text = files.text(&list).unwrap_or_default();
        for line in text.lines() {
            n_lines += 1;
            if n_lines > MAX_LINES {
                return owners;
            }
            let place = diversions.target(line.as_bytes(), without_architecture);
            let path = TreePath::parse(place).ok();
            if let Some(id) = path.and_then(|path| files.tree.at(&path)) {
                owners.insert(id, package.clone());
            }
        }
    }
    owners
}
