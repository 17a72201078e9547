//! Raw bytes outside of filesystems: boot sectors and boot loaders, as the board's definition says.

use super::boot;
use super::disk::DiskError;
use crate::boot::contents::{Contents, path};
use crate::boot::grub;
use crate::define::board::{Blob, BlobSource, Patch, PatchValue};
use crate::plan::Plan;
use crate::store::Store;
use crate::tree::Tree;
use crate::units::{Bytes, Lba};

/// The bytes of `blob`, whose files are in `donors`.
pub(super) fn bytes(
    plan: &Plan,
    store: &Store,
    donors: &Tree,
    blob: &Blob,
) -> Result<Vec<u8>, DiskError> {
    let contents = Contents {
        tree: donors,
        objects: store,
    };
    let mut bytes = match &blob.source {
        BlobSource::Package(file) => contents.bytes(&path(&file.path))?.to_vec(),
        BlobSource::GrubCore { modules, .. } => {
            let configuration = grub::find_menu(&boot::grub_settings(plan));
            grub::core_image(contents, core_lba(plan, blob)?, modules, &configuration)?
        }
    };
    for patch in &blob.patches {
        apply(plan, blob, patch, &mut bytes)?;
    }
    if let Some(take) = blob.take.and_then(|take| usize::try_from(take.0).ok()) {
        bytes.truncate(take);
    }
    Ok(bytes)
}

/// Where GRUB's core image finds the rest of itself.
fn core_lba(plan: &Plan, blob: &Blob) -> Result<Lba, DiskError> {
    use crate::define::board::BlobPlace;
    match &blob.place {
        BlobPlace::Offset(offset) => offset.sectors().ok_or_else(|| unplaced(blob)),
        BlobPlace::Partition(name) => partition_lba(plan, blob, name),
    }
}

fn partition_lba(plan: &Plan, blob: &Blob, name: &str) -> Result<Lba, DiskError> {
    let partition = plan
        .spec
        .board
        .partitions
        .iter()
        .find(|partition| partition.name == name);
    let start = partition
        .and_then(|partition| partition.start)
        .and_then(Bytes::sectors);
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
    let outside = || DiskError::PatchOutside {
        blob: blob.name.clone(),
        at: patch.at,
        len,
    };
    target.ok_or_else(outside)?.copy_from_slice(&value);
    Ok(())
}
