//! A secret gets into the image and nowhere else.

use crate::fixture::{Finished, Fixture, names, run};
use std::path::Path;
use std::process::Command;

const SECRET: &str = "correct horse battery";

impl Fixture {
    fn assert_hidden(&self, finished: &Finished) {
        assert!(
            !finished.stdout.contains(SECRET) && !finished.stderr.contains(SECRET),
            "{finished:?}"
        );
        assert_absent(&self.path("store"));
    }
}

#[test]
fn an_image_with_a_secret_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let mode = || {
        fs_err::metadata(fixture.image())
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    run(&mut fixture.build()).succeeded();
    assert_eq!(mode(), 0o644);
    // The new image takes over neither the mode of the old one nor that of a wide umask.
    fs_err::set_permissions(fixture.image(), PermissionsExt::from_mode(0o666)).unwrap();
    run(fixture.build().env("IMGBUILD_SECRET_PASSPHRASE", SECRET)).succeeded();
    assert_eq!(mode(), 0o600);
    let key = fixture.path("home/.local/state/imgbuild/key");
    let key = fs_err::metadata(key).unwrap().permissions().mode();
    assert_eq!(key & 0o777, 0o600);
    run(&mut fixture.build()).succeeded();
    assert_eq!(mode(), 0o644);
}

#[test]
fn nothing_in_the_store_tells_whether_a_secret_was_guessed_right() {
    let fixture = Fixture::new();
    let with = |secret: &str, key: &[u8]| {
        let state = fixture.path("home/.local/state/imgbuild");
        fs_err::create_dir_all(&state).unwrap();
        fs_err::write(state.join("key"), key).unwrap();
        run(fixture.build().env("IMGBUILD_SECRET_PASSPHRASE", secret)).succeeded();
        let folder = fixture.path("store/memo/image-2");
        let name = names(&folder).pop().unwrap();
        let note = fs_err::read_to_string(folder.join(&name)).unwrap();
        fs_err::remove_dir_all(folder).unwrap();
        (name, note)
    };
    let (name, note) = with(SECRET, &[1; 32]);
    // The same build with another key, as of an attacker who has the store and every other input.
    let (other_name, other_note) = with(SECRET, &[2; 32]);
    assert!(name != other_name && note != other_note);
    assert_eq!(with(SECRET, &[1; 32]), (name, note));
}

#[test]
fn the_login_of_a_mirror_stays_with_who_builds() {
    let fixture = Fixture::new();
    let mirror = fixture.mirror().replace("//", "//me:hunter2@");
    let hides = |finished: &Finished| {
        let text = format!("{}{}", finished.stdout, finished.stderr);
        assert!(
            !text.contains("hunter2") && !text.contains("//me"),
            "{text}"
        );
    };
    let with = |mut command: std::process::Command| {
        let inputs = fixture.inputs();
        command.args(&inputs[..inputs.len() - 2]);
        command.args(["--mirror", &mirror]);
        command
    };
    let mut build = with(fixture.bare(&[]));
    hides(&run(build.arg("-v").arg("--output").arg(fixture.image())).succeeded());
    let image = fs_err::read(fixture.image()).unwrap();
    assert!(!image.windows(7).any(|window| window == b"hunter2"));
    let lock = fixture.path("x.lock");
    hides(&run(with(fixture.bare(&["lock"])).arg("--output").arg(&lock)).succeeded());
    let lock = fs_err::read_to_string(&lock).unwrap();
    assert!(
        lock.contains(&fixture.mirror()) && !lock.contains("hunter2"),
        "{lock}"
    );
    hides(&run(with(fixture.bare(&["plan"])).arg("--json")).succeeded());
    let asked = fixture.server.requests();
    assert!(
        asked
            .iter()
            .all(|request| request.fields.contains_key("authorization"))
    );
    let broken = mirror.replace("/debian", ":x/debian");
    let mut broken_build = fixture.bare(&["plan"]);
    let inputs = fixture.inputs();
    broken_build.args(&inputs[..inputs.len() - 2]);
    hides(&run(broken_build.args(["--mirror", &broken])).ended(2));
    let config = fixture.path("home/.config/imgbuild");
    fs_err::create_dir_all(&config).unwrap();
    fs_err::write(
        config.join("config.toml"),
        format!("mirror = \"{mirror}\" \"\n"),
    )
    .unwrap();
    let mut plan = fixture.bare(&["plan"]);
    hides(
        &run(plan.args(&inputs[..inputs.len() - 2]))
            .ended(2)
            .says(&["line 1"]),
    );
}

/// Checks that no file below `folder` holds the secret.
fn assert_absent(folder: &Path) {
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            assert_absent(&path);
        } else {
            assert!(
                !holds(&fs_err::read(&path).unwrap()),
                "the secret is in {}",
                path.display()
            );
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    bytes
        .windows(SECRET.len())
        .any(|window| window == SECRET.as_bytes())
}

