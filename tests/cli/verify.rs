//! Programs of the image check the files of a device before the image is written.

use crate::bases;
use crate::fixture::{Finished, Fixture, names, run};
use crate::inputs::REFUSE;
use crate::mirror::TestArchive;
use crate::test_debian;
use std::path::Path;
use std::process::Command;

/// A program that refuses files and gives its reason in red.
const CRITIC: &str = "#!/bin/sh
case \"$(cat \"$1\")\" in
    *nonsense*) printf '%s:1: \\033[31mnonsense\\033[0m: %s\\n' \"$1\" \"$(cat \"$1\")\" >&2; exit 3 ;;
esac
";

/// The rules that run this program, which leaves traces wherever it can.
const RULES: &str = "changed /etc/greeting /etc/greetings/*
prepare printf '%s%s' prepared -once > /etc/prepared
verify  [ -s /etc/prepared ] && [ -s /etc/machine-id ] || { echo not prepared; exit 1; }
verify  critic /etc/greeting
verify  printf '%s%s' spoiled -once > /etc/greeting && rm -r /var/lib/hello
verify  ! [ -e /etc/greetings/second ] || critic /etc/greetings/second

changed /etc/nothing
verify  echo nobody asks this; exit 9
";

fn archive() -> TestArchive {
    let critic = test_debian::package("critic").file("/usr/bin/critic", 0o755, CRITIC.as_bytes());
    test_debian::archive().package(critic)
}

/// A fixture with all that is needed to run the program.
fn fixture() -> Fixture {
    let fixture = Fixture::of(&archive());
    let profile = "profiles/greeter/profile.toml";
    fixture.edit(profile, "[\"hello\"", "[\"hello\", \"critic\"");
    fixture.overlay("usr/lib/imgbuild/apply.d/50-greeting", RULES);
    fixture
}

fn holds(image: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    image.windows(text.len()).any(|found| found == text)
}

