//! An archive, its server, and a client with a store of its own.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

use crate::mirror::{Compression, DebSpec, Fault, NOW, Server, TestArchive, Times};
use imgbuild::apt::repository::{Archives, Indices, Repository, RepositoryError};
use imgbuild::architecture::Architecture;
use imgbuild::digest::Sha256;
use imgbuild::epoch::Epoch;
use imgbuild::event::{Event, Reporter, Stage};
use imgbuild::fetch::{Client, Download, FetchError, Network, Options};
use imgbuild::store::Store;
use imgbuild::tree::Objects;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

pub(super) fn hello() -> DebSpec {
    DebSpec::new("hello", "1.0-1", "arm64")
        .field("Depends", "libc6 (>= 2.36)")
        .file("/usr/bin/hello", 0o755, b"#!/bin/sh\necho hello\n")
        .symlink("/usr/bin/greet", "hello")
        .hard_link("/usr/bin/hallo", "/usr/bin/hello")
        .conffile("/etc/hello.conf", b"greeting = hello\n")
        .directory("/var/lib/hello", 0o750)
        .script("postinst", "#!/bin/sh\nexit 0\n")
}

pub(super) fn archive() -> TestArchive {
    let doc = DebSpec::new("hello-doc", "1.0-1", "all").compression(Compression::Zst);
    TestArchive::new().package(hello()).package(doc)
}

/// An archive on a server, and a client with a store of its own.
pub(super) struct Fixture {
    pub(super) root: TempDir,
    pub(super) server: Server,
    _folder: TempDir,
    pub(super) store: Store,
    pub(super) heard: Heard,
}

/// A reporter that keeps all events.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<Event>>);

impl Reporter for Heard {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
    pub(super) fn fetched(&self) -> u64 {
        let amount = |event: &Event| match event {
            Event::Advanced {
                stage: Stage::Fetch,
                amount,
            } => *amount,
            _ => 0,
        };
        self.0.lock().unwrap().iter().map(amount).sum()
    }
}

impl Fixture {
    pub(super) fn of(archive: &TestArchive) -> Self {
        let root = tempfile::tempdir().unwrap();
        archive.write(root.path());
        let server = Server::start(root.path());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self {
            root,
            server,
            _folder: folder,
            store,
            heard: Heard::default(),
        }
    }

    pub(super) fn fault(&self, path: &str, fault: Fault, times: Times) {
        self.server.fault(path, fault, times);
    }

    pub(super) fn repository(&self, archive: &TestArchive) -> Repository {
        archive.repository(&self.server.url())
    }

    pub(super) fn indices_at(
        &self,
        now: Epoch,
        repository: &Repository,
        options: Options,
    ) -> Result<Indices, RepositoryError> {
        let client = Client::new(options).unwrap();
        let archives = Archives {
            client: &client,
            store: &self.store,
            now,
            reporter: &self.heard,
        };
        archives.fetch_indices(repository, &[Architecture::Arm64])
    }

    pub(super) fn indices(&self, repository: &Repository) -> Result<Indices, RepositoryError> {
        self.indices_at(NOW, repository, quick())
    }

    pub(super) fn text(&self, indices: &Indices) -> String {
        self.object(&indices.indices[0].text)
    }

    pub(super) fn object(&self, digest: &Sha256) -> String {
        let mut text = String::new();
        self.store
            .open(digest)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    pub(super) fn download(&self, path: &str, content: &[u8]) -> Download {
        fs_err::write(self.root.path().join(path), content).unwrap();
        Download {
            name: path.to_owned(),
            urls: vec![format!("{}/{path}", self.server.url()).parse().unwrap()],
            size: content.len() as u64,
            sha256: Sha256::of(content),
        }
    }

    pub(super) fn fetch(&self, download: &Download) -> Result<(), FetchError> {
        self.fetch_with(quick(), download)
    }

    pub(super) fn fetch_with(
        &self,
        options: Options,
        download: &Download,
    ) -> Result<(), FetchError> {
        let client = Client::new(options).unwrap();
        client.download(&self.store, download, &self.heard)
    }

    pub(super) fn partials(&self) -> usize {
        imgbuild::listing::sorted(&self.store.root().join("partial"))
            .unwrap()
            .len()
    }
}

/// Options without pauses, and with time limits that only a hanging server reaches.
pub(super) fn quick() -> Options {
    Options {
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(20),
        attempts: 3,
        pause: Box::new(|_| {}),
        ..Options::default()
    }
}

/// Options for tests that wait for the time limit.
pub(super) fn impatient() -> Options {
    Options {
        stall_timeout: Duration::from_millis(400),
        ..quick()
    }
}

pub(super) fn offline() -> Options {
    Options {
        network: Network::Offline,
        ..quick()
    }
}
