//! The list of components in the form of CycloneDX 1.6, in JSON.

use super::blob::BlobComponent;
use super::component::{Components, Package};
use super::contents::{Contents, stem};
use crate::digest::Sha256;
use crate::inventory::OverlayFile;
use serde::Serialize;

/// A whole list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    timestamp: String,
    tools: Tools,
    component: Component,
}

#[derive(Serialize)]
struct Tools {
    components: Vec<Component>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Organization>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Organization {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contact: Vec<Contact>,
}

#[derive(Serialize)]
struct Contact {
    email: String,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

/// The list of the image of `contents`.
pub(super) fn bom(contents: &Contents<'_>, components: &Components<'_>) -> Bom {
    let image = image(contents);
    let mut list = vec![operating_system(contents)];
    list.extend(components.packages.iter().map(package));
    list.extend(components.blobs.iter().map(blob));
    list.extend(components.files.iter().map(|it| file(it)));
    let parts = list.iter().filter_map(|it| it.reference.clone());
    let dependencies = vec![Dependency {
        reference: image.reference.clone().unwrap_or_default(),
        depends_on: parts.collect(),
    }];
    Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", contents.uuid("cyclonedx")),
        version: 1,
        metadata: Metadata {
            timestamp: contents.plan.epoch().rfc3339(),
            tools: Tools {
                components: vec![Component {
                    kind: "application",
                    name: env!("CARGO_PKG_NAME").to_owned(),
                    version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                    ..Component::default()
                }],
            },
            component: image,
        },
        components: list,
        dependencies,
    }
}

fn image(contents: &Contents<'_>) -> Component {
    let (plan, raw) = (contents.plan, &contents.images.raw);
    Component {
        kind: "firmware",
        reference: Some("image".to_owned()),
        name: stem(plan),
        version: Some(plan.build_id.to_string()),
        hashes: vec![Hash::new(&raw.sha256)],
        properties: vec![
            Property::new("imgbuild:board", &plan.spec.board.name),
            Property::new("imgbuild:profile", &plan.spec.profile.name),
        ],
        ..Component::default()
    }
}

/// The operating system, without which some scanners ignore its packages. It has no package URL.
fn operating_system(contents: &Contents<'_>) -> Component {
    let system = &contents.inventory.system;
    Component {
        kind: "operating-system",
        reference: Some("operating-system".to_owned()),
        name: system.id.clone(),
        version: Some(system.release().to_owned()),
        ..Component::default()
    }
}

fn package(package: &Package<'_>) -> Component {
    let contact = package.supplier.email.clone();
    let url = package.url.clone();
    Component {
        kind: "library",
        reference: Some(package.purl.clone()),
        supplier: Some(Organization {
            name: package.supplier.name.clone(),
            contact: contact.into_iter().map(|email| Contact { email }).collect(),
        }),
        name: package.name.to_owned(),
        version: Some(package.version.to_owned()),
        hashes: package.sha256.iter().map(Hash::new).collect(),
        purl: Some(package.purl.clone()),
        external_references: url.into_iter().map(Reference::distribution).collect(),
        properties: vec![Property::new(
            "imgbuild:installed",
            if package.is_installed {
                "true"
            } else {
                "false"
            },
        )],
    }
}

fn blob(component: &BlobComponent<'_>) -> Component {
    let blob = &component.written.blob;
    let mut properties = vec![Property::new("imgbuild:origin", &component.origin)];
    if !blob.redistributable {
        properties.push(Property::new("imgbuild:redistributable", "false"));
    }
    let url = component.url.clone();
    Component {
        kind: "firmware",
        reference: Some(format!("blob:{}", blob.name)),
        supplier: Some(Organization {
            name: component.supplier.clone(),
            contact: Vec::new(),
        }),
        name: blob.name.clone(),
        hashes: vec![Hash::new(&component.written.sha256)],
        external_references: url.into_iter().map(Reference::distribution).collect(),
        properties,
        ..Component::default()
    }
}

fn file(file: &OverlayFile) -> Component {
    Component {
        kind: "file",
        reference: Some(format!("file:{}", file.path)),
        name: file.path.to_string(),
        hashes: vec![Hash::new(&file.sha256)],
        properties: vec![Property::new("imgbuild:overlay", &file.overlay)],
        ..Component::default()
    }
}

impl Hash {
    fn new(sha256: &Sha256) -> Self {
        Self {
            alg: "SHA-256",
            content: sha256.to_string(),
        }
    }
}

impl Reference {
    /// The address from which a component can be fetched.
    fn distribution(url: String) -> Self {
        Self {
            kind: "distribution",
            url,
        }
    }
}

impl Property {
    fn new(name: &'static str, value: &str) -> Self {
        Self {
            name,
            value: value.to_owned(),
        }
    }
}
