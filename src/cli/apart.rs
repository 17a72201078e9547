//! Keeps an output apart from what is read for it.

use super::failure::Failure;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses an output of `flag` at the path `to` that would replace or empty one of the `inputs`.
pub(super) fn check(flag: &str, to: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let identity = |path: &Path| {
        let found = fs_err::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    let Some(output) = identity(to) else {
        return Ok(());
    };
    match inputs.iter().any(|input| identity(input) == Some(output)) {
        true => Err(Failure::Usage(format!(
            "`{flag} {0}`: `{0}` is what is read, and would be lost; expected another file",
            to.display()
        ))),
        false => Ok(()),
    }
}