#[test]
fn a_secret_from_a_file_or_the_environment_reaches_the_image_alone() {
    let fixture = Fixture::new();
    let file = fixture.path("secret");
    fs_err::write(&file, format!("{SECRET}\n")).unwrap();
    let flag = format!("passphrase=@{}", file.display());
    let with_file = run(fixture.build().args(["--secret", &flag])).succeeded();
    fixture.assert_hidden(&with_file);
    let image = fs_err::read(fixture.image()).unwrap();
    assert!(holds(&image), "the secret did not reach the image");
    let with_variable = run(fixture.build().env("IMGBUILD_SECRET_PASSPHRASE", SECRET)).succeeded();
    fixture.assert_hidden(&with_variable);
    assert!(fs_err::read(fixture.image()).unwrap() == image);
    for name in ["lock", "plan"] {
        fixture.assert_hidden(&run(fixture.sub(name).args(["--secret", &flag])).succeeded());
    }
    let json = run(fixture.sub("plan").args(["--json", "--secret", &flag])).succeeded();
    fixture.assert_hidden(&json);
    assert_absent(&fixture.path("work"));
    assert_absent(&fixture.path("home"));
}

#[test]
fn a_secret_that_is_refused_is_not_shown() {
    let fixture = Fixture::new();
    let long = SECRET.repeat(9);
    let finished = run(fixture.build().env("IMGBUILD_SECRET_PASSPHRASE", &long)).ended(1);
    fixture.assert_hidden(&finished);
    insta::assert_snapshot!("too long", fixture.steady(&finished.stderr));
    let finished = run(fixture
        .build()
        .args(["--set", &format!("passphrase={SECRET}")]))
    .ended(1);
    fixture.assert_hidden(&finished);
    insta::assert_snapshot!("in the open", fixture.steady(&finished.stderr));
    let finished = run(fixture.build().env("IMGBUILD_SECRET_PASSPHRSE", SECRET)).ended(1);
    fixture.assert_hidden(&finished);
}

#[test]
fn a_secret_that_cannot_be_read_is_named() {
    let fixture = Fixture::new();
    let finished = run(fixture.build().args(["--secret", "passphrase=@none"])).ended(2);
    insta::assert_snapshot!(fixture.steady(&finished.stderr));
    run(fixture.build().args(["--secret", "passphrase"]))
        .ended(2)
        .says(&["KEY=@FILE"]);
}

#[test]
fn a_secret_that_was_typed_is_not_shown() {
    let fixture = Fixture::new();
    let typed = format!("passphrase={SECRET}");
    let finished = run(fixture.build().args(["--secret", &typed])).ended(2);
    fixture.assert_hidden(&finished);
    finished.says(&["--secret passphrase=***", "`--secret passphrase=@FILE`"]);
    for (flag, words) in [
        ("--secret", SECRET.to_owned()),
        ("--set", format!("passphrase:{SECRET}")),
        ("--set", format!("passphrase {SECRET}")),
    ] {
        let finished = run(fixture.build().args([flag, &words]));
        assert!(matches!(finished.code, Some(1 | 2)), "{finished:?}");
        fixture.assert_hidden(&finished);
    }
    let settings = fixture.path("settings.toml");
    for text in [
        format!("passphrase.\"{SECRET}\" = 1\n"),
        format!("passphrase = \"{SECRET}\n"),
        format!("passphrase = {SECRET}\n"),
        format!("[passphrase]\n\"{SECRET}\" = 1\n"),
    ] {
        fs_err::write(&settings, text).unwrap();
        let finished = run(fixture.build().arg("--settings").arg(&settings)).ended(1);
        fixture.assert_hidden(&finished);
    }
}

#[test]
fn an_empty_secret_is_none() {
    let fixture = Fixture::new();
    let file = fixture.path("secret");
    for text in ["", "\n", "\u{feff}\r\n"] {
        fs_err::write(&file, text).unwrap();
        let flag = format!("passphrase=@{}", file.display());
        let finished = run(fixture.build().args(["--secret", &flag])).ended(1);
        finished.says(&["`passphrase` is given, and empty", "--secret passphrase=@"]);
    }
    let finished = run(fixture.build().env("IMGBUILD_SECRET_PASSPHRASE", "")).ended(1);
    finished.says(&["IMGBUILD_SECRET_PASSPHRASE"]);
}

/// The text that messages and documents offer for copying is what the program takes: a file, with
/// its `@`.
#[test]
fn what_is_written_about_secrets_names_files() {
    let mut grep = Command::new("grep");
    grep.current_dir(env!("CARGO_MANIFEST_DIR"));
    grep.args(["-rnEo", "[-]-secret [a-zA-Z-]+[=].?"]);
    let found = grep
        .args(["README.md", "profiles", "overlays", "boards", "src"])
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let wrong = found.lines().filter(|line| !line.ends_with("=@"));
    let wrong: Vec<&str> = wrong.collect();
    assert!(found.lines().count() > 10, "{found}");
    assert_eq!(wrong, Vec::<&str>::new());
}
