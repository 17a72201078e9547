//! Maintainer scripts: what they may rely on when they run, and how those that go too far are
//! ended.

use crate::bases;
use crate::fixture::{Finished, Fixture, run};
use crate::mirror::TestArchive;
use crate::test_debian;

/// A build with the scripts of package `odd`, each with a time limit of `timeout` seconds. It fails
/// and leaves nothing.
fn failed(script: &str, text: &str, timeout: &str) -> Finished {
    let odd = test_debian::package("odd")
        .field("Essential", "yes")
        .script(script, text);
    let fixture = Fixture::of(&test_debian::archive().package(odd));
    let finished = run(fixture.build().args(["--script-timeout", timeout])).ended(4);
    assert_eq!((fixture.outputs(), fixture.scratch()), (vec![], vec![]));
    finished
}

#[test]
fn a_preinst_finds_essential_packages_and_its_pre_depends_configured() {
    let essential = test_debian::package("essential")
        .field("Essential", "yes")
        .field("Depends", "library")
        .conffile("/etc/essential.conf", b"x\n")
        .script("postinst", "#!/bin/sh\ntouch /var/lib/essential-is-ready\n");
    let library = test_debian::package("library").script(
        "postinst",
        "#!/bin/sh\n[ ! -e /var/lib/essential-is-ready ]\n",
    );
    let needed = test_debian::package("needed")
        .field("Depends", "helper")
        .script(
            "postinst",
            "#!/bin/sh\n[ -e /var/lib/helper-is-ready ] && touch /var/lib/needed-is-ready\n",
        );
    let helper = test_debian::package("helper")
        .field("Provides", "virtual")
        .script("postinst", "#!/bin/sh\ntouch /var/lib/helper-is-ready\n");
    let server = test_debian::package("server")
        .field("Pre-Depends", "needed, virtual")
        .script(
            "preinst",
            "#!/bin/sh\nset -e\nfor ready in essential helper needed; do [ -e /var/lib/$ready-is-ready ]; done\n\
             [ -e /etc/essential.conf ]\n! read answer\necho well > /var/lib/server\n",
        );
    let packages = [essential, library, needed, helper, server];
    let archive = packages
        .into_iter()
        .fold(test_debian::archive(), TestArchive::package);
    let fixture = Fixture::of(&archive);
    let profile = "profiles/greeter/profile.toml";
    fixture.edit(profile, "[\"hello\"]", "[\"hello\", \"server\"]");
    run(&mut fixture.build()).succeeded();
    assert_eq!(fixture.outputs(), ["x.img"]);
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
    let finished = failed("postinst", "#!/bin/sh\ncat /dev/zero\n", "600");
    finished.says(&["it printed more than 67108864 bytes during configure of `odd"]);
}

#[test]
fn the_limit_of_time_decides_no_byte() {
    let fixture = Fixture::new();
    run(&mut fixture.build()).succeeded();
    let image = fs_err::read(fixture.image()).unwrap();
    fs_err::remove_dir_all(fixture.path("store/memo")).unwrap();
    run(fixture.build().args(["--script-timeout", "500"])).succeeded();
    assert!(fs_err::read(fixture.image()).unwrap() == image);
}

/// The text of a file in the root filesystem of the image, read with debugfs.
fn file(fixture: &Fixture, path: &str) -> String {
    bases::cat(bases::root(&fixture.image()).path(), path)
}

/// How often the output of `finished` says that scripts ran.
fn configured(finished: &Finished) -> usize {
    let of_configure = |line: &&str| line.contains("configure") && !line.contains("from the store");
    finished.stderr.lines().filter(of_configure).count()
}

#[test]
fn what_a_script_writes_of_the_host_name_is_the_devices_and_nobody_elses_scripts_run_twice() {
    let asks = test_debian::package("asks")
        .field("Essential", "yes")
        .script(
            "postinst",
            "#!/bin/sh\nread name < /proc/sys/kernel/hostname\nread own < /etc/hostname\n\
         printf '%s %s\\n' \"$name\" \"$own\" > /etc/asked\ncat /etc/hosts >> /etc/asked\n",
        );
    let fixture = Fixture::of(&test_debian::archive().package(asks));
    let with = |name: &str| {
        let set = format!("hostname={name}");
        let finished = run(&mut fixture.build_with("--set", &set)).succeeded();
        let asked = file(&fixture, "/etc/asked");
        assert!(asked.starts_with(&format!("{name} {name}\n")), "{asked}");
        assert!(asked.contains(&format!("\n127.0.1.1\t{name}\n")), "{asked}");
        finished
    };
    let first = with("node-1");
    let words = "they run again as `node-1`";
    assert!(first.stderr.contains(words), "{}", first.stderr);
    let image = fs_err::read(fixture.image()).unwrap();
    let second = with("node-2");
    assert!(
        !second.stderr.contains("they run again"),
        "{}",
        second.stderr
    );
    with("node-1");
    assert!(fs_err::read(fixture.image()).unwrap() == image);

    let fixture = Fixture::new();
    run(&mut fixture.build_with("--set", "hostname=node-1")).succeeded();
    let other = run(&mut fixture.build_with("--set", "hostname=node-2")).succeeded();
    assert_eq!(configured(&other), 0, "{}", other.stderr);
    assert_eq!(file(&fixture, "/etc/hostname"), "node-2\n");
}
