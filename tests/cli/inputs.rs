//! An input that is missing or not genuine never gets into an image; exit code 4 and the name of
//! the input.

use crate::fixture::{Finished, Fixture, run};
use crate::mirror::{Fault, NOW, TestArchive, TestKey, Times};
use crate::test_debian;
use imgbuild::architecture::Architecture;
use imgbuild::epoch::Epoch;
use std::process::Command;

const IN_RELEASE: &str = "/debian/dists/trixie/InRelease";

impl Fixture {
    /// A build that must fail with `code` and leave nothing.
    fn fails(&self, code: i32) -> Finished {
        self.fails_with(code, &mut self.build())
    }

    fn fails_with(&self, code: i32, command: &mut Command) -> Finished {
        let finished = run(command).ended(code);
        assert_eq!(finished.stdout, "");
        assert_eq!(self.outputs(), [""; 0]);
        finished
    }

    /// The part of standard error that has the failure.
    fn failure(&self, finished: &Finished) -> String {
        let at = finished
            .stderr
            .find("error")
            .unwrap_or_else(|| panic!("no error: {}", finished.stderr));
        self.steady(&finished.stderr[at..])
    }

    /// The path of package `name` on the mirror.
    fn deb(&self, name: &str) -> String {
        format!("/debian/{}", test_debian::archive().locked(name).path)
    }

    /// The path of the index on the mirror.
    fn packages(&self) -> String {
        let folder = self.path("mirror/debian/dists/trixie/main").join(binary());
        let by_hash = crate::fixture::names(&folder.join("by-hash/SHA256"));
        format!(
            "/debian/dists/trixie/main/{}/by-hash/SHA256/{}",
            binary(),
            by_hash[0]
        )
    }
}

fn binary() -> String {
    format!("binary-{}", test_debian::host())
}

fn wants(package: &str) -> String {
    format!("install = [\"{package}\"]")
}

/// A fixture with `archive`, and a profile that installs `package`.
fn fixture_wanting(package: &str, archive: &TestArchive) -> Fixture {
    let fixture = Fixture::of(archive);
    fixture.edit(
        "profiles/greeter/profile.toml",
        &wants("hello"),
        &wants(package),
    );
    fixture
}

#[test]
fn an_unknown_package_is_answered_with_the_nearest_name() {
    let fixture = fixture_wanting("helo", &test_debian::archive());
    insta::assert_snapshot!(fixture.failure(&fixture.fails(1)));
}

#[test]
fn packages_that_cannot_be_installed_are_explained_by_the_chain_of_relations() {
    let chain = test_debian::package("shop").field("Depends", "till (>= 2)");
    let till = test_debian::package("till");
    let archive = test_debian::archive().package(chain).package(till);
    let fixture = fixture_wanting("shop", &archive);
    insta::assert_snapshot!(fixture.failure(&fixture.fails(1)));
}

