//! Makes .deb files.

use super::NOW;
use md5::{Digest, Md5};
use std::collections::BTreeSet;
use std::io::Write;

/// How the members of a .deb are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gz,
    Xz,
    Zst,
}

/// The type of a path of a package.
#[derive(Clone, Debug)]
enum Kind {
    File(Vec<u8>),
    Symlink(String),
    HardLink(String),
    Directory,
}

#[derive(Clone, Debug)]
struct Entry {
    path: String,
    mode: u32,
    owner: (u64, u64),
    kind: Kind,
}

/// A package to be made. Paths are absolute, and the folders above them are added automatically.
#[derive(Clone, Debug)]
pub(crate) struct DebSpec {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    fields: Vec<(String, String)>,
    entries: Vec<Entry>,
    scripts: Vec<(String, String)>,
    conffiles: Vec<String>,
    compression: Compression,
}

impl DebSpec {
    /// An empty package.
    pub(crate) fn new(name: &str, version: &str, architecture: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            fields: Vec::new(),
            entries: Vec::new(),
            scripts: Vec::new(),
            conffiles: Vec::new(),
            compression: Compression::Xz,
        }
    }

    /// Adds a field to its control file: `Depends`, `Multi-Arch`.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a file of root.
    pub(crate) fn file(self, path: &str, mode: u32, content: &[u8]) -> Self {
        self.entry(path, mode, (0, 0), Kind::File(content.to_vec()))
    }

    /// Adds a file of another owner and group, by number.
    pub(crate) fn owned_file(
        self,
        path: &str,
        mode: u32,
        owner: (u64, u64),
        content: &[u8],
    ) -> Self {
        self.entry(path, mode, owner, Kind::File(content.to_vec()))
    }

    /// Adds a directory, where its mode matters or it is empty.
    pub(crate) fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(path, mode, (0, 0), Kind::Directory)
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, 0o777, (0, 0), Kind::Symlink(target.to_owned()))
    }

    /// Adds another name of the file `target` of this package, which must be added before.
    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        let file = self.entries.iter().find(|entry| entry.path == target);
        let (mode, owner) = file
            .map(|file| (file.mode, file.owner))
            .expect("the target is added");
        self.entry(path, mode, owner, Kind::HardLink(target.to_owned()))
    }

    /// Adds a file that is a conffile.
    pub(crate) fn conffile(mut self, path: &str, content: &[u8]) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, 0o644, content)
    }

    /// Adds `preinst`, `postinst`, `prerm`, `postrm`, `config`, `triggers` or `templates`.
    pub(crate) fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Sets another compression of its members than xz.
    pub(crate) fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Its place in the pool of an archive.
    pub(crate) fn pool_path(&self, component: &str) -> String {
        let Self {
            name,
            version,
            architecture,
            ..
        } = self;
        let version = version
            .split_once(':')
            .map_or(version.as_str(), |(_, rest)| rest);
        format!(
            "pool/{component}/{}/{name}/{name}_{version}_{architecture}.deb",
            &name[..1]
        )
    }

    /// Its control file, which is also the start of its stanza in an index.
    pub(crate) fn control(&self) -> String {
        let size: usize = self
            .entries
            .iter()
            .map(|entry| entry.len().div_ceil(1024))
            .sum();
        let Self {
            name,
            version,
            architecture,
            ..
        } = self;
        let mut text = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n\
             Maintainer: Test <test@deb.example>\nInstalled-Size: {size}\n"
        );
        let known = |wanted: &str| self.fields.iter().any(|(name, _)| name == wanted);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !known("Description") {
            text.push_str("Description: package of a test\n");
        }
        text
    }

    /// The .deb.
    pub(crate) fn build(&self) -> Vec<u8> {
        let (suffix, compress) = match self.compression {
            Compression::None => ("", plain as Compressor),
            Compression::Gz => (".gz", gz as Compressor),
            Compression::Xz => (".xz", xz as Compressor),
            Compression::Zst => (".zst", zst as Compressor),
        };
        let mut deb = b"!<arch>\n".to_vec();
        ar_member(&mut deb, "debian-binary", b"2.0\n");
        ar_member(
            &mut deb,
            &format!("control.tar{suffix}"),
            &compress(&self.control_tar()),
        );
        ar_member(
            &mut deb,
            &format!("data.tar{suffix}"),
            &compress(&self.data_tar()),
        );
        deb
    }

    fn entry(mut self, path: &str, mode: u32, owner: (u64, u64), kind: Kind) -> Self {
        assert!(path.starts_with('/'), "`{path}` is not absolute");
        self.entries.push(Entry {
            path: path.to_owned(),
            mode,
            owner,
            kind,
        });
        self
    }

    fn control_tar(&self) -> Vec<u8> {
        let mut sums = String::new();
        for entry in &self.entries {
            if let Kind::File(content) = &entry.kind {
                sums.push_str(&format!(
                    "{:x}  {}\n",
                    Md5::digest(content),
                    &entry.path[1..]
                ));
            }
        }
        let conffiles: String = self
            .conffiles
            .iter()
            .map(|path| format!("{path}\n"))
            .collect();
        let mut members = vec![("control".to_owned(), 0o644, self.control())];
        if !conffiles.is_empty() {
            members.push(("conffiles".to_owned(), 0o644, conffiles));
        }
        if !sums.is_empty() {
            members.push(("md5sums".to_owned(), 0o644, sums));
        }
        for (name, text) in &self.scripts {
            let data = matches!(name.as_str(), "triggers" | "templates");
            members.push((name.clone(), if data { 0o644 } else { 0o755 }, text.clone()));
        }
        let mut tar = Tar::new();
        tar.append("/", 0o755, (0, 0), &Kind::Directory);
        for (name, mode, text) in members {
            tar.append(
                &format!("/{name}"),
                mode,
                (0, 0),
                &Kind::File(text.into_bytes()),
            );
        }
        tar.finish()
    }

    fn data_tar(&self) -> Vec<u8> {
        let mut tar = Tar::new();
        tar.append("/", 0o755, (0, 0), &Kind::Directory);
        let mut folders = BTreeSet::new();
        for entry in &self.entries {
            for (at, _) in entry.path.match_indices('/').skip(1) {
                let folder = &entry.path[..at];
                let listed =
                    |other: &Entry| other.path == folder && !matches!(other.kind, Kind::File(_));
                if !self.entries.iter().any(listed) && folders.insert(folder.to_owned()) {
                    tar.append(folder, 0o755, (0, 0), &Kind::Directory);
                }
            }
            tar.append(&entry.path, entry.mode, entry.owner, &entry.kind);
        }
        tar.finish()
    }
}

