//! The client must get the genuine files of an archive and no others, whatever the mirror does.

mod download;
mod fixture;
mod makers;

use crate::mirror::{DebSpec, Fault, NOW, TestArchive, TestKey, Times};
use fixture::{Fixture, archive, offline, quick};
use imgbuild::apt::keyring::SignatureError;
use imgbuild::apt::release::ReleaseError;
use imgbuild::apt::repository::{Freshness, RepositoryError};
use imgbuild::architecture::Architecture;
use imgbuild::epoch::Epoch;
use imgbuild::fetch::{Client, FetchError};
use std::num::NonZeroUsize;

const IN_RELEASE: &str = "/dists/trixie/InRelease";
const DAY: u64 = 24 * 3600;

#[test]
fn archive_gives_a_verified_index_and_package() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let repository = fixture.repository(&archive);
    let indices = fixture.indices(&repository).unwrap();
    assert_eq!(
        fixture.text(&indices),
        archive.index("main", Architecture::Arm64)
    );
    assert_eq!(indices.release.signers, [TestKey::new(1).fingerprint()]);
    assert_eq!(indices.release.date, NOW);

    let package = archive.locked("hello");
    let download = repository.download(&package).unwrap();
    let jobs = NonZeroUsize::new(2).unwrap();
    let client = Client::new(quick()).unwrap();
    client
        .download_all(
            &fixture.store,
            std::slice::from_ref(&download),
            jobs,
            &fixture.heard,
        )
        .unwrap();
    assert!(fixture.store.contains(&package.sha256));
    assert_eq!(fixture.heard.fetched(), package.size);
    assert_eq!(fixture.partials(), 0);
    let agent = &fixture.server.requests()[0].fields["user-agent"];
    assert_eq!(agent, concat!("imgbuild/", env!("CARGO_PKG_VERSION")));
}

#[test]
fn archive_index_is_fetched_once_and_by_hash() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let first = fixture.indices(&fixture.repository(&archive)).unwrap();
    assert_eq!(
        fixture.indices(&fixture.repository(&archive)).unwrap(),
        first
    );
    let requests = fixture.server.requests();
    let paths: Vec<&str> = requests
        .iter()
        .map(|request| request.path.as_str())
        .collect();
    let packed = first.release.files["main/binary-arm64/Packages.xz"].sha256;
    let by_hash = format!("/dists/trixie/main/binary-arm64/by-hash/SHA256/{packed}");
    assert_eq!(paths, [IN_RELEASE, &by_hash, IN_RELEASE]);
}

#[test]
fn archive_without_by_hash_is_read_by_name() {
    let archive = archive().without_by_hash();
    let fixture = Fixture::of(&archive);
    fixture.indices(&fixture.repository(&archive)).unwrap();
    let last = fixture.server.requests().pop().unwrap();
    assert_eq!(last.path, "/dists/trixie/main/binary-arm64/Packages.xz");
}

#[test]
fn archive_is_read_from_a_folder_too() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let url = format!("file://{}", fixture.root.path().display());
    let indices = fixture.indices(&archive.repository(&url)).unwrap();
    assert_eq!(
        fixture.text(&indices),
        archive.index("main", Architecture::Arm64)
    );
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn archive_with_a_changed_inrelease_is_refused() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let path = fixture.root.path().join(&IN_RELEASE[1..]);
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("Version: 13.2", "Version: 13.3")).unwrap();
    let error = signature_error(&fixture, &archive);
    let key = TestKey::new(1).fingerprint();
    assert!(
        matches!(&error, SignatureError::Bad { key: named } if *named == key),
        "{error:?}"
    );
}

