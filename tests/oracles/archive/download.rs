//! Downloads from a mirror that breaks off, stalls, sends wrong bytes or is busy.

use super::fixture::{Fixture, archive, impatient, quick};
use crate::mirror::{Fault, Times};
use imgbuild::digest::Sha256;
use imgbuild::fetch::{Client, FetchError, Options, Pace, Proxies};
use imgbuild::store::Store;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn download_that_breaks_off_is_resumed() {
    let fixture = Fixture::of(&archive());
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let download = fixture.download("large", &content);
    fixture.fault("/large", Fault::Truncate(300_000), Times::Once);
    fixture.fetch(&download).unwrap();
    let ranges = fixture.server.ranges("/large");
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
    assert_eq!(fixture.heard.fetched(), download.size);
}

#[test]
fn download_is_resumed_by_the_next_run() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = fixture.download("large", &content);
    fixture.fault("/large", Fault::Truncate(4000), Times::Once);
    fixture.fault("/large", Fault::Status(404), Times::Once);
    fixture.fetch(&download).unwrap_err();
    assert_eq!(fixture.partials(), 1);
    fixture.fetch(&download).unwrap();
    assert_eq!(
        fixture.server.ranges("/large"),
        ["", "bytes=4000-", "bytes=4000-"]
    );
    assert_eq!(fixture.partials(), 0);
}

#[test]
fn download_starts_again_where_the_server_knows_no_range() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = fixture.download("large", &content);
    fixture.fault("/large", Fault::Truncate(4000), Times::Once);
    fixture.fault("/large", Fault::NoRange, Times::Once);
    fixture.fetch(&download).unwrap();
    assert_eq!(fixture.server.ranges("/large"), ["", "bytes=4000-"]);
    assert_eq!(fixture.heard.fetched(), download.size);
}

#[test]
fn download_discards_a_partial_file_with_wrong_bytes() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = fixture.download("large", &content);
    for wrong in [b"X".repeat(500), b"X".repeat(10_000), b"X".repeat(20_000)] {
        fs_err::write(fixture.store.partial_path(&download.sha256), &wrong).unwrap();
        fixture.fetch(&download).unwrap();
        assert_eq!(fixture.object(&download.sha256).as_bytes(), content);
        fs_err::remove_file(fixture.store.object_path(&download.sha256)).unwrap();
    }
}

#[test]
fn download_that_stalls_is_given_up_and_resumed() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = fixture.download("large", &content);
    fixture.fault("/large", Fault::Stall(4000), Times::Once);
    fixture.fault("/large", Fault::Silence, Times::Once);
    fixture.fetch_with(impatient(), &download).unwrap();
    assert_eq!(
        fixture.server.ranges("/large"),
        ["", "bytes=4000-", "bytes=4000-"]
    );
}

#[test]
fn download_that_is_slow_but_alive_is_not_given_up() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(100);
    let download = fixture.download("slow", &content);
    // The ten pieces take longer than the time limit together, and each of them less.
    let pause = Duration::from_millis(60);
    fixture.fault("/slow", Fault::Slow(100, pause), Times::Always);
    fixture.fetch_with(impatient(), &download).unwrap();
    assert_eq!(fixture.server.ranges("/slow"), [""]);
}

#[test]
fn download_retries_what_passes_and_only_that() {
    let fixture = Fixture::of(&archive());
    let mut download = fixture.download("file", b"content");
    fixture.fault("/file", Fault::Status(503), Times::Once);
    fixture.fault("/file", Fault::Status(429), Times::Once);
    fixture.fetch(&download).unwrap();
    assert_eq!(fixture.server.ranges("/file").len(), 3);

    let missing = format!("{}/missing", fixture.server.url()).parse().unwrap();
    download.urls = vec![missing];
    download.sha256 = Sha256::of(b"other");
    let error = fixture.fetch(&download).unwrap_err().to_string();
    assert!(error.ends_with("/missing answers 404 Not Found"), "{error}");
    assert_eq!(fixture.server.ranges("/missing").len(), 1);
    assert_eq!(fixture.partials(), 0);
}

#[test]
fn download_waits_longer_each_time_and_not_for_ever() {
    let fixture = Fixture::of(&archive());
    let download = fixture.download("file", b"content");
    fixture.fault("/file", Fault::Status(500), Times::Always);
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
        .download(&fixture.store, &download, &fixture.heard)
        .unwrap_err();
    assert_eq!(*pauses.lock().unwrap(), [500, 1000, 2000]);
}

