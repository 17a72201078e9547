//! The list of components in the form of SPDX 2.3, in JSON.

use super::blob::BlobComponent;
use super::component::{Components, Package as Component, Supplier};
use super::contents::{Contents, stem};
use super::purl::encode;
use crate::digest::Sha256;
use crate::inventory::OverlayFile;
use serde::Serialize;

/// A whole document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<File>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    #[serde(rename = "SPDXID")]
    id: String,
    version_info: String,
    supplier: String,
    download_location: String,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    license_concluded: &'static str,
    license_declared: &'static str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    file_name: String,
    #[serde(rename = "SPDXID")]
    id: String,
    checksums: Vec<Checksum>,
    license_concluded: &'static str,
    copyright_text: &'static str,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
/// The word for a fact that is not stated. Licences are in the files of the packages.
const UNKNOWN: &str = "NOASSERTION";

/// The document about the image of `contents`.
pub(super) fn document(contents: &Contents<'_>, components: &Components<'_>) -> Document {
    let name = stem(contents.plan);
    let mut packages = vec![image(contents), operating_system(contents)];
    packages.extend(components.packages.iter().map(package));
    packages.extend(components.blobs.iter().map(blob));
    let files: Vec<File> = components.files.iter().map(|it| file(it)).collect();
    let describes = Relationship::new(DOCUMENT, "DESCRIBES", IMAGE);
    let contains = packages.iter().skip(1).map(|package| &package.id);
    let contains = contains.map(|id| Relationship::new(IMAGE, "CONTAINS", id));
    // A package whose files are not all listed must contain none, says SPDX.
    let made_of = files.iter().map(|file| &file.id);
    let made_of = made_of.map(|id| Relationship::new(IMAGE, "GENERATED_FROM", id));
    let relationships = [describes]
        .into_iter()
        .chain(contains)
        .chain(made_of)
        .collect();
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        document_namespace: format!(
            "https://spdx.org/spdxdocs/{}-{}",
            encode(&name),
            contents.uuid("spdx")
        ),
        name,
        creation_info: CreationInfo {
            created: contents.plan.epoch().rfc3339(),
            creators: vec![concat!("Tool: imgbuild-", env!("CARGO_PKG_VERSION")).to_owned()],
        },
        packages,
        files,
        relationships,
    }
}

fn image(contents: &Contents<'_>) -> Package {
    let plan = contents.plan;
    Package {
        checksums: vec![Checksum::sha256(&contents.images.raw.sha256)],
        primary_package_purpose: Some("OPERATING-SYSTEM"),
        ..Package::new(
            stem(plan),
            IMAGE.to_owned(),
            &plan.build_id.to_string(),
            "Organization: imgbuild".to_owned(),
        )
    }
}

fn operating_system(contents: &Contents<'_>) -> Package {
    let system = &contents.inventory.system;
    Package {
        primary_package_purpose: Some("OPERATING-SYSTEM"),
        ..Package::new(
            system.id.clone(),
            "SPDXRef-OperatingSystem".to_owned(),
            system.release(),
            format!("Organization: {}", system.id),
        )
    }
}

fn package(component: &Component<'_>) -> Package {
    let words = "The package is not installed; the image has some of its files.";
    let id = format!(
        "SPDXRef-Package-{}-{}-{}",
        identifier(component.name),
        identifier(component.architecture),
        identifier(component.version)
    );
    Package {
        download_location: location(component.url.as_deref()),
        checksums: component.sha256.iter().map(Checksum::sha256).collect(),
        comment: (!component.is_installed).then(|| words.to_owned()),
        external_refs: vec![ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: component.purl.clone(),
        }],
        ..Package::new(
            component.name.to_owned(),
            id,
            component.version,
            component.supplier.spdx(),
        )
    }
}

