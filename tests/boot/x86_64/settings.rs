//! Settings on the card and on the device, and the reports of the device about itself.

use crate::command::{run, stdout};
use crate::machine::Machine;
use crate::support::partitions;
use std::path::Path;
use std::process::Command;

/// The form in which an editor on Windows saves it.
const ON_THE_CARD: &str = "\u{feff}hostname = lb\r\nstats-port = 1444\r\ntime-zone = Europe/Berlin\r\n\
    stats-password = correct horse battery\r\n";

/// mtools on the partition that every computer can read.
fn mtool(program: &str, disk: &Path) -> Command {
    let mut command = Command::new(program);
    let place = format!("{}@@{}", disk.display(), partitions(disk)[1].start);
    command.args(["-i", &place]);
    command
}

/// The card lists the settings; a person writes some of them.
pub(super) fn write_on_card(disk: &Path) {
    let listed = stdout(mtool("mtype", disk).arg("::imgbuild.txt"));
    assert!(listed.contains("#stats-port = 1338\r\n"), "{listed}");
    put_on_card(disk, ON_THE_CARD);
}

/// Makes `text` the card's settings.
pub(super) fn put_on_card(disk: &Path, text: &str) {
    let file = disk.with_extension("settings");
    fs_err::write(&file, text).unwrap();
    run(mtool("mcopy", disk)
        .arg("-o")
        .arg(&file)
        .arg("::imgbuild.txt"));
    fs_err::remove_file(file).unwrap();
}

/// The status of the statistics page for this login.
fn page(machine: &mut Machine, login: &str, port: u16) -> String {
    let ask = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' --max-time 60 -u '{login}:correct horse battery' http://127.0.0.1:{port}/; true"
    );
    machine.succeed(&ask)
}

pub(super) fn taken_from_the_card(machine: &mut Machine) {
    assert_eq!(machine.succeed("hostname"), "lb");
    assert_eq!(
        machine.succeed("readlink /etc/localtime"),
        "/usr/share/zoneinfo/Europe/Berlin"
    );
    assert_eq!(page(machine, "admin", 1444), "200");
    let card = machine.succeed("cat /boot/efi/imgbuild.txt");
    assert!(
        card.contains("stats-password: the device has it now") && !card.contains("horse"),
        "{card}"
    );
    let secret =
        machine.run("grep -rlE 'correct horse' /etc /usr/lib/imgbuild /var/lib/imgbuild /boot/efi");
    assert_eq!(
        (secret.status, &*secret.output),
        (1, ""),
        "only its hash stays"
    );
}

pub(super) fn change_while_it_runs(machine: &mut Machine) {
    let changed = machine.succeed("imgbuild-config set stats-port=1500 stats-user=boss");
    assert!(
        changed.contains("changed: /etc/haproxy/haproxy.cfg"),
        "{changed}"
    );
    assert_eq!(page(machine, "boss", 1500), "200");
    assert_eq!(page(machine, "admin", 1500), "401");
    assert_eq!(page(machine, "boss", 1444), "000");
    let rules = machine.succeed("nft list chain inet imgbuild input");
    assert!(
        rules.contains("tcp dport 1500 accept") && !rules.contains("1444"),
        "{rules}"
    );
}

/// An invalid port, and an address that no interface has: HAProxy accepts the file and cannot start.
pub(super) fn what_does_not_work_is_taken_back(machine: &mut Machine) {
    let before = machine.succeed("sha256sum /etc/haproxy/haproxy.cfg /etc/imgbuild/*");
    for (setting, reason) in [
        (
            "stats-port=70000",
            "`stats-port`: expected a port from 1 to 65535",
        ),
        ("stats-bind=192.0.2.77", "nothing was changed: "),
    ] {
        let refused = machine.run(&format!("imgbuild-config set {setting}"));
        assert_eq!(refused.status, 1, "{setting}: {}", refused.output);
        assert!(
            refused.output.contains(reason),
            "{setting}: {}",
            refused.output
        );
        let after = machine.succeed("sha256sum /etc/haproxy/haproxy.cfg /etc/imgbuild/*");
        assert_eq!(after, before, "{setting}");
        assert_eq!(page(machine, "boss", 1500), "200", "{setting}");
    }
}

pub(super) fn the_status_says_what_fails(machine: &mut Machine) {
    machine.succeed("systemctl stop haproxy");
    let status = machine.run("imgbuild-status");
    assert_eq!(status.status, 1, "{}", status.output);
    let alive = status
        .output
        .lines()
        .find(|line| line.trim_start().starts_with("alive "));
    let alive = alive.unwrap_or_else(|| panic!("no check `alive`: {}", status.output));
    assert!(
        alive.contains("FAILED") && alive.contains("Could not connect"),
        "{alive}"
    );
    assert!(
        status.output.contains("Name:            lb"),
        "{}",
        status.output
    );
    machine.succeed("systemctl start haproxy");
}

/// A mistake on the card is reported by the service that runs at each start.
pub(super) fn a_mistake_is_told(machine: &mut Machine) {
    add_to_card(machine, "max-connections = 1");
    let output = machine.succeed("imgbuild-config boot");
    let mistake = "line 5: `max-connections`: expected 64 to 1000000";
    assert!(output.contains(mistake), "{output}");
    let problems = machine.succeed("cat /boot/efi/imgbuild-problems.txt");
    assert!(problems.contains(mistake), "{problems}");
}