#[test]
fn download_goes_on_to_the_next_mirror() {
    let fixture = Fixture::of(&archive());
    let mut download = fixture.download("file", b"content");
    fs_err::write(fixture.root.path().join("longer"), b"content and more").unwrap();
    fs_err::write(fixture.root.path().join("other"), b"CONTENT").unwrap();
    fixture.fault("/here", Fault::Redirect("/file".to_owned()), Times::Always);
    let urls = ["missing", "longer", "other", "here"];
    let urls = urls.map(|path| format!("{}/{path}", fixture.server.url()).parse().unwrap());
    download.urls = urls.to_vec();
    fixture.fetch(&download).unwrap();
    assert_eq!(fixture.object(&download.sha256), "content");
}

#[test]
fn download_by_two_builds_at_once_happens_once() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(100);
    let download = fixture.download("file", &content);
    let pause = Duration::from_millis(30);
    fixture.fault("/file", Fault::Slow(500, pause), Times::Always);
    let other = Store::open(fixture.store.root()).unwrap();
    let clients = [(); 2].map(|()| Client::new(quick()).unwrap());
    std::thread::scope(|scope| {
        for (client, store) in clients.iter().zip([&fixture.store, &other]) {
            scope.spawn(|| client.download(store, &download, &fixture.heard).unwrap());
        }
    });
    assert_eq!(fixture.server.ranges("/file").len(), 1);
    assert_eq!(fixture.partials(), 0);
}

#[test]
fn downloads_stop_at_the_first_failure_in_order() {
    let fixture = Fixture::of(&archive());
    let good = fixture.download("good", b"good");
    let mut missing = fixture.download("gone", b"gone");
    fs_err::remove_file(fixture.root.path().join("gone")).unwrap();
    missing.name = "gone".to_owned();
    let client = Client::new(quick()).unwrap();
    let one = NonZeroUsize::MIN;
    let downloads = [good.clone(), missing, fixture.download("never", b"never")];
    let error = client
        .download_all(&fixture.store, &downloads, one, &fixture.heard)
        .unwrap_err();
    assert!(matches!(error, FetchError::Status { .. }), "{error:?}");
    assert!(fixture.store.contains(&good.sha256));
    assert_eq!(fixture.server.ranges("/never").len(), 0);
}

#[test]
fn client_goes_through_its_proxy_only_when_told() {
    let fixture = Fixture::of(&archive());
    let mut download = fixture.download("file", b"content");
    download.urls = vec!["http://deb.example/file".parse().unwrap()];
    let options = Options {
        proxies: Proxies {
            http: Some(fixture.server.url()),
            ..Proxies::default()
        },
        ..quick()
    };
    fixture.fault(
        "http://deb.example/file",
        Fault::Serve(b"content".to_vec()),
        Times::Once,
    );
    let client = Client::new(options).unwrap();
    client
        .download(&fixture.store, &download, &fixture.heard)
        .unwrap();
    assert_eq!(fixture.server.requests()[0].path, "http://deb.example/file");
}

#[test]
fn client_asks_directly_whom_no_proxy_names() {
    let fixture = Fixture::of(&archive());
    let proxy = crate::mirror::Server::start(fixture.root.path());
    let address = fixture.server.url();
    let port = address.rsplit(':').next().unwrap();
    let through = |except: &str| {
        let options = Options {
            proxies: Proxies {
                http: Some(proxy.url().replace("http://", "http://me:secret@")),
                except: except.to_owned(),
                ..Proxies::default()
            },
            attempts: 1,
            ..quick()
        };
        let url = format!("{address}/dists/trixie/InRelease").parse().unwrap();
        let before = proxy.requests().len();
        // The proxy of the test has no such file. Only the server that is asked counts.
        let _ = Client::new(options).unwrap().get("x", &[url], 1 << 20);
        proxy.requests().len() > before
    };
    for direct in [
        "*",
        "127.0.0.1",
        "other.example,127.0.0.1",
        "other.example 127.0.0.1",
        "127.0.0.0/8",
        &format!("127.0.0.1:{port}"),
        &format!("10.0.0.0/8, *:{port}"),
    ] {
        assert!(!through(direct), "{direct}");
    }
    for other in [
        "",
        "127.0.0.2",
        "0.0.1",
        "10.0.0.0/8",
        "127.0.0.1:1",
        "[::1]",
        "::1",
        "localhost",
    ] {
        assert!(through(other), "{other}");
    }
    let asked = proxy.requests().pop().unwrap();
    // `me:secret`, as RFC 7617 writes it.
    assert_eq!(asked.fields["proxy-authorization"], "Basic bWU6c2VjcmV0");
}

