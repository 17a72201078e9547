//! Downloads over a mirror that breaks off, stalls, lies or is busy.

use super::scene::{Scene, archive, impatient, quick};
use crate::mirror::{Fault, Times};
use imgbuild::digest::Sha256;
use imgbuild::fetch::{Client, FetchError, Options};
use imgbuild::store::Store;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn download_that_breaks_off_is_resumed() {
    let scene = Scene::of(&archive());
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let download = scene.download("large", &content);
    scene
        .server
        .fault("/large", Fault::Truncate(300_000), Times::Once);
    scene.fetch(&download).unwrap();
    let ranges = scene.server.ranges("/large");
    let [first, second] = &ranges[..] else {
        panic!("{ranges:?}")
    };
    assert_eq!(first, "");
    let start: u64 = second
        .strip_prefix("bytes=")
        .unwrap()
        .trim_end_matches('-')
        .parse()
        .unwrap();
    assert!((1..=300_000).contains(&start), "{start}");
    assert_eq!(scene.heard.fetched(), download.size);
}

#[test]
fn download_is_resumed_by_the_next_run() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = scene.download("large", &content);
    scene
        .server
        .fault("/large", Fault::Truncate(4000), Times::Once);
    let options = Options {
        attempts: 1,
        ..quick()
    };
    let error = Client::new(options)
        .unwrap()
        .download(&scene.store, &download, &scene.heard);
    assert!(matches!(
        error,
        Err(FetchError::Transfer { .. } | FetchError::CutOff { .. })
    ));
    assert_eq!(scene.partials(), 1);
    scene.fetch(&download).unwrap();
    assert_eq!(scene.server.ranges("/large"), ["", "bytes=4000-"]);
    assert_eq!(scene.partials(), 0);
}

#[test]
fn download_starts_again_where_the_server_knows_no_range() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = scene.download("large", &content);
    scene
        .server
        .fault("/large", Fault::Truncate(4000), Times::Once);
    scene.server.fault("/large", Fault::NoRange, Times::Once);
    scene.fetch(&download).unwrap();
    assert_eq!(scene.server.ranges("/large"), ["", "bytes=4000-"]);
    assert_eq!(scene.heard.fetched(), download.size);
}

#[test]
fn download_discards_a_partial_file_with_wrong_bytes() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = scene.download("large", &content);
    for wrong in [b"X".repeat(500), b"X".repeat(10_000), b"X".repeat(20_000)] {
        fs_err::write(scene.store.partial_path(&download.sha256), &wrong).unwrap();
        scene.fetch(&download).unwrap();
        assert_eq!(scene.object(&download.sha256).as_bytes(), content);
        fs_err::remove_file(scene.store.object_path(&download.sha256)).unwrap();
    }
}

#[test]
fn download_that_stalls_is_given_up_and_resumed() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = scene.download("large", &content);
    scene
        .server
        .fault("/large", Fault::Stall(4000), Times::Once);
    scene.server.fault("/large", Fault::Silence, Times::Once);
    scene.fetch_with(impatient(), &download).unwrap();
    assert_eq!(
        scene.server.ranges("/large"),
        ["", "bytes=4000-", "bytes=4000-"]
    );
}

#[test]
fn download_that_is_slow_but_alive_is_not_given_up() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(100);
    let download = scene.download("slow", &content);
    // Ten pieces: longer than the time limit altogether, shorter from one to the next.
    let pause = Duration::from_millis(60);
    scene
        .server
        .fault("/slow", Fault::Slow(100, pause), Times::Always);
    scene.fetch_with(impatient(), &download).unwrap();
    assert_eq!(scene.server.ranges("/slow"), [""]);
}

