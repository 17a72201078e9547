//! `--configure first-boot`: the device configures the packages. Its own dpkg is the oracle.

use crate::bases::{self, output};
use crate::fixture::{Fixture, PROGRAM, run};
use crate::mirror::DebSpec;
use crate::test_debian;
use std::path::{Path, PathBuf};
use std::process::Command;

const STATE: &str = "var/lib/imgbuild/configure";

/// A package that needs all parts of configuring: a preinst, a conffile, and a file on which
/// another package has a trigger.
fn added() -> DebSpec {
    test_debian::package("added")
        .field("Depends", "needed")
        .conffile("/etc/added.conf", b"added\n")
        .file("/usr/share/watched/added", 0o644, b"look")
        .script(
            "preinst",
            "#!/bin/sh\nset -e\necho \"$1 $DPKG_MAINTSCRIPT_PACKAGE\" > /etc/added.preinst\n",
        )
        .script(
            "postinst",
            "#!/bin/sh\nset -e\n[ -e /etc/needed.state ]\necho \"$1\" > /etc/added.state\n",
        )
}

fn needed() -> DebSpec {
    let postinst = "#!/bin/sh\nset -e\n[ -e /etc/added.preinst ]\n/usr/sbin/policy-rc.d || echo $? > /etc/needed.state\n";
    test_debian::package("needed").script("postinst", postinst)
}

/// A package of the base image that has a trigger on files.
fn watcher() -> DebSpec {
    test_debian::package("watcher")
        .directory("/usr/share/watched", 0o755)
        .script("triggers", "interest-noawait /usr/share/watched\n")
        .script(
            "postinst",
            "#!/bin/sh\nset -e\necho \"$*\" >> /etc/watcher.log\n",
        )
}

/// A base image, and an archive with the packages that a profile adds to it.
fn fixture() -> (Fixture, PathBuf) {
    let (fixture, base) = bases::fixture_with(vec![watcher()]);
    let archive = bases::archive().package(watcher());
    let archive = archive.package(added()).package(needed());
    fixture.publish(&archive.date(bases::LATER));
    fixture.edit(bases::ADDER, "[\"extra\"]", "[\"added\"]");
    (fixture, base)
}

fn first_boot(fixture: &Fixture, base: &Path) -> Command {
    let mut command = bases::inject(fixture, base);
    command.args(["--configure", "first-boot"]);
    command
}

/// Makes a command that runs `command` where no namespace can be made.
fn without_namespaces(fixture: &Fixture, command: &Command) -> Command {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut confined = Command::new("unshare");
    confined.args(["-Ur", "sh", "-c", script, "sh", PROGRAM]);
    fixture.surround(&mut confined);
    confined.args(command.get_args());
    confined
}

/// Runs `program` with `root` as its root directory.
pub(crate) fn inside(root: &Path, program: &[&str]) -> std::process::Output {
    let mount = "mount --bind /dev/null \"$0/dev/null\" && exec chroot \"$0\" \"$@\"";
    fs_err::create_dir_all(root.join("dev")).unwrap();
    fs_err::write(root.join("dev/null"), "").unwrap();
    let mut unshare = Command::new("unshare");
    unshare
        .args(["-Urm", "sh", "-c", mount])
        .arg(root)
        .args(program);
    unshare.output().unwrap()
}

fn text(root: &Path, path: &str) -> String {
    fs_err::read_to_string(root.join(path)).unwrap_or_default()
}

