//! Commands that build no image, and the command line itself.

use crate::fixture::{Fixture, run};

#[test]
fn boards_and_profiles_are_listed_with_the_persons_own() {
    let fixture = Fixture::new();
    let definitions = fixture.path("definitions").display().to_string();
    let list = |what: &str| {
        run(&mut fixture.bare(&["list", what, "--definitions", &definitions])).succeeded()
    };
    let boards = list("boards").stdout;
    for name in ["rpi4", "tiny ", "x86_64"] {
        assert!(
            boards.lines().any(|line| line.starts_with(name)),
            "{boards}"
        );
    }
    let profiles = list("profiles").stdout;
    assert!(
        profiles
            .lines()
            .any(|line| line.starts_with("greeter") && line.ends_with("  Greets")),
        "{profiles}"
    );
    let json = run(&mut fixture.bare(&["list", "boards", "--json", "--definitions", &definitions]))
        .succeeded();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let tiny = serde_json::json!({ "name": "tiny", "title": "A board of tests" });
    assert!(json.as_array().unwrap().contains(&tiny), "{json}");
}

#[test]
fn a_profile_is_shown_with_its_settings() {
    let fixture = Fixture::new();
    let definitions = fixture.path("definitions").display().to_string();
    let show = |arguments: &[&str]| {
        let mut command =
            fixture.bare(&["show", "profile", "greeter", "--definitions", &definitions]);
        run(command.args(arguments)).succeeded().stdout
    };
    insta::assert_snapshot!(show(&[]));
    let json: serde_json::Value = serde_json::from_str(&show(&["--json"])).unwrap();
    assert_eq!(json["name"], "greeter");

    let shipped = run(&mut fixture.bare(&["show", "profile", "haproxy-node"])).succeeded();
    for line in [
        "\n      one of roundrobin, leastconn, random, source, uri, first\n",
        "\n      a whole number from 64 to 1000000\n",
        "\n        port: the port it listens on; a port from 1 to 65535; needed\n",
        "\n        check-method: how it is asked for; many servers that are well refuse HEAD; one of GET, HEAD, OPTIONS; \"GET\" unless given\n",
        "\n      several, with commas between; each name=host:port, or a table with name, address and port\n",
    ] {
        assert!(
            shipped.stdout.contains(line),
            "no {line:?} in {}",
            shipped.stdout
        );
    }
}

#[test]
fn a_plan_says_what_would_be_built_and_builds_nothing() {
    let fixture = Fixture::new();
    let plan = run(&mut fixture.sub("plan")).succeeded().stdout;
    let sizes = plan
        .lines()
        .map(|line| match line.split_once(" packages, ") {
            Some((count, _)) => format!("{count} packages, SIZE bytes to fetch\n"),
            None => format!("{line}\n"),
        });
    let plan: String = sizes.collect();
    insta::assert_snapshot!(fixture.steady(&plan));
    let json = run(fixture.sub("plan").arg("--json")).succeeded();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["spec"]["settings"]["greeting"], "hello");
    assert!(
        fixture
            .server
            .requests()
            .iter()
            .all(|request| !request.path.ends_with(".deb"))
    );
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let fixture = Fixture::new();
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(&mut fixture.bare(&["completions", shell]))
            .succeeded()
            .stdout;
        assert!(
            completions.contains("profile") && completions.contains("completions"),
            "{shell}"
        );
    }
    let manual = run(&mut fixture.bare(&["man"])).succeeded().stdout;
    for part in [".TH imgbuild", "lock", "plan", "Exit codes"] {
        assert!(manual.contains(part), "`{part}` is not in the manual");
    }
}

#[test]
fn a_wrong_flag_is_usage_and_help_is_none() {
    let fixture = Fixture::new();
    let ended = |arguments: &[&str]| run(&mut fixture.bare(arguments)).code;
    assert_eq!(ended(&["--bord", "tiny"]), Some(2));
    assert_eq!(ended(&["--board", "tiny"]), Some(2));
    assert_eq!(ended(&["nothing"]), Some(2));
    assert_eq!(ended(&[]), Some(2));
    assert_eq!(ended(&["--help"]), Some(0));
    assert_eq!(ended(&["--version"]), Some(0));
    let usage = run(&mut fixture.bare(&["--bord", "tiny"]));
    assert_eq!(usage.stdout, "");
    usage.says(&["--board"]);
}

#[test]
fn what_a_command_lacks_is_named_with_what_it_can_be() {
    let fixture = Fixture::new();
    let tested = "give an IMAGE, or --board and --profile to build one first";
    for (arguments, code, expected) in [
        (&["test"][..], 2, tested),
        (&["test", "--board", "rpi4"], 2, tested),
        (&["list"], 2, "<boards|profiles>"),
        (&["plan", "-b", "pc", "-p", "base"], 1, "`x86_64`"),
    ] {
        run(&mut fixture.bare(arguments))
            .ended(code)
            .says(&[expected]);
    }
}

#[test]
fn a_folder_without_definitions_is_refused() {
    let fixture = Fixture::new();
    let empty = fixture.path("empty");
    fs_err::create_dir(&empty).unwrap();
    let file = fixture.path("file");
    fs_err::write(&file, "").unwrap();
    for (folder, found) in [
        (empty, "has none of them"),
        (file, "is no folder that can be read"),
        (fixture.path("none"), "is no folder that can be read"),
    ] {
        let folder = folder.to_str().unwrap();
        for command in [
            &["list", "profiles"][..],
            &["check"],
            &["show", "profile", "base"],
        ] {
            let mut command = fixture.bare(command);
            command.args(["--definitions", folder]);
            let expected = format!("`--definitions {folder}`: expected a folder with boards/");
            run(&mut command).ended(2).says(&[&expected, found]);
        }
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let fixture = Fixture::new();
    let mut command = std::process::Command::new("sh");
    let script = "{ \"$0\" completions bash; echo $? >&2; } | true";
    command.args(["-c", script, crate::fixture::PROGRAM]);
    fixture.surround(&mut command);
    assert_eq!(run(&mut command).stderr, "0\n");
}

#[test]
fn check_finds_every_mistake_of_a_board_file() {
    let fixture = Fixture::new();
    let finished = run(&mut fixture.bare(&["check"])).succeeded();
    assert!(
        finished.stdout.contains("rpi4: no mistakes\n"),
        "{}",
        finished.stdout
    );
    let board = fs_err::read_to_string(fixture.path("definitions/boards/tiny/board.toml")).unwrap();
    let file = fixture.path("work/board.toml");
    let wrong = board
        .replace("start = \"1MiB\"", "start = \"256KiB\"")
        .replace("min-size = \"256MiB\"", "min-size = \"16MiB\"");
    fs_err::write(&file, wrong).unwrap();
    let finished = run(&mut fixture.bare(&["check", "board.toml"])).ended(1);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
    fs_err::write(&file, board).unwrap();
    let finished = run(&mut fixture.bare(&["check", "board.toml", "rpi4"])).ended(1);
    insta::assert_snapshot!(format!(
        "{}{}",
        finished.stdout,
        fixture.steady(&finished.stderr)
    ));
    run(&mut fixture.bare(&["check", "none/board.toml"])).ended(2);
}

#[test]
fn the_worked_example_of_the_boards_readme_has_no_mistakes() {
    let fixture = Fixture::new();
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/README.md");
    let readme = fs_err::read_to_string(readme).unwrap();
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = fixture.path("work/boards/rock64");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("board.toml"), example).unwrap();
    let finished = run(&mut fixture.bare(&["check", "rock64"])).succeeded();
    assert_eq!(finished.stdout, "rock64: no mistakes\n");
}
