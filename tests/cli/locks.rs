//! Locks: how they are written, read again and required; exit code 3.

use crate::fixture::{Fixture, run};
use crate::mirror::NOW;
use crate::test_debian;
use imgbuild::digest::Sha256;
use imgbuild::epoch::Epoch;

impl Fixture {
    fn lock(&self) -> String {
        let path = self.path("x.lock");
        let finished = run(self.sub("lock").arg("--output").arg(&path)).succeeded();
        assert_eq!(finished.stdout, format!("{}\n", path.display()));
        fs_err::read_to_string(path).unwrap()
    }

    fn plan_locked(&self) -> std::process::Command {
        let mut command = self.sub("plan");
        command
            .arg("--locked")
            .arg("--lock")
            .arg(self.path("x.lock"));
        command
    }

    fn build_locked(&self) -> std::process::Command {
        let mut command = self.build();
        command
            .arg("--locked")
            .arg("--lock")
            .arg(self.path("x.lock"));
        command
    }
}

#[test]
fn a_lock_pins_every_input_and_is_the_same_each_time() {
    let fixture = Fixture::new();
    let first = fixture.lock();
    assert_eq!(fixture.lock(), first);
    assert_eq!(
        crate::fixture::names(&fixture.path("")),
        [
            "definitions",
            "home",
            "keyring.pgp",
            "mirror",
            "out",
            "store",
            "work",
            "x.lock"
        ]
    );
    let hello = test_debian::archive().locked("hello");
    assert!(
        first.contains(&hello.sha256.to_string()) && first.contains(&hello.path),
        "{first}"
    );
    let parsed = imgbuild::lock::Lock::parse(&first).unwrap();
    assert_eq!(parsed.to_text(), first);
}

#[test]
fn locked_without_a_lock_is_refused() {
    let fixture = Fixture::new();
    let finished = run(fixture.build().arg("--locked")).ended(3);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
    run(&mut fixture.build_locked()).ended(3).says(&["x.lock"]);
    assert_eq!(fixture.server.requests(), []);
}

#[test]
fn a_stale_lock_is_refused() {
    let fixture = Fixture::new();
    fixture.lock();
    let profile = "profiles/greeter/profile.toml";
    fixture.edit(profile, "[\"hello\"]", "[\"hello\", \"kmod\"]");
    let finished = run(&mut fixture.build_locked()).ended(3);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
}

#[test]
fn a_lock_that_is_none_is_refused() {
    let fixture = Fixture::new();
    fs_err::write(fixture.path("x.lock"), "version = 2\nbroken = true\n").unwrap();
    let finished = run(&mut fixture.build_locked()).ended(3);
    insta::assert_snapshot!("broken lock", fixture.steady(&finished.stderr));
    let text = fixture.lock().replace("version = 2\n", "version = 99\n");
    fs_err::write(fixture.path("x.lock"), text).unwrap();
    let finished = run(&mut fixture.build_locked()).ended(3);
    insta::assert_snapshot!("lock of another version", fixture.steady(&finished.stderr));
    // One of the first version is known by that, not by the keys that it had.
    fs_err::write(
        fixture.path("x.lock"),
        "version = 1\n[[donors]]\nname = \"hello\"\n",
    )
    .unwrap();
    run(&mut fixture.build_locked()).ended(3).says(&[
        "the lock has version 1, expected 2",
        "run `imgbuild lock` to make it anew",
    ]);
    fs_err::remove_file(fixture.path("x.lock")).unwrap();
    fs_err::create_dir(fixture.path("x.lock")).unwrap();
    run(&mut fixture.build_locked()).ended(3).says(&["x.lock"]);
}

#[test]
fn a_digest_that_was_edited_is_refused_with_what_to_do() {
    let fixture = Fixture::new();
    let lock = fixture.lock();
    let hello = test_debian::archive().locked("hello");
    let digest = hello.sha256.to_string();
    let other = Sha256::of(b"another file").to_string();
    assert!(lock.contains(&digest));
    fs_err::write(fixture.path("x.lock"), lock.replace(&digest, &other)).unwrap();
    run(&mut fixture.build_locked()).ended(4).says(&[
        "cannot fetch",
        &format!("expected sha256:{other}, received sha256:{digest}"),
        "where a lock names the digest of another file, because it was edited or belongs to another archive, run \
         `imgbuild lock`",
    ]);
    assert!(fixture.outputs().is_empty());
}

