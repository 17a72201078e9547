//! Makes a release: an image in a folder, with everything that is published with it.

use super::error::SessionError;
use super::open::Session;
use crate::base::Base;
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::Event;
use crate::plan::Plan;
use crate::release::{
    self, Artifact, Contents, Folder, Images, Minisign, ReleaseError, Signer, UrlBase,
};
use crate::sink::{BlockMap, Format, Level, Outputs, SinkError};
use crate::unfinished::Readers;
use std::path::Path;

/// How a release is made.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseOptions<'a> {
    /// The formats in which the image is published, each once. A person downloads the first.
    pub formats: &'a [Format],
    /// How much time compression may take.
    pub level: Level,
    /// The address of the folder in which the files will be published.
    pub url_base: Option<&'a UrlBase>,
    /// The gpg that signs the checksums and the block map.
    pub signer: Option<&'a Signer>,
    /// The minisign that signs the same files.
    pub minisign: Option<&'a Minisign>,
    /// Whether the image may hold secrets, because it is not for the public.
    pub allow_secrets: bool,
}

/// The raw image of `plan`, of `size` bytes.
pub(super) fn raw_artifact(plan: &Plan, size: u64, sha256: Sha256) -> Artifact {
    let name = format!("{}.{}", release::stem(plan), Format::Raw.ending());
    Artifact { name, size, sha256 }
}

/// The file of the block map `map` of the image of `plan`.
pub(super) fn block_map_artifact(plan: &Plan, map: &BlockMap) -> Artifact {
    let text = map.to_xml();
    Artifact {
        name: format!("{}.{}", release::stem(plan), release::BLOCK_MAP_ENDING),
        size: text.len() as u64,
        sha256: Sha256::of(text.as_bytes()),
    }
}

impl Session<'_> {
    /// Makes the unfinished folder of a release at `path`. Only its owner can read it if the image may hold secrets.
    /// A caller does this before the build, so that a release that is refused is known at once.
    ///
    /// # Errors
    /// The image would hold secrets that are not allowed, something is at `path`, or the folder cannot be made.
    pub fn release_folder(
        &self,
        path: &Path,
        options: &ReleaseOptions<'_>,
    ) -> Result<Folder, SessionError> {
        let given = self.spec.given_secrets();
        let readers = match options.allow_secrets {
            true => Readers::Owner,
            false if given.is_empty() => Readers::Anyone,
            false => return Err(ReleaseError::GivenSecrets(given).into()),
        };
        let folder = Folder::create(path, readers)?;
        (self.options.guard)(folder.partial());
        Ok(folder)
    }

    /// Builds the image that `plan` describes, writes it and its documents into `folder`, signs them, and gives the
    /// folder its final name.
    ///
    /// # Errors
    /// The image cannot be built or written, holds secrets that are not allowed, or cannot be signed.
    pub fn release(
        &self,
        plan: &Plan,
        base: &Base,
        folder: Folder,
        options: &ReleaseOptions<'_>,
    ) -> Result<Images, SessionError> {
        let outputs = self.release_outputs(plan, &folder, options)?;
        let (image, inventory) = self.build_with_inventory(plan, base)?;
        if !options.allow_secrets && !inventory.secrets.is_empty() {
            return Err(ReleaseError::FoundSecrets(inventory.secrets).into());
        }
        let images = self.write_images(plan, &image, outputs);
        let images = images.map_err(|error| naming(error, &folder))?;
        let contents = Contents {
            plan,
            inventory: &inventory,
            images: &images,
            url_base: options.url_base,
        };
        for document in release::documents(&contents) {
            folder.write(&document)?;
        }
        if let Some(signer) = options.signer {
            folder.sign(signer, &images)?;
        }
        if let Some(minisign) = options.minisign {
            // minisign would write the time here.
            let comment = format!("{} build {}", release::stem(plan), plan.build_id);
            folder.sign_by_minisign(minisign, &images, &comment)?;
        }
        folder.finish()?;
        self.warn_of_restricted(&contents);
        Ok(images)
    }

    /// The unfinished files of every form of the image, and of one block map: it describes the raw image, whatever the
    /// format.
    fn release_outputs(
        &self,
        plan: &Plan,
        folder: &Folder,
        options: &ReleaseOptions<'_>,
    ) -> Result<Outputs, SessionError> {
        let stem = release::stem(plan);
        let path = |ending: &str| folder.partial().join(format!("{stem}.{ending}"));
        let mut outputs = Vec::new();
        for format in options.formats {
            let mut output = self.output_for(&path(format.ending()), *format, folder.readers())?;
            if outputs.is_empty() {
                output = self.with_block_map(output, &path(release::BLOCK_MAP_ENDING))?;
            }
            outputs.push(output);
        }
        Ok(Outputs::new(outputs, options.level))
    }

    /// Writes every form of the image that a release has. The sums have the raw image also where its file is not in
    /// the folder.
    fn write_images(
        &self,
        plan: &Plan,
        image: &Image,
        outputs: Outputs,
    ) -> Result<Images, SessionError> {
        let written = self.write(plan, image, outputs)?;
        let stem = release::stem(plan);
        let published = written.files.iter().map(|file| {
            let (size, sha256) = file.content.expect("the digest of every file is wanted");
            let name = format!("{stem}.{}", file.format.ending());
            Artifact { name, size, sha256 }
        });
        let sha256 = written.sha256.expect("an image is always hashed");
        Ok(Images {
            raw: raw_artifact(plan, written.len, sha256),
            published: published.collect(),
            block_map: block_map_artifact(plan, &written.block_map.expect("one is wanted")),
        })
    }

    fn warn_of_restricted(&self, contents: &Contents<'_>) {
        let restricted = contents.restricted_blobs();
        if !restricted.is_empty() {
            self.options.reporter.report(Event::Warning(format!(
                "the image holds `{}`, which nobody but its maker may hand out: do not publish it; manifest.json marks \
                 such blobs",
                restricted.join("`, `")
            )));
        }
    }
}

/// The error of writing an image into `folder`. The unfinished folder is gone when a person reads it, so a full disk is
/// named by the folder above.
fn naming(error: SessionError, folder: &Folder) -> SessionError {
    match error {
        SessionError::Sink(SinkError::NoSpace { needed, free, .. }) => {
            SessionError::Sink(SinkError::NoSpace {
                folder: folder.above().to_owned(),
                needed,
                free,
            })
        }
        other => other,
    }
}
