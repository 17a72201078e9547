//! sgdisk, sfdisk, fsck.fat and e2fsck check the image without starting it.

use super::BUILT;
use crate::command::{run, stdout};
use crate::support::{extract, partitions, run_folder};
use std::path::Path;
use std::process::Command;

#[test]
fn x86_64_sgdisk_and_sfdisk_find_nothing_wrong() {
    let verdict = stdout(
        Command::new("/usr/sbin/sgdisk")
            .arg("--verify")
            .arg(&BUILT.image),
    );
    assert!(verdict.contains("No problems found."), "{verdict}");
    let verdict = run(Command::new("/usr/sbin/sfdisk")
        .arg("--verify")
        .arg(&BUILT.image));
    let verdict = String::from_utf8([verdict.stdout, verdict.stderr].concat()).unwrap();
    assert!(verdict.contains("No errors detected."), "{verdict}");
}

#[test]
fn x86_64_checkers_find_nothing_wrong_and_the_root_holds_no_identity() {
    let partitions = partitions(&BUILT.image);
    let [_, esp, root] = partitions[..] else {
        panic!("{partitions:?}");
    };
    let (fat, ext4) = (run_folder().join("esp.fat"), run_folder().join("root.ext4"));
    extract(&BUILT.image, esp, &fat);
    extract(&BUILT.image, root, &ext4);
    run(Command::new("/usr/sbin/fsck.fat").arg("-n").arg(&fat));
    run(Command::new("/usr/sbin/e2fsck").arg("-fn").arg(&ext4));
    let names = debugfs(&ext4, "ls -p /etc/ssh");
    assert!(
        names.contains("/sshd_config/") && !names.contains("ssh_host_"),
        "{names}"
    );
    let id = debugfs(&ext4, "cat /etc/machine-id");
    assert!(["", "uninitialized"].contains(&id.trim()), "{id}");
    fs_err::remove_file(fat).unwrap();
    fs_err::remove_file(ext4).unwrap();
}

fn debugfs(image: &Path, request: &str) -> String {
    stdout(
        Command::new("/usr/sbin/debugfs")
            .args(["-R", request])
            .arg(image),
    )
}