fn blob(component: &BlobComponent<'_>) -> Package {
    let (blob, sha256) = (&component.written.blob, &component.written.sha256);
    let restriction = match blob.redistributable {
        true => "",
        false => " Nobody but its maker may hand it out.",
    };
    Package {
        download_location: location(component.url.as_deref()),
        checksums: vec![Checksum::sha256(sha256)],
        comment: Some(format!("It comes from {}.{restriction}", component.origin)),
        primary_package_purpose: Some("FIRMWARE"),
        ..Package::new(
            blob.name.clone(),
            format!("SPDXRef-Blob-{}", identifier(&blob.name)),
            &sha256.to_string(),
            format!("Organization: {}", component.supplier),
        )
    }
}

fn file(file: &OverlayFile) -> File {
    let path = file.path.to_string();
    File {
        file_name: format!(".{path}"),
        id: format!("SPDXRef-File-{}", identifier(&path)),
        checksums: vec![
            Checksum {
                algorithm: "SHA1",
                checksum_value: file.sha1.clone(),
            },
            Checksum::sha256(&file.sha256),
        ],
        license_concluded: UNKNOWN,
        copyright_text: UNKNOWN,
        comment: format!("Overlay `{}` of imgbuild wrote it.", file.overlay),
    }
}

/// The place from which others can fetch a component. SPDX's validator takes only the addresses of hosts with a
/// domain; an address of somebody's own network or disk would help nobody else anyway.
fn location(url: Option<&str>) -> String {
    let is_name = |label: &str| {
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_sound)
    };
    let is_public = |url: &&str| {
        let schemes = ["http://", "https://"];
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let host = rest.unwrap_or_default().split(['/', ':']).next();
        let labels: Vec<&str> = host.unwrap_or_default().split('.').collect();
        let top = labels.last().copied().unwrap_or_default();
        labels.len() > 1
            && labels.iter().all(|label| is_name(label))
            && top.len() > 1
            && top.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    url.filter(is_public).unwrap_or(UNKNOWN).to_owned()
}

/// `text` in the characters of an identifier: letters, digits and `-`. Others become `.` and two hexadecimal digits,
/// so that two texts never have the same identifier.
fn identifier(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        _ => format!(".{byte:02x}"),
    };
    text.bytes().map(letter).collect()
}

impl Package {
    fn new(name: String, id: String, version: &str, supplier: String) -> Self {
        Self {
            name,
            id,
            version_info: version.to_owned(),
            supplier,
            download_location: UNKNOWN.to_owned(),
            files_analyzed: false,
            checksums: Vec::new(),
            license_concluded: UNKNOWN,
            license_declared: UNKNOWN,
            copyright_text: UNKNOWN,
            comment: None,
            external_refs: Vec::new(),
            primary_package_purpose: None,
        }
    }
}

impl Supplier {
    fn spdx(&self) -> String {
        let name = &self.name;
        match &self.email {
            Some(email) => format!("Organization: {name} ({email})"),
            None => format!("Organization: {name}"),
        }
    }
}

impl Checksum {
    fn sha256(sha256: &Sha256) -> Self {
        Self {
            algorithm: "SHA256",
            checksum_value: sha256.to_string(),
        }
    }
}

impl Relationship {
    fn new(element: &str, kind: &'static str, related: &str) -> Self {
        Self {
            spdx_element_id: element.to_owned(),
            relationship_type: kind,
            related_spdx_element: related.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, identifier, location};

    #[test]
    fn a_place_is_given_only_if_others_can_fetch_from_it() {
        for url in [
            "https://deb.debian.org/debian/pool/x+1.deb",
            "http://example.org:8080/x",
        ] {
            assert_eq!(location(Some(url)), url);
        }
        for url in [
            "http://127.0.0.1:80/x",
            "http://mirror/x",
            "file:///x.y/z",
            "http://[::1]/x",
        ] {
            assert_eq!(location(Some(url)), UNKNOWN);
        }
        assert_eq!(location(None), UNKNOWN);
    }

    #[test]
    fn identifiers_of_different_texts_differ() {
        assert_eq!(identifier("libstdc++6"), "libstdc.2b.2b6");
        assert_ne!(identifier("a.2b"), identifier("a+"));
    }
}
