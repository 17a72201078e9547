//! Separates the mounted filesystems of a base image again, after the build has changed them as one tree.
//!
//! A mounted filesystem hides the content of its mount point. Mounting and unmounting keep every hard link,
//! so that a filesystem without changes is the same tree as before.

use super::open::Opened;
use crate::tree::{Copier, Tree, TreeError, TreePath};

/// A filesystem and the path at which it is mounted.
type Mount<'a> = (&'a TreePath, &'a Tree);

impl Opened {
    /// The trees of the volumes, in their order, in `root`, which is the changed tree of this image.
    ///
    /// # Errors
    ///
    /// A mount point is missing in `root`.
    pub fn unmount(&self, root: Tree) -> Result<Vec<Tree>, TreeError> {
        let volumes = self.volumes.iter();
        let mounts: Vec<_> = volumes.map(|it| (&it.mount, &it.tree)).collect();
        unmount(root, &mounts)
    }
}

/// The trees of `mounts` in `root`, in which they were mounted in this order, the root first.
///
/// # Errors
///
/// A mount point is missing in `root`.
fn unmount(mut root: Tree, mounts: &[Mount<'_>]) -> Result<Vec<Tree>, TreeError> {
    let mut trees = Vec::with_capacity(mounts.len());
    // The deepest mounts come first, because a filesystem does not contain those mounted below it.
    for (at, _) in mounts.iter().rev() {
        let path = (*at).clone();
        let id = root.at(at).ok_or(TreeError::Missing { path })?;
        trees.push(root.subtree(id));
        if **at != TreePath::root() {
            root.remove(at)?;
        }
    }
    trees.reverse();
    for (index, (at, _)) in mounts.iter().enumerate().skip(1) {
        let below = |(_, (top, _)): &(usize, &Mount<'_>)| at.starts_with(top);
        let holders = mounts[..index].iter().enumerate().filter(below);
        let holder = holders.max_by_key(|(_, (top, _))| top.components().len());
        let (holder, (top, before)) = holder.expect("everything lies below the root");
        let names = at.components().skip(top.components().len());
        let mount_point = TreePath::from_names(names.cloned().collect());
        uncover(&mount_point, before, &mut trees[holder])?;
    }
    Ok(trees)
}

/// Puts the directory `mount_point` with its hidden content, which is in `before`, back into `tree`.
fn uncover(mount_point: &TreePath, before: &Tree, tree: &mut Tree) -> Result<(), TreeError> {
    let mut copier = Copier::between(before, tree);
    for (path, id) in before.walk() {
        if path.starts_with(mount_point) {
            copier.copy(id, tree, &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{dump, generated};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    /// `tree` with a directory at `/m`, in which filesystems are mounted.
    fn with_mount_point(mut tree: Tree) -> Tree {
        let meta = tree.node(tree.root()).meta;
        let origin = crate::tree::Origin::Base;
        tree.make_directories(&path("/m"), meta, &origin).unwrap();
        tree
    }

    proptest::proptest! {
        #[test]
        fn filesystems_that_are_mounted_and_unmounted_are_the_same(
            root in generated::tree(),
            middle in generated::tree(),
            top in generated::tree(),
        ) {
            let (root, middle) = (with_mount_point(root), with_mount_point(middle));
            let paths = [path("/"), path("/m"), path("/m/m"), path("/a")];
            let mut all = root.clone();
            let mut mounts = vec![(&paths[0], &root)];
            let a_directory = root.at(&paths[3]).is_some_and(|id| root.node(id).is_directory());
            for (at, tree) in [(&paths[1], &middle), (&paths[2], &top), (&paths[3], &top)] {
                if *at == paths[3] && !a_directory {
                    continue;
                }
                all.mount(at, tree).unwrap();
                mounts.push((at, tree));
            }
            let again = unmount(all, &mounts).unwrap();
            for ((at, tree), again) in mounts.into_iter().zip(&again) {
                proptest::prop_assert_eq!(dump(again), dump(tree), "{}", at);
            }
        }
    }
}
