//! The report as one page, to look at rather than read: a map of the disk, a tree map of what takes the space, and
//! tables. The page needs nothing else, not even a script.

use super::origins::OriginsReport;
use super::report::{PartitionReport, Report};
use super::space::{escape, map};
use super::system::System;
use super::text::size;
use super::volume::Disk;

/// The style of a page.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}
body{max-width:76rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #8886}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
th{font-weight:600;border-bottom:1px solid #8886}code,td{overflow-wrap:anywhere}
svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:#111;pointer-events:none}
svg rect{stroke:#fff;stroke-width:.6}.fault{color:#b00020;font-weight:600}
";
/// The size of the map of the disk in pixels.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 64.0;
/// The least width of a partition, so that it can be seen.
const LEAST: f64 = 3.0;

impl Report {
    /// The report about the image named `name`, whose partitions are in `disk`.
    pub fn to_html(&self, name: &str, disk: &Disk) -> String {
        let name = escape(name);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
             <style>\n{STYLE}</style>\n<h1>{name}</h1>\n"
        );
        for fault in &self.faults {
            page += &format!("<p class=\"fault\">{}</p>\n", escape(fault));
        }
        page += &self.map_of_disk();
        page += &table(
            "Partitions",
            &["number", "place", "type", "filesystem", "free"],
            self.partitions.iter().map(partition).collect(),
        );
        let loaders = self.boot_loaders.iter().map(|loader| {
            let version = loader.version.clone().unwrap_or_default();
            vec![loader.name.clone(), version, loader.place.clone()]
        });
        page += &table(
            "Boot loaders",
            &["name", "version", "place"],
            loaders.collect(),
        );
        for system in &self.systems {
            page += &of_system(system);
        }
        if let Some(origins) = &self.origins {
            page += &of_origins(origins);
        }
        for volume in &disk.volumes {
            if let Some(tree) = &volume.tree {
                let number = volume.entry.number;
                page += &format!("<h2>What takes the space of partition {number}</h2>\n");
                page += &map(tree, size);
            }
        }
        page + "</html>\n"
    }

    /// The disk from its first to its last byte, with the used part of each filesystem.
    fn map_of_disk(&self) -> String {
        let scale = WIDTH / (self.disk_size.max(1) as f64);
        let mut svg = format!(
            "<h2>The disk: {}</h2>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"map of the disk\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#bbb\"/>\n",
            size(self.disk_size)
        );
        for (index, partition) in self.partitions.iter().enumerate() {
            let entry = &partition.entry;
            let x = entry.start as f64 * scale;
            let width = (entry.size as f64 * scale).max(LEAST);
            let hue = (210 + index * 70) % 360;
            let used = partition.filesystem.as_ref().map_or(0.0, |it| {
                let used = it.size.saturating_sub(it.free) as f64 / it.size.max(1) as f64;
                width * used
            });
            let title = partition_title(partition);
            svg += &format!(
                "<g><title>{title}</title><rect x=\"{x:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" \
                 fill=\"hsl({hue} 45% 85%)\"/><rect x=\"{x:.1}\" width=\"{used:.1}\" height=\"{HEIGHT}\" \
                 fill=\"hsl({hue} 45% 65%)\"/>"
            );
            if width > 90.0 {
                let x = x + 6.0;
                svg += &format!("<text x=\"{x:.1}\" y=\"36\">{title}</text>");
            }
            svg += "</g>\n";
        }
        svg + "</svg>\n"
    }
}

/// The number, label and size of a partition.
fn partition_title(partition: &PartitionReport) -> String {
    let filesystem = partition.filesystem.as_ref();
    let label = filesystem
        .and_then(|it| it.label.clone())
        .unwrap_or_default();
    let title = format!(
        "{} {label} {}",
        partition.entry.number,
        size(partition.entry.size)
    );
    escape(&title)
}

fn partition(partition: &PartitionReport) -> Vec<String> {
    let entry = &partition.entry;
    let kind = entry
        .type_name
        .map_or_else(|| entry.kind.clone(), str::to_owned);
    let contents = partition.contents.clone().unwrap_or_default();
    let (filesystem, free) =
        partition
            .filesystem
            .as_ref()
            .map_or((contents, String::new()), |it| {
                let label = it.label.clone().unwrap_or_default();
                let features = it.features.join(" ");
                (
                    format!("{} {label} {features}", it.format),
                    format!("{} of {}", size(it.free), size(it.size)),
                )
            });
    vec![
        entry.number.to_string(),
        format!("{} at byte {}", size(entry.size), entry.start),
        kind,
        filesystem,
        free,
    ]
}

fn of_system(system: &System) -> String {
    let name = system.os_release.get("PRETTY_NAME");
    let name = name.map_or("System", String::as_str);
    let architecture = system.architecture.as_deref();
    let architecture = architecture.unwrap_or("unknown architecture");
    let mut page = format!(
        "<h2>{}, {} in partition {}</h2>\n",
        escape(name),
        escape(architecture),
        system.partition
    );
    page += &access(system);
    let kernels = system.kernels.iter();
    let kernels = kernels.map(|it| vec![it.path.clone(), text(&it.version)]);
    page += &table("Kernels", &["path", "version"], kernels.collect());
    let units = system.units.iter().map(|it| {
        let state = if it.masked { "masked" } else { "enabled" };
        vec![it.name.clone(), state.to_owned(), it.wanted_by.join(" ")]
    });
    page += &table("Units", &["name", "state", "wanted by"], units.collect());
    let packages = system.packages.iter();
    let packages =
        packages.map(|it| vec![it.name.clone(), it.version.clone(), it.architecture.clone()]);
    let columns = ["name", "version", "architecture"];
    page + &table("Packages", &columns, packages.collect())
}

/// Who wrote the files, and each file that no package brought.
fn of_origins(origins: &OriginsReport) -> String {
    let counts = origins.files.iter();
    let counts = counts.map(|(kind, n)| vec![(*kind).to_owned(), n.to_string()]);
    let rows = origins.written.iter().flat_map(|group| {
        let paths = group.paths.iter();
        paths.map(|path| vec![path.clone(), group.by.to_string()])
    });
    let mut page = format!(
        "<h2>Built from {} on {}</h2>\n",
        escape(&origins.profile),
        escape(&origins.board)
    );
    page += &table("Origins", &["origin", "files"], counts.collect());
    page + &table("Files of no package", &["path", "origin"], rows.collect())
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

/// What lets others in: secrets, accounts, services and programs with other rights.
fn access(system: &System) -> String {
    let secrets = system.secrets.iter().map(|secret| {
        let place = format!("{}:{}", secret.path, secret.line);
        vec![secret.kind.words().to_owned(), text(&secret.of), place]
    });
    let mut page = table("Secrets", &["kind", "of", "place"], secrets.collect());
    let accounts = system.accounts.iter().filter(|it| !it.login.is_empty());
    let accounts = accounts.map(|it| {
        let ways: Vec<&str> = it.login.iter().map(|login| login.words()).collect();
        vec![
            it.name.clone(),
            ways.join(" or "),
            it.groups.join(" "),
            it.shell.clone(),
        ]
    });
    let columns = ["name", "login", "groups", "shell"];
    page += &table("Accounts with a login", &columns, accounts.collect());
    let services = system.services.iter();
    let services = services.map(|it| vec![it.unit.clone(), it.address.clone(), text(&it.file)]);
    let columns = ["unit", "address", "file"];
    page += &table("Services that listen", &columns, services.collect());
    let privileged = system.privileged.iter().map(|it| {
        let owner = format!("{}:{}", it.uid, it.gid);
        vec![it.path.clone(), it.mode.clone(), owner]
    });
    let columns = ["path", "mode", "owner"];
    page + &table("Programs with other rights", &columns, privileged.collect())
}

/// A table that is folded if it is long; nothing if it has no rows.
fn table(title: &str, columns: &[&str], rows: Vec<Vec<String>>) -> String {
    const LONG: usize = 12;
    if rows.is_empty() {
        return String::new();
    }
    let head: String = columns.iter().map(|it| format!("<th>{it}</th>")).collect();
    let row = |cells: &Vec<String>| {
        let cells: String = cells
            .iter()
            .map(|it| format!("<td>{}</td>", escape(it)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    let table = format!("<table>\n<tr>{head}</tr>\n{body}</table>\n");
    match rows.len() > LONG {
        true => format!(
            "<details><summary>{title}: {}</summary>\n{table}</details>\n",
            rows.len()
        ),
        false => format!("<h3>{title}</h3>\n{table}"),
    }
}
