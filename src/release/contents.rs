//! What the documents of a release are made of, and the files that it consists of.

use super::url::UrlBase;
use crate::digest::Sha256;
use crate::inventory::Inventory;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The name in the folder of the release.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// The image of a release, in its raw form and in each form in which it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// The raw image, whether it lies in the folder or not.
    pub raw: Artifact,
    /// The files of the image in the folder. The first one is the one that a person should download.
    pub published: Vec<Artifact>,
    /// The block map of the raw image, in the folder.
    pub block_map: Artifact,
}

/// Everything that the documents of a release are made of.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The plan of the image.
    pub plan: &'a Plan,
    /// What the image is made of.
    pub inventory: &'a Inventory,
    /// The image.
    pub images: &'a Images,
    /// The address of the folder in which the files will be published, if it is known.
    pub url_base: Option<&'a UrlBase>,
}

/// A document of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The name in the folder of the release.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The ending of the name of the block map. bmaptool finds it beside the image in any format.
pub const BLOCK_MAP_ENDING: &str = "img.bmap";

/// The first part of the names of the files of a release: `rpi4-tor-hotspot`.
pub fn stem(plan: &Plan) -> String {
    format!("{}-{}", plan.spec.board.name, plan.spec.profile.name)
}

impl Contents<'_> {
    /// The names of blobs in the image that may not be passed on.
    pub fn restricted_blobs(&self) -> Vec<&str> {
        let blobs = self.inventory.blobs.iter();
        let restricted = blobs.filter(|written| !written.blob.redistributable);
        restricted
            .map(|written| written.blob.name.as_str())
            .collect()
    }

    /// The identifier of the document `name`, as text.
    pub(super) fn uuid(&self, name: &str) -> String {
        self.plan.document_uuid(name)
    }
}

impl Document {
    pub(super) fn new(name: String, bytes: Vec<u8>) -> Self {
        Self { name, bytes }
    }

    /// A document in JSON, indented for people.
    pub(super) fn json(name: String, value: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec_pretty(value).expect("all keys are texts");
        bytes.push(b'\n');
        Self { name, bytes }
    }

    pub(super) fn artifact(&self) -> Artifact {
        Artifact {
            name: self.name.clone(),
            size: self.bytes.len() as u64,
            sha256: Sha256::of(&self.bytes),
        }
    }
}
