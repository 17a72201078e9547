//! Reads `board.toml`: its keys and the rules among them.

use super::archive::{ARCHIVE, archive};
use super::base::{BASE, base};
use super::blob::{BLOB, FILE, FILE_SOURCE, PATCH, blob, file};
use super::disk::{Disk, Filesystem, Partition, PartitionType, Size, Table};
use super::draft::{Draft, absolute, names, plain};
use super::model::{Board, BoardPackages, Boot, ExtraSuite, RootBy, Suite};
use super::source::BLOB_SOURCE;
use super::{flow, overlap, rules};
use crate::define::read::{self, Keys, Section};
use crate::diag::{Diagnostic, Diagnostics};

pub(super) static TOP: Keys = Keys::of(
    "",
    "schema title notes architecture disk partition archive blob file suite packages boot \
     base imager-tags",
);
static DISK: Keys = Keys::of("[disk]", "table alignment min-size");
static PARTITION: Keys = Keys::of(
    "[[partition]]",
    "name type start size filesystem label mount options bootable",
);

static EXTRA_SUITE: Keys = Keys::of("[[suite.extra]]", "name packages");

pub(super) static SUITE: Keys = Keys::of("[suite]", "name components extra");

pub(super) static PACKAGES: Keys = Keys::of("[packages]", "kernel install never");

pub(super) static BOOT: Keys = Keys::of(
    "[boot]",
    "flow root consoles command-line firmware-files config-txt device-tree",
);

/// Every table of the format.
pub static TABLES: [&Keys; 14] = [
    &TOP,
    &DISK,
    &PARTITION,
    &ARCHIVE,
    &BLOB,
    &BLOB_SOURCE,
    &PATCH,
    &FILE,
    &FILE_SOURCE,
    &SUITE,
    &EXTRA_SUITE,
    &PACKAGES,
    &BOOT,
    &BASE,
];

impl Board {
    /// Reads the text of `path`, the definition of board `name`.
    pub fn parse(
        diagnostics: &mut Diagnostics,
        name: &str,
        path: &str,
        text: &str,
    ) -> Option<Self> {
        read::definition(diagnostics, path, text, &TOP, |top| board(name, top))
    }
}

fn board(name: &str, top: &Section<'_>) -> Option<Board> {
    let title = top.need("title", top.text("title"));
    let notes = top.text("notes");
    let architecture = top.need("architecture", top.parsed("architecture"));
    let disk = needed(top, "disk", &DISK, disk);
    let partition_sections = top.sections("partition", &PARTITION);
    let partitions: Vec<_> = partition_sections.iter().map(partition).collect();
    let blob_sections = top.sections("blob", &BLOB);
    let archive_sections = top.sections("archive", &ARCHIVE);
    let archives: Vec<_> = archive_sections.iter().map(archive).collect();
    let (partition_names, archive_names) = (names(&partitions), names(&archives));
    let blobs: Vec<_> = (blob_sections.iter())
        .map(|section| blob(section, &partition_names, &archive_names))
        .collect();
    let files: Vec<_> = top.sections("file", &FILE).iter().map(file).collect();
    let suite = needed(top, "suite", &SUITE, suite);
    let packages = needed(top, "packages", &PACKAGES, packages);
    let boot_section = top.need("boot", top.section("boot", &BOOT));
    let boot = boot_section.as_ref().and_then(boot);

    let base_sections = top.sections("base", &BASE);
    let bases: Vec<_> = base_sections.iter().map(base).collect();

    rules::names(&partitions);
    rules::names(&archives);
    rules::names(&bases);
    rules::names(&blobs);
    rules::root(top, &partitions);
    if let Some(disk) = &disk {
        partitions
            .iter()
            .for_each(|draft| rules::table(draft, disk));
        rules::count(&partitions, disk);
        overlap::overlaps(disk, &partitions, &blobs);
        let sound: Option<Vec<&Partition>> = partitions
            .iter()
            .map(|draft| draft.value.as_ref())
            .collect();
        if let (Some(section), Some(boot), Some(partitions)) = (&boot_section, &boot, sound) {
            flow::disk(section, boot, disk, &partitions);
        }
    }
    Some(Board {
        name: name.to_owned(),
        title: title?.value,
        notes: notes.map_or_else(String::new, |notes| notes.value),
        architecture: architecture?.value,
        disk: disk?,
        partitions: values(partitions)?,
        archives: values(archives)?,
        blobs: values(blobs)?,
        files: files.into_iter().collect::<Option<_>>()?,
        suite: suite?,
        packages: packages?,
        boot: boot?,
        bases: values(bases)?,
        imager_tags: plain(top.texts("imager-tags")),
    })
}

fn needed<T>(
    top: &Section<'_>,
    key: &str,
    keys: &'static Keys,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    let section = top.need(key, top.section(key, keys))?;
    read(&section)
}

fn values<T>(drafts: Vec<Draft<'_, T>>) -> Option<Vec<T>> {
    drafts.into_iter().map(|draft| draft.value).collect()
}

