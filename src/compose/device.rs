//! The files with which settings are changed on the device: definitions and values of settings, and the
//! templates of the files that depend on them. The Perl module `Imgbuild::Store` reads them.

use super::layer::{Layer, LayerError};
use crate::define::condition::{Condition, Test};
use crate::define::overlay::OverlayFile;
use crate::specification::Spec;
use crate::template::syntax::{self, SyntaxError};
use crate::tree::TreePath;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The command that reads these files. An image without it does not get them.
const COMMAND: &str = "/usr/sbin/imgbuild-config";
/// Definitions, values and templates. Everybody may read this file, because it has no secrets.
pub(super) const DEFINITIONS: &str = "/usr/lib/imgbuild/settings/settings.json";
/// The secrets that were given to the build. Only root may read this file.
const SECRETS: &str = "/usr/lib/imgbuild/settings/secrets.json";

/// Why the settings cannot be changed on the device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A template cannot be rendered on the device.
    #[error(transparent)]
    Template(#[from] SyntaxError),
    /// A file that depends on a setting is not text.
    #[error("`{0}` depends on a setting that can change on the device, and is not UTF-8 text")]
    NotText(String),
    /// The tree refuses the file.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// Writes definitions, values and templates of `spec` into the tree, if it has the command that reads them.
/// `image` is what templates see as `image`.
///
/// # Errors
///
/// A template cannot be rendered on the device, a file that depends on a setting is not text, or
/// the tree refuses a file.
pub fn write(layer: &mut Layer<'_>, spec: &Spec, image: Value) -> Result<(), DeviceError> {
    if !layer.has(COMMAND) {
        return Ok(());
    }
    layer.file(DEFINITIONS, format!("{:#}\n", carried(spec, image)?), 0o644)?;
    let secrets = spec.stored_secrets();
    if !secrets.is_empty() {
        layer.file(SECRETS, format!("{:#}\n", Value::Object(secrets)), 0o600)?;
    }
    Ok(())
}

/// The definitions, values and templates for the device, without secrets.
///
/// # Errors
///
/// A template cannot be rendered on the device, or a file that depends on a setting is not text.
pub fn carried(spec: &Spec, image: Value) -> Result<Value, DeviceError> {
    let mut carried = spec.definitions();
    carried["context"] = spec.surroundings(image);
    carried["files"] = files(spec)?.into();
    Ok(carried)
}

/// All files at each path where a file depends on a setting that can change, in the order of the
/// overlays; the last one wins.
fn files(spec: &Spec) -> Result<Vec<Value>, DeviceError> {
    let changeable = spec.changeable();
    let every = || spec.overlays.iter().flat_map(|overlay| &overlay.files);
    let depends = |file: &&OverlayFile| !file.settings().is_disjoint(&changeable);
    let paths: BTreeSet<&TreePath> = every().filter(depends).map(|file| &file.path).collect();
    let carried = every().filter(|file| paths.contains(&file.path));
    carried.map(carried_file).collect()
}

fn carried_file(file: &OverlayFile) -> Result<Value, DeviceError> {
    let text = std::str::from_utf8(&file.bytes);
    let text = text.map_err(|_| DeviceError::NotText(file.source.clone()))?;
    let parts = match file.template {
        true => syntax::of(&file.source, text)?,
        false => json!([text]),
    };
    Ok(json!({
        "path": file.path.to_string(),
        "mode": format!("{:04o}", file.ownership.mode),
        "owner": file.ownership.owner,
        "group": file.ownership.group,
        "when": file.when.as_ref().map(condition),
        "parts": parts,
    }))
}

fn condition(condition: &Condition) -> Value {
    let setting = &condition.setting.value;
    match &condition.test {
        Test::Set => json!({ "setting": setting, "set": true }),
        Test::Unset => json!({ "setting": setting, "set": false }),
        Test::Is(text) => json!({ "setting": setting, "is": text }),
    }
}
