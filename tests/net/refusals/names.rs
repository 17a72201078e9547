//! Which files of a folder a program reads: the build and the programs of an image must agree.

use super::{Definitions, OF_OTHERS, PACKAGES};
use imgbuild::define::overlay::Overlay;
use imgbuild::diag::Diagnostics;
use std::collections::{BTreeMap, BTreeSet};

/// Names of every kind; some program ignores each of them.
const NAMES: [&str; 40] = [
    "a",
    "A-b_9",
    "a~",
    "a.b",
    "a.conf",
    "a.conf.bak",
    "a.b.conf",
    "a.CONF",
    "a.cfg",
    "a,v",
    "10-x.y-z",
    "10-X.y-z",
    "_x.y-z",
    "a:b.conf",
    "a+b",
    "a@b.conf",
    "aé.conf",
    "a.disabled",
    "a.dpkg-old",
    "a-b.dpkg-tmp",
    "a.dpkg-dist.conf",
    "a.swp",
    "a.rpmsave",
    "a.ucf-new",
    "a.rhn-cfg-tmp-x",
    "a.list",
    "a.sources",
    "a.sources.off",
    "a.pref",
    "a.rules",
    "a.rules~",
    "a.nft",
    "a.nft.off",
    "a.sh",
    "a.csh",
    "a.service",
    "a.servce",
    "a@.timer",
    "a.target.bak",
    "a.",
];

/// Folders, and the text of each file in them, in which `N` is the number of its name.
const FOLDERS: [(&str, &str); 22] = [
    ("/etc/cron.daily", "#!/bin/sh\n"),
    ("/etc/cron.d", "# judgeN\n"),
    ("/etc/update-motd.d", "#!/bin/sh\n"),
    ("/etc/sudoers.d", "# judgeN\n"),
    ("/etc/logrotate.d", "/var/log/judgeN {\n    weekly\n}\n"),
    ("/etc/ssh/sshd_config.d", "AcceptEnv judgeN\n"),
    ("/etc/udev/rules.d", "NONSENSE==\"1\"\n"),
    ("/etc/sysctl.d", "# judgeN\n"),
    ("/etc/tmpfiles.d", "# judgeN\n"),
    ("/etc/sysusers.d", "# judgeN\n"),
    ("/etc/modules-load.d", "judgeN\n"),
    ("/etc/modprobe.d", "options judgeN x=1\n"),
    ("/etc/systemd/journald.conf.d", "[Journal]\n"),
    ("/etc/systemd/system", "[Unit]\n"),
    ("/etc/apt/apt.conf.d", "judgeN \"1\";\n"),
    (
        "/etc/apt/sources.list.d",
        "deb http://192.0.2.1/judgeN ./\n",
    ),
    ("/etc/profile.d", "echo judgeN\n"),
    ("/etc/ld.so.conf.d", "/judgeN\n"),
    // Here each name is tried alone.
    ("/etc/apt/preferences.d", ""),
    ("/etc/nftables.d", ""),
    ("/etc/haproxy/conf.d", ""),
    ("/etc/rsyslog.d", ""),
];

/// The mode of files in `folder`: run-parts wants them executable, and visudo is strict.
fn mode(folder: &str) -> &'static str {
    match folder {
        "/etc/cron.daily" | "/etc/update-motd.d" => "0755",
        "/etc/sudoers.d" => "0440",
        _ => "0644",
    }
}

/// Whether an overlay may have a file `name` in `folder`.
fn is_taken(folder: &str, name: &str) -> bool {
    let mut diagnostics = Diagnostics::default();
    let (path, mode) = (format!("{folder}/{name}"), mode(folder));
    let rule =
        format!("schema = 1\nhelp = \"h\"\n[[file]]\npath = \"{path}\"\nmode = \"{mode}\"\n");
    Overlay::of_files(&mut diagnostics, &rule, &[(&path[1..], b"x\n")]).is_some()
}

#[test]
fn names_that_programs_read_are_those_that_a_build_takes() {
    let _guard = PACKAGES.lock();
    let definitions = Definitions::new("read-names", &format!("\"haproxy-node\", {OF_OTHERS}"));
    let mut rules = String::new();
    for (folder, text) in FOLDERS.iter().filter(|(_, text)| !text.is_empty()) {
        for (number, name) in NAMES.iter().enumerate() {
            let text = match *name {
                "a.sources" => {
                    format!("Types: deb\nURIs: http://192.0.2.1/judge{number}\nSuites: ./\n")
                }
                _ => text.replace("judgeN", &format!("judge{number}")),
            };
            definitions.file(&format!("{}/{name}", &folder[1..]), &text);
            rules += &format!(
                "[[file]]\npath = \"{folder}/{name}\"\nmode = \"{}\"\nverbatim = true\n",
                mode(folder)
            );
        }
    }
    definitions.rules(&rules);
    definitions.file("usr/share/judge-names", &format!("{}\n", NAMES.join("\n")));
    definitions.file(
        "usr/lib/imgbuild/judge-read",
        include_str!("../lab/read.sh"),
    );
    definitions.file(
        "usr/lib/imgbuild/apply.d/99-judge",
        "changed /usr/share/judge-names\nverify  /usr/lib/imgbuild/judge-read; exit 1\n",
    );
    let output = definitions.refusal();
    let parts = output.split("READ ").skip(1);
    let lines = parts.map(|part| part.lines().next().unwrap_or_default());
    let words = lines.map(|line| line.split_ascii_whitespace().collect::<Vec<&str>>());
    let read: BTreeMap<&str, BTreeSet<&str>> = words
        .map(|words| (words[0], words[1..].iter().copied().collect()))
        .collect();
    let taken = |folder: &str| -> BTreeSet<&str> {
        let names = NAMES.iter().copied();
        names.filter(|name| is_taken(folder, name)).collect()
    };
    let expected: BTreeMap<&str, BTreeSet<&str>> = FOLDERS
        .iter()
        .map(|(folder, _)| (*folder, taken(folder)))
        .collect();
    for (folder, taken) in &expected {
        assert_eq!(
            read.get(folder),
            Some(taken),
            "{folder}: read, and taken; {output}"
        );
    }
}
