//! Values and files that name an account or a time zone of the image.

use crate::fixture::{Fixture, run};
use crate::test_debian;

/// The part of tzdata's own list of zones that matters here.
const ZONES: &[u8] = b"# version test\nZ Etc/UTC 0 - UTC\nL Etc/UTC Etc/Zulu\n";

/// A fixture whose image has a list of zones.
fn fixture() -> Fixture {
    let list = test_debian::package("zones").file("/usr/share/zoneinfo/tzdata.zi", 0o644, ZONES);
    let fixture = Fixture::of(&test_debian::archive().package(list));
    let profile = "profiles/greeter/profile.toml";
    fixture.edit(profile, "[\"hello\"", "[\"hello\", \"zones\"");
    fixture
}

#[test]
fn a_name_that_the_image_does_not_have_is_refused_before_and_after_scripts_ran() {
    let fixture = fixture();
    let settings = fixture.path("s.toml");
    fs_err::write(&settings, "user = \"root\"\ntime-zone = \"Etc/Zulu\"\n").unwrap();
    let mut build = fixture.build();
    build.arg("--settings").arg(&settings);
    let early = run(&mut build).ended(1).says(&[
        "settings name what the image does not have, or has for itself",
        "`Etc/Zulu` cannot be `time-zone` (of ",
        "/s.toml:2): the image has no such zone; there is `Etc/UTC`",
    ]);
    assert!(!early.stderr.contains("configure"), "{}", early.stderr);
    run(fixture.build().args(["--set", "user=sudo"])).ended(1).says(&[
        "`sudo` cannot be `user` (of `--set`): the image has a group of this name; take another one",
    ]);
    // The result of the packages is remembered by now, and does not depend on accounts.
    run(fixture.build().args(["--set", "user=root"]))
        .ended(1)
        .says(&["`root` cannot be `user` (of `--set`): the image has an account of the system of this name"]);
    assert!(fixture.outputs().is_empty() && fixture.scratch().is_empty());
    run(&mut fixture.build()).succeeded();
}

#[test]
fn accounts_that_files_name_are_there_or_made_when_the_device_starts() {
    let fixture = fixture();
    fixture.overlay(
        "etc/systemd/system/mine.service",
        "[Service]\nUser=roott\nSupplementaryGroups=sudo wheel\nExecStart=/bin/true\n",
    );
    fixture.overlay(
        "etc/sudoers.d/mine",
        "%sudoo ALL=(ALL) ALL\nroot ALL=(ALL) ALL\n",
    );
    fixture.overlay("etc/cron.d/mine", "0 4 * * * keeper true\n");
    let finished = run(&mut fixture.build()).ended(1).says(&[
        ": 4 mistakes",
        "`/etc/systemd/system/mine.service` names user `roott`, which the image does not have; there is `root`",
        "`/etc/systemd/system/mine.service` names group `wheel`, which the image does not have",
        "`/etc/sudoers.d/mine` names group `sudoo`, which the image does not have; there is `sudo`",
        "`/etc/cron.d/mine` names user `keeper`, which the image does not have",
        "file: /etc/cron.d/mine, from ",
    ]);
    assert!(
        !finished.stderr.contains("group `sudo`,"),
        "{}",
        finished.stderr
    );
    let made = "u roott - \"somebody\"\ng wheel -\nm keeper sudoo\n";
    fixture.overlay("usr/lib/sysusers.d/mine.conf", made);
    run(&mut fixture.build()).succeeded();

    let rules = "schema = 1\nhelp = \"a greeting\"\n[[file]]\npath = \"/etc/greeting\"\nowner = \"rooot\"\n";
    let path = fixture.path("definitions/overlays/greeter/overlay.toml");
    fs_err::write(path, rules).unwrap();
    run(&mut fixture.build()).ended(1).says(&[
        "is to belong to user `rooot`, who is not in the image's account files; there is `root`",
    ]);
}
