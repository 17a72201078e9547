//! What a person sets on the card and on the device, and what the device says of itself.

use crate::machine::Machine;
use crate::support::{PATIENCE, partitions, run, said};
use std::path::Path;
use std::process::Command;

/// As an editor of Windows leaves it.
const ON_THE_CARD: &str = "\u{feff}hostname = lb\r\nstats-port = 1444\r\ntime-zone = Europe/Berlin\r\n\
    stats-password = correct horse battery\r\n";

/// mtools on the partition that any computer can read.
fn mtool(program: &str, disk: &Path) -> Command {
    let mut command = Command::new(program);
    let place = format!("{}@@{}", disk.display(), partitions(disk)[1].start);
    command.args(["-i", &place]);
    command
}

/// The card lists what can be set; a person writes some of it.
pub(super) fn write_on_card(disk: &Path) {
    let listed = said(mtool("mtype", disk).arg("::imgbuild.txt"));
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

/// What the statistics page answers to somebody with this login.
fn page(machine: &mut Machine, login: &str, port: u16) -> String {
    let ask = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' --max-time 60 -u '{login}:correct horse battery' http://127.0.0.1:{port}/; true"
    );
    machine.succeed(&ask, PATIENCE)
}

pub(super) fn taken_from_the_card(machine: &mut Machine) {
    assert_eq!(machine.succeed("hostname", PATIENCE), "lb");
    assert_eq!(
        machine.succeed("readlink /etc/localtime", PATIENCE),
        "/usr/share/zoneinfo/Europe/Berlin"
    );
    assert_eq!(page(machine, "admin", 1444), "200");
    let card = machine.succeed("cat /boot/efi/imgbuild.txt", PATIENCE);
    assert!(
        card.contains("stats-password: the device has it now") && !card.contains("horse"),
        "{card}"
    );
    let secret = machine.run(
        "grep -rlE 'correct horse' /etc /usr/lib/imgbuild /var/lib/imgbuild /boot/efi",
        PATIENCE,
    );
    assert_eq!(
        (secret.status, &*secret.output),
        (1, ""),
        "only its hash stays"
    );
}

pub(super) fn change_while_it_runs(machine: &mut Machine) {
    let changed = machine.succeed(
        "imgbuild-config set stats-port=1500 stats-user=boss",
        PATIENCE,
    );
    assert!(
        changed.contains("changed: /etc/haproxy/haproxy.cfg"),
        "{changed}"
    );
    assert_eq!(page(machine, "boss", 1500), "200");
    assert_eq!(page(machine, "admin", 1500), "401");
    assert_eq!(page(machine, "boss", 1444), "000");
    let rules = machine.succeed("nft list chain inet imgbuild input", PATIENCE);
    assert!(
        rules.contains("tcp dport 1500 accept") && !rules.contains("1444"),
        "{rules}"
    );
}

/// A port that is none, and an address that no interface has: HAProxy takes the file and cannot start.
pub(super) fn what_does_not_work_is_taken_back(machine: &mut Machine) {
    let before = machine.succeed(
        "sha256sum /etc/haproxy/haproxy.cfg /etc/imgbuild/*",
        PATIENCE,
    );
    for (setting, reason) in [
        (
            "stats-port=70000",
            "`stats-port`: expected a port from 1 to 65535",
        ),
        ("stats-bind=192.0.2.77", "nothing was changed: "),
    ] {
        let refused = machine.run(&format!("imgbuild-config set {setting}"), PATIENCE);
        assert_eq!(refused.status, 1, "{setting}: {}", refused.output);
        assert!(
            refused.output.contains(reason),
            "{setting}: {}",
            refused.output
        );
        let after = machine.succeed(
            "sha256sum /etc/haproxy/haproxy.cfg /etc/imgbuild/*",
            PATIENCE,
        );
        assert_eq!(after, before, "{setting}");
        assert_eq!(page(machine, "boss", 1500), "200", "{setting}");
    }
}

pub(super) fn the_status_says_what_fails(machine: &mut Machine) {
    machine.succeed("systemctl stop haproxy", PATIENCE);
    let status = machine.run("imgbuild-status", PATIENCE);
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
    machine.succeed("systemctl start haproxy", PATIENCE);
}

/// As the start of the device does it.
pub(super) fn a_mistake_is_told(machine: &mut Machine) {
    add_to_card(machine, "max-connections = 1");
    let said = machine.succeed("imgbuild-config boot", PATIENCE);
    let mistake = "line 5: `max-connections`: expected 64 to 1000000";
    assert!(said.contains(mistake), "{said}");
    let problems = machine.succeed("cat /boot/efi/imgbuild-problems.txt", PATIENCE);
    assert!(problems.contains(mistake), "{problems}");
}

fn add_to_card(machine: &mut Machine, line: &str) {
    let add = format!("printf '{line}\\r\\n' >> /boot/efi/imgbuild.txt");
    machine.succeed(&add, PATIENCE);
}

