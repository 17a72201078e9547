//! A secret reaches the image, and nothing else.

use crate::scene::{Ran, Scene, names, run};
use std::path::Path;

const SECRET: &str = "correct horse battery";

impl Scene {
    fn assert_hidden(&self, ran: &Ran) {
        assert!(
            !ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET),
            "{ran:?}"
        );
        assert_absent(&self.path("store"));
    }
}

/// No file below `folder` holds the secret.
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
    let scene = Scene::new();
    let file = scene.path("secret");
    fs_err::write(&file, format!("{SECRET}\n")).unwrap();
    let flag = format!("passphrase={}", file.display());
    let with_file = run(scene.build().args(["--secret", &flag])).succeeded();
    scene.assert_hidden(&with_file);
    let image = fs_err::read(scene.image()).unwrap();
    assert!(holds(&image), "the secret did not reach the image");
    let with_variable = run(scene.build().env("IMGBUILD_SECRET_PASSPHRASE", SECRET)).succeeded();
    scene.assert_hidden(&with_variable);
    assert!(fs_err::read(scene.image()).unwrap() == image);
    for name in ["lock", "plan"] {
        scene.assert_hidden(&run(scene.sub(name).args(["--secret", &flag])).succeeded());
    }
    let json = run(scene.sub("plan").args(["--json", "--secret", &flag])).succeeded();
    scene.assert_hidden(&json);
    assert_absent(&scene.path("work"));
    assert_absent(&scene.path("home"));
}

#[test]
fn a_secret_that_is_refused_is_not_shown() {
    let scene = Scene::new();
    let long = SECRET.repeat(9);
    let ran = run(scene.build().env("IMGBUILD_SECRET_PASSPHRASE", &long)).ended(1);
    scene.assert_hidden(&ran);
    insta::assert_snapshot!("too long", scene.steady(&ran.stderr));
    let ran = run(scene
        .build()
        .args(["--set", &format!("passphrase={SECRET}")]))
    .ended(1);
    scene.assert_hidden(&ran);
    insta::assert_snapshot!("in the open", scene.steady(&ran.stderr));
    let ran = run(scene.build().env("IMGBUILD_SECRET_PASSPHRSE", SECRET)).ended(1);
    scene.assert_hidden(&ran);
}

#[test]
fn a_secret_that_cannot_be_read_is_named() {
    let scene = Scene::new();
    let ran = run(scene.build().args(["--secret", "passphrase=none"])).ended(2);
    insta::assert_snapshot!(scene.steady(&ran.stderr));
    run(scene.build().args(["--secret", "passphrase"]))
        .ended(2)
        .says(&["KEY=@FILE"]);
}
