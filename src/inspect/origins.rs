//! Who wrote the files of an image, by the manifest of its release, and for packages by dpkg's lists.
//!
//! The manifest comes from somebody else. Its paths are sorted once, and a directory of the image has a slice of them,
//! so that neither deep directories nor long lists multiply the work.

use super::files::Files;
use super::image::Image;
use super::owners::owners;
use super::volume::Disk;
use crate::digest::Sha256;
use crate::inventory::{FileOrigin, WrittenFiles};
use crate::rebuild::Manifest;
use crate::tree::{Name, TreePath};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most paths of a manifest. A release has some thousands.
const MAX_PATHS: usize = 100_000;
/// The longest name of an overlay or a package, which is the name of a folder or of a file.
const MAX_NAME: usize = 255;

/// What a manifest says about the origins of the files of its image.
#[derive(Debug)]
pub struct Origins {
    about: OriginsReport,
    /// The paths of `about.written` in the order of their bytes.
    sorted: Vec<Place>,
    /// The mount points of partitions, by number.
    mounts: BTreeMap<u32, String>,
    has_base: bool,
}

/// Why a manifest gives no origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOrigins {
    /// An older version wrote it.
    #[error("it does not say who wrote which file")]
    Silent,
    /// It has too many paths.
    #[error("it says of more than {MAX_PATHS} files who wrote them")]
    TooManyPaths,
    /// A name is too long.
    #[error("it names an overlay or a package by more than {MAX_NAME} bytes")]
    LongName,
}

/// The place of a path in `written`: the number of its group, and its own number there.
#[derive(Clone, Copy, Debug)]
struct Place {
    group: usize,
    path: usize,
}