#[test]
fn the_device_ends_where_a_sandbox_would_have_brought_it() {
    let (fixture, base) = fixture();
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let expected = bases::files(&fixture.image());
    fs_err::remove_file(fixture.image()).unwrap();
    let command = first_boot(&fixture, &base);
    run(&mut without_namespaces(&fixture, &command))
        .succeeded()
        .says(&[
            "warning: the image's programs were not asked about its configuration: the device configures \
             them itself (--configure first-boot)\n",
        ]);

    let files = bases::files(&fixture.image());
    let root = files.path();
    let audit = inside(root, &["dpkg", "--audit"]);
    let audit = String::from_utf8(audit.stdout).unwrap();
    let complaints: Vec<&str> = audit
        .lines()
        .filter(|line| line.starts_with("The following"))
        .collect();
    let expected_complaints = [
        "The following packages have been unpacked but not yet configured.",
        "The following packages have been triggered, but the trigger processing",
    ];
    assert_eq!(complaints, expected_complaints, "{audit}");
    for package in ["added", "needed", "watcher"] {
        assert!(audit.contains(&format!("\n {package} ")), "{audit}");
    }
    assert_eq!(text(root, "etc/added.state"), "");

    let unit = text(root, "usr/lib/systemd/system/imgbuild-configure.service");
    assert!(
        unit.contains("\nAfter=local-fs.target boot-firmware.mount "),
        "{unit}"
    );
    let finished = inside(root, &["/usr/lib/imgbuild/configure"]);
    let output = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(
        finished.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&finished.stderr)
    );
    assert!(
        output.contains("imgbuild: all packages are configured"),
        "{output}"
    );
    for path in [
        "var/lib/dpkg/status",
        "var/lib/dpkg/triggers/File",
        "var/lib/dpkg/triggers/Unincorp",
        "var/lib/apt/extended_states",
        "etc/added.state",
        "etc/added.conf",
        "etc/added.preinst",
        "etc/needed.state",
        "etc/watcher.log",
    ] {
        assert_eq!(text(root, path), text(expected.path(), path), "{path}");
    }
    assert_eq!(text(root, "etc/needed.state"), "101\n");
    assert_eq!(
        text(root, "etc/watcher.log"),
        "configure \ntriggered /usr/share/watched\n"
    );
    assert!(!root.join(STATE).exists() && !root.join("usr/sbin/policy-rc.d").exists());
    let log = text(root, "boot/firmware/imgbuild-configure.log");
    assert!(
        log.contains("Setting up added") && log.contains("try 1 of 3"),
        "{log}"
    );
}

#[test]
fn what_cannot_be_configured_is_tried_three_times_and_left() {
    let (fixture, base) = fixture();
    run(&mut first_boot(&fixture, &base)).succeeded();
    let files = bases::files(&fixture.image());
    let root = files.path();
    let script = "#!/bin/sh\necho tried >> /etc/tries\nexit 1\n";
    fs_err::write(root.join("var/lib/dpkg/info/needed.postinst"), script).unwrap();
    let policy = "#!/bin/sh\nexit 104\n";
    fs_err::write(root.join("usr/sbin/policy-rc.d"), policy).unwrap();
    // This stands for one try that a loss of power has interrupted.
    fs_err::write(root.join(STATE).join("tries"), "1\n").unwrap();
    let finished = inside(root, &["/usr/lib/imgbuild/configure"]);
    assert_eq!(
        finished.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&finished.stdout)
    );
    // Each try has two passes.
    assert_eq!(text(root, "etc/tries"), "tried\n".repeat(4));
    assert_eq!(text(root, "etc/added.preinst"), "install added\n");
    assert_eq!(text(root, "usr/sbin/policy-rc.d"), policy);
    assert!(!root.join(STATE).exists() && root.join(format!("{STATE}-failed")).exists());
    let log = text(root, "boot/firmware/imgbuild-configure.log");
    assert!(
        log.contains("try 3 of 3") && log.contains("left unconfigured"),
        "{log}"
    );
}

#[test]
fn a_package_that_is_there_is_not_replaced_without_its_scripts() {
    let (fixture, base) = fixture();
    let newer = test_debian::versioned("watcher", "2.0");
    let archive = bases::archive().package(newer).package(needed());
    let archive = archive.package(added().field("Breaks", "watcher (<< 2)"));
    fixture.publish(&archive.date(bases::LATER));
    let finished = run(&mut first_boot(&fixture, &base));
    finished.ended(1).says(&[
        "other versions of watcher (1.0 → 2.0)",
        "without `--configure first-boot`",
    ]);
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn a_system_of_packages_alone_cannot_be_left_to_the_device() {
    let fixture = Fixture::new();
    let mut command = fixture.build();
    let finished = run(command.args(["--configure", "first-boot"]));
    finished
        .ended(2)
        .says(&["needs an image to start from (--base)"]);
}

#[test]
fn it_is_not_what_a_sandbox_gives_and_its_own_each_time() {
    let (fixture, base) = fixture();
    let plan = |more: &[&str]| {
        let mut command = bases::sub(&fixture, "plan", &base);
        run(command.args(more)).succeeded().stdout
    };
    let (here, there) = (plan(&[]), plan(&["--configure", "first-boot"]));
    assert_ne!(here.lines().next(), there.lines().next());
    assert!(there.contains("\nconfigure  on the device"));
    run(&mut first_boot(&fixture, &base)).succeeded();
    let first = fs_err::read(fixture.image()).unwrap();
    fs_err::remove_dir_all(fixture.path("store")).unwrap();
    run(&mut first_boot(&fixture, &base)).succeeded();
    assert!(first == fs_err::read(fixture.image()).unwrap());
    output(
        "/usr/sbin/e2fsck",
        &[
            "-fn",
            bases::root(&fixture.image()).path().to_str().unwrap(),
        ],
    );
}
