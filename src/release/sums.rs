//! Checksums in the form of sha256sum(1).

use super::contents::Artifact;
use std::collections::BTreeMap;

/// The name of the file of the checksums of a release.
pub const SUMS: &str = "SHA256SUMS";

/// The sums of `artifacts` and of the raw image, which need not be one of them, sorted by name.
pub(super) fn sums(raw: &Artifact, artifacts: &[Artifact]) -> String {
    let sums: BTreeMap<&str, String> = artifacts
        .iter()
        .chain([raw])
        .map(|artifact| (artifact.name.as_str(), artifact.sha256.to_string()))
        .collect();
    sums.into_iter()
        .map(|(name, sum)| format!("{sum}  {name}\n"))
        .collect()
}