fn add_to_card(machine: &mut Machine, line: &str) {
    let add = format!("printf '{line}\\r\\n' >> /boot/efi/imgbuild.txt");
    machine.succeed(&add);
}

/// No interface has this address, which HAProxy only notices when it starts.
pub(super) fn write_what_does_not_come_up(machine: &mut Machine) {
    machine.succeed("sed -i /max-conn/d /boot/efi/imgbuild.txt");
    add_to_card(machine, "hostname = worse");
    add_to_card(machine, "stats-bind = 192.0.2.77");
    machine.succeed("sed -i s/^.*hostname.=.lb.*$// /boot/efi/imgbuild.txt");
}

/// Checks the device after another start.
pub(super) fn kept_without_what_does_not_come_up(machine: &mut Machine) {
    assert_eq!(page(machine, "boss", 1500), "200");
    assert_eq!(machine.succeed("hostname"), "lb");
    let reason = "haproxy.service (";
    for command in [
        "cat /boot/efi/imgbuild-problems.txt",
        "imgbuild-status",
        "journalctl -b -u imgbuild-verdict",
    ] {
        let output = machine.run(command).output;
        assert!(
            output.contains("It went back to what it had") && output.contains(reason),
            "{command}: {output}"
        );
    }
    let again = machine.succeed("imgbuild-config boot; imgbuild-config verdict");
    assert!(again.contains("not tried again"), "{again}");
    assert_eq!(page(machine, "boss", 1500), "200");
}

/// An address in a network that does not exist, set in a session that breaks meanwhile; then one that works.
pub(super) fn a_change_that_cuts_off_is_taken_back(machine: &mut Machine) {
    let before = machine.succeed("cat /etc/systemd/network/80-ethernet.network");
    let wrong = "timeout -s HUP 20 imgbuild-config set uplink-address=10.9.9.9/24 uplink-gateway=10.9.9.1 --wait 60 \
         > /run/output 2>&1; cat /run/output; imgbuild-config status; until [ -e /run/imgbuild-change/result ]; do sleep 0.1; done; \
         cat /run/imgbuild-change/output /run/imgbuild-change/result";
    let output = machine.run(wrong).output;
    for words in [
        "a change is still being tried: ",
        "waiting for: ",
        "nothing was changed: not well within 60 s: ",
    ] {
        assert!(output.contains(words), "no {words:?} in {output}");
    }
    let after = machine.succeed("cat /etc/systemd/network/80-ethernet.network");
    assert_eq!(after, before);
    // QEMU's closed network announces no gateway by DHCP, so the way back to DHCP below needs `--force`.
    let set = "imgbuild-config set uplink-address=10.0.2.15/24 uplink-gateway=10.0.2.2";
    machine.succeed(set);
    let address = machine.succeed("ip -color=never -4 -brief address show scope global up");
    assert!(address.contains(" 10.0.2.15/24"), "{address}");
    machine.succeed("imgbuild-config unset uplink-address uplink-gateway --force");
}

pub(super) fn the_administrator_finds_the_commands(machine: &mut Machine) {
    for command in ["imgbuild-status", "imgbuild-config show"] {
        let refused = machine.run(&format!("su - admin -c '{command}'"));
        assert_eq!(refused.status, 1, "{}", refused.output);
        let help = format!("only root may; try: sudo {command}");
        assert!(refused.output.contains(&help), "{}", refused.output);
    }
    let sshd = "sshd -T -C user=root,host=h,addr=192.0.2.1 | grep -E '^(permitrootlogin|x11forwarding|passwordauthentication) ' | sort";
    assert_eq!(
        machine.succeed(sshd),
        "passwordauthentication no\npermitrootlogin no\nx11forwarding no"
    );
}

/// Seals the device; gives the secrets that were shown before.
pub(super) fn sealed(machine: &mut Machine) -> Vec<String> {
    machine.succeed("imgbuild-config unset stats-password");
    let text = machine.succeed("cat /boot/efi/imgbuild-secrets.txt");
    assert!(
        text.contains("\nstatistics page: http://lb:1500/"),
        "what is set is shown: {text}"
    );
    let secret = |label: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label:?} in {text}"))
            .trim()
            .to_owned()
    };
    let shown = vec![secret("password: "), secret("statistics login: boss ")];
    assert_eq!(shown.iter().map(String::len).sum::<usize>(), 14 + 24);
    machine.succeed("imgbuild-config seal");
    machine.succeed(
        "! test -e /boot/efi/imgbuild-secrets.txt && ! test -e /run/issue.d/50-imgbuild.issue",
    );
    shown
}

/// Checks that no block of the whole disk has a secret: free blocks and journals of both filesystems
/// included.
pub(super) fn hold_none_of(disk: &Path, shown: &[String]) {
    let there = "stats-user = boss";
    // Bytes that were on the disk before the image are one long line otherwise, which grep would hold in memory.
    let script = "tr -s '\\000\\245' '\\n' < \"$0\" | grep -o -F \"$@\" | sort -u";
    let mut command = Command::new("sh");
    command.env("LC_ALL", "C").args(["-c", script]).arg(disk);
    command.args(["-e", there]);
    command.args(shown.iter().flat_map(|text| ["-e", text.as_str()]));
    // What is there is found, and nothing else.
    assert_eq!(stdout(&mut command).trim(), there);
}