impl Entry {
    fn len(&self) -> usize {
        match &self.kind {
            Kind::File(content) => content.len(),
            _ => 1024,
        }
    }
}

/// A tar archive as dpkg-deb makes it: GNU format, names that start with `./`.
struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn append(&mut self, path: &str, mode: u32, owner: (u64, u64), kind: &Kind) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(NOW.0);
        if owner == (0, 0) {
            header.set_username("root").unwrap();
            header.set_groupname("root").unwrap();
        }
        let mut name = format!(".{path}");
        let content: &[u8] = if let Kind::File(content) = kind {
            content
        } else {
            b""
        };
        header.set_size(content.len() as u64);
        match kind {
            Kind::File(_) => header.set_entry_type(tar::EntryType::Regular),
            Kind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                if !name.ends_with('/') {
                    name.push('/');
                }
            }
            Kind::Symlink(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name_literal(target).unwrap();
            }
            Kind::HardLink(target) => {
                header.set_entry_type(tar::EntryType::Link);
                header.set_link_name_literal(format!(".{target}")).unwrap();
            }
        }
        // The builder drops the leading `./`, so short names are written by hand.
        let field = &mut header.as_old_mut().name;
        assert!(
            name.len() < field.len(),
            "`{name}` is too long for this maker"
        );
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        self.0.append(&header, content).unwrap();
    }

    fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn ar_member(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let (time, len) = (NOW.0, content.len());
    writeln!(
        archive,
        "{name:<16}{time:<12}{:<6}{:<6}{:<8}{len:<10}`",
        0, 0, 100_644
    )
    .unwrap();
    archive.extend(content);
    if len % 2 == 1 {
        archive.push(b'\n');
    }
}

type Compressor = fn(&[u8]) -> Vec<u8>;

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

pub(super) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
