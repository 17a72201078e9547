//! `manifest`: the manifest of a release, which comes from whoever published the image.
//!
//! Invariant: whatever it is, reading it ends without a panic, in memory of 1 MiB and 256 times the text;
//! the lock that it names lies beside it; what is refused is refused with a reason.
//!
//! Input: the text of a manifest.

use super::limits::within;
use imgbuild::rebuild::Manifest;
use std::path::Path;

pub fn run(input: &[u8]) {
    within((1 << 20) + input.len() * 256, || {
        let manifest = match Manifest::parse(input, Path::new("manifest.json")) {
            Ok(manifest) => manifest,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        if let Ok(name) = manifest.lock_name() {
            assert!(!name.contains('/') && name != "..", "{name}");
        }
        let user = manifest.user_settings(Vec::new(), None);
        match user {
            Ok(user) => assert_eq!(user.files.len(), 1),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