fn signature_error(fixture: &Fixture, archive: &TestArchive) -> SignatureError {
    match fixture.indices(&fixture.repository(archive)) {
        Err(RepositoryError::Release(_, ReleaseError::Signature(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn archive_signed_by_an_unknown_key_is_refused() {
    let forged = archive().key(TestKey::new(2));
    let fixture = Fixture::of(&forged);
    let error = signature_error(&fixture, &archive());
    let key = TestKey::new(2).fingerprint();
    assert!(
        matches!(&error, SignatureError::UnknownKey { found } if *found == [key]),
        "{error:?}"
    );
}

#[test]
fn archive_of_another_suite_is_refused() {
    let fixture = Fixture::of(&archive());
    let mut repository = fixture.repository(&archive());
    let path = fixture.root.path().join("dists");
    fs_err::rename(path.join("trixie"), path.join("trixie-security")).unwrap();
    repository.suite = "trixie-security".to_owned();
    let error = fixture.indices(&repository).unwrap_err().to_string();
    assert!(
        error.ends_with("its InRelease is of `stable`, `trixie`"),
        "{error}"
    );
}

#[test]
fn archive_past_its_valid_until_is_refused_unless_age_is_ignored() {
    let archive = archive().valid_until(Epoch(NOW.0 + 7 * DAY));
    let fixture = Fixture::of(&archive);
    let mut repository = fixture.repository(&archive);
    let later = Epoch(NOW.0 + 7 * DAY + 1);
    fixture.indices(&repository).unwrap();
    let error = fixture.indices_at(later, &repository, quick()).unwrap_err();
    let end = Epoch(NOW.0 + 7 * DAY);
    assert!(
        matches!(error, RepositoryError::Expired { valid_until, .. } if valid_until == end),
        "{error:?}"
    );
    repository.freshness = Freshness::Ignored;
    fixture.indices_at(later, &repository, quick()).unwrap();
}

#[test]
fn archive_that_goes_back_in_time_is_refused_unless_age_is_ignored() {
    let (old, new) = (archive().date(Epoch(NOW.0 - DAY)), archive());
    let fixture = Fixture::of(&new);
    let mut repository = fixture.repository(&new);
    fixture.indices(&repository).unwrap();
    old.write(fixture.root.path());
    let error = fixture.indices(&repository).unwrap_err();
    assert!(
        matches!(error, RepositoryError::Replayed { date, newest, .. }
            if date.0 == NOW.0 - DAY && newest == NOW),
        "{error:?}"
    );
    repository.freshness = Freshness::Ignored;
    fixture.indices(&repository).unwrap();
}

#[test]
fn archive_does_not_speak_for_another_of_the_same_words() {
    // Both archives claim to be Debian's trixie. The other one is younger and has its own key.
    let debian = archive().date(Epoch(NOW.0 - DAY));
    let other = archive().key(TestKey::new(2));
    let fixture = Fixture::of(&other);
    for name in ["vendor/trixie", "debian/trixie"] {
        let mut repository = fixture.repository(&other);
        repository.name = name.to_owned();
        other.write(fixture.root.path());
        fixture.indices(&repository).unwrap();
        debian.write(fixture.root.path());
        let indices = fixture.indices(&fixture.repository(&debian)).unwrap();
        assert_eq!(indices.release.date, Epoch(NOW.0 - DAY));
    }
    // Offline, each archive is the one that came under its own key, although both have the same
    // name.
    for archive in [&debian, &other] {
        let repository = fixture.repository(archive);
        fixture.indices_at(NOW, &repository, offline()).unwrap();
    }
    // Archives under one key are told apart by their names.
    let mut renamed = fixture.repository(&debian);
    archive().write(fixture.root.path());
    renamed.name = "tools/debian/trixie".to_owned();
    fixture.indices(&renamed).unwrap();
    debian.write(fixture.root.path());
    fixture.indices(&fixture.repository(&debian)).unwrap();
}

#[test]
fn archive_from_the_future_is_refused() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let early = Epoch(NOW.0 - DAY);
    let error = fixture
        .indices_at(early, &fixture.repository(&archive), quick())
        .unwrap_err();
    // The signature is as young as the Release file, and is checked first.
    assert!(matches!(error, RepositoryError::Release(..)), "{error:?}");
}

#[test]
fn archive_with_a_changed_index_is_refused_as_in_mid_sync() {
    let archive = archive().without_by_hash();
    let fixture = Fixture::of(&archive);
    let path = "/dists/trixie/main/binary-arm64/Packages.xz";
    fixture.fault(path, Fault::Corrupt(40), Times::Always);
    let error = fixture.indices(&fixture.repository(&archive)).unwrap_err();
    assert!(
        matches!(&error, RepositoryError::MidSync { source, .. }
            if matches!(**source, FetchError::Digest { .. })),
        "{error:?}"
    );
    assert_eq!(
        fixture.server.ranges(IN_RELEASE).len(),
        4,
        "asked again three times"
    );
    assert_eq!(fixture.partials(), 0);
}

#[test]
fn archive_in_mid_sync_is_asked_again_until_it_fits() {
    let old = archive().date(Epoch(NOW.0 - DAY));
    let fixture = Fixture::of(&old);
    let in_release = fs_err::read(fixture.root.path().join(&IN_RELEASE[1..])).unwrap();
    let by_hash = fixture
        .root
        .path()
        .join("dists/trixie/main/binary-arm64/by-hash");
    fs_err::remove_dir_all(by_hash).unwrap();
    let new = archive().package(DebSpec::new("news", "2", "arm64"));
    new.write(fixture.root.path());
    fixture.fault(IN_RELEASE, Fault::Serve(in_release), Times::Once);
    let indices = fixture.indices(&fixture.repository(&new)).unwrap();
    assert_eq!(
        fixture.text(&indices),
        new.index("main", Architecture::Arm64)
    );
    let notes = fixture.heard.0.lock().unwrap().len();
    assert_eq!(notes, 1, "one note about the sync");
}

#[test]
fn archive_without_the_component_says_what_it_has() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let mut repository = fixture.repository(&archive);
    repository.components = vec!["contrib".to_owned()];
    let error = fixture.indices(&repository).unwrap_err().to_string();
    assert!(
        error.contains("contrib for arm64; it has the components main and"),
        "{error}"
    );
}

#[test]
fn archive_is_known_offline_once_it_was_fetched() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let repository = fixture.repository(&archive);
    let error = fixture.indices_at(NOW, &repository, offline()).unwrap_err();
    assert!(
        matches!(&error, RepositoryError::Fetch(_, FetchError::Offline { name })
            if name == "InRelease of debian/trixie"),
        "{error:?}"
    );
    let indices = fixture.indices(&repository).unwrap();
    let asked = fixture.server.requests().len();
    assert_eq!(
        fixture.indices_at(NOW, &repository, offline()).unwrap(),
        indices
    );

    let download = repository.download(&archive.locked("hello")).unwrap();
    let client = Client::new(offline()).unwrap();
    let error = client
        .download(&fixture.store, &download, &fixture.heard)
        .unwrap_err();
    assert!(matches!(&error, FetchError::Offline { name } if name == "hello 1.0-1"));
    assert_eq!(
        fixture.server.requests().len(),
        asked,
        "nothing was asked offline"
    );
}

#[test]
fn archive_package_that_was_changed_is_refused() {
    let archive = archive();
    let fixture = Fixture::of(&archive);
    let package = archive.locked("hello");
    fixture.fault(
        &format!("/{}", package.path),
        Fault::Corrupt(100),
        Times::Always,
    );
    let download = fixture.repository(&archive).download(&package).unwrap();
    let error = fixture.fetch(&download).unwrap_err();
    assert!(
        matches!(&error, FetchError::Digest { expected, url, .. }
            if *expected == package.sha256 && *url == download.urls[0]),
        "{error:?}"
    );
    assert!(!fixture.store.contains(&package.sha256));
    assert_eq!(fixture.partials(), 0);
}
