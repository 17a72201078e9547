//! The device configures packages that no sandbox has configured, before anything needs them.

use super::guest::{Firmware, Guest};
use super::{BUILT, SETTINGS};
use crate::command::run;
use crate::support::run_folder;

#[test]
fn x86_64_configures_what_it_was_given_unpacked() {
    let user = &BUILT.user;
    let [base, image] = ["plain.img", "first-boot.img"].map(|name| user.home().join(name));
    let mut command = user.imgbuild();
    command.args(["--board", "x86_64", "--profile", "base", "--output"]);
    run(command.arg(&base));
    let mut command = user.command("unshare");
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    command.args(["-Ur", "sh", "-c", script, "sh"]);
    command.arg(run_folder().join("imgbuild"));
    command.args(["--board", "x86_64", "--profile", "haproxy-node"]);
    command
        .args(SETTINGS)
        .args(["--configure", "first-boot", "--base"]);
    run(command.arg(&base).arg("--output").arg(&image));
    fs_err::remove_file(&base).unwrap();

    let mut guest = Guest::start(&image, Firmware::Bios, &[]);
    let console = guest.machine.log_in();
    assert!(console.contains("statistics login: "), "{console}");
    guest.settle();
    let machine = &mut guest.machine;
    assert_eq!(machine.succeed("dpkg --audit"), "");
    let active =
        "systemctl is-active haproxy || { journalctl --no-pager -n 40 -u haproxy; false; }";
    assert_eq!(machine.succeed(active), "active");
    let owner = machine.succeed("stat -c %U:%G:%a /etc/haproxy/haproxy.cfg");
    assert_eq!(owner, "root:haproxy:640");
    let log = machine.succeed("cat /boot/efi/imgbuild-configure.log");
    for words in [
        "try 1 of 3",
        "Setting up haproxy",
        "all packages are configured",
    ] {
        assert!(log.contains(words), "{log}");
    }
    let left = "ls /var/lib/imgbuild/configure* /usr/sbin/policy-rc.d 2> /dev/null";
    assert_eq!(machine.run(left).output, "");
    fs_err::remove_file(&image).unwrap();
}