/// No interface has this address, which nothing but the start of HAProxy can find out.
pub(super) fn write_what_does_not_come_up(machine: &mut Machine) {
    machine.succeed("sed -i /max-conn/d /boot/efi/imgbuild.txt", PATIENCE);
    add_to_card(machine, "hostname = worse");
    add_to_card(machine, "stats-bind = 192.0.2.77");
    machine.succeed(
        "sed -i s/^.*hostname.=.lb.*$// /boot/efi/imgbuild.txt",
        PATIENCE,
    );
}

/// After another start.
pub(super) fn kept_without_what_does_not_come_up(machine: &mut Machine) {
    assert_eq!(page(machine, "boss", 1500), "200");
    assert_eq!(machine.succeed("hostname", PATIENCE), "lb");
    let reason = "haproxy.service (";
    for told in [
        "cat /boot/efi/imgbuild-problems.txt",
        "imgbuild-status",
        "journalctl -b -u imgbuild-verdict",
    ] {
        let said = machine.run(told, PATIENCE).output;
        assert!(
            said.contains("It went back to what it had") && said.contains(reason),
            "{told}: {said}"
        );
    }
    let again = machine.succeed("imgbuild-config boot; imgbuild-config verdict", PATIENCE);
    assert!(again.contains("not tried again"), "{again}");
    assert_eq!(page(machine, "boss", 1500), "200");
}

/// An address in a network that does not exist, by a session that breaks meanwhile; then one that is right.
pub(super) fn a_change_that_cuts_off_is_taken_back(machine: &mut Machine) {
    let before = machine.succeed("cat /etc/systemd/network/80-ethernet.network", PATIENCE);
    let wrong = "timeout -s HUP 20 imgbuild-config set uplink-address=10.9.9.9/24 uplink-gateway=10.9.9.1 --wait 60 \
         > /run/said 2>&1; cat /run/said; imgbuild-config status; until [ -e /run/imgbuild-change/result ]; do sleep 0.1; done; \
         cat /run/imgbuild-change/output /run/imgbuild-change/result";
    let said = machine.run(wrong, PATIENCE).output;
    for words in [
        "a change is still being tried: ",
        "waiting for: ",
        "nothing was changed: not well within 60 s: ",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let after = machine.succeed("cat /etc/systemd/network/80-ethernet.network", PATIENCE);
    assert_eq!(after, before);
    // QEMU's closed network gives no gateway by DHCP, as it does for the address that is set by hand.
    let set = "imgbuild-config set uplink-address=10.0.2.15/24 uplink-gateway=10.0.2.2";
    machine.succeed(set, PATIENCE);
    let address = machine.succeed(
        "ip -color=never -4 -brief address show scope global up",
        PATIENCE,
    );
    assert!(address.contains(" 10.0.2.15/24"), "{address}");
    machine.succeed(
        "imgbuild-config unset uplink-address uplink-gateway --force",
        PATIENCE,
    );
}

pub(super) fn the_administrator_finds_the_commands(machine: &mut Machine) {
    for command in ["imgbuild-status", "imgbuild-config show"] {
        let refused = machine.run(&format!("su - admin -c '{command}'"), PATIENCE);
        assert_eq!(refused.status, 1, "{}", refused.output);
        let help = format!("only root may; try: sudo {command}");
        assert!(refused.output.contains(&help), "{}", refused.output);
    }
    let sshd = "sshd -T -C user=root,host=h,addr=192.0.2.1 | grep -E '^(permitrootlogin|x11forwarding|passwordauthentication) ' | sort";
    assert_eq!(
        machine.succeed(sshd, PATIENCE),
        "passwordauthentication no\npermitrootlogin no\nx11forwarding no"
    );
}

/// Gives the secrets that were shown before the seal.
pub(super) fn sealed(machine: &mut Machine) -> Vec<String> {
    machine.succeed("imgbuild-config unset stats-password", PATIENCE);
    let text = machine.succeed("cat /boot/efi/imgbuild-secrets.txt", PATIENCE);
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
    machine.succeed("imgbuild-config seal", PATIENCE);
    machine.succeed(
        "! test -e /boot/efi/imgbuild-secrets.txt && ! test -e /run/issue.d/50-imgbuild.issue",
        PATIENCE,
    );
    shown
}

/// No block of the whole disk does: of neither filesystem, their free blocks and the journals included.
pub(super) fn hold_none_of(disk: &Path, shown: &[String]) {
    let count = |text: &str| {
        let script = "tr -s '\\000' '\\n' < \"$1\" | grep -c -F -e \"$2\" || true";
        let mut command = Command::new("sh");
        command.env("LC_ALL", "C");
        said(command.args(["-c", script, "sh"]).arg(disk).arg(text))
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    assert!(count("stats-user = boss") > 0, "what is there is found");
    for text in shown {
        assert_eq!(count(text), 0, "{text}");
    }
}
