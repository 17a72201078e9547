//! The manifest: how an image was made, of what, and which files belong to it. It holds no secret.

use super::blob::BlobComponent;
use super::component::Components;
use super::contents::{Artifact, Contents};
use crate::address::without_login;
use crate::define::board::{Blob, BlobPlace};
use crate::digest::Sha256;
use crate::inventory::{Partition, WrittenBlob};
use crate::lock::Lock;
use crate::plan::Plan;
use crate::specification::{Configure, ImageBase};
use serde_json::{Map, Value as Json, json};

/// The name of the file of the manifest of a release.
pub const MANIFEST: &str = "manifest.json";

/// The version of the form of a manifest.
pub const MANIFEST_VERSION: u32 = 1;

/// The keys of a manifest that its statements lack.
pub const OTHERWISE_COMPARED: [&str; 1] = ["artifacts"];

/// The manifest of the image of `contents`; `artifacts` are the other files of the release.
pub(super) fn manifest(
    contents: &Contents<'_>,
    components: &Components<'_>,
    artifacts: &[Artifact],
) -> Json {
    let (plan, inventory) = (contents.plan, contents.inventory);
    let spec = &plan.spec;
    let system = &inventory.system;
    // The canonical form of a specification says of a secret only whether it was given.
    let form = spec.to_json();
    let lock = plan.lock.to_text();
    let image_base = spec.base.as_ref().or(spec.loader.as_ref());
    json!({
        "version": MANIFEST_VERSION,
        "imgbuild": { "version": env!("CARGO_PKG_VERSION") },
        "build-id": plan.build_id,
        "epoch": plan.epoch(),
        "board": {
            "name": spec.board.name,
            "title": spec.board.title,
            "architecture": spec.board.architecture,
        },
        "profile": {
            "name": spec.profile.name,
            "title": spec.profile.title,
            "merged": spec.profile.lineage,
        },
        "base": image_base.map(base),
        "boot-loader-only": spec.loader.is_some(),
        "configure": match spec.configure {
            Configure::Here => "build",
            Configure::FirstBoot => "first-boot",
        },
        "settings": form["settings"],
        "has-secrets": spec.has_secrets(),
        "specification": spec.digest(),
        "lock": Sha256::of(lock.as_bytes()),
        "system": { "id": system.id, "release": system.release() },
        "image": contents.images.raw,
        "partitions": inventory.partitions.iter().map(partition).collect::<Vec<_>>(),
        "blobs": components.blobs.iter().map(blob).collect::<Vec<_>>(),
        "origins": inventory.written,
        "inputs": inputs(plan, &form["overlays"]),
        "artifacts": artifacts,
    })
}

/// How the image to start from is asked for: by its name on the board, by its address, or by the name of its file.
fn base(image: &ImageBase) -> Json {
    match image {
        ImageBase::Named(named) => json!({ "named": named.name }),
        ImageBase::Address { url, .. } => json!({ "url": without_login(url) }),
        ImageBase::File { .. } => json!({ "file": image.name() }),
    }
}

/// What the manifest of the image of `contents` says, without the list of files, which has its own checksums.
pub(super) fn statements(
    contents: &Contents<'_>,
    components: &Components<'_>,
) -> Map<String, Json> {
    let Json::Object(mut statements) = manifest(contents, components, &[]) else {
        return Map::new();
    };
    for key in OTHERWISE_COMPARED {
        statements.remove(key);
    }
    statements
}

fn partition(partition: &Partition) -> Json {
    json!({
        "number": partition.number,
        "name": partition.name,
        "start": partition.start.0,
        "size": partition.len.0,
        "type": partition.kind,
        "partuuid": partition.partuuid,
        "filesystem": partition.filesystem,
        "mount": partition.mount,
    })
}

fn blob(component: &BlobComponent<'_>) -> Json {
    let WrittenBlob { blob, len, sha256 } = component.written;
    json!({
        "name": blob.name,
        "place": place(blob),
        "size": len.0,
        "sha256": sha256,
        "origin": component.origin,
        "redistributable": blob.redistributable,
    })
}

fn place(blob: &Blob) -> Json {
    match &blob.place {
        BlobPlace::Offset(offset) => json!({ "offset": offset.0 }),
        BlobPlace::Partition(name) => json!({ "partition": name }),
    }
}

/// Everything that went into the image, each with its digest; `overlays` are those of the canonical form of the
/// specification.
fn inputs(plan: &Plan, overlays: &Json) -> Json {
    let Lock {
        version: _,
        spec: _,
        epoch: _,
        repositories,
        base,
        loader,
        packages,
        file_packages,
        third_party_archives,
        third_party_packages,
        tools,
    } = &plan.lock;
    let board = &plan.spec.board;
    // A base image has its own boot loader.
    let downloads = match base {
        Some(_) => Vec::new(),
        None => board.downloads().into_iter().collect(),
    };
    json!({
        "archives": repositories,
        "packages": packages,
        "file-packages": file_packages,
        "third-party-archives": third_party_archives,
        "third-party-packages": third_party_packages,
        "tools": tools,
        "base": base,
        "loader": loader,
        "downloads": downloads,
        "overlays": overlays,
    })
}