/// A directory of the root filesystem: the slice of the sorted paths below it.
#[derive(Clone, Copy, Debug)]
struct Folder {
    from: usize,
    to: usize,
    /// The length that all these paths have in common.
    len: usize,
    /// The group that everything in the directory belongs to.
    group: Option<usize>,
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
    /// The origins in `manifest`.
    ///
    /// # Errors
    ///
    /// It has none, or more or longer ones than a release.
    pub fn new(manifest: &Manifest) -> Result<Self, NoOrigins> {
        let written = manifest.origins.clone().ok_or(NoOrigins::Silent)?;
        if written.iter().map(|group| group.paths.len()).sum::<usize>() > MAX_PATHS {
            return Err(NoOrigins::TooManyPaths);
        }
        let mut names = written.iter().filter_map(|group| group.by.name());
        if names.any(|name| name.len() > MAX_NAME) {
            return Err(NoOrigins::LongName);
        }
        let mounts = manifest.partitions.iter();
        Ok(Self {
            sorted: sorted(&written),
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

    /// The origin of the file at `path` in `partition`, or in the root filesystem; dpkg says that it is of `package`.
    /// A partition that is mounted nowhere has none.
    pub(super) fn of(
        &self,
        partition: Option<u32>,
        path: &TreePath,
        package: Option<&str>,
    ) -> Option<FileOrigin> {
        let mut names = path.components();
        let last = names.next_back()?;
        let mount = self.mount(partition)?;
        let folder = names.fold(mount, |folder, name| self.folder(folder, &name.to_string()));
        self.in_folder(folder, last, package)
    }

    /// The origins with the number of files of each, in `image`, whose partitions are in `disk`.
    pub fn report(&self, image: &Image, disk: &Disk) -> OriginsReport {
        let mut report = self.about.clone();
        for volume in &disk.volumes {
            let Some(tree) = &volume.tree else {
                continue;
            };
            let mount = self.mount(Some(volume.entry.number));
            let owners = owners(&Files::new(tree, image));
            // The directories from the root down to the one that is visited.
            let mut folders: Vec<Option<Folder>> = Vec::new();
            tree.visit(|path, id| {
                let mut names = path.components();
                folders.truncate(names.len());
                let (above, name) = (folders.last().copied().flatten(), names.next_back());
                if tree.node(id).is_directory() {
                    folders.push(match name {
                        None => mount,
                        Some(name) => above.map(|above| self.folder(above, &name.to_string())),
                    });
                    return;
                }
                let package = owners.get(&id).map(String::as_str);
                let origin = above.zip(name);
                let origin = origin.and_then(|(above, name)| self.in_folder(above, name, package));
                let kind = origin.as_ref().map_or("unknown", FileOrigin::kind);
                *report.files.entry(kind).or_default() += 1;
            });
        }
        report
    }

    /// The origin of the file `name` in `folder`. Who wrote a file last counts, so that the manifest is asked first.
    fn in_folder(&self, folder: Folder, name: &Name, package: Option<&str>) -> Option<FileOrigin> {
        let written = self.file(folder, &name.to_string());
        let written = written.map(|group| self.about.written[group].by.clone());
        let package = || package.map(|name| FileOrigin::Package(name.to_owned()));
        let base = || self.has_base.then_some(FileOrigin::Base);
        written.or_else(package).or_else(base)
    }

    /// The directory on which `partition` is mounted, or the root; `None` if it is mounted nowhere.
    fn mount(&self, partition: Option<u32>) -> Option<Folder> {
        let mount = match partition {
            None => "",
            Some(number) => self.mounts.get(&number)?,
        };
        let all = Folder {
            from: 0,
            to: self.sorted.len(),
            len: 0,
            group: None,
        };
        let names = mount.split('/').filter(|name| !name.is_empty());
        let root = self.folder(all, "");
        Some(names.fold(root, |folder, name| self.folder(folder, name)))
    }

    /// The directory `name` in `folder`.
    fn folder(&self, folder: Folder, name: &str) -> Folder {
        let name = format!("{name}/");
        let places = &self.sorted[folder.from..folder.to];
        let rest = |place: &Place| &self.path(*place).as_bytes()[folder.len..];
        let n_before = places.partition_point(|place| rest(place) < name.as_bytes());
        let places = &places[n_before..];
        let n_below = places.partition_point(|place| rest(place).starts_with(name.as_bytes()));
        let whole = places
            .first()
            .filter(|place| rest(place) == name.as_bytes());
        let from = folder.from + n_before;
        Folder {
            from,
            to: from + n_below,
            len: folder.len + name.len(),
            group: whole.map(|place| place.group).or(folder.group),
        }
    }

    /// The group of the file `name` in `folder`.
    fn file(&self, folder: Folder, name: &str) -> Option<usize> {
        let places = &self.sorted[folder.from..folder.to];
        let rest = |place: &Place| &self.path(*place).as_bytes()[folder.len..];
        let at = places.partition_point(|place| rest(place) < name.as_bytes());
        let found = places
            .get(at)
            .filter(|place| rest(place) == name.as_bytes());
        found.map(|place| place.group).or(folder.group)
    }

    fn path(&self, place: Place) -> &str {
        &self.about.written[place.group].paths[place.path]
    }
}

/// The places of all paths of `written`, in the order of their bytes.
fn sorted(written: &[WrittenFiles]) -> Vec<Place> {
    let groups = written.iter().enumerate();
    let places = groups.flat_map(|(group, files)| {
        let paths = 0..files.paths.len();
        paths.map(move |path| Place { group, path })
    });
    let mut places: Vec<Place> = places.collect();
    places.sort_by_key(|place| written[place.group].paths[place.path].as_str());
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_the_folder_above_it_decides_and_no_longer_name() {
        let written = [
            (
                FileOrigin::Overlay("web".to_owned()),
                vec!["/etc/a", "/srv/www/", "/boot/a"],
            ),
            (
                FileOrigin::Script,
                vec!["/var/", "/etc/ab", "/etc/a-b/", "no path", ""],
            ),
        ];
        let written = written.map(|(by, paths)| WrittenFiles {
            by,
            paths: paths.into_iter().map(str::to_owned).collect(),
        });
        let origins = Origins {
            sorted: sorted(&written),
            mounts: BTreeMap::from([(1, "/boot/".to_owned()), (2, "/".to_owned())]),
            has_base: false,
            about: OriginsReport {
                build_id: Sha256([0; 32]),
                board: String::new(),
                profile: String::new(),
                files: BTreeMap::new(),
                written: written.to_vec(),
            },
        };
        for (partition, path, expected) in [
            (None, "/etc/a", "overlay web"),
            (Some(2), "/etc/a", "overlay web"),
            (None, "/etc/ab", "script"),
            (None, "/etc/abc", "package p"),
            (None, "/etc/a/b", "package p"),
            (None, "/etc/a-b/c/d", "script"),
            (None, "/srv/www/index/x", "overlay web"),
            (None, "/srv/www", "package p"),
            (None, "/srv/www2/x", "package p"),
            (None, "/var/x", "script"),
            (None, "/no path", "package p"),
            (Some(1), "/a", "overlay web"),
            (Some(1), "/etc/a", "package p"),
            (Some(3), "/a", ""),
        ] {
            let found = origins.of(partition, &TreePath::constant(path), Some("p"));
            let found = found.map(|it| it.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{partition:?} {path}");
        }
    }
}
