//! Raw bytes outside of filesystems: boot sectors and boot loaders, as the board's definition says.

use super::boot;
use super::disk::DiskError;
use super::foreign;
use crate::boot::contents::{Contents, path};
use crate::boot::grub;
use crate::define::board::{BaseRegion, Blob, BlobPlace, BlobSource, Patch, PatchValue};
use crate::digest::Hasher;
use crate::disk::device::Device;
use crate::plan::Plan;
use crate::store::Store;
use crate::tree::{self, Tree};
use crate::units::Lba;

/// Changes whenever the same files of GRUB give another core image.
const GRUB_CORE: &str = "grub-core-1";

/// The places from which a board's blobs are taken.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The store, which has every fetched file and keeps GRUB's core image.
    pub(super) store: &'a Store,
    /// The unpacked packages whose files serve as blobs.
    pub(super) file_packages: &'a Tree,
    /// The disk of the image that the boot loader is taken from.
    pub(super) loader: Option<&'a dyn Device>,
}

/// The bytes of `blob` as they go to the disk, from its offset on.
pub(super) fn bytes(plan: &Plan, from: Sources<'_>, blob: &Blob) -> Result<Vec<u8>, DiskError> {
    let contents = Contents::new(from.file_packages, from.store);
    let mut bytes = match &blob.source {
        BlobSource::Package(file) => contents.bytes(&path(&file.path))?.to_vec(),
        BlobSource::GrubCore { modules, .. } => {
            grub_core(plan, from.store, contents, core_lba(plan, blob)?, modules)?
        }
        BlobSource::Archive(wanted) => {
            let (package, _) = plan.third_party_packages(wanted).expect("it was fetched");
            foreign::file(from.store, &package.sha256, &wanted.file.path)?
        }
        BlobSource::Download(download) => match &download.path {
            Some(path) => foreign::file(from.store, &download.sha256, path)?,
            None => from.store.read(&download.sha256)?,
        },
        BlobSource::Base(region) => base_bytes(from.loader, blob, *region)?,
    };
    for patch in &blob.patches {
        apply(plan, blob, patch, &mut bytes)?;
    }
    let skip = usize::try_from(blob.skip.0).unwrap_or(usize::MAX);
    bytes.drain(..skip.min(bytes.len()));
    if let Some(take) = blob.take.and_then(|take| usize::try_from(take.0).ok()) {
        bytes.truncate(take);
    }
    Ok(bytes)
}

/// The bytes of `region` of the base image. If all of them are zero, the image was not made for this board.
fn base_bytes(
    base: Option<&dyn Device>,
    blob: &Blob,
    region: BaseRegion,
) -> Result<Vec<u8>, DiskError> {
    let base = base.ok_or_else(|| DiskError::NoBase(blob.name.clone()))?;
    let short = || DiskError::ShortBase {
        blob: blob.name.clone(),
        end: region.end,
        len: base.len(),
    };
    if region.end.0 > base.len() {
        return Err(short());
    }
    let len = region.end.0.checked_sub(region.start.0).ok_or_else(short)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| short())?];
    base.read_at(region.start.0, &mut bytes)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(DiskError::EmptyBase {
            blob: blob.name.clone(),
            region,
        });
    }
    Ok(bytes)
}

/// GRUB's core image. It is kept in the store, because compressing it takes as long as sealing the whole disk.
fn grub_core(
    plan: &Plan,
    store: &Store,
    file_packages: Contents<'_>,
    at: Lba,
    modules: &[String],
) -> Result<Vec<u8>, DiskError> {
    let configuration = grub::find_menu(&boot::grub_settings(plan));
    let mut hasher = Hasher::new();
    hasher.field(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.field(&at.0.to_le_bytes());
    hasher.field(modules.join(" ").as_bytes());
    hasher.field(configuration.as_bytes());
    hasher.field(tree::dump(file_packages.tree).as_bytes());
    let key = hasher.finish();
    if let Some(object) = store.memo(GRUB_CORE, &key) {
        return Ok(store.read(&object)?);
    }
    store.prove(file_packages.tree.objects())?;
    let bytes = grub::core_image(file_packages, at, modules, &configuration)?;
    store.set_memo(GRUB_CORE, &key, &store.insert(&bytes)?)?;
    Ok(bytes)
}

/// The sector at which GRUB's core image lies, and from which it loads the rest of itself.
fn core_lba(plan: &Plan, blob: &Blob) -> Result<Lba, DiskError> {
    match &blob.place {
        BlobPlace::Offset(offset) => offset.sectors().ok_or_else(|| unplaced(blob)),
        BlobPlace::Partition(name) => partition_lba(plan, blob, name),
    }
}

fn partition_lba(plan: &Plan, blob: &Blob, name: &str) -> Result<Lba, DiskError> {
    let mut partitions = plan.spec.board.partitions.iter();
    let partition = partitions.find(|partition| partition.name == name);
    let start = partition.and_then(|partition| partition.start?.sectors());
    start.ok_or_else(|| unplaced(blob))
}

fn unplaced(blob: &Blob) -> DiskError {
    DiskError::UnplacedBlob(blob.name.clone())
}

fn apply(plan: &Plan, blob: &Blob, patch: &Patch, bytes: &mut [u8]) -> Result<(), DiskError> {
    let value = match &patch.value {
        PatchValue::PartitionLba(name) => partition_lba(plan, blob, name)?.0.to_le_bytes().to_vec(),
        PatchValue::Bytes(value) => value.clone(),
    };
    let len = bytes.len();
    let at = usize::try_from(patch.at).ok();
    let target = at.and_then(|at| bytes.get_mut(at..at.checked_add(value.len())?));
    let target = target.ok_or_else(|| DiskError::PatchOutside {
        blob: blob.name.clone(),
        at: patch.at,
        len,
    })?;
    target.copy_from_slice(&value);
    Ok(())
}
