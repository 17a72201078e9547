//! Why packages cannot be unpacked.

use crate::dpkg::database::{DatabaseError, RecordError, TriggersError};
use crate::dpkg::deb::{DebError, TarError};
use crate::tree::{TreeError, TreePath};
use std::io;

/// Why packages cannot be unpacked. Every error names its package.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The .deb cannot be opened.
    #[error("cannot open package `{package}`")]
    Deb {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: DebError,
    },
    /// data.tar cannot be read.
    #[error("cannot read the files of package `{package}`")]
    Tar {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: TarError,
    },
    /// The store does not give back what was put there.
    #[error("cannot read the stored files of package `{package}`")]
    Store {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The .deb holds another package than the lock says.
    #[error(
        "the .deb of `{package}` has {field} `{found}`, but the lock says `{expected}`; \
         lock the packages again"
    )]
    NotLocked {
        /// The package.
        package: String,
        /// Which field differs.
        field: &'static str,
        /// What the lock says.
        expected: String,
        /// What the .deb says.
        found: String,
    },
    /// A package for another machine.
    #[error("package `{package}` is built for `{found}`, expected `{expected}` or `all`")]
    Architecture {
        /// The package.
        package: String,
        /// The tree's architecture.
        expected: &'static str,
        /// The package's.
        found: String,
    },
    /// The same package twice.
    #[error("package `{package}` is listed twice, or installed already; remove one of them")]
    Twice {
        /// The package.
        package: String,
    },
    /// A .deb without control file, or with a bad one.
    #[error("cannot understand the control file of package `{package}`")]
    Control {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: RecordError,
    },
    /// A control member that the database cannot hold.
    #[error("package `{package}` has a control member `{member}`, whose name is too long")]
    Member {
        /// The package.
        package: String,
        /// The member.
        member: String,
    },
    /// Triggers that dpkg would refuse.
    #[error("cannot understand the triggers of package `{package}`")]
    Triggers {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: TriggersError,
    },
    /// A name that leads out of the tree or can be no file's.
    #[error(
        "package `{package}` has a member `{}`, expected a relative path without `..`, newline or \
         over-long name", .member.escape_ascii()
    )]
    Name {
        /// The package.
        package: String,
        /// The member as it is written.
        member: Vec<u8>,
    },
    /// A further name of nothing.
    #[error(
        "package `{package}` links `{path}` to `{}`, which is no file of it", .target.escape_ascii()
    )]
    HardLink {
        /// The package.
        package: String,
        /// The further name.
        path: TreePath,
        /// The first name.
        target: Vec<u8>,
    },
    /// A file that cannot stand where the package wants it.
    #[error("cannot unpack package `{package}`")]
    Place {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: TreeError,
    },
    /// A file that another package owns.
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
    /// A file at the place to which a diversion moved another one.
    #[error("package `{package}` wants to overwrite `{path}`, the diverted version of `{}`", .from.escape_ascii())]
    Diverted {
        /// The package.
        package: String,
        /// The file.
        path: TreePath,
        /// What was moved there.
        from: Vec<u8>,
    },
    /// A conffile to be removed that the package ships.
    #[error("package `{package}` ships the conffile `{path}`, which it declares as to be removed")]
    RemovedConffile {
        /// The package.
        package: String,
        /// The conffile.
        path: TreePath,
    },
    /// The names of users and groups cannot be read.
    #[error("cannot read the names of users and groups")]
    Owners {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database of the tree cannot be read.
    #[error("cannot read the dpkg database of the tree")]
    ReadDatabase(#[from] DatabaseError),
    /// The database does not find its place in the tree.
    #[error("cannot write the dpkg database into the tree")]
    Database {
        /// Why not.
        #[source]
        source: TreeError,
    },
}
