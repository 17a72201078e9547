//! All documents of a release, in the order in which each is made of those before it.

use super::component::Components;
use super::contents::{Artifact, Contents, Document, Images, stem};
use super::{cyclonedx, imager, manifest, spdx, sums};
use crate::inventory::Inventory;
use crate::plan::Plan;
use serde_json::{Map, Value as Json};

/// The documents of a release. The files for Imager come last, behind the checksums.
pub fn documents(contents: &Contents<'_>) -> Vec<Document> {
    let components = Components::new(contents);
    let mut documents = of_image(contents, &components);
    let artifacts = |documents: &[Document]| -> Vec<Artifact> {
        let published = contents.images.published.iter();
        published
            .chain([&contents.images.block_map])
            .cloned()
            .chain(documents.iter().map(Document::artifact))
            .collect()
    };
    let manifest = manifest::manifest(contents, &components, &artifacts(&documents));
    documents.push(Document::json(manifest::MANIFEST.to_owned(), &manifest));
    let sums = sums::sums(&contents.images.raw, &artifacts(&documents));
    documents.push(Document::new(sums::SUMS.to_owned(), sums.into()));
    documents.extend(imager::documents(contents));
    documents
}

/// The documents that the image alone decides, and not how it is published.
fn of_image(contents: &Contents<'_>, components: &Components<'_>) -> Vec<Document> {
    let stem = stem(contents.plan);
    let lock = contents.plan.lock.to_text();
    vec![
        Document::new(format!("{stem}.lock"), lock.into()),
        Document::json(
            format!("{stem}.cdx.json"),
            &cyclonedx::bom(contents, components),
        ),
        Document::json(
            format!("{stem}.spdx.json"),
            &spdx::document(contents, components),
        ),
    ]
}

/// What the image `raw` of `plan` decides of a release.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What the manifest says, without the list of files.
    pub statements: Map<String, Json>,
    /// The lock and the lists of components.
    pub documents: Vec<Artifact>,
}

impl Expected {
    /// The part of the release that follows from `plan`, `inventory` and `raw`.
    pub fn new(plan: &Plan, inventory: &Inventory, raw: &Artifact) -> Self {
        let images = Images {
            raw: raw.clone(),
            published: Vec::new(),
            block_map: raw.clone(),
        };
        let contents = Contents {
            plan,
            inventory,
            images: &images,
            url_base: None,
        };
        let components = Components::new(&contents);
        let documents = of_image(&contents, &components);
        Self {
            statements: manifest::statements(&contents, &components),
            documents: documents.iter().map(Document::artifact).collect(),
        }
    }
}
