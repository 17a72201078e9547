//! The report for a person.

use super::accounts::{Account, Password};
use super::filesystem::Filesystem;
use super::origins::OriginsReport;
use super::report::{PartitionReport, Report};
use super::system::System;
use super::units::Unit;
use crate::diag::visible_name;

/// The column in which values begin.
const WIDTH: usize = 15;
/// The column in which lines of names are wrapped.
const LINE: usize = 100;

impl Report {
    /// The report as lines of names and values. `verbose` lists packages and all accounts too.
    pub fn to_text(&self, verbose: bool) -> String {
        let mut lines = Lines::default();
        let packed = match self.packing {
            "raw" => String::new(),
            packing => format!(", {} packed with {packing}", size(self.file_size)),
        };
        lines.add("disk", &format!("{}{packed}", size(self.disk_size)));
        match &self.table {
            None => lines.add("table", "none: it is one filesystem"),
            Some(table) => {
                let hybrid = if table.hybrid.is_empty() {
                    ""
                } else {
                    ", hybrid MBR"
                };
                let label = if table.label == "dos" { "MBR" } else { "GPT" };
                lines.add("table", &format!("{label} {}{hybrid}", table.id));
            }
        }
        for partition in &self.partitions {
            lines.partition(partition);
        }
        for loader in &self.boot_loaders {
            let version = loader.version.as_ref().map(|it| format!(" {it}"));
            let version = version.unwrap_or_default();
            lines.add(
                "boot loader",
                &format!("{}{version}, {}", loader.name, loader.place),
            );
        }
        for system in &self.systems {
            lines.system(system, verbose);
        }
        if let Some(origins) = &self.origins {
            lines.origins(origins, verbose);
        }
        for fault in &self.faults {
            lines.add("fault", fault);
        }
        lines.into_text()
    }
}

/// The text so far.
#[derive(Default)]
pub(crate) struct Lines {
    text: String,
}

