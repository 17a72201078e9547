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

/// What an image decides of its release.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What the manifest says, without the list of files.
    pub statements: Map<String, Json>,
    /// The block map, the lock and the lists of components.
    pub documents: Vec<Artifact>,
}

impl Expected {
    /// What follows from `plan`, `inventory` and `images`, of which the published forms do not count.
    pub fn new(plan: &Plan, inventory: &Inventory, images: &Images) -> Self {
        let contents = Contents {
            plan,
            inventory,
            images,
            url_base: None,
        };
        let components = Components::new(&contents);
        let documents = of_image(&contents, &components);
        let block_map = std::iter::once(images.block_map.clone());
        Self {
            statements: manifest::statements(&contents, &components),
            documents: block_map
                .chain(documents.iter().map(Document::artifact))
                .collect(),
        }
    }
}
