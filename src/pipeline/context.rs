//! Where a build works.

use crate::base::Base;
use crate::event::Reporter;
use crate::fetch::Client;
use crate::store::Store;
use std::path::Path;

/// Where a build works.
pub struct BuildContext<'a> {
    /// Over which network.
    pub client: &'a Client,
    /// Where everything is kept.
    pub store: &'a Store,
    /// Where the build begins.
    pub base: &'a Base,
    /// This program: the sandbox starts it again inside.
    pub program: &'a Path,
    /// How long one maintainer script may go on, if not as long as usual.
    pub script_timeout: Option<std::time::Duration>,
    /// Gives a key of the user's own, for what is remembered of images with secrets.
    pub own_key: fn() -> Option<[u8; 32]>,
    /// Listens to what happens.
    pub reporter: &'a dyn Reporter,
}