#[test]
fn a_path_that_leads_out_of_the_archive_is_refused_before_anything_is_fetched() {
    let fixture = Fixture::new();
    let lock = fixture.lock();
    let hello = test_debian::archive().locked("hello");
    let n_asked = fixture.server.requests().len();
    for path in [
        "../../etc/passwd",
        "/etc/passwd",
        "pool/../../x.deb",
        "pool//x.deb",
        "",
    ] {
        let text = lock.replace(&format!("{:?}", hello.path), &format!("{path:?}"));
        assert_ne!(text, lock);
        fs_err::write(fixture.path("x.lock"), text).unwrap();
        for mut command in [fixture.build_locked(), fixture.plan_locked()] {
            run(&mut command).ended(3).says(&[
                "x.lock",
                &format!("invalid value: string \"{path}\", expected names joined by `/`"),
                "run `imgbuild lock`",
            ]);
        }
    }
    assert_eq!(fixture.server.requests().len(), n_asked);
}

#[test]
fn a_value_that_no_lock_can_have_is_refused_with_its_line() {
    let fixture = Fixture::new();
    let lock = fixture.lock();
    let at = |key: &str| {
        let key = format!("{key} = ");
        let line = lock.lines().position(|line| line.starts_with(&key));
        line.unwrap()
    };
    let many = "9".repeat(18);
    for (key, value, expected) in [
        ("epoch", "-1", "before the year 2100"),
        ("epoch", &many, "before the year 2100"),
        ("date", &many, "before the year 2100"),
        ("name", r#""debian/trixie\nTrusted: yes""#, "a name without"),
        ("url", r#""mirror/debian""#, "an address with http:"),
        (
            "url",
            r#""http://mirror/\nTrusted: yes""#,
            "an address with http:",
        ),
        (
            "url",
            r#""http://mirror/debian /other""#,
            "an address with http:",
        ),
        (
            "repository",
            r#""nowhere""#,
            "expected one of `debian/trixie`",
        ),
        ("size", "0", "1 to 2^40"),
        ("size", "-5", "1 to 2^40"),
        ("size", &many, "1 to 2^40"),
    ] {
        let mut lines: Vec<String> = lock.lines().map(str::to_owned).collect();
        lines[at(key)] = format!("{key} = {value}");
        fs_err::write(fixture.path("x.lock"), lines.join("\n")).unwrap();
        for mut command in [fixture.build_locked(), fixture.plan_locked()] {
            run(&mut command).ended(3).says(&[
                "x.lock",
                &format!("line {}", at(key) + 1),
                expected,
                "run `imgbuild lock` to make it anew",
            ]);
        }
    }
}

#[test]
fn a_good_lock_gives_the_same_image_even_when_the_archive_has_moved_on() {
    let fixture = Fixture::new();
    fixture.lock();
    run(&mut fixture.build()).succeeded();
    let unlocked = fs_err::read(fixture.image()).unwrap();
    let newer = test_debian::archive()
        .date(Epoch(NOW.0 + 86_400))
        .package(test_debian::package("hello-more"));
    fixture.publish(&newer);
    let asked = fixture.server.requests().len();
    run(&mut fixture.build_locked()).succeeded();
    assert!(
        fs_err::read(fixture.image()).unwrap() == unlocked,
        "the lock did not decide the image"
    );
    assert_eq!(
        fixture.server.requests().len(),
        asked,
        "a locked build asks no archive for its state"
    );
    run(&mut fixture.build()).succeeded();
    assert!(
        fs_err::read(fixture.image()).unwrap() != unlocked,
        "the newer archive decided nothing"
    );
}

#[test]
fn a_locked_build_into_an_empty_store_fetches_the_pinned_files() {
    let fixture = Fixture::new();
    fixture.lock();
    run(&mut fixture.build_locked()).succeeded();
    let first = fs_err::read(fixture.image()).unwrap();
    fs_err::rename(fixture.path("store"), fixture.path("other-store")).unwrap();
    run(&mut fixture.build_locked()).succeeded();
    assert!(fs_err::read(fixture.image()).unwrap() == first);
}

#[test]
fn the_lock_beside_the_profile_is_used_without_being_named() {
    let fixture = Fixture::new();
    let finished = run(&mut fixture.sub("lock")).succeeded();
    assert_eq!(finished.stdout, "profiles/greeter/tiny.lock\n");
    assert_eq!(
        crate::fixture::names(&fixture.path("work/profiles/greeter")),
        ["tiny.lock"]
    );
    let asked = fixture.server.requests().len();
    run(fixture.sub("plan").arg("--locked")).succeeded();
    assert_eq!(fixture.server.requests().len(), asked);
}
