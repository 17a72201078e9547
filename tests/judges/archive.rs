//! Our client must get what is genuine from an archive and nothing else, whatever the mirror does.

mod download;
mod makers;
mod scene;

use crate::mirror::{DebSpec, Fault, NOW, TestKey, Times};
use imgbuild::architecture::Architecture;
use imgbuild::debian::keyring::SignatureError;
use imgbuild::debian::release::ReleaseError;
use imgbuild::debian::repository::{Freshness, RepositoryError};
use imgbuild::epoch::Epoch;
use imgbuild::fetch::{Client, FetchError};
use scene::{Scene, archive, offline, quick};
use std::num::NonZeroUsize;

const IN_RELEASE: &str = "/dists/trixie/InRelease";
const DAY: u64 = 24 * 3600;

#[test]
fn archive_gives_a_verified_index_and_package() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let repository = scene.repository(&archive);
    let indices = scene.indices(&repository).unwrap();
    assert_eq!(
        scene.text(&indices),
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
            &scene.store,
            std::slice::from_ref(&download),
            jobs,
            &scene.heard,
        )
        .unwrap();
    assert!(scene.store.contains(&package.sha256));
    assert_eq!(scene.heard.fetched(), package.size);
    assert_eq!(scene.partials(), 0);
    let agent = &scene.server.requests()[0].fields["user-agent"];
    assert_eq!(agent, concat!("imgbuild/", env!("CARGO_PKG_VERSION")));
}

#[test]
fn archive_index_is_fetched_once_and_by_hash() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let first = scene.indices(&scene.repository(&archive)).unwrap();
    assert_eq!(scene.indices(&scene.repository(&archive)).unwrap(), first);
    let requests = scene.server.requests();
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
    let scene = Scene::of(&archive);
    scene.indices(&scene.repository(&archive)).unwrap();
    let last = scene.server.requests().pop().unwrap();
    assert_eq!(last.path, "/dists/trixie/main/binary-arm64/Packages.xz");
}

#[test]
fn archive_is_read_from_a_folder_too() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let url = format!("file://{}", scene.root.path().display());
    let indices = scene.indices(&archive.repository(&url)).unwrap();
    assert_eq!(
        scene.text(&indices),
        archive.index("main", Architecture::Arm64)
    );
    assert!(scene.server.requests().is_empty());
}

#[test]
fn archive_with_a_changed_inrelease_is_refused() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let path = scene.root.path().join(&IN_RELEASE[1..]);
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("Version: 13.2", "Version: 13.3")).unwrap();
    let error = scene.indices(&scene.repository(&archive)).unwrap_err();
    let RepositoryError::Release {
        source: ReleaseError::Signature(error),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    let key = TestKey::new(1).fingerprint();
    assert!(
        matches!(&error, SignatureError::Bad { key: named } if *named == key),
        "{error:?}"
    );
}

#[test]
fn archive_signed_by_an_unknown_key_is_refused() {
    let forged = archive().key(TestKey::new(2));
    let scene = Scene::of(&forged);
    let error = scene.indices(&scene.repository(&archive())).unwrap_err();
    let RepositoryError::Release {
        source: ReleaseError::Signature(error),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    let key = TestKey::new(2).fingerprint();
    assert!(
        matches!(&error, SignatureError::UnknownKey { found } if *found == [key]),
        "{error:?}"
    );
}

#[test]
fn archive_of_another_suite_is_refused() {
    let scene = Scene::of(&archive());
    let mut repository = scene.repository(&archive());
    let path = scene.root.path().join("dists");
    fs_err::rename(path.join("trixie"), path.join("trixie-security")).unwrap();
    repository.suite = "trixie-security".to_owned();
    let error = scene.indices(&repository).unwrap_err().to_string();
    assert!(
        error.ends_with("its InRelease is of `stable`, `trixie`"),
        "{error}"
    );
}

#[test]
fn archive_past_its_valid_until_is_refused_unless_age_is_ignored() {
    let archive = archive().valid_until(Epoch(NOW.0 + 7 * DAY));
    let scene = Scene::of(&archive);
    let mut repository = scene.repository(&archive);
    let later = Epoch(NOW.0 + 7 * DAY + 1);
    scene.indices(&repository).unwrap();
    let error = scene.indices_at(later, &repository, quick()).unwrap_err();
    let end = Epoch(NOW.0 + 7 * DAY);
    assert!(
        matches!(error, RepositoryError::Expired { valid_until, .. } if valid_until == end),
        "{error:?}"
    );
    repository.freshness = Freshness::Ignored;
    scene.indices_at(later, &repository, quick()).unwrap();
}

#[test]
fn archive_that_goes_back_in_time_is_refused_unless_age_is_ignored() {
    let (old, new) = (archive().date(Epoch(NOW.0 - DAY)), archive());
    let scene = Scene::of(&new);
    let mut repository = scene.repository(&new);
    scene.indices(&repository).unwrap();
    old.write(scene.root.path());
    let error = scene.indices(&repository).unwrap_err();
    assert!(
        matches!(error, RepositoryError::Replayed { date, newest, .. }
            if date.0 == NOW.0 - DAY && newest == NOW),
        "{error:?}"
    );
    repository.freshness = Freshness::Ignored;
    scene.indices(&repository).unwrap();
}

#[test]
fn archive_does_not_speak_for_another_of_the_same_words() {
    // Both say that they are Debian's trixie; the other one is younger, and has a key of its own.
    let debian = archive().date(Epoch(NOW.0 - DAY));
    let other = archive().key(TestKey::new(2));
    let scene = Scene::of(&other);
    for name in ["vendor/trixie", "debian/trixie"] {
        let mut repository = scene.repository(&other);
        repository.name = name.to_owned();
        other.write(scene.root.path());
        scene.indices(&repository).unwrap();
        debian.write(scene.root.path());
        let indices = scene.indices(&scene.repository(&debian)).unwrap();
        assert_eq!(indices.release.date, Epoch(NOW.0 - DAY));
    }
    // Offline each one is what came under its own key, though both have the same name.
    for archive in [&debian, &other] {
        let repository = scene.repository(archive);
        scene.indices_at(NOW, &repository, offline()).unwrap();
    }
    // Under one key, the name divides.
    let mut renamed = scene.repository(&debian);
    archive().write(scene.root.path());
    renamed.name = "tools/debian/trixie".to_owned();
    scene.indices(&renamed).unwrap();
    debian.write(scene.root.path());
    scene.indices(&scene.repository(&debian)).unwrap();
}

#[test]
fn archive_from_the_future_is_refused() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let early = Epoch(NOW.0 - DAY);
    let error = scene
        .indices_at(early, &scene.repository(&archive), quick())
        .unwrap_err();
    // The signature is as young as the Release, and is judged first.
    assert!(
        matches!(error, RepositoryError::Release { .. }),
        "{error:?}"
    );
}

