//! A mistake in a definition or a setting is reported with its place and with help; exit code 1.

use crate::fixture::{Finished, Fixture, run};

impl Fixture {
    /// A build that must fail because of its definitions, before it asks the archive for anything.
    fn refused(&self, arguments: &[&str]) -> Finished {
        let finished = run(self.build().args(arguments)).ended(1);
        assert_eq!(finished.stdout, "");
        assert_eq!(self.server.requests(), []);
        assert_eq!(self.outputs(), [""; 0]);
        finished
    }

    fn shown(&self, finished: &Finished) -> String {
        self.steady(&finished.stderr)
    }
}

#[test]
fn an_unknown_key_is_shown_with_its_place() {
    let fixture = Fixture::new();
    fixture.edit("profiles/greeter/profile.toml", "root-margin", "root-margn");
    insta::assert_snapshot!(fixture.shown(&fixture.refused(&[])));
}

#[test]
fn a_value_of_the_wrong_type_is_shown_with_its_place() {
    let fixture = Fixture::new();
    fixture.edit(
        "boards/tiny/board.toml",
        "bootable = true",
        "bootable = \"yes\"",
    );
    insta::assert_snapshot!(fixture.shown(&fixture.refused(&[])));
}

#[test]
fn every_mistake_is_shown_at_once() {
    let fixture = Fixture::new();
    fixture.edit(
        "boards/tiny/board.toml",
        "bootable = true",
        "bootable = \"yes\"",
    );
    let arguments = ["--set", "greting=x", "--set", "hostname=-"];
    fixture.refused(&arguments).says(&[
        "expected true or false",
        "`greting`",
        "`-` cannot be `hostname`",
        "3 mistakes found",
    ]);
}

#[test]
fn an_unknown_board_profile_or_setting_is_answered_with_the_nearest_name() {
    let fixture = Fixture::new();
    let with = |board: &str, profile: &str, set: &str| {
        let definitions = fixture.path("definitions").display().to_string();
        let arguments = [
            "--board",
            board,
            "--profile",
            profile,
            "--definitions",
            &definitions,
            "--set",
            set,
        ];
        fixture.shown(&run(&mut fixture.bare(&arguments)).ended(1))
    };
    insta::assert_snapshot!("unknown board", with("tinny", "greeter", "greeting=x"));
    insta::assert_snapshot!("unknown profile", with("tiny", "greter", "greeting=x"));
    insta::assert_snapshot!("unknown setting", with("tiny", "greeter", "greting=x"));
}

#[test]
fn a_setting_of_the_wrong_kind_is_refused() {
    let fixture = Fixture::new();
    insta::assert_snapshot!(fixture.shown(&fixture.refused(&["--set", "hostname=not a host"])));
}

#[test]
fn a_settings_file_is_read_and_its_mistakes_have_places() {
    let fixture = Fixture::new();
    let path = fixture.path("mine.toml");
    let file = path.to_str().unwrap();
    fs_err::write(&path, "greeting = 'moin'\nhostnme = 'x'\n").unwrap();
    insta::assert_snapshot!(fixture.shown(&fixture.refused(&["--settings", file])));
    fs_err::write(&path, "greeting = 'moin'\n").unwrap();
    let plan = run(fixture.sub("plan").args(["--settings", file])).succeeded();
    assert!(plan.stdout.contains("moin"), "{}", plan.stdout);
}

#[test]
fn a_template_that_names_nothing_is_shown_with_its_line() {
    let fixture = Fixture::new();
    fixture.edit(
        "overlays/greeter/root/etc/greeting.hbs",
        "settings.greeting",
        "settings.greting",
    );
    let finished = run(&mut fixture.build()).ended(1);
    insta::assert_snapshot!(fixture.shown(&finished).split_once("error").unwrap().1);
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn a_unit_that_no_package_has_is_refused() {
    let fixture = Fixture::new();
    let text = "[packages]";
    fixture.edit(
        "profiles/greeter/profile.toml",
        text,
        "[units]\nenable = [\"none.service\"]\n\n[packages]",
    );
    run(&mut fixture.build())
        .ended(1)
        .says(&["error: ", "none.service"]);
    assert_eq!(fixture.outputs(), [""; 0]);
}
