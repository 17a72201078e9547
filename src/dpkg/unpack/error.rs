//! Why packages cannot be unpacked.

use crate::dpkg::database::{DatabaseError, RecordError, TriggersError};
use crate::dpkg::deb::{DebError, TarError};
use crate::tree::{TreeError, TreePath};
use std::io;

/// Why packages cannot be unpacked. In a variant without named fields, the `String` is the package.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The .deb cannot be opened.
    #[error("cannot open package `{0}`")]
    Deb(String, #[source] DebError),
    /// data.tar cannot be read.
    #[error("cannot read the files of package `{0}`")]
    Tar(String, #[source] TarError),
    /// The store does not give back what was put there.
    #[error("cannot read the stored files of package `{0}`")]
    Store(String, #[source] io::Error),
    /// The .deb is not the package of the lock.
    #[error(
        "the .deb of `{package}` has {field} `{found}`, but the lock says `{expected}`; \
         lock the packages again"
    )]
    NotLocked {
        /// The package.
        package: String,
        /// Which field differs.
        field: &'static str,
        /// The value in the lock.
        expected: String,
        /// The value in the .deb.
        found: String,
    },
    /// The package is for another architecture.
    #[error("package `{package}` is built for `{found}`, expected `{expected}` or `all`")]
    Architecture {
        /// The package.
        package: String,
        /// The architecture of the tree.
        expected: &'static str,
        /// The architecture of the package.
        found: String,
    },
    /// The package is there twice.
    #[error(
        "package `{package}` is listed twice, or installed already; it can be unpacked only once"
    )]
    Twice {
        /// The package.
        package: String,
    },
    /// The .deb has no control file, or a malformed one.
    #[error("cannot understand the control file of package `{0}`")]
    Control(String, #[source] RecordError),
    /// The name of a control member is too long for the database.
    #[error("package `{package}` has a control member `{member}`, whose name is too long")]
    Member {
        /// The package.
        package: String,
        /// The member.
        member: String,
    },
    /// dpkg would refuse the triggers.
    #[error("cannot understand the triggers of package `{0}`")]
    Triggers(String, #[source] TriggersError),
    /// A name leads out of the tree, or cannot be that of a file.
    #[error(
        "package `{package}` has a member `{}`, expected a relative path without `..`, newline or \
         over-long name", .member.escape_ascii()
    )]
    Name {
        /// The package.
        package: String,
        /// The name of the member.
        member: Vec<u8>,
    },
    /// The target of a hard link does not exist.
    #[error(
        "package `{package}` hard-links `{path}` to `{}`, which is not a file of this package",
        .target.escape_ascii()
    )]
    HardLink {
        /// The package.
        package: String,
        /// The hard link.
        path: TreePath,
        /// The target.
        target: Vec<u8>,
    },
    /// A file cannot be put into the tree.
    #[error("cannot unpack package `{0}`")]
    Place(String, #[source] TreeError),
    /// Another package has the file.
    #[error(
        "package `{package}` wants to overwrite `{path}`, which is also in package `{owner}`, and \
         does not declare that it replaces it; leave one of the packages out"
    )]
    Conflict {
        /// The package.
        package: String,
        /// The package whose file it is.
        owner: String,
        /// The file.
        path: TreePath,
    },
    /// A diversion has moved another file to this path.
    #[error("package `{package}` wants to overwrite `{path}`, the diverted version of `{}`", .from.escape_ascii())]
    Diverted {
        /// The package.
        package: String,
        /// The file.
        path: TreePath,
        /// The path of that file.
        from: Vec<u8>,
    },
    /// The package has a conffile that it marks as `remove-on-upgrade`.
    #[error(
        "package `{package}` ships the conffile `{path}`, which it marks as `remove-on-upgrade`"
    )]
    RemovedConffile {
        /// The package.
        package: String,
        /// The conffile.
        path: TreePath,
    },
    /// The names of users and groups cannot be read.
    #[error("cannot read the names of users and groups")]
    Owners(#[source] io::Error),
    /// The database of the tree cannot be read.
    #[error("cannot read the dpkg database of the tree")]
    ReadDatabase(#[from] DatabaseError),
    /// The database cannot be written into the tree.
    #[error("cannot write the dpkg database into the tree")]
    Database(#[source] TreeError),
}