fn disk(section: &Section<'_>) -> Option<Disk> {
    let tables = [("mbr", Table::Mbr), ("gpt", Table::Gpt)];
    let table = section.need("table", section.choice("table", &tables));
    let alignment = section.need("alignment", section.size("alignment"));
    let min_size = section.need("min-size", section.size("min-size"));
    if let Some(alignment) = &alignment
        && (alignment.value.0 == 0 || alignment.value.sectors().is_none())
    {
        section.report(
            Diagnostic::new("board::alignment", "the alignment is not whole sectors")
                .label(&alignment.span, "expected a multiple of 512 bytes"),
        );
    }
    Some(Disk {
        table: table?.value,
        alignment: alignment?.value,
        min_size: min_size?.value,
    })
}

fn partition<'s>(section: &'s Section<'s>) -> Draft<'s, Partition> {
    let name = section.need("name", section.text("name"));
    let kinds = [
        ("esp", PartitionType::Esp),
        ("bios-boot", PartitionType::BiosBoot),
        ("root", PartitionType::Root),
        ("linux", PartitionType::Linux),
        ("fat32-lba", PartitionType::Fat32Lba),
    ];
    let kind = section.need("type", section.choice("type", &kinds));
    let filesystems = [
        ("ext4", Filesystem::Ext4),
        ("fat32", Filesystem::Fat32),
        ("none", Filesystem::None),
    ];
    let filesystem = section.choice("filesystem", &filesystems);
    let filesystem = section.need("filesystem", filesystem);
    let start = section.size("start");
    let size = size(section, filesystem.as_ref().map(|word| word.value));
    let label = label(section, filesystem.as_ref().map(|word| word.value));
    let mount = section.text("mount");
    let sound_mount = mount.as_ref().is_none_or(|mount| absolute(section, mount));
    let options = plain(section.texts("options"));
    let bootable = section.flag("bootable").is_some_and(|flag| flag.value);
    let readable_start = start.is_some() || !section.has("start");
    Draft::of(section, name, |name| {
        Some(Partition {
            name,
            kind: kind?.value,
            start: readable_start.then(|| start.map(|start| start.value))?,
            size: size?,
            filesystem: filesystem?.value,
            label: label?,
            mount: sound_mount.then(|| mount.map(|mount| mount.value))?,
            options,
            bootable,
        })
    })
}

fn size(section: &Section<'_>, filesystem: Option<Filesystem>) -> Option<Size> {
    let text = section.need("size", section.text("size"))?;
    if text.value != "content" {
        let bytes = section.as_size(&text)?;
        return Some(Size::Fixed(bytes.value));
    }
    if filesystem == Some(Filesystem::None) {
        section.report(
            Diagnostic::new("board::size", "without a filesystem there is no content")
                .label(&text.span, "expected a size, such as `1MiB`"),
        );
    }
    Some(Size::Content)
}

fn label(section: &Section<'_>, filesystem: Option<Filesystem>) -> Option<String> {
    let Some(label) = section.text("label") else {
        return (!section.has("label")).then(String::new);
    };
    // In ext4, `s_volume_name` has 16 bytes. In FAT, the label is the name of a directory entry, which has 8 + 3 bytes.
    let longest = match filesystem? {
        Filesystem::Ext4 => 16,
        Filesystem::Fat32 => 11,
        Filesystem::None => 0,
    };
    if label.value.len() > longest {
        section.report(
            Diagnostic::new(
                "board::label",
                format!("the label has {} bytes", label.value.len()),
            )
            .label(
                &label.span,
                format!("this filesystem takes {longest} bytes at most"),
            ),
        );
    }
    Some(label.value)
}

fn suite(section: &Section<'_>) -> Option<Suite> {
    let name = section.need("name", section.text("name"));
    let components = plain(section.need("components", Some(section.texts("components")))?);
    let extra = section.sections("extra", &EXTRA_SUITE);
    let extra: Vec<_> = extra.iter().map(extra_suite).collect();
    Some(Suite {
        name: name?.value,
        components,
        extra: extra.into_iter().collect::<Option<_>>()?,
    })
}

fn extra_suite(section: &Section<'_>) -> Option<ExtraSuite> {
    let name = section.need("name", section.text("name"));
    let packages = section.need("packages", Some(section.texts("packages")));
    Some(ExtraSuite {
        name: name?.value,
        packages: plain(packages?),
    })
}

fn packages(section: &Section<'_>) -> Option<BoardPackages> {
    let kernel = section.need("kernel", section.text("kernel"));
    let install = plain(section.texts("install"));
    let never = plain(section.texts("never"));
    Some(BoardPackages {
        kernel: kernel?.value,
        install,
        never,
    })
}

fn boot(section: &Section<'_>) -> Option<Boot> {
    let flow = section.need("flow", section.choice("flow", &flow::FLOWS));
    let roots = [("partuuid", RootBy::Partuuid), ("uuid", RootBy::Uuid)];
    let root = section.need("root", section.choice("root", &roots));
    let boot = Boot {
        flow: flow?.value,
        root: root?.value,
        consoles: plain(section.texts("consoles")),
        command_line: plain(section.texts("command-line")),
        firmware_files: plain(section.texts("firmware-files")),
        config_txt: plain(section.texts("config-txt")),
        device_tree: section.text("device-tree").map(|path| path.value),
    };
    flow::keys(section, &boot);
    Some(boot)
}
