//! Finds files of overlays that the build itself has replaced or removed (`compose::overlay_files`), and says what to
//! do instead.

use super::check::Problem;
use crate::compose::overlay_files::OverlayFiles;
use crate::define::Overlay;
use crate::plan::Plan;
use crate::tree::{Tree, TreePath};

/// For files that the build writes itself: the other way to get the content into the image.
const INSTEAD: [(&str, &str); 8] = [
    (
        "/etc/fstab",
        "a mount of your own is a unit: `/etc/systemd/system/srv-data.mount` for `/srv/data`",
    ),
    ("/etc/hostname", "set `hostname`"),
    (
        "/etc/hosts",
        "leave the line of 127.0.1.1 out, and set `hostname`",
    ),
    ("/etc/localtime", "set `time-zone`"),
    ("/etc/timezone", "set `time-zone`"),
    ("/etc/locale.conf", "set `locale`"),
    ("/etc/default/locale", "set `locale`"),
    (
        "/etc/resolv.conf",
        "resolvers go into a file of `/etc/systemd/resolved.conf.d`, or into a `.network`",
    ),
];

/// The problems of files that overlays have `written` and that `root`, the finished tree of `plan`, does not have.
pub(super) fn problems(plan: &Plan, written: &OverlayFiles, root: &Tree) -> Vec<Problem> {
    let displaced = written.displaced(root).into_iter();
    let problem = |path: &TreePath| Problem {
        words: format!(
            "`{path}` of overlay `{}` would not be in the image, for the build {}",
            overlay_of(plan, path),
            reason(plan, path, root)
        ),
        file: path.clone(),
    };
    displaced.map(problem).collect()
}

/// The last overlay that has a file or symlink at `path`.
fn overlay_of<'p>(plan: &'p Plan, path: &TreePath) -> &'p str {
    let has = |overlay: &&Overlay| {
        let mut files = overlay.files.iter().map(|file| &file.path);
        let mut symlinks = overlay.symlinks.iter().map(|symlink| &symlink.path);
        files.any(|file| file == path) || symlinks.any(|symlink| symlink == path)
    };
    let found = plan.spec.overlays.iter().rev().find(has);
    found.map_or("", |overlay| &overlay.name)
}

/// The words for what the build does with `path`, and what to do instead.
fn reason(plan: &Plan, path: &TreePath, root: &Tree) -> String {
    let text = path.to_string();
    let unit = text.strip_prefix("/etc/systemd/system/");
    if unit.is_some_and(|unit| plan.spec.units.mask.iter().any(|mask| mask == unit)) {
        return "masks this unit: take it out of `mask` of the profile, or leave it out of the overlay".to_owned();
    }
    let mut mounts = plan.spec.board.partitions.iter();
    let mount = mounts.find_map(|partition| {
        let mount = partition.mount.as_deref().filter(|mount| *mount != "/")?;
        text.strip_prefix(mount)?.starts_with('/').then_some(mount)
    });
    if let Some(mount) = mount {
        return format!(
            "fills `{mount}` by itself, a partition of board `{}`: files that it is to have stand in the board's \
             definition (boards/README.md)",
            plan.spec.board.name
        );
    }
    let instead = INSTEAD.iter().find(|(known, _)| *known == text);
    match (instead, root.at(path)) {
        (Some((_, instead)), _) => format!("writes it by itself: {instead}"),
        (None, Some(_)) => "writes it by itself: leave it out of the overlay".to_owned(),
        (None, None) => {
            "takes it away, because each device makes its own: leave it out of the overlay"
                .to_owned()
        }
    }
}
