//! Who wrote the files of an image, by the manifest of its release, and for packages by dpkg's lists.

use super::files::Files;
use super::image::Image;
use super::owners::owners;
use super::volume::Disk;
use crate::digest::Sha256;
use crate::inventory::{FileOrigin, WrittenFiles};
use crate::rebuild::Manifest;
use crate::tree::TreePath;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a manifest says about the origins of the files of its image.
#[derive(Debug)]
pub struct Origins {
    about: OriginsReport,
    /// The origin of each path of `about.written`.
    paths: BTreeMap<String, FileOrigin>,
    /// The mount points of partitions, by number.
    mounts: BTreeMap<u32, String>,
    has_base: bool,
}

/// The origins of the files of an image, for its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OriginsReport {
    /// The build id.
    pub build_id: Sha256,
    /// The board.
    pub board: String,
    /// The profile.
    pub profile: String,
    /// The number of files, symlinks and other nodes of each kind of origin. `unknown` are those that neither the
    /// manifest nor a package names.
    pub files: BTreeMap<&'static str, usize>,
    /// The files that no package and no base brought.
    pub written: Vec<WrittenFiles>,
}

impl Origins {
    /// The origins in `manifest`; `None` if it has none.
    pub fn new(manifest: &Manifest) -> Option<Self> {
        let written = manifest.origins.clone()?;
        let paths = written.iter().flat_map(|group| {
            let paths = group.paths.iter();
            paths.map(|path| (path.clone(), group.by.clone()))
        });
        let mounts = manifest.partitions.iter();
        Some(Self {
            paths: paths.collect(),
            mounts: mounts
                .filter_map(|it| Some((it.number, it.mount.clone()?)))
                .collect(),
            has_base: manifest.has_base(),
            about: OriginsReport {
                build_id: manifest.build_id,
                board: manifest.board.name.clone(),
                profile: manifest.profile.name.clone(),
                files: BTreeMap::new(),
                written,
            },
        })
    }

    /// The path in the root filesystem of `path` in `partition`; `None` if that is mounted nowhere.
    pub(super) fn path(&self, partition: Option<u32>, path: &TreePath) -> Option<String> {
        let mount = match partition {
            None => "",
            Some(number) => self.mounts.get(&number)?.trim_end_matches('/'),
        };
        Some(format!("{mount}{path}"))
    }

    /// The origin of the file at `path` in the root filesystem, which dpkg says to be of `package`. Who wrote a file
    /// last counts, so that the manifest is asked first.
    pub(super) fn of(&self, path: &str, package: Option<&str>) -> Option<FileOrigin> {
        let folders = path
            .match_indices('/')
            .filter_map(|(at, _)| path.get(..=at));
        let mut names = std::iter::once(path).chain(folders);
        let written = names.find_map(|name| self.paths.get(name).cloned());
        let package = || package.map(|name| FileOrigin::Package(name.to_owned()));
        let base = || self.has_base.then_some(FileOrigin::Base);
        written.or_else(package).or_else(base)
    }

    /// The origins with the number of files of each, in `image`, whose partitions are in `disk`.
    pub fn report(&self, image: &Image, disk: &Disk) -> OriginsReport {
        let mut report = self.about.clone();
        for volume in &disk.volumes {
            let number = Some(volume.entry.number);
            let Some(tree) = &volume.tree else {
                continue;
            };
            let owners = owners(&Files::new(tree, image));
            tree.visit(|path, id| {
                if tree.node(id).is_directory() {
                    return;
                }
                let package = owners.get(&id).map(String::as_str);
                let path = self.path(number, path);
                let origin = path.and_then(|path| self.of(&path, package));
                let kind = origin.as_ref().map_or("unknown", FileOrigin::kind);
                *report.files.entry(kind).or_default() += 1;
            });
        }
        report
    }
}
