//! The files from which Raspberry Pi Imager offers an image: an entry for the list of somebody's repository, and,
//! where the address of the release is known, a whole repository with this one image.
//!
//! Imager takes no relative addresses. The entry of a release without an address therefore lacks `url` and `icon`,
//! which its publisher adds.

use super::contents::{Artifact, Contents, Document};
use super::url::UrlBase;
use crate::architecture::Architecture;
use crate::sink::Format;
use serde::Serialize;
use std::path::Path;

/// The image of a card, which Imager shows beside the entry; 40 × 40 pixels.
const ICON: (&str, &str) = ("icon.svg", include_str!("icon.svg"));

/// A list of images, and of the devices that they are for. Imager shows no device without the latter.
#[derive(Serialize)]
struct Repository {
    imager: Devices,
    os_list: [Entry; 1],
}

#[derive(Serialize)]
struct Devices {
    devices: [Device; 1],
}

#[derive(Serialize)]
struct Device {
    name: String,
    description: String,
    tags: Vec<String>,
    /// An image is offered for the device only if it has one of its tags.
    matching_type: &'static str,
}

/// An image.
#[derive(Clone, Serialize)]
struct Entry {
    name: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    extract_size: u64,
    extract_sha256: String,
    image_download_size: u64,
    image_download_sha256: String,
    release_date: String,
    /// Imager's own settings have no effect, so it must not ask for them.
    init_format: &'static str,
    devices: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'static str>,
}

/// The documents for Imager, if it can read a form in which the image is published.
pub(super) fn documents(contents: &Contents<'_>) -> Vec<Document> {
    let published = contents.images.published.iter();
    let Some(published) = published.clone().find(|it| is_read(&it.name)) else {
        return Vec::new();
    };
    let entry = entry(contents, published);
    let mut documents = vec![Document::json("imager.json".to_owned(), &entry)];
    if contents.url_base.is_some() {
        let (name, text) = ICON;
        documents.push(Document::new(name.to_owned(), text.as_bytes().to_vec()));
        let repository = repository(contents, entry);
        documents.push(Document::json("os_list.json".to_owned(), &repository));
    }
    documents
}

/// Whether Imager can write the image in the file `name` to a card. Of a disk of QEMU, it would write the file itself.
fn is_read(name: &str) -> bool {
    Format::of_name(Path::new(name)) != Some(Format::Qcow2)
}

fn entry(contents: &Contents<'_>, published: &Artifact) -> Entry {
    let spec = &contents.plan.spec;
    let raw = &contents.images.raw;
    let url = |name: &str| contents.url_base.map(|base: &UrlBase| base.join(name));
    Entry {
        name: format!("{} ({})", spec.profile.title, spec.board.title),
        description: one_line(&spec.profile.help, &spec.profile.title),
        icon: url(ICON.0),
        url: url(&published.name),
        extract_size: raw.size,
        extract_sha256: raw.sha256.to_string(),
        image_download_size: published.size,
        image_download_sha256: published.sha256.to_string(),
        release_date: contents.plan.epoch().date(),
        init_format: "none",
        devices: tags(contents),
        architecture: match spec.board.architecture {
            Architecture::Arm64 => Some("armv8"),
            Architecture::Armhf => Some("armhf"),
            Architecture::Amd64 => None,
        },
    }
}

fn repository(contents: &Contents<'_>, entry: Entry) -> Repository {
    let board = &contents.plan.spec.board;
    let device = Device {
        name: board.title.clone(),
        description: one_line(&board.notes, &board.title),
        tags: tags(contents),
        matching_type: "exclusive",
    };
    Repository {
        imager: Devices { devices: [device] },
        os_list: [entry],
    }
}

/// The tags of the board's devices; a board without any has its own name for one.
fn tags(contents: &Contents<'_>) -> Vec<String> {
    let board = &contents.plan.spec.board;
    match board.imager_tags.is_empty() {
        true => vec![board.name.clone()],
        false => board.imager_tags.clone(),
    }
}

/// `text` in one line, or `other` if it is empty.
fn one_line(text: &str, other: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.is_empty() {
        true => other.to_owned(),
        false => words.join(" "),
    }
}
