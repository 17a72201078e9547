//! What the programs of an image say of the files that they read, before any of them is started.

use std::collections::BTreeSet;
use std::process::Command;

/// What `judge.sh` looks at in every image; services with the figure of `systemd-analyze security`.
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

/// Has everything of an image of `profile` judged with each of `settings`, lines of a settings file; besides
/// what all images have, that is `own`, and the profile's README gives the same figures. `command` starts a
/// program as root of the image.
pub(crate) fn judge(command: &mut Command, profile: &str, settings: &[&str], own: &[&str]) {
    let script = include_str!("lab/judge.sh");
    command.args(["unshare", "--mount", "--propagation", "private"]);
    command.args(["bash", "-c", script, "judge.sh"]);
    let said = crate::support::said(command.args(settings));
    let judged: BTreeSet<&str> = said.lines().collect();
    let expected: BTreeSet<&str> = OF_ALL.iter().chain(own).copied().collect();
    assert_eq!(judged, expected, "{said}");
    let readme = format!(
        "{}/profiles/{profile}/README.md",
        env!("CARGO_MANIFEST_DIR")
    );
    let readme = fs_err::read_to_string(readme).unwrap();
    for (unit, figure) in own.iter().filter_map(|judged| judged.split_once(' ')) {
        let told = |line: &str| line.contains(unit) && line.contains(figure);
        assert!(
            readme.lines().any(told),
            "profiles/{profile}/README.md does not say {figure} of {unit}"
        );
    }
}