#[test]
fn download_retries_what_passes_and_only_that() {
    let scene = Scene::of(&archive());
    let mut download = scene.download("file", b"content");
    scene.server.fault("/file", Fault::Status(503), Times::Once);
    scene.server.fault("/file", Fault::Status(429), Times::Once);
    scene.fetch(&download).unwrap();
    assert_eq!(scene.server.ranges("/file").len(), 3);

    let missing = format!("{}/missing", scene.server.url()).parse().unwrap();
    download.urls = vec![missing];
    download.sha256 = Sha256::of(b"other");
    let error = scene.fetch(&download).unwrap_err().to_string();
    assert!(error.ends_with("/missing answers 404 Not Found"), "{error}");
    assert_eq!(scene.server.ranges("/missing").len(), 1);
    assert_eq!(scene.partials(), 0);
}

#[test]
fn download_waits_longer_each_time_and_not_for_ever() {
    let scene = Scene::of(&archive());
    let download = scene.download("file", b"content");
    scene
        .server
        .fault("/file", Fault::Status(500), Times::Always);
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&pauses);
    let pause = move |time: Duration| noted.lock().unwrap().push(time.as_millis());
    let options = Options {
        attempts: 4,
        pause: Box::new(pause),
        ..quick()
    };
    let client = Client::new(options).unwrap();
    client
        .download(&scene.store, &download, &scene.heard)
        .unwrap_err();
    assert_eq!(*pauses.lock().unwrap(), [500, 1000, 2000]);
}

#[test]
fn download_goes_on_to_the_next_mirror() {
    let scene = Scene::of(&archive());
    let mut download = scene.download("file", b"content");
    fs_err::write(scene.root.path().join("longer"), b"content and more").unwrap();
    fs_err::write(scene.root.path().join("other"), b"CONTENT").unwrap();
    scene
        .server
        .fault("/here", Fault::Redirect("/file".to_owned()), Times::Always);
    let urls = ["missing", "longer", "other", "here"];
    let urls = urls.map(|path| format!("{}/{path}", scene.server.url()).parse().unwrap());
    download.urls = urls.to_vec();
    scene.fetch(&download).unwrap();
    assert_eq!(scene.object(&download.sha256), "content");
}

#[test]
fn download_by_two_builds_at_once_happens_once() {
    let scene = Scene::of(&archive());
    let content = b"0123456789".repeat(100);
    let download = scene.download("file", &content);
    let pause = Duration::from_millis(30);
    scene
        .server
        .fault("/file", Fault::Slow(500, pause), Times::Always);
    let other = Store::open(scene.store.root()).unwrap();
    let clients = [(); 2].map(|()| Client::new(quick()).unwrap());
    std::thread::scope(|scope| {
        for (client, store) in clients.iter().zip([&scene.store, &other]) {
            scope.spawn(|| client.download(store, &download, &scene.heard).unwrap());
        }
    });
    assert_eq!(scene.server.ranges("/file").len(), 1);
    assert_eq!(scene.partials(), 0);
}

#[test]
fn downloads_stop_at_the_first_failure_in_order() {
    let scene = Scene::of(&archive());
    let good = scene.download("good", b"good");
    let mut missing = scene.download("gone", b"gone");
    fs_err::remove_file(scene.root.path().join("gone")).unwrap();
    missing.name = "gone".to_owned();
    let client = Client::new(quick()).unwrap();
    let one = NonZeroUsize::MIN;
    let downloads = [good.clone(), missing, scene.download("never", b"never")];
    let error = client
        .download_all(&scene.store, &downloads, one, &scene.heard)
        .unwrap_err();
    assert!(matches!(error, FetchError::Status { .. }), "{error:?}");
    assert!(scene.store.contains(&good.sha256));
    assert_eq!(scene.server.ranges("/never").len(), 0);
}

#[test]
fn client_goes_through_its_proxy_only_when_told() {
    let scene = Scene::of(&archive());
    let mut download = scene.download("file", b"content");
    download.urls = vec!["http://deb.example/file".parse().unwrap()];
    let options = Options {
        proxy: Some(scene.server.url()),
        ..quick()
    };
    scene.server.fault(
        "http://deb.example/file",
        Fault::Serve(b"content".to_vec()),
        Times::Once,
    );
    let client = Client::new(options).unwrap();
    client
        .download(&scene.store, &download, &scene.heard)
        .unwrap();
    assert_eq!(scene.server.requests()[0].path, "http://deb.example/file");
}