#[test]
fn everything_that_programs_refuse_is_said_at_once_and_nothing_is_written() {
    let fixture = fixture();
    fixture.overlay("etc/greetings/second", "also nonsense\n");
    fixture.overlay("usr/local/bin/lost", "#!/usr/bin/lost -x\n");
    fixture.overlay("usr/local/bin/broken", "#!/bin/sh\nif true; then\n");
    let settings = fixture.path("settings.toml");
    fs_err::write(&settings, "# mine\ngreeting = \"some nonsense\"\n").unwrap();
    let mut build = fixture.build();
    build.arg("--settings").arg(&settings);
    let finished = run(&mut build).ended(1).says(&[
        "error: the image's own programs refuse its configuration: 4 mistakes",
        "`/usr/local/bin/lost` begins with `#!/usr/bin/lost -x`, and the image has no program `/usr/bin/lost`",
        "`critic /etc/greeting`: exit status 3",
        "    | /etc/greeting:1: \\u{1b}[31mnonsense\\u{1b}[0m: some nonsense",
        "    file: /etc/greeting, from ",
        "overlays/greeter/root/etc/greeting.hbs",
        "/settings.toml:2",
        "critic /etc/greetings/second`: exit status 3",
        "`/bin/sh -n /usr/local/bin/broken`: exit status 2",
        "    file: /usr/local/bin/broken, from ",
    ]);
    assert!(!finished.stderr.contains('\u{1b}'), "{}", finished.stderr);
    assert!(
        !finished.stderr.contains("nobody asks this"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        finished.stderr.matches("setting: `greeting` of ").count(),
        1,
        "{}",
        finished.stderr
    );
    assert!(fixture.outputs().is_empty() && fixture.scratch().is_empty());
    // No result of that is remembered as good.
    run(&mut build).ended(1);
    fs_err::remove_file(fixture.path("definitions/overlays/greeter/root/etc/greetings/second"))
        .unwrap();
    let still = run(&mut build).ended(1);
    assert!(still.stderr.contains(": 3 mistakes"), "{}", still.stderr);
}

#[test]
fn what_programs_write_is_not_in_the_image_and_what_was_accepted_is_not_asked_again() {
    let fixture = fixture();
    let first = run(&mut fixture.build()).succeeded();
    assert!(first.stderr.contains("verify 0."), "{}", first.stderr);
    let image = fs_err::read(fixture.image()).unwrap();
    for (text, there) in [
        ("spoiled-once", false),
        ("prepared-once", false),
        ("configured\n", true),
    ] {
        assert_eq!(holds(&image, text), there, "{text}");
    }
    assert!(fixture.scratch().is_empty());
    let again = run(&mut fixture.build()).succeeded();
    assert!(
        again.stderr.contains("verify from the store"),
        "{}",
        again.stderr
    );
    assert!(fs_err::read(fixture.image()).unwrap() == image);
    let other = run(fixture.build().args(["--set", "greeting=hi"])).succeeded();
    assert!(
        !other.stderr.contains("verify from the store"),
        "{}",
        other.stderr
    );
    let refused = run(fixture.build().args(["--set", "greeting=nonsense"])).ended(1);
    refused.says(&["setting: `greeting` of `--set`"]);
}

#[test]
fn a_secret_is_not_shown_and_what_was_accepted_with_it_is_not_asked_again() {
    let fixture = fixture();
    let secret = fixture.path("secret.txt");
    fs_err::write(&secret, "hidden-nonsense\n").unwrap();
    let mut build = fixture.build();
    build
        .arg("--secret")
        .arg(format!("passphrase=@{}", secret.display()));
    let remembers = |finished: &Finished| finished.stderr.contains("verify from the store");
    assert!(!remembers(&run(&mut build).succeeded()));
    assert!(remembers(&run(&mut build).succeeded()));
    fs_err::write(&secret, "hidden-other-nonsense\n").unwrap();
    assert!(!remembers(&run(&mut build).succeeded()));
    // A person who has the store but not the user's key cannot try out secrets.
    fs_err::write(fixture.path("home/.local/state/imgbuild/key"), [2; 32]).unwrap();
    assert!(!remembers(&run(&mut build).succeeded()));
    let rules = "changed /etc/passphrase\nverify critic /etc/passphrase\n";
    fixture.overlay("usr/lib/imgbuild/apply.d/60-passphrase", rules);
    let finished = run(&mut build)
        .ended(1)
        .says(&["nonsense\\u{1b}[0m: (secret)", "`passphrase` of `--secret"]);
    assert!(!finished.stderr.contains("hidden"), "{}", finished.stderr);
}

/// Files of an overlay that the build writes itself, each with a part of the message.
const DISPLACED: [(&str, &str, &str); 8] = [
    (
        "etc/fstab",
        "LABEL=data /data ext4 defaults 0 2\n",
        "writes it by itself: a mount of your own is a unit",
    ),
    (
        "etc/hosts",
        "127.0.1.1 other\n",
        "leave the line of 127.0.1.1 out, and set `hostname`",
    ),
    (
        "etc/hostname",
        "other\n",
        "writes it by itself: set `hostname`",
    ),
    (
        "etc/machine-id",
        "0123456789abcdef0123456789abcdef\n",
        "writes it by itself: leave it out of the overlay",
    ),
    (
        "etc/resolv.conf",
        "nameserver 192.0.2.1\n",
        "resolvers go into a file of `/etc/systemd/resolved.conf.d`",
    ),
    (
        "etc/ssh/ssh_host_rsa_key",
        "key\n",
        "takes it away, because each device makes its own",
    ),
    (
        "boot/firmware/config.txt",
        "dtoverlay=mine\n",
        "fills `/boot/firmware` by itself, a partition of board `tiny`",
    ),
    (
        "etc/systemd/system/mine.service",
        "[Service]\nExecStart=/bin/true\n",
        "masks this unit: take it out of `mask`",
    ),
];

#[test]
fn a_file_in_whose_place_the_build_puts_its_own_is_refused() {
    let fixture = fixture();
    let profile = fixture.path("definitions/profiles/greeter/profile.toml");
    let text = fs_err::read_to_string(&profile).unwrap();
    fs_err::write(&profile, text + "\n[units]\nmask = [\"mine.service\"]\n").unwrap();
    DISPLACED
        .iter()
        .for_each(|(path, text, _)| fixture.overlay(path, text));
    let finished = run(&mut fixture.build()).ended(1).says(&[": 8 mistakes"]);
    for (path, _, output) in DISPLACED {
        let of =
            format!("`/{path}` of overlay `greeter` would not be in the image, for the build ");
        let line = finished.stderr.lines().find(|line| line.contains(&of));
        let line = line.unwrap_or_else(|| panic!("{path}:\n{}", finished.stderr));
        assert!(line.contains(output), "{line}");
        assert!(
            finished.stderr.contains(&format!("file: /{path}, from ")),
            "{}",
            finished.stderr
        );
    }
    assert!(fixture.outputs().is_empty());
}

#[test]
fn what_the_build_would_write_just_so_or_adds_a_line_to_is_taken() {
    let fixture = fixture();
    fixture.overlay("etc/hostname.hbs", "{{settings.hostname}}\n");
    fixture.overlay("etc/timezone", "Etc/UTC\n");
    fixture.overlay("etc/hosts", "127.0.0.1 localhost\n192.0.2.1 printer\n");
    run(&mut fixture.build()).succeeded();
    let root = bases::root(&fixture.image());
    let hosts = "127.0.0.1 localhost\n192.0.2.1 printer\n127.0.1.1\tgreeter\n";
    assert_eq!(bases::cat(root.path(), "/etc/hosts"), hosts);
}

#[test]
fn on_an_image_too_a_file_that_the_build_writes_is_refused_and_hosts_get_their_line() {
    let (fixture, base) = bases::fixture();
    let overlays = "overlays = [\"mine\"]\n\n[packages]";
    fixture.edit(bases::ADDER, "[packages]", overlays);
    let put = |path: &str, text: &str| {
        fixture.write(&format!("definitions/overlays/mine/{path}"), text);
    };
    put("overlay.toml", "schema = 1\nhelp = \"h\"\n");
    put("root/etc/hosts", "192.0.2.1 printer\n");
    put("root/etc/hostname", "other\n");
    put("root/etc/ssh/ssh_host_rsa_key", "key\n");
    for configure in ["build", "first-boot"] {
        let mut build = bases::inject(&fixture, &base);
        run(build.args(["--configure", configure])).ended(1).says(&[
            ": 2 mistakes",
            "`/etc/hostname` of overlay `mine` would not be in the image, for the build writes it by itself",
            "`/etc/ssh/ssh_host_rsa_key` of overlay `mine` would not be in the image, for the build takes it away",
        ]);
    }
    for path in ["etc/hostname", "etc/ssh/ssh_host_rsa_key"] {
        fs_err::remove_file(fixture.path("definitions/overlays/mine/root").join(path)).unwrap();
    }
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let hosts = bases::cat(bases::root(&fixture.image()).path(), "/etc/hosts");
    assert_eq!(hosts, "192.0.2.1 printer\n127.0.1.1\tadder\n");
}

#[test]
fn what_nobody_is_known_without_is_said_first() {
    let fixture = fixture();
    fixture.overlay("etc/nsswitch.conf", "passwd: fles\ngroup: files\n");
    fixture.overlay("etc/pam.d/mine", "auth required pam_mine.so\n");
    fixture.overlay("etc/greetings/second", "nonsense\n");
    fixture.overlay("etc/cron.d/mine", "0 4 * * * keeper true\n");
    let finished = run(&mut fixture.build()).ended(1).says(&[
        ": 5 mistakes\n\n  `/etc/nsswitch.conf`, line 1: `passwd` names service `fles`, whose library",
        "`libnss_fles.so.2` the image does not have; there is `files`",
        "`/etc/pam.d/mine`, line 1: names module `pam_mine.so`, which the image does not have",
        "file: /etc/pam.d/mine, from ",
    ]);
    assert!(
        finished.stderr.contains("critic /etc/greetings/second"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_rule_that_no_device_understands_is_named_by_its_line() {
    let fixture = fixture();
    fixture.overlay(
        "usr/lib/imgbuild/apply.d/70-mine",
        "changed /etc/x\n\nverifies critic\n",
    );
    run(&mut fixture.build()).ended(1).says(&[
        "line 3 of `/usr/lib/imgbuild/apply.d/70-mine` is `verifies critic`",
        "expected `changed` and files first",
    ]);
}

#[test]
fn a_program_that_never_answers_is_ended_and_the_others_are_asked() {
    let fixture = fixture();
    let rules =
        "changed /etc/greeting\nverify sleep 100000\nverify critic /etc/hello.conf; exit 7\n";
    fixture.overlay("usr/lib/imgbuild/apply.d/40-mine", rules);
    let mut build = fixture.build();
    run(build.args(["--script-timeout", "3"])).ended(1).says(&[
        ": 2 mistakes",
        "`sleep 100000`: it made no progress for 3 seconds",
        "`critic /etc/hello.conf; exit 7`: exit status 7",
    ]);
    assert!(fixture.outputs().is_empty() && fixture.scratch().is_empty());
}

/// nft needs the kernel even for a check. If the kernel does not answer, the result is unknown, and
/// the build says so.
#[test]
fn what_the_kernel_of_this_machine_cannot_tell_is_warned_of_and_asked_again() {
    // The reason is given in the words of nft itself.
    let socket = libc::SYS_socket.to_string();
    let programs = "/usr/local/lib/imgbuild-oracles/programs/usr";
    let libraries = format!("{programs}/lib/{}-linux-gnu", std::env::consts::ARCH);
    let loader = names(Path::new(&libraries))
        .into_iter()
        .find(|name| name.starts_with("ld-linux-"));
    let loader = format!("{libraries}/{}", loader.unwrap());
    let nft = format!("{programs}/sbin/nft");
    let mut command = Command::new("python3");
    command.args([
        "-c",
        REFUSE,
        &socket,
        &loader,
        "--library-path",
        &libraries,
        &nft,
        "-c",
        "-f",
        "/dev/null",
    ]);
    let output = command.output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && words.contains("Netlink"),
        "{words}"
    );
    let words = words.lines().next().unwrap();
    for words in [
        words,
        "netlink: Error: cache initialization failed: Operation not supported",
    ] {
        let fixture = fixture();
        let rules = format!("changed /etc/greeting\nverify  echo '{words}'; exit 1\n");
        fixture.overlay("usr/lib/imgbuild/apply.d/60-firewall", &rules);
        for _ in 0..2 {
            let result = run(&mut fixture.build()).succeeded().says(&[
                "warning: this machine's kernel cannot tell whether a device takes what `echo ",
                words,
            ]);
            assert!(
                !result.stderr.contains("verify from the store"),
                "{}",
                result.stderr
            );
        }
    }
}

/// `profile` without its settings of these names.
fn without(profile: &str, names: &[&str]) -> String {
    let parts = profile.split("\n[settings.").enumerate();
    let kept = parts.filter(|(_, part)| {
        !names
            .iter()
            .any(|name| part.starts_with(&format!("{name}]")))
    });
    let kept: Vec<&str> = kept.map(|(_, part)| part).collect();
    kept.join("\n[settings.")
}

#[test]
fn nothing_is_written_for_a_setting_that_a_profile_does_not_have() {
    let fixture = Fixture::new();
    let profile = fixture.path("definitions/profiles/greeter/profile.toml");
    let text = fs_err::read_to_string(&profile).unwrap();
    let bare = without(&text, &["user", "time-zone", "locale"]);
    assert!(bare.contains("settings.greeting") && !bare.contains("settings.user"));
    fs_err::write(&profile, &bare).unwrap();
    run(&mut fixture.build()).succeeded();
    let image = fs_err::read(fixture.image()).unwrap();
    assert!(!holds(&image, ":x:1000:1000:"), "an account of no name");
    assert!(!holds(&image, "LANG=\n") && !holds(&image, "LANG=C.UTF-8\n"));
}
