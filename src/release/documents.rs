//! All documents of a release, in the order in which each is made of those before it.

use super::contents::{Artifact, Contents, Document, stem};
use super::{component, cyclonedx, imager, manifest, spdx, sums};

/// The documents of a release. The files for Imager come last, behind the checksums.
pub fn documents(contents: &Contents<'_>) -> Vec<Document> {
    let stem = stem(contents.plan);
    let components = component::Components::new(contents);
    let lock = contents.plan.lock.to_text();
    let mut documents = vec![
        Document::new(format!("{stem}.lock"), lock.into()),
        Document::json(
            format!("{stem}.cdx.json"),
            &cyclonedx::bom(contents, &components),
        ),
        Document::json(
            format!("{stem}.spdx.json"),
            &spdx::document(contents, &components),
        ),
    ];
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