#[test]
fn a_tampered_inrelease_is_refused() {
    let fixture = Fixture::new();
    fixture.fault(IN_RELEASE, Fault::Corrupt(200), Times::Always);
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn an_inrelease_signed_by_another_key_is_refused() {
    let fixture = Fixture::of(&test_debian::archive().key(TestKey::new(2)));
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn a_tampered_index_is_refused() {
    let fixture = Fixture::new();
    let plain = format!("/debian/dists/trixie/main/{}/Packages.xz", binary());
    for path in [fixture.packages(), plain] {
        fixture.fault(&path, Fault::Corrupt(100), Times::Always);
    }
    let finished = fixture.fails(4);
    insta::assert_snapshot!(fixture.failure(&finished));
}

#[test]
fn a_tampered_package_is_refused() {
    let fixture = Fixture::new();
    fixture.fault(&fixture.deb("hello"), Fault::Corrupt(500), Times::Always);
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn a_tampered_package_that_comes_right_the_second_time_is_taken() {
    let fixture = Fixture::new();
    fixture.fault(&fixture.deb("hello"), Fault::Status(503), Times::Once);
    run(&mut fixture.build()).succeeded();
}

#[test]
fn an_expired_archive_is_refused_unless_it_is_allowed() {
    let fixture = Fixture::of(&test_debian::archive().valid_until(Epoch(NOW.0 + 86_400)));
    let finished = fixture.fails(4);
    let failure = fixture.failure(&finished);
    let (before, after) = failure.split_once(", now is ").unwrap();
    let after = after.split_once(';').unwrap().1;
    insta::assert_snapshot!(format!("{before}, now is NOW;{after}"));
    run(fixture.build().arg("--allow-expired")).succeeded();
}

#[test]
fn an_archive_older_than_one_seen_before_is_refused() {
    let fixture = Fixture::of(&test_debian::archive());
    run(&mut fixture.build()).succeeded();
    fs_err::remove_file(fixture.image()).unwrap();
    fixture.publish(&test_debian::archive().date(Epoch(NOW.0 - 86_400)));
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn a_download_that_is_cut_off_is_resumed() {
    let fixture = Fixture::new();
    let deb = fixture.deb("busybox");
    fixture.fault(&deb, Fault::Truncate(100_000), Times::Once);
    run(&mut fixture.build()).succeeded();
    assert_eq!(fixture.server.ranges(&deb), ["", "bytes=100000-"]);
}

#[test]
fn a_package_that_the_mirror_lacks_is_named_with_its_address() {
    let fixture = Fixture::new();
    fixture.fault(&fixture.deb("hello"), Fault::Status(404), Times::Always);
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn a_mirror_in_the_middle_of_a_sync_is_asked_again() {
    let fixture = Fixture::new();
    let plain = format!("/debian/dists/trixie/main/{}/Packages.xz", binary());
    for path in [fixture.packages(), plain] {
        fixture.fault(&path, Fault::Status(404), Times::Once);
    }
    run(&mut fixture.build())
        .succeeded()
        .says(&["in the middle of a sync; asking again"]);
}

#[test]
fn a_mirror_that_is_none_is_named() {
    let fixture = Fixture::new();
    fixture.fault(IN_RELEASE, Fault::Status(404), Times::Always);
    insta::assert_snapshot!(fixture.failure(&fixture.fails(4)));
}

#[test]
fn without_any_mirror_the_program_says_where_to_name_one() {
    let fixture = Fixture::new();
    // An empty folder over /etc/apt makes this a machine without apt sources.
    let script = "mkdir -p /etc/apt && mount -t tmpfs tmpfs /etc/apt && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh", crate::fixture::PROGRAM]);
    fixture.surround(&mut command);
    let inputs = fixture.inputs();
    command
        .args(&inputs[..inputs.len() - 2])
        .arg("--output")
        .arg(fixture.image());
    let finished = fixture.fails_with(4, &mut command);
    insta::assert_snapshot!(fixture.failure(&finished));
}

#[test]
fn the_mirror_comes_from_a_flag_the_environment_or_the_configuration() {
    let fixture = Fixture::new();
    let inputs = fixture.inputs();
    let plan = || {
        let mut command = fixture.bare(&["plan"]);
        command.args(&inputs[..inputs.len() - 2]);
        command
    };
    let named = |url: &str| run(plan().args(["--mirror", url])).code;
    assert_eq!(
        (named(&fixture.mirror()), named("http://[broken")),
        (Some(0), Some(2))
    );
    run(plan().env("IMGBUILD_MIRROR", fixture.mirror())).succeeded();
    let folder = fixture.path("home/.config/imgbuild");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(
        folder.join("config.toml"),
        format!("mirror = \"{}\"\n", fixture.mirror()),
    )
    .unwrap();
    run(&mut plan()).succeeded();
    fs_err::write(folder.join("config.toml"), "miror = \"x\"\n").unwrap();
    run(&mut plan()).ended(2).says(&["config.toml", "miror"]);
}

#[test]
fn the_proxy_is_the_one_of_the_environment_and_its_exceptions_hold() {
    let fixture = Fixture::new();
    let asks = |variables: &[(&str, &str)]| {
        let mut command = fixture.sub("plan");
        run(command.arg("--quiet").envs(variables.iter().copied())).code
    };
    // No server listens at port 9, so a request there fails.
    let dead = "http://127.0.0.1:9";
    let host = fixture.server.url();
    let host = host.trim_start_matches("http://");
    for variables in [
        &[("http_proxy", dead), ("no_proxy", "127.0.0.1")][..],
        &[
            ("http_proxy", "127.0.0.1:9"),
            ("no_proxy", "a.example, 127.0.0.0/8"),
        ],
        &[("HTTP_PROXY", dead), ("NO_PROXY", host)],
        &[("ALL_PROXY", dead), ("no_proxy", "*")],
        &[("https_proxy", dead)],
        // In a CGI program, any client could have set this variable.
        &[("HTTP_PROXY", dead), ("REQUEST_METHOD", "GET")],
    ] {
        assert_eq!(asks(variables), Some(0), "{variables:?}");
    }
    let through = Fixture::new();
    let mut proxied = fixture.sub("plan");
    proxied.env("http_proxy", through.server.url());
    run(&mut proxied).ended(4);
    let asked = through.server.requests();
    assert!(asked[0].path.starts_with(&fixture.mirror()), "{asked:?}");
    let mut secret = fixture.sub("plan");
    secret.env("all_proxy", "socks5h://me:hunter2@127.0.0.1:9");
    let finished = run(&mut secret)
        .ended(4)
        .says(&["cannot use the proxy `socks5h://127.0.0.1:9`"]);
    assert!(!finished.stderr.contains("hunter2"));
}

#[test]
fn offline_needs_a_warm_store() {
    let fixture = Fixture::new();
    let offline = || {
        let mut command = fixture.build();
        command.arg("--offline");
        command
    };
    let finished = fixture.fails_with(4, &mut offline());
    insta::assert_snapshot!(fixture.failure(&finished));
    assert_eq!(fixture.server.requests(), []);
    let online = run(&mut fixture.build()).succeeded();
    let asked = fixture.server.requests().len();
    let first = fs_err::read(fixture.image()).unwrap();
    assert_eq!(run(&mut offline()).succeeded().stdout, online.stdout);
    assert!(fs_err::read(fixture.image()).unwrap() == first);
    assert_eq!(fixture.server.requests().len(), asked);
}

#[test]
fn an_architecture_that_the_archive_lacks_is_named() {
    let fixture = Fixture::new();
    let other = match test_debian::host() {
        Architecture::Amd64 => "arm64",
        _ => "amd64",
    };
    let [old, new] = [test_debian::host().debian(), other].map(|name| format!("\"{name}\""));
    fixture.edit("boards/tiny/board.toml", &old, &new);
    fixture.fails(1).says(&["no repository has a package `"]);
}

#[test]
fn a_maintainer_script_that_fails_is_named_with_what_it_said() {
    let broken = test_debian::package("broken")
        .script("postinst", "#!/bin/sh\necho no luck today\nexit 7\n");
    let fixture = fixture_wanting("broken", &test_debian::archive().package(broken));
    fixture.fails(4).says(&["no luck today", "broken"]);
    assert_eq!(fixture.scratch(), [""; 0]);
}

#[test]
fn where_no_sandbox_can_be_made_the_program_says_what_to_allow() {
    let fixture = Fixture::new();
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, "sh", crate::fixture::PROGRAM]);
    fixture.surround(&mut command);
    command
        .args(fixture.inputs())
        .arg("--output")
        .arg(fixture.image());
    let finished = fixture.fails_with(4, &mut command);
    insta::assert_snapshot!(fixture.failure(&finished));
}

/// A program that makes the kernel refuse one system call, as the filters of container runtimes do
/// (seccomp(2)), and starts another program.
pub(crate) const REFUSE: &str = r#"
import ctypes, os, struct, sys
call = int(sys.argv[1])
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
program = struct.pack("=HxxxxxxQ", len(rules), ctypes.addressof(code))
prctl = ctypes.CDLL(None, use_errno=True).prctl
prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]
assert prctl(38, 1, None, 0, 0) == 0 and prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// Podman's own profile allows namespaces if the container's user may make them, and then refuses
/// to set a host name in them.
#[test]
fn where_a_containers_filter_refuses_a_host_name_the_help_is_that_for_containers() {
    let fixture = Fixture::new();
    for call in [
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_unshare,
    ] {
        let mut command = Command::new("python3");
        command.args(["-c", REFUSE, &call.to_string(), crate::fixture::PROGRAM]);
        fixture.surround(&mut command);
        command
            .args(fixture.inputs())
            .arg("--output")
            .arg(fixture.image());
        fixture.fails_with(4, &mut command).says(&[
            "need a user namespace",
            "in a container, run imgbuild as an ordinary user",
        ]);
    }
}
