//! Maintainer scripts: what they may count on when they run, and what becomes of those without measure.

use crate::scene::{Ran, Scene, run};
use crate::world;

/// A build with the scripts of package `odd`, each of which gets `timeout` seconds; it fails and leaves nothing.
fn failed(script: &str, text: &str, timeout: &str) -> Ran {
    let odd = world::package("odd")
        .field("Essential", "yes")
        .script(script, text);
    let scene = Scene::of(&world::archive().package(odd));
    let ran = run(scene.build().args(["--script-timeout", timeout])).ended(4);
    assert_eq!((scene.outputs(), scene.scratch()), (vec![], vec![]));
    ran
}

#[test]
fn a_preinst_finds_essential_packages_and_its_pre_depends_configured() {
    let essential = world::package("essential")
        .field("Essential", "yes")
        .field("Depends", "library")
        .conffile("/etc/essential.conf", b"x\n")
        .script("postinst", "#!/bin/sh\ntouch /var/lib/essential-is-ready\n");
    let library = world::package("library").script(
        "postinst",
        "#!/bin/sh\n[ ! -e /var/lib/essential-is-ready ]\n",
    );
    let needed = world::package("needed").field("Depends", "helper").script(
        "postinst",
        "#!/bin/sh\n[ -e /var/lib/helper-is-ready ] && touch /var/lib/needed-is-ready\n",
    );
    let helper = world::package("helper")
        .field("Provides", "virtual")
        .script("postinst", "#!/bin/sh\ntouch /var/lib/helper-is-ready\n");
    let server = world::package("server")
        .field("Pre-Depends", "needed, virtual")
        .script(
            "preinst",
            "#!/bin/sh\nset -e\nfor ready in essential helper needed; do [ -e /var/lib/$ready-is-ready ]; done\n\
             [ -e /etc/essential.conf ]\n! read answer\necho well > /var/lib/server\n",
        );
    let packages = [essential, library, needed, helper, server];
    let archive = packages
        .into_iter()
        .fold(world::archive(), |archive, package| {
            archive.package(package)
        });
    let scene = Scene::of(&archive);
    let profile = scene.path("definitions/profiles/greeter/profile.toml");
    let text = fs_err::read_to_string(&profile).unwrap();
    let text = text.replace(r#"install = ["hello"]"#, r#"install = ["hello", "server"]"#);
    fs_err::write(&profile, text).unwrap();
    run(&mut scene.build()).succeeded();
    assert_eq!(scene.outputs(), ["x.img"]);
}

#[test]
fn a_script_that_waits_for_ever_is_named_with_its_package_and_what_it_waits_for() {
    let text = "#!/bin/sh\necho 'Is anybody there?'\nsleep 31536003\n:\n";
    failed("postinst", text, "15").says(&[
        "it made no progress for 15 seconds during configure of `odd",
        "/var/lib/dpkg/info/odd.postinst configure",
        "sleep 31536003: waits",
        "Is anybody there?",
        "--script-timeout SECONDS",
    ]);
    failed("preinst", text, "15").says(&[
        "preinst of odd failed in the sandbox: it made no progress for 15 seconds",
        "sleep 31536003: waits",
    ]);
}

#[test]
fn a_script_that_prints_without_end_is_named_with_its_package() {
    let ran = failed("postinst", "#!/bin/sh\ncat /dev/zero\n", "600");
    ran.says(&["it printed more than 67108864 bytes during configure of `odd"]);
}

#[test]
fn the_limit_of_time_decides_no_byte() {
    let scene = Scene::new();
    run(&mut scene.build()).succeeded();
    let image = fs_err::read(scene.image()).unwrap();
    fs_err::remove_dir_all(scene.path("store/memo")).unwrap();
    run(scene.build().args(["--script-timeout", "500"])).succeeded();
    assert!(fs_err::read(scene.image()).unwrap() == image);
}
