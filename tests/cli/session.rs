//! The library without the command line: the example, and what a session refuses and reports.

use crate::fixture::{Fixture, PROGRAM, run};
use crate::mirror::NOW;
use imgbuild::apt::keyring::Keyring;
use imgbuild::define::Definitions;
use imgbuild::digest::Sha256;
use imgbuild::session::{Mirrors, Options, Session, SessionError};
use imgbuild::specification::{self, Configure, Spec, UserSettings};
use std::path::PathBuf;

#[path = "../../examples/build.rs"]
#[expect(dead_code, reason = "its main runs where it is a program")]
mod example;

/// What a session of `fixture` needs; nothing in its archive expires.
fn options(fixture: &Fixture) -> Options<'_> {
    let keys = fs_err::read(fixture.path("keyring.pgp")).unwrap();
    Options {
        keyring: Some(Keyring::parse(&keys).unwrap()),
        ..Options::new(
            fixture.path("store"),
            Mirrors::named(&fixture.mirror()).unwrap(),
            NOW,
            PathBuf::from(PROGRAM),
        )
    }
}

fn spec(fixture: &Fixture, settings: &UserSettings) -> Spec {
    let definitions = Definitions::find(&[fixture.path("definitions")]);
    specification::check(&definitions, "tiny", "greeter", settings).unwrap()
}

fn image_digest(fixture: &Fixture) -> Sha256 {
    Sha256::of(&fs_err::read(fixture.image()).unwrap())
}

#[test]
fn the_example_builds_the_image_that_the_program_builds() {
    let fixture = Fixture::new();
    run(&mut fixture.build()).succeeded();
    let expected = image_digest(&fixture);
    fs_err::remove_file(fixture.image()).unwrap();
    let folder = fixture.path("definitions");
    fs_err::copy(fixture.path("keyring.pgp"), folder.join("keyring.pgp")).unwrap();
    let image = fixture.image().display().to_string();
    let arguments = ["tiny", "greeter", &fixture.mirror(), &image].map(str::to_owned);
    let written = example::build(&arguments, &folder, PathBuf::from(PROGRAM)).unwrap();
    assert_eq!(written.sha256, Some(expected));
    assert_eq!(image_digest(&fixture), expected);
}

#[test]
fn what_a_session_cannot_do_is_an_error_of_its_own() {
    let fixture = Fixture::new();
    let open = |settings: &UserSettings, change: fn(&mut Options<'_>)| {
        let mut options = options(&fixture);
        change(&mut options);
        Session::open(spec(&fixture, settings), options)
    };
    let settings = UserSettings::default();
    let session = open(&settings, |options| options.mirrors = Mirrors::Unknown).unwrap();
    assert!(matches!(session.start(None), Err(SessionError::NoMirror)));
    let keys = open(&settings, |options| options.base_keys = Some(Vec::new()));
    assert!(matches!(keys, Err(SessionError::NeedlessBaseKey)));
    let settings = UserSettings {
        configure: Configure::FirstBoot,
        ..UserSettings::default()
    };
    let unconfigured = open(&settings, |_| {});
    assert!(matches!(
        unconfigured,
        Err(SessionError::UnconfiguredBootstrap)
    ));
}