impl Lines {
    /// Adds a line. A value of the image cannot end the line, and so pretend to be another one.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let value = visible_name(value.as_bytes());
        self.text += format!("{name:<WIDTH$}{value}").trim_end();
        self.text.push('\n');
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Adds `words` in as many lines as they need.
    fn wrapped(&mut self, name: &str, words: &[String]) {
        let mut line = String::new();
        let mut name = name;
        for word in words {
            if !line.is_empty() && WIDTH + line.len() + 1 + word.len() > LINE {
                self.add(name, &line);
                (line, name) = (String::new(), "");
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        if !line.is_empty() {
            self.add(name, &line);
        }
    }

    fn partition(&mut self, partition: &PartitionReport) {
        let entry = &partition.entry;
        let name = match entry.number {
            0 => "filesystem".to_owned(),
            number => format!("partition {number}"),
        };
        let kind = entry
            .type_name
            .map_or_else(|| entry.kind.clone(), str::to_owned);
        let label = entry.partlabel.as_ref().map(|it| format!(" `{it}`"));
        let bootable = if entry.bootable { ", bootable" } else { "" };
        let kind = format!("{kind}{}{bootable}", label.unwrap_or_default());
        let at = format!("{} at byte {}, {kind}", size(entry.size), entry.start);
        self.add(&name, at.trim_end_matches([',', ' ']));
        match (&partition.filesystem, &partition.contents) {
            (Some(filesystem), _) => self.filesystem(filesystem, partition.nodes),
            (None, Some(contents)) => self.add("", contents),
            (None, None) => {}
        }
    }

    fn filesystem(&mut self, filesystem: &Filesystem, nodes: Option<usize>) {
        let label = filesystem.label.as_ref().map(|it| format!(" `{it}`"));
        let uuid = filesystem.uuid.as_ref().map(|it| format!(" {it}"));
        let journal = match filesystem.needs_recovery {
            true => ", was not unmounted",
            false => "",
        };
        let nodes = nodes.map(|it| format!(", {it} files and directories"));
        self.add(
            "",
            &format!(
                "{}{}{}, {} of {} free{}{journal}",
                filesystem.format,
                label.unwrap_or_default(),
                uuid.unwrap_or_default(),
                size(filesystem.free),
                size(filesystem.size),
                nodes.unwrap_or_default(),
            ),
        );
        self.wrapped("", &filesystem.features);
    }

    fn system(&mut self, system: &System, verbose: bool) {
        let release = |key: &str| system.os_release.get(key).cloned();
        let name = release("PRETTY_NAME")
            .or_else(|| release("NAME"))
            .or_else(|| release("ID"));
        let architecture = system.architecture.as_ref().map(|it| format!(", {it}"));
        self.text.push('\n');
        self.add(
            "system",
            &format!(
                "{}{}, in partition {}",
                name.as_deref().unwrap_or("without a name"),
                architecture.unwrap_or_default(),
                system.partition
            ),
        );
        for (at, number) in &system.mounts {
            self.add("mount", &format!("{at} is partition {number}"));
        }
        self.add("host name", system.hostname.as_deref().unwrap_or("not set"));
        for kernel in &system.kernels {
            let version = kernel.version.as_deref().unwrap_or("of unknown version");
            let initramfs = if kernel.initramfs {
                ", with initramfs"
            } else {
                ""
            };
            let modules = if kernel.modules {
                ""
            } else {
                ", without modules"
            };
            self.add(
                "kernel",
                &format!("{version}, {}{initramfs}{modules}", kernel.path),
            );
        }
        self.packages(system, verbose);
        self.units(&system.units);
        for account in &system.accounts {
            if verbose || !account.login.is_empty() {
                self.account(account);
            }
        }
        self.access(system);
    }

    fn units(&mut self, units: &[Unit]) {
        let enabled = units.iter().filter(|unit| unit.is_enabled());
        let enabled: Vec<String> = enabled.map(|unit| unit.name.clone()).collect();
        self.wrapped("enabled", &enabled);
        let masked = units.iter().filter(|unit| unit.masked);
        let masked: Vec<String> = masked.map(|unit| unit.name.clone()).collect();
        self.wrapped("masked", &masked);
    }

    /// What lets others in: services, programs with other rights and secrets.
    fn access(&mut self, system: &System) {
        for service in &system.services {
            let file = service.file.as_deref().unwrap_or("its usual address");
            self.add(
                "listens",
                &format!("{}: {} ({file})", service.unit, service.address),
            );
        }
        for file in &system.privileged {
            let capabilities = if file.capabilities {
                " capabilities"
            } else {
                ""
            };
            let owner = format!("{}:{}", file.uid, file.gid);
            self.add(
                "privileged",
                &format!("{} {owner} {}{capabilities}", file.mode, file.path),
            );
        }
        for secret in &system.secrets {
            let kind = secret.kind.words();
            let of = secret.of.as_ref().map(|it| format!(" (`{it}`)"));
            let place = format!("{}:{}", secret.path, secret.line);
            self.add(
                "secret",
                &format!("{place}: {kind}{}", of.unwrap_or_default()),
            );
        }
        if system.has_machine_id {
            self.add(
                "identity",
                "/etc/machine-id: all devices with this image have the same",
            );
        }
    }

    /// Who wrote the files. `verbose` names those that no package brought.
    fn origins(&mut self, origins: &OriginsReport, verbose: bool) {
        self.text.push('\n');
        self.add(
            "built",
            &format!("{} on {}", origins.profile, origins.board),
        );
        self.add("build id", &origins.build_id.to_string());
        let counts = origins.files.iter();
        let counts: Vec<String> = counts.map(|(kind, n)| format!("{kind}: {n}")).collect();
        self.add("origins", &counts.join(", "));
        for group in origins.written.iter().filter(|_| verbose) {
            for path in &group.paths {
                self.add("", &format!("{path}: {}", group.by));
            }
        }
    }

    fn packages(&mut self, system: &System, verbose: bool) {
        let packages = &system.packages;
        let n_unconfigured = packages.iter().filter(|it| !it.configured).count();
        let unconfigured = match n_unconfigured {
            0 => String::new(),
            n => format!(", {n} of them not configured yet"),
        };
        let more = if verbose || packages.is_empty() {
            ""
        } else {
            " (listed with --verbose)"
        };
        self.add(
            "packages",
            &format!("{}{unconfigured}{more}", packages.len()),
        );
        if verbose {
            let shown = |it: &super::packages::Package| {
                format!("{}:{} {}", it.name, it.architecture, it.version)
            };
            packages
                .iter()
                .for_each(|package| self.add("", &shown(package)));
        }
    }

    fn account(&mut self, account: &Account) {
        let password = match account.password {
            Password::Locked => "no password",
            Password::Empty => "an empty password",
            Password::Hash(_) => "a password",
            Password::Expired(_) => "a password to be changed",
        };
        let ways: Vec<&str> = account.login.iter().map(|login| login.words()).collect();
        let login = match ways.as_slice() {
            [] => format!("no login ({password})"),
            ways => format!("login {}", ways.join(" or ")),
        };
        let groups = match account.groups.as_slice() {
            [] => String::new(),
            groups => format!(", in {}", groups.join(" ")),
        };
        let uid = account
            .uid
            .map_or_else(|| "?".to_owned(), |uid| uid.to_string());
        let about = format!(
            "{} ({uid}): {login}, {}{groups}",
            account.name, account.shell
        );
        self.add("account", &about);
    }
}

/// A number of bytes with three digits.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ if value < 10.0 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 100.0 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}
