//! Maintainer scripts: what they may rely on when they run, and how those that go too far are
//! ended.

use crate::fixture::{Fixture, Ran, run};
use crate::test_debian;
use std::process::Command;

/// A build with the scripts of package `odd`, each with a time limit of `timeout` seconds. It fails
/// and leaves nothing.
fn failed(script: &str, text: &str, timeout: &str) -> Ran {
    let odd = test_debian::package("odd")
        .field("Essential", "yes")
        .script(script, text);
    let fixture = Fixture::of(&test_debian::archive().package(odd));
    let ran = run(fixture.build().args(["--script-timeout", timeout])).ended(4);
    assert_eq!((fixture.outputs(), fixture.scratch()), (vec![], vec![]));
    ran
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
        .fold(test_debian::archive(), |archive, package| {
            archive.package(package)
        });
    let fixture = Fixture::of(&archive);
    let profile = fixture.path("definitions/profiles/greeter/profile.toml");
    let text = fs_err::read_to_string(&profile).unwrap();
    let text = text.replace(r#"install = ["hello"]"#, r#"install = ["hello", "server"]"#);
    fs_err::write(&profile, text).unwrap();
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
    let ran = failed("postinst", "#!/bin/sh\ncat /dev/zero\n", "600");
    ran.says(&["it printed more than 67108864 bytes during configure of `odd"]);
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
    let image = fixture.image();
    let mut sfdisk = Command::new("/usr/sbin/sfdisk");
    let table = sfdisk.arg("--dump").arg(&image).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    let start = table.lines().last().and_then(|line| {
        let digits = line.split("start=").nth(1)?.split(',').next()?;
        digits.trim().parse::<u64>().ok()
    });
    let bytes = start.unwrap() * 512;
    let mut debugfs = Command::new("/usr/sbin/debugfs");
    let output = debugfs
        .args(["-R", &format!("cat {path}")])
        .arg(format!("{}?offset={bytes}", image.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// How often the output of `ran` says that scripts ran.
fn configured(ran: &Ran) -> usize {
    let of_configure = |line: &&str| line.contains("configure") && !line.contains("from the store");
    ran.stderr.lines().filter(of_configure).count()
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
        let ran = run(&mut fixture.build_with("--set", &set)).succeeded();
        let asked = file(&fixture, "/etc/asked");
        assert!(asked.starts_with(&format!("{name} {name}\n")), "{asked}");
        assert!(asked.contains(&format!("\n127.0.1.1\t{name}\n")), "{asked}");
        ran
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
