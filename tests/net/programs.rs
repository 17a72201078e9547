//! The programs of an image check the files that they read, before any of them is started.

use std::collections::BTreeSet;
use std::process::Command;

/// The checks of `judge.sh` in every image; services have the figure of `systemd-analyze security`.
const OF_ALL: [&str; 17] = [
    "/etc/nftables.conf",
    "/etc/ssh/sshd_config.d/10-imgbuild.conf",
    "/etc/sudoers",
    "bash",
    "dash",
    "imgbuild-change.service 9.4",
    "imgbuild-certificate.service 9.4",
    "imgbuild-firstboot.service 9.4",
    "imgbuild-grow-root.service 9.4",
    "imgbuild-settings.service 9.4",
    "imgbuild-status.service 9.4",
    "imgbuild-status.timer",
    "imgbuild-verdict.service 9.4",
    "nftables.service 9.4",
    "perl",
    "sshd -T",
    "systemd-analyze",
];

/// Has the programs of an image of `profile` check all its files with each of `settings`, lines of a settings
/// file. Besides the checks of all images there are those in `own`, whose figures the profile's README must
/// give too. `command` starts a program as root of the image.
pub(crate) fn judge(command: &mut Command, profile: &str, settings: &[&str], own: &[&str]) {
    let script = include_str!("lab/judge.sh");
    command.args(["unshare", "--mount", "--propagation", "private"]);
    command.args(["bash", "-c", script, "judge.sh"]);
    let output = crate::command::stdout(command.args(settings));
    let judged: BTreeSet<&str> = output.lines().collect();
    let expected: BTreeSet<&str> = OF_ALL.iter().chain(own).copied().collect();
    assert_eq!(judged, expected, "{output}");
    let readme = format!(
        "{}/profiles/{profile}/README.md",
        env!("CARGO_MANIFEST_DIR")
    );
    let readme = fs_err::read_to_string(readme).unwrap();
    for (unit, figure) in own.iter().filter_map(|judged| judged.split_once(' ')) {
        let given = |line: &str| line.contains(unit) && line.contains(figure);
        assert!(
            readme.lines().any(given),
            "profiles/{profile}/README.md does not say {figure} of {unit}"
        );
    }
}
