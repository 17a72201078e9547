//! The library without the command line: the example, and what a session refuses and reports.

use crate::fixture::{Fixture, PROGRAM, run};
use crate::mirror::NOW;
use crate::test_debian;
use imgbuild::apt::keyring::Keyring;
use imgbuild::define::Definitions;
use imgbuild::digest::Sha256;
use imgbuild::event::{Event, Reporter, Stage, Work};
use imgbuild::session::{Mirrors, Options, Session, SessionError};
use imgbuild::specification::{self, Configure, Spec, UserSettings};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

#[path = "../../examples/build.rs"]
#[expect(dead_code, reason = "its main runs where it is a program")]
mod example;

/// The options of a session for `fixture`; nothing in its archive expires.
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

/// Keeps what a session reports.
#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// One word for each kind of event; a new kind is new here, too.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Started { .. } => "started",
        Event::Advanced { .. } => "advanced",
        Event::Finished { .. } => "finished",
        Event::Note(_) => "note",
        Event::Warning(_) => "warning",
    }
}

#[test]
fn a_session_reports_every_kind_of_event_and_ends_each_stage_that_it_begins() {
    // The script makes the session take note of the host name.
    let script = "#!/bin/sh\nread name < /etc/hostname\necho \"$name\" > /etc/copied\n";
    let package = test_debian::package("copier").field("Essential", "yes");
    let fixture = Fixture::of(&test_debian::archive().package(package.script("postinst", script)));
    let recorder = Recorder::default();
    let options = Options {
        reporter: &recorder,
        ..options(&fixture)
    };
    let session = Session::open(spec(&fixture, &UserSettings::default()), options).unwrap();
    let output = session.output(&fixture.image()).unwrap();
    let base = session.base(None).unwrap();
    let plan = session.plan(session.resolve(&base).unwrap()).unwrap();
    let image = session.build(&plan, &base).unwrap();
    let len = session.write(&plan, &image, output).unwrap().len;
    drop(session);
    let events = recorder.0.into_inner().unwrap();
    let kinds: BTreeSet<&str> = events.iter().map(kind).collect();
    let all = ["advanced", "finished", "note", "started", "warning"];
    assert_eq!(kinds, BTreeSet::from(all), "{events:?}");

    let mut running = None;
    let mut done = 0;
    for event in &events {
        match *event {
            Event::Started { stage, work } => {
                assert_eq!(running.replace((stage, work)), None, "{events:?}");
                done = 0;
            }
            Event::Advanced { stage, amount } => {
                assert_eq!(running.map(|(running, _)| running), Some(stage));
                done += amount;
            }
            Event::Finished { stage, memoized } => {
                let (begun, work) = running.take().unwrap();
                assert_eq!(begun, stage);
                let total = work.total().filter(|_| !memoized);
                assert!(
                    total.is_none_or(|total| total == done),
                    "{stage:?} {work:?} {done}"
                );
                if stage == Stage::Write {
                    assert_eq!(work, Work::Bytes(Some(len)));
                }
            }
            Event::Note(_) | Event::Warning(_) => {}
        }
    }
    assert_eq!(running, None);
}

/// The two packages have files in the same folder, which would be neighbours in the order of paths. A script changes one
/// file and removes another, so that the run of its package has two gaps.
#[test]
fn an_image_is_far_fewer_slices_than_its_packages_have_files() {
    let many = |name: &str| {
        let package = test_debian::package(name).field("Essential", "yes");
        (0..300_usize).fold(package, |package, number| {
            let path = format!("/usr/share/both/{number:03}-{name}");
            package.file(&path, 0o644, name.repeat(number).as_bytes())
        })
    };
    let script =
        "#!/bin/sh\nset -e\nrm /usr/share/both/100-one\necho more >> /usr/share/both/200-one\n";
    let archive = test_debian::archive()
        .package(many("one").script("postinst", script))
        .package(many("two"));
    let fixture = Fixture::of(&archive);
    let spec = spec(&fixture, &UserSettings::default());
    let session = Session::open(spec, options(&fixture)).unwrap();
    let base = session.base(None).unwrap();
    let plan = session.plan(session.resolve(&base).unwrap()).unwrap();
    let image = session.build(&plan, &base).unwrap();
    let objects: BTreeSet<Sha256> = image.objects().collect();
    let (regions, slices) = (image.regions().len(), image.objects().count());
    println!(
        "{regions} regions, of which {slices} are slices of {} objects",
        objects.len()
    );
    assert!(
        slices < 50 && regions < 400,
        "{regions} regions, {slices} slices"
    );
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
    assert!(matches!(session.base(None), Err(SessionError::NoMirror)));
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
