//! Lists what an image is made of: what the finished tree has, the board's blobs, and the partitions.

use super::blob::{self, Sources};
use super::context::BuildContext;
use super::error::BuildError;
use super::root::Root;
use crate::base::Format;
use crate::define::board::Filesystem;
use crate::digest::Sha256;
use crate::disk::device::Device;
use crate::disk::table::Entry;
use crate::inventory::{FoundSecret, Inventory, Partition, WrittenBlob};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::seed::uuid_text;
use crate::units::Bytes;

/// Lists what `root` has, and the board's blobs.
pub(super) fn of_root(
    plan: &Plan,
    context: &BuildContext<'_>,
    root: &Root,
) -> Result<Inventory, BuildError> {
    let mut inventory = Inventory::of_tree(&root.tree, &plan.spec, context.store)?;
    let drawn = root.generated.iter().filter(|file| file.is_secret);
    let drawn = drawn.map(|file| FoundSecret {
        path: file.path.clone(),
        origin: "that a package's script drew".to_owned(),
    });
    inventory.secrets.extend(drawn);
    if context.base.image().is_none() {
        let loader = context.base.loader();
        let from = Sources {
            store: context.store,
            file_packages: &root.file_packages,
            loader: loader.map(|loader| &loader.disk as &dyn Device),
        };
        for blob in &plan.spec.board.blobs {
            let bytes = blob::bytes(plan, from, blob)?;
            inventory.blobs.push(WrittenBlob {
                blob: blob.clone(),
                len: Bytes(bytes.len() as u64),
                sha256: Sha256::of(&bytes),
            });
        }
    }
    Ok(inventory)
}

/// The partitions of `layout`.
pub(super) fn partitions(
    plan: &Plan,
    context: &BuildContext<'_>,
    layout: &Layout,
) -> Vec<Partition> {
    let list = layout.table.partitions.iter().map(|partition| {
        let number = partition.number;
        let name = layout.names.get(&number);
        let (filesystem, mount) = match name {
            Some(name) => defined(plan, name),
            None => mounted(context, number),
        };
        Partition {
            number,
            name: name.cloned(),
            start: partition.start,
            len: partition.len,
            kind: kind(&partition.entry),
            partuuid: layout.table.partuuid(partition),
            filesystem,
            mount,
        }
    });
    list.collect()
}

/// The filesystem and the mount point that the board's definition gives to the partition `name`.
fn defined(plan: &Plan, name: &str) -> (Option<&'static str>, Option<String>) {
    let mut partitions = plan.spec.board.partitions.iter();
    let found = partitions.find(|partition| partition.name == name);
    let filesystem = found.and_then(|partition| match partition.filesystem {
        Filesystem::Ext4 => Some("ext4"),
        Filesystem::Fat32 => Some("fat32"),
        Filesystem::None => None,
    });
    (
        filesystem,
        found.and_then(|partition| partition.mount.clone()),
    )
}

/// The filesystem and the mount point that partition `number` has in the base image.
fn mounted(context: &BuildContext<'_>, number: u32) -> (Option<&'static str>, Option<String>) {
    let volumes = context.base.image().map(|image| &image.opened.volumes);
    let mut volumes = volumes.into_iter().flatten();
    let Some(volume) = volumes.find(|volume| volume.number == number) else {
        return (None, None);
    };
    let filesystem = match &volume.format {
        Format::Ext4 { .. } => "ext4",
        Format::Fat(_) => "fat",
    };
    (Some(filesystem), Some(volume.mount.to_string()))
}

/// The type of a partition: its GUID in a GPT, or its byte in an MBR.
fn kind(entry: &Entry) -> String {
    match entry {
        Entry::Gpt(entry) => uuid_text(&entry.type_guid),
        Entry::Primary(entry) | Entry::Logical { entry, .. } => {
            format!("0x{:02x}", entry.type_byte)
        }
    }
}
