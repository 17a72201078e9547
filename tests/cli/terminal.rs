//! Text from outside reaches the terminal with its control characters written out, wherever it
//! comes from: only the program itself moves the cursor.

use crate::fixture::{Finished, Fixture, run};
use crate::mirror::{Server, TestArchive};
use crate::test_debian;
use imgbuild::diag::{visible, visible_json};

/// Characters that move the cursor, change the window's title, ring the bell, go back, are a CSI of
/// one character, reverse the order of letters, or take no width.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{8}\r\u{9b}31m\u{202e}\u{2066}\u{200b}";

/// Checks that nothing in the output of `finished` controls a terminal, and that the text from `from`
/// can be seen in it.
fn harmless(from: &str, finished: &Finished) {
    for text in [&finished.stdout, &finished.stderr] {
        assert_eq!(visible(text), text.as_str(), "{from}: {text:?}");
    }
    let output = [&finished.stdout, &finished.stderr]
        .map(String::as_str)
        .concat();
    // The content of a file of settings is not shown at all, because it may be a secret.
    let shown = [
        r"\u{1b}", r"\u{9b}", r"\u001b", "␛", r"\x1b", "%1B", "*****",
    ];
    assert!(
        shown.iter().any(|form| output.contains(form)),
        "{from}: {output}"
    );
}

/// A fixture whose definition `path` has `new` in the place of `old`.
fn edited(path: &str, old: &str, new: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.edit(path, old, new);
    fixture
}

const PROFILE: &str = "profiles/greeter/profile.toml";
/// The same characters as escapes in a string of TOML.
const ESCAPED: &str = r"\u001b[2J\u009b\u202e\u0007";

#[test]
fn text_of_definitions_and_flags_is_made_visible() {
    let fixture = Fixture::new();
    for (from, flag, value) in [
        ("the value of a flag", "--set", format!("hostname={NASTY}")),
        ("the name of a flag", "--set", format!("{NASTY}=x")),
        ("the path of settings", "--settings", format!("/{NASTY}")),
        (
            "a secret's file",
            "--secret",
            format!("passphrase=@/{NASTY}"),
        ),
        (
            "a mirror",
            "--mirror",
            format!("http://127.0.0.1:1/{NASTY}"),
        ),
        ("a profile", "--profile", NASTY.to_owned()),
        ("an unknown flag", &format!("--{NASTY}"), "x".to_owned()),
    ] {
        let finished = run(&mut fixture.build_with(flag, &value));
        assert_ne!(finished.code, Some(0), "{from}");
        harmless(from, &finished);
    }
    for (from, text) in [
        (
            "a settings file's text",
            format!("greeting = 1 # {NASTY}\n"),
        ),
        (
            "a settings file's string",
            format!("hostname = \"{ESCAPED}\"\n"),
        ),
        ("a settings file's key", format!("\"{ESCAPED}\" = 1\n")),
    ] {
        fs_err::write(fixture.path("mine.toml"), text).unwrap();
        let finished = run(fixture
            .build()
            .arg("--settings")
            .arg(fixture.path("mine.toml")));
        harmless(from, &finished.ended(1));
    }
    for (from, old, new) in [
        (
            "a title",
            "title = \"Greets\"",
            format!("title = \"{ESCAPED}\""),
        ),
        ("a help text", "what it says", ESCAPED.to_owned()),
        (
            "a default",
            "default = \"hello\"",
            format!("default = \"{ESCAPED}\""),
        ),
    ] {
        let fixture = edited(PROFILE, old, &new);
        let definitions = fixture.path("definitions").display().to_string();
        let show = ["show", "profile", "greeter", "--definitions", &definitions];
        for arguments in [&show[..], &[&show[..], &["--json"]].concat()] {
            let finished = run(&mut fixture.bare(arguments));
            harmless(from, &finished);
        }
    }
    let fixture = edited(
        PROFILE,
        "title = \"Greets\"",
        &format!("title = \"{ESCAPED}\""),
    );
    let definitions = fixture.path("definitions").display().to_string();
    let list = ["list", "profiles", "--json", "--definitions", &definitions];
    let finished = run(&mut fixture.bare(&list)).succeeded();
    harmless("a list", &finished);
    assert_eq!(visible_json(&finished.stdout), finished.stdout);
    let titles: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert!(titles.to_string().contains("greeter"));
}

#[test]
fn names_of_files_are_made_visible() {
    let name = NASTY;
    let fixture = Fixture::new();
    let root = fixture.path("definitions/overlays/greeter/root/etc");
    fs_err::write(root.join(format!("{name}~")), "x").unwrap();
    harmless("a leftover", &run(&mut fixture.sub("plan")).succeeded());
    fs_err::write(root.join(name), "#!/bin/sh\r\n").unwrap();
    harmless("a script", &run(&mut fixture.build()).ended(1));
    fs_err::write(root.join(name), "x").unwrap();
    fs_err::write(root.join(format!("{name}.hbs")), "{{nothing}}").unwrap();
    harmless("a template", &run(&mut fixture.build()).ended(1));
}

#[test]
fn text_of_archives_and_scripts_is_made_visible() {
    let nasty = NASTY.replace('\r', "");
    // A signed Release file with another code name than the one that is asked for.
    let codename = format!("x{nasty}").replace('/', "");
    let fixture = Fixture::of(&test_debian::archive().suite("stable", &codename));
    let dists = fixture.path("mirror/debian/dists");
    fs_err::rename(dists.join(&codename), dists.join("trixie")).unwrap();
    harmless("a codename", &run(&mut fixture.build()).ended(4));
    let wants = |archive: &TestArchive| {
        let fixture = Fixture::of(archive);
        fixture.edit(PROFILE, "install = [\"hello\"]", "install = [\"shop\"]");
        fixture
    };
    let depends =
        test_debian::package("shop").field("Depends", &format!("till{nasty} (>= 2{nasty})"));
    let fixture = wants(&test_debian::archive().package(depends));
    let finished = run(&mut fixture.build());
    assert_eq!(visible(&finished.stderr), finished.stderr);
    let printf = r"printf 'x\033[2J\033]0;t\007\302\2331m\342\200\256\b\ry\n'; printf 'z\033[2J\n' >&2; exit 3";
    let script = test_debian::package("shop").script("postinst", &format!("#!/bin/sh\n{printf}\n"));
    let fixture = wants(&test_debian::archive().package(script));
    harmless("a script", &run(fixture.build().arg("--verbose")).ended(4));
}

#[test]
fn text_of_servers_is_made_visible() {
    let fixture = Fixture::new();
    let folder = fixture.path("elsewhere");
    fs_err::create_dir_all(&folder).unwrap();
    let server = Server::start(&folder);
    let address = format!("{}/%1b%5b2J%c2%9b", server.url());
    let finished = run(&mut fixture.build_with("--mirror", &address)).ended(4);
    assert_eq!(visible(&finished.stderr), finished.stderr);
}
