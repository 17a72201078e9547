//! Makes a signed archive in a folder: pool, indices, by-hash, InRelease.

use super::deb::xz;
use super::{DebSpec, NOW, TestKey};
use imgbuild::apt::keyring::Keyring;
use imgbuild::apt::repository::{Freshness, Repository};
use imgbuild::architecture::Architecture;
use imgbuild::digest::Sha256;
use imgbuild::epoch::Epoch;
use imgbuild::lock::LockedPackage;
use std::path::Path;

/// An archive to be made, of one suite.
#[derive(Clone, Debug)]
pub(crate) struct TestArchive {
    codename: String,
    suite: String,
    date: Epoch,
    valid_until: Option<Epoch>,
    by_hash: bool,
    not_automatic: bool,
    key: TestKey,
    components: Vec<String>,
    packages: Vec<(String, DebSpec)>,
}

impl TestArchive {
    /// An empty archive: suite `stable`, codename `trixie`, signed by the key of seed 1 at
    /// [`NOW`], without end.
    pub(crate) fn new() -> Self {
        Self {
            codename: "trixie".to_owned(),
            suite: "stable".to_owned(),
            date: NOW,
            valid_until: None,
            by_hash: true,
            not_automatic: false,
            key: TestKey::new(1),
            components: vec!["main".to_owned()],
            packages: Vec::new(),
        }
    }

    /// Gives the suite another name, such as `stable-updates` and `trixie-updates`.
    pub(crate) fn suite(mut self, suite: &str, codename: &str) -> Self {
        self.suite = suite.to_owned();
        self.codename = codename.to_owned();
        self
    }

    /// Sets its date.
    pub(crate) fn date(mut self, date: Epoch) -> Self {
        self.date = date;
        self
    }

    /// Sets the end of its validity.
    pub(crate) fn valid_until(mut self, end: Epoch) -> Self {
        self.valid_until = Some(end);
        self
    }

    /// Marks it as one from which packages are taken only on request (`NotAutomatic`).
    pub(crate) fn not_automatic(mut self) -> Self {
        self.not_automatic = true;
        self
    }

    /// Makes it an archive without by-hash.
    pub(crate) fn without_by_hash(mut self) -> Self {
        self.by_hash = false;
        self
    }

    /// Signs it by another key.
    pub(crate) fn key(mut self, key: TestKey) -> Self {
        self.key = key;
        self
    }

    /// Adds a package to `main`.
    pub(crate) fn package(self, package: DebSpec) -> Self {
        self.package_in("main", package)
    }

    /// Adds a package to `component`.
    pub(crate) fn package_in(self, component: &str, package: DebSpec) -> Self {
        let mut this = self.component(component);
        this.packages.push((component.to_owned(), package));
        this
    }

    /// Adds a component, which may be empty.
    pub(crate) fn component(mut self, name: &str) -> Self {
        if !self.components.iter().any(|known| known == name) {
            self.components.push(name.to_owned());
        }
        self
    }

    /// The repository as a user of this archive at `base_url` would describe it.
    pub(crate) fn repository(&self, base_url: &str) -> Repository {
        Repository {
            name: format!("debian/{}", self.codename),
            base_urls: vec![base_url.parse().unwrap()],
            suite: self.codename.clone(),
            components: self.components.clone(),
            keyring: Keyring::parse(&self.key.keyring()).unwrap(),
            freshness: Freshness::Checked,
        }
    }

    /// The package `name` as a lock would pin it.
    pub(crate) fn locked(&self, name: &str) -> LockedPackage {
        let found = self
            .packages
            .iter()
            .find(|(_, package)| package.name == name);
        let (component, package) = found.expect("the archive has the package");
        let deb = package.build();
        LockedPackage {
            name: package.name.clone(),
            architecture: package.architecture.clone(),
            version: package.version.clone(),
            repository: format!("debian/{}", self.codename),
            path: package.pool_path(component),
            size: deb.len() as u64,
            sha256: Sha256::of(&deb),
            automatic: false,
        }
    }

    /// The text of the index of `component` for `architecture`.
    pub(crate) fn index(&self, component: &str, architecture: Architecture) -> String {
        let mut stanzas = Vec::new();
        for (of, package) in &self.packages {
            let here = [architecture.debian(), "all"].contains(&package.architecture.as_str());
            if of == component && here {
                let deb = package.build();
                stanzas.push(format!(
                    "{}Filename: {}\nSize: {}\nSHA256: {}\n",
                    package.control(),
                    package.pool_path(component),
                    deb.len(),
                    Sha256::of(&deb)
                ));
            }
        }
        stanzas.join("\n")
    }

    /// Writes the archive below `root`. Files of an earlier state stay in pool and by-hash, as on a
    /// real mirror.
    pub(crate) fn write(&self, root: &Path) {
        for (component, package) in &self.packages {
            write(&root.join(package.pool_path(component)), &package.build());
        }
        let dists = root.join("dists").join(&self.codename);
        let mut table = String::new();
        for component in &self.components {
            for architecture in Architecture::ALL {
                let text = self.index(component, architecture).into_bytes();
                let packed = xz(&text);
                let folder = format!("{component}/binary-{architecture}");
                for (name, bytes) in [("Packages", &text), ("Packages.xz", &packed)] {
                    let (digest, len) = (Sha256::of(bytes), bytes.len());
                    table.push_str(&format!(" {digest} {len} {folder}/{name}\n"));
                }
                // As on Debian's mirrors, only the compressed index is there.
                write(&dists.join(&folder).join("Packages.xz"), &packed);
                if self.by_hash {
                    let digest = Sha256::of(&packed).to_string();
                    write(
                        &dists.join(&folder).join("by-hash/SHA256").join(digest),
                        &packed,
                    );
                }
            }
        }
        write(&dists.join("InRelease"), self.in_release(&table).as_bytes());
    }

    fn in_release(&self, table: &str) -> String {
        let architectures = Architecture::ALL.map(Architecture::debian).join(" ");
        let mut text = format!(
            "Origin: Debian\nLabel: Debian\nSuite: {}\nVersion: 13.2\nCodename: {}\nDate: {}\n",
            self.suite,
            self.codename,
            show_date(self.date),
        );
        if let Some(end) = self.valid_until {
            text.push_str(&format!("Valid-Until: {}\n", show_date(end)));
        }
        if self.not_automatic {
            text.push_str("NotAutomatic: yes\nButAutomaticUpgrades: yes\n");
        }
        if self.by_hash {
            text.push_str("Acquire-By-Hash: yes\n");
        }
        text.push_str(&format!(
            "No-Support-for-Architecture-all: Packages\nArchitectures: all {architectures}\n\
             Components: {}\nDescription: Archive of a test\nSHA256:\n{table}",
            self.components.join(" "),
        ));
        self.key.sign(&text, self.date)
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// A date in the form of RFC 5322, computed with the days of the Gregorian calendar from March of
/// year 0.
fn show_date(moment: Epoch) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let (day, second) = (moment.0 / 86_400, moment.0 % 86_400);
    let from_march = day + 719_468;
    let (era, in_era) = (from_march / 146_097, from_march % 146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let in_month = in_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    let (weekday, month) = (WEEKDAYS[(day % 7) as usize], MONTHS[month as usize]);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {in_month:02} {month} {year} {hour:02}:{minute:02}:{second:02} UTC")
}
