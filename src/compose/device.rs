//! What the image carries so that settings can be changed on the device: definitions and values,
//! the files that depend on them, and the text file on the boot partition in which a person sets them
//! before the first boot. `Imgbuild::Store` reads it there.

use super::layer::{Layer, LayerError};
use super::template_syntax::{self, SyntaxError};
use crate::define::Overlay;
use crate::define::condition::{Condition, Test};
use crate::define::overlay::OverlayFile;
use crate::specification::Spec;
use crate::tree::TreePath;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What reads all of it; an image without it carries nothing.
const COMMAND: &str = "/usr/sbin/imgbuild-config";
/// Everybody may read it: no secret is in it.
pub(super) const DEFINITIONS: &str = "/usr/lib/imgbuild/settings/settings.json";
/// The secrets that were given to the build; for root only.
const SECRETS: &str = "/usr/lib/imgbuild/settings/secrets.json";

/// Why the image cannot carry its settings.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A template cannot be rendered on the device.
    #[error(transparent)]
    Template(#[from] SyntaxError),
    /// A file that depends on a setting is no text.
    #[error("`{0}` depends on a setting that can change on the device, and is not UTF-8 text")]
    NotText(String),
    /// The tree does not take it.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// Writes definitions, values and templates of `spec` into the tree; `image` is what templates see as
/// such. Where no overlay brings the command that reads them, nothing is written.
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

/// What the device knows of its settings, but for secrets.
pub fn carried(spec: &Spec, image: Value) -> Result<Value, DeviceError> {
    let mut carried = spec.definitions();
    carried["context"] = spec.surroundings(image);
    carried["files"] = files(spec)?.into();
    Ok(carried)
}

/// The files that depend on a setting that can change, in the order in which they are written over each
/// other: the last one at a path wins.
fn files(spec: &Spec) -> Result<Vec<Value>, DeviceError> {
    let changeable = spec.changeable();
    let every = || {
        spec.overlays
            .iter()
            .flat_map(|overlay: &Overlay| &overlay.files)
    };
    let depends = |file: &&OverlayFile| !file.settings().is_disjoint(&changeable);
    let paths: BTreeSet<&TreePath> = every().filter(depends).map(|file| &file.path).collect();
    let carried = every().filter(|file| paths.contains(&file.path));
    carried.map(carried_file).collect()
}

fn carried_file(file: &OverlayFile) -> Result<Value, DeviceError> {
    let text = std::str::from_utf8(&file.bytes);
    let text = text.map_err(|_| DeviceError::NotText(file.source.clone()))?;
    let parts = match file.template {
        true => template_syntax::of(&file.source, text)?,
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