#[test]
fn client_sends_the_login_of_an_address_and_never_shows_it() {
    let fixture = Fixture::of(&archive());
    let mut download = fixture.download("file", b"content");
    let url = format!(
        "{}/file",
        fixture.server.url().replace("//", "//me:secret@")
    );
    download.urls = vec![url.parse().unwrap()];
    for fault in [Fault::Status(401), Fault::Corrupt(1)] {
        fixture.fault("/file", fault, Times::Always);
    }
    for _ in 0..2 {
        let error = fixture.fetch(&download).unwrap_err();
        let words = format!("{error} {error:?}");
        assert!(
            !words.contains("secret") && !words.contains("//me"),
            "{words}"
        );
        fixture.server.forgive("/file");
    }
    fixture.fetch(&download).unwrap();
    let asked = fixture.server.requests().pop().unwrap();
    assert_eq!(asked.fields["authorization"], "Basic bWU6c2VjcmV0");
}

#[test]
fn download_goes_on_as_long_as_it_gets_any_further() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(100);
    let download = fixture.download("cut", &content);
    for _ in 0..40 {
        fixture.fault("/cut", Fault::Truncate(25), Times::Once);
    }
    fixture.fetch(&download).unwrap();
    assert!(fixture.server.ranges("/cut").len() >= 40);
    // If each attempt starts again, it is no advance to come as far as before.
    let again = fixture.download("again", &b"9876543210".repeat(100));
    fixture.fault("/again", Fault::TruncateWhole(500), Times::Always);
    fixture.fetch(&again).unwrap_err();
    assert!(fixture.server.ranges("/again").len() <= 8);
}

/// A clock that advances by a second each time it is read.
fn ticking() -> Box<dyn Fn() -> Duration + Send + Sync> {
    let looks = std::sync::atomic::AtomicU64::new(0);
    Box::new(move || Duration::from_secs(looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
}

#[test]
fn download_that_drips_for_ever_ends_with_what_is_wrong() {
    let fixture = Fixture::of(&archive());
    let content = b"0123456789".repeat(1000);
    let download = fixture.download("drip", &content);
    let options = || Options {
        clock: ticking(),
        pace: Pace {
            bytes: 100,
            window: Duration::from_secs(20),
        },
        ..quick()
    };
    let drip = Fault::Slow(1, Duration::from_millis(1));
    for cut in [false, true] {
        let fault = match cut {
            true => Fault::Truncate(1),
            false => drip.clone(),
        };
        fixture.server.forgive("/drip");
        fixture.fault("/drip", fault, Times::Always);
        let error = fixture.fetch_with(options(), &download).unwrap_err();
        let words = error.to_string();
        assert!(
            words.contains(" in 20 seconds, which would take for ever"),
            "{words}"
        );
    }
    // The limit holds for small files too.
    fixture.server.forgive("/drip");
    fixture.fault("/drip", drip, Times::Always);
    let client = Client::new(options()).unwrap();
    let error = client.get("drip", &download.urls, 1 << 20).unwrap_err();
    assert!(matches!(error, FetchError::TooSlow { .. }), "{error}");
}

#[test]
fn download_does_not_follow_or_wait_for_what_lies_in_its_place() {
    let fixture = Fixture::of(&archive());
    let download = fixture.download("file", b"content");
    let path = fixture.store.partial_path(&download.sha256);
    let other = fixture.root.path().join("other");
    let places: [&dyn Fn(); 4] = [
        &|| std::os::unix::fs::symlink(&other, &path).unwrap(),
        &|| {
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            )
        },
        &|| fs_err::create_dir_all(path.join("deep")).unwrap(),
        &|| fs_err::write(&path, b"con").unwrap(),
    ];
    for place in places {
        fs_err::write(&other, b"of somebody else").unwrap();
        place();
        fixture.fetch(&download).unwrap();
        assert_eq!(fixture.object(&download.sha256), "content");
        assert_eq!(fs_err::read(&other).unwrap(), b"of somebody else");
        fs_err::remove_file(fixture.store.object_path(&download.sha256)).unwrap();
    }
}
