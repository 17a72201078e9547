//! What a build uses beside its plan.

use crate::base::Base;
use crate::event::Reporter;
use crate::fetch::Client;
use crate::store::Store;
use std::path::Path;

/// What a build uses beside its plan.
pub struct BuildContext<'a> {
    /// The client that downloads inputs.
    pub client: &'a Client,
    /// The store, which has the inputs and takes the results.
    pub store: &'a Store,
    /// The base that the build starts from.
    pub base: &'a Base,
    /// This program, which the sandbox starts again inside itself.
    pub program: &'a Path,
    /// The time limit of one maintainer script, if not the usual one.
    pub script_timeout: Option<std::time::Duration>,
    /// Gives the user's key, by which results of builds with secrets are recognized.
    pub own_key: fn() -> Option<[u8; 32]>,
    /// The listener for the events of the build.
    pub reporter: &'a dyn Reporter,
}