#[test]
fn archive_with_a_changed_index_is_refused_as_in_mid_sync() {
    let archive = archive().without_by_hash();
    let scene = Scene::of(&archive);
    let path = "/dists/trixie/main/binary-arm64/Packages.xz";
    scene.server.fault(path, Fault::Corrupt(40), Times::Always);
    let error = scene.indices(&scene.repository(&archive)).unwrap_err();
    assert!(
        matches!(&error, RepositoryError::MidSync { source, .. }
            if matches!(**source, FetchError::Digest { .. })),
        "{error:?}"
    );
    assert_eq!(
        scene.server.ranges(IN_RELEASE).len(),
        4,
        "asked again three times"
    );
    assert_eq!(scene.partials(), 0);
}

#[test]
fn archive_in_mid_sync_is_asked_again_until_it_fits() {
    let old = archive().date(Epoch(NOW.0 - DAY));
    let scene = Scene::of(&old);
    let in_release = fs_err::read(scene.root.path().join(&IN_RELEASE[1..])).unwrap();
    let by_hash = scene
        .root
        .path()
        .join("dists/trixie/main/binary-arm64/by-hash");
    fs_err::remove_dir_all(by_hash).unwrap();
    let new = archive().package(DebSpec::new("news", "2", "arm64"));
    new.write(scene.root.path());
    scene
        .server
        .fault(IN_RELEASE, Fault::Serve(in_release), Times::Once);
    let indices = scene.indices(&scene.repository(&new)).unwrap();
    assert_eq!(scene.text(&indices), new.index("main", Architecture::Arm64));
    let notes = scene.heard.0.lock().unwrap().len();
    assert_eq!(notes, 1, "one note about the sync");
}

#[test]
fn archive_without_the_component_says_what_it_has() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let mut repository = scene.repository(&archive);
    repository.components = vec!["contrib".to_owned()];
    let error = scene.indices(&repository).unwrap_err().to_string();
    assert!(
        error.contains("contrib for arm64; it has the components main and"),
        "{error}"
    );
}

#[test]
fn archive_is_known_offline_once_it_was_fetched() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let repository = scene.repository(&archive);
    let error = scene.indices_at(NOW, &repository, offline()).unwrap_err();
    assert!(
        matches!(&error, RepositoryError::Fetch { source: FetchError::Offline { name }, .. }
            if name == "InRelease of debian/trixie"),
        "{error:?}"
    );
    let indices = scene.indices(&repository).unwrap();
    let asked = scene.server.requests().len();
    assert_eq!(
        scene.indices_at(NOW, &repository, offline()).unwrap(),
        indices
    );

    let download = repository.download(&archive.locked("hello")).unwrap();
    let client = Client::new(offline()).unwrap();
    let error = client
        .download(&scene.store, &download, &scene.heard)
        .unwrap_err();
    assert!(matches!(&error, FetchError::Offline { name } if name == "hello 1.0-1"));
    assert_eq!(
        scene.server.requests().len(),
        asked,
        "nothing was asked offline"
    );
}

#[test]
fn archive_package_that_was_changed_is_refused() {
    let archive = archive();
    let scene = Scene::of(&archive);
    let package = archive.locked("hello");
    scene.server.fault(
        &format!("/{}", package.path),
        Fault::Corrupt(100),
        Times::Always,
    );
    let download = scene.repository(&archive).download(&package).unwrap();
    let error = scene.fetch(&download).unwrap_err();
    assert!(
        matches!(&error, FetchError::Digest { expected, url, .. }
            if *expected == package.sha256 && *url == download.urls[0]),
        "{error:?}"
    );
    assert!(!scene.store.contains(&package.sha256));
    assert_eq!(scene.partials(), 0);
}
