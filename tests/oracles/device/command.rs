//! The command `imgbuild-config`, in a root filesystem in which it may do everything.

use super::scratch::Device;
use imgbuild::define::Definitions;

const CONFIG: &str = "/etc/haproxy/haproxy.cfg";
const USERS: &str = "/etc/haproxy/conf.d/10-stats-users.cfg";

/// A device of `profile` after its first start.
pub(super) fn started(profile: &str) -> Device {
    let device = Device::flashed(profile);
    device.succeed("imgbuild-config boot");
    device.calls();
    device
}

#[test]
fn the_first_start_makes_what_no_two_devices_share() {
    let device = Device::flashed("haproxy-node");
    assert!(!device.has(USERS));
    let output = device.succeed("imgbuild-config boot");
    assert_eq!(output, "", "also what is new is there for those who check");
    let users = device.read(USERS);
    assert!(
        users.starts_with("userlist stats_users\n    user admin password $6$"),
        "{users}"
    );
    assert_eq!(device.mode_of(USERS), 0o640);
    let kept = device.read("/var/lib/imgbuild/credentials");
    let password = kept.strip_prefix("stats-password = ").unwrap();
    assert_eq!(password.len(), 25, "five groups of four: {password}");
    // crypt(3) accepts a hash in the place of a salt.
    let check = "perl -e 'chomp(my $p = <STDIN>); my ($h) = `cat /etc/haproxy/conf.d/*` =~ /(\\$6\\S+)/; exit(crypt($p, $h) ne $h)'";
    device.write("/run/password", password);
    device.succeed(&format!("{check} < /run/password"));
    device.succeed("imgbuild-config boot");
    assert_eq!(
        device.read(USERS),
        users,
        "a second start makes nothing anew"
    );

    let device = started("wifi-hotspot");
    assert_eq!(device.read("/etc/hotspot/ssid"), "imgbuild-42cd\n");
    assert_eq!(
        (
            device.read("/etc/hotspot/passphrase").len(),
            device.mode_of("/etc/hotspot/passphrase")
        ),
        (25, 0o600)
    );
}

#[test]
fn a_setting_changes_its_files_and_reloads_their_services_only() {
    let device = started("haproxy-node");
    let output = device.succeed("imgbuild-config set stats-port=1400");
    for path in [
        CONFIG,
        "/etc/nftables.d/input/30-haproxy.nft",
        "/usr/lib/imgbuild/health.d/30-haproxy",
    ] {
        assert!(output.contains(&format!("changed: {path}\n")), "{output}");
        assert!(device.read(path).contains("1400"), "{path}");
    }
    let expected = [
        "nft -c -f /etc/nftables.conf",
        "haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d",
        "systemctl reload-or-restart nftables.service",
        "systemctl is-active --quiet haproxy.service",
        "nc -w 30 -U /run/haproxy-master.sock",
    ];
    assert_eq!(device.calls(), expected);
    let shown = device.succeed("imgbuild-config show stats-port");
    assert!(shown.contains("= 1400  (set here)"), "{shown}");
    assert_eq!(
        device.succeed("imgbuild-config apply"),
        "nothing had to change\n"
    );
    assert_eq!(device.calls(), [""; 0]);
    device.succeed("imgbuild-config unset stats-port");
    assert!(device.read(CONFIG).contains("bind *:1338"));
    assert!(
        device
            .succeed("imgbuild-config status")
            .starts_with("everything")
    );
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let device = started("haproxy-node");
    let before = device.read(CONFIG);
    for (words, reason) in [
        (
            "set stats-port=99999",
            "`stats-port`: expected a port from 1 to 65535",
        ),
        (
            "set stats-prot=80",
            "no setting is called `stats-prot`; did you mean `stats-port`?",
        ),
        ("set locale=de_DE.UTF-8", "`locale` is fixed in the image"),
        (
            "set stats-password=correct-horse",
            "`stats-password` is a secret",
        ),
        ("set max-connections=1", "expected 64 to 1000000"),
        ("set stats-port=80 http-port=80", "both listen on port 80"),
        (
            "set stats-port=6666",
            "nothing was changed: `haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d` failed: no such port",
        ),
    ] {
        let finished = device.run(&format!("imgbuild-config {words}"));
        assert_eq!(finished.status, Some(1), "{words}");
        assert!(
            finished.output.contains(reason),
            "{words}: {}",
            finished.output
        );
        assert_eq!(device.read(CONFIG), before, "{words}");
        assert!(
            !device.calls().iter().any(|call| call.starts_with("nc ")),
            "{words}"
        );
    }
    assert_eq!(device.run("imgbuild-config sett a=b").status, Some(2));
    assert!(!device.read("/etc/imgbuild/settings").contains('='));
}

#[test]
fn a_device_that_is_not_well_afterwards_is_put_back() {
    let device = started("haproxy-node");
    let (config, settings) = (device.read(CONFIG), device.read("/etc/imgbuild/settings"));
    device.health(&format!("! grep -q 7777 {CONFIG}"));
    let finished = device.run("imgbuild-config set stats-port=7777 --wait 1");
    assert_eq!(finished.status, Some(1));
    assert!(
        finished
            .output
            .contains("nothing was changed: not well within 1 s: service (not up)"),
        "{}",
        finished.output
    );
    assert_eq!(
        (device.read(CONFIG), device.read("/etc/imgbuild/settings")),
        (config, settings)
    );
    let reloads = device
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("nc "))
        .count();
    assert_eq!(reloads, 2, "with the new files, and again with the old");
    device.succeed("imgbuild-config set stats-port=7777 --force");
    assert!(device.read(CONFIG).contains("7777"));
}

#[test]
fn a_power_cut_before_a_change_is_found_good_undoes_it() {
    let device = started("haproxy-node");
    let (config, settings) = (device.read(CONFIG), device.read("/etc/imgbuild/settings"));
    // The second health check comes when the new files are in place; then all processes but the
    // first are killed.
    device.health(&format!("! grep -q 7777 {CONFIG} || kill -9 -1"));
    let cut = "imgbuild-config set stats-port=7777";
    assert_ne!(device.run(cut).status, Some(0));
    assert!(device.read(CONFIG).contains("7777"));
    let output = device.succeed("imgbuild-config boot");
    assert!(
        output.contains("the power failed before a change was found good"),
        "{output}"
    );
    assert_eq!(
        (device.read(CONFIG), device.read("/etc/imgbuild/settings")),
        (config, settings)
    );
    assert_eq!(device.succeed("imgbuild-config boot"), "");
}

#[test]
fn what_a_person_wrote_by_hand_is_kept_or_named() {
    let device = started("haproxy-node");
    let by_hand = device.read(CONFIG) + "# mine\n";
    device.write(CONFIG, &by_hand);
    let finished = device.run("imgbuild-config set stats-port=1400");
    assert_eq!(finished.status, Some(1));
    assert!(
        finished
            .output
            .contains(&format!("changed by hand: `{CONFIG}`")),
        "{}",
        finished.output
    );
    assert_eq!(device.read(CONFIG), by_hand);
    assert!(
        device
            .run("imgbuild-config status")
            .output
            .contains("changed by hand")
    );
    device.succeed("imgbuild-config boot");
    assert_eq!(device.read(CONFIG), by_hand);
    device.succeed("imgbuild-config set stats-port=1400 --overwrite");
    assert!(!device.read(CONFIG).contains("# mine"));

    device.write("/etc/imgbuild/settings", "stats-port = nine\n");
    assert!(
        device
            .run("imgbuild-config apply")
            .output
            .contains("`stats-port`: expected a port")
    );
    assert!(
        device
            .succeed("imgbuild-config boot")
            .contains("/etc/imgbuild is not used")
    );
    device.write("/etc/imgbuild/settings", "stats-port = 1500\n");
    assert_eq!(device.run("imgbuild-config status").status, Some(1));
    device.succeed("imgbuild-config boot");
    assert!(device.read(CONFIG).contains("bind *:1500"));
}

#[test]
fn secrets_come_from_files_and_are_shown_to_nobody() {
    let device = started("wifi-hotspot");
    device
        .succeed("printf 'correct horse\\n' | imgbuild-config set wifi-passphrase=@- wifi-ssid=X");
    assert_eq!(device.read("/etc/hotspot/passphrase"), "correct horse\n");
    assert_eq!(device.calls(), ["systemctl restart hotspot.service"]);
    for words in ["show", "show --json", "status"] {
        assert!(
            !device
                .run(&format!("imgbuild-config {words}"))
                .output
                .contains("horse"),
            "{words}"
        );
    }
    assert!(!device.read("/etc/imgbuild/settings").contains("horse"));
    device.write("/boot/firmware/imgbuild-secrets.txt", "password: x\n");
    device.write("/etc/issue.d/50-imgbuild.issue", "password: x\n");
    device.succeed("imgbuild-config seal");
    assert!(
        !device.has("/boot/firmware/imgbuild-secrets.txt")
            && !device.has("/etc/issue.d/50-imgbuild.issue")
    );
}

/// DietPi's first boot applies its own settings before this program's first boot.
#[test]
fn a_password_that_everybody_knows_is_locked_in_the_first_boot() {
    let device = started("base");
    device.program("usermod", "");
    let step = "set -eu; . /usr/lib/imgbuild/firstboot.d/15-known-passwords";
    for (account, password, expected) in [
        ("root", "dietpi", &["usermod --password ! root"][..]),
        ("root", "1234", &["usermod --password ! root"]),
        ("dietpi", "dietpi", &["usermod --password ! dietpi"]),
        ("root", "correct horse", &[]),
        ("admin", "dietpi", &[]),
    ] {
        device.succeed(&format!(
            "perl -e 'print \"{account}:\" . crypt(\"{password}\", \"\\$6\\$salt\\$\") . \":0::::::\\n\"' > /etc/shadow"
        ));
        device.succeed(step);
        assert_eq!(device.calls(), expected, "{account} {password}");
    }
    device.write("/etc/shadow", "root:!:0::::::\ndietpi::0::::::\n");
    device.succeed(step);
    assert_eq!(device.calls(), [""; 0]);
}

#[test]
fn ssh_keys_take_the_place_of_those_given_before() {
    let device = started("base");
    let keys = "/home/admin/.ssh/authorized_keys";
    device.succeed("echo admin:x:0:0::/home/admin:/bin/sh >> /etc/passwd; mkdir -p /home/admin");
    let key = |letter: &str| {
        format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA{} {letter}, home",
            letter.repeat(42)
        )
    };
    let given = |keys: &[&str]| {
        keys.iter()
            .map(|letter| key(letter))
            .collect::<Vec<_>>()
            .join(",")
    };
    device.succeed(&format!(
        "imgbuild-config set 'ssh-keys={}'",
        given(&["a", "b"])
    ));
    assert_eq!(device.read(keys), format!("{}\n{}\n", key("a"), key("b")));
    device.succeed(&format!("echo '{}' >> {keys}", key("mine")));
    device.succeed(&format!("imgbuild-config set 'ssh-keys={}'", given(&["b"])));
    assert_eq!(
        device.read(keys),
        format!("{}\n{}\n", key("b"), key("mine"))
    );
    assert_eq!(device.mode_of(keys), 0o600);
}

#[test]
fn the_status_names_what_is_wrong_and_why() {
    let device = started("haproxy-node");
    device.program("systemctl", "for unit; do case $unit in \
        haproxy.service) printf 'ActiveState=failed\\nSubState=failed\\nResult=exit-code\\n\\n' ;; \
        *.service) printf 'ActiveState=active\\nSubState=running\\nResult=success\\n\\n' ;; esac; done");
    device.health("false");
    let finished = device.run("imgbuild-status");
    assert_eq!(finished.status, Some(1), "{}", finished.output);
    for line in [
        "Load balancer with HAProxy\n",
        "Name:            haproxy-node\n",
        "Last upgrade:    none yet\n",
        "  nftables.service                   active (running)\n",
        "  haproxy.service                    failed (exit-code)\n",
        "  service                            FAILED  not up\n",
    ] {
        assert!(
            finished.output.contains(line),
            "no {line:?} in\n{}",
            finished.output
        );
    }
    assert!(
        device
            .read("/run/issue.d/60-imgbuild.issue")
            .contains("FAILED  not up")
    );
    device.health("true");
    let quick = device.run("imgbuild-status --quick").output;
    assert!(
        quick.contains("FAILED  not up"),
        "as it was found last: {quick}"
    );
    let output = device.run("imgbuild-status --json").output;
    let json: serde_json::Value =
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(
        json["checks"],
        serde_json::json!([{ "name": "service", "ok": true, "starting": false, "detail": "" }])
    );
    assert!(
        json["services"]
            .as_array()
            .unwrap()
            .iter()
            .any(|service| service["state"] == "failed")
    );
}

/// A template needs a rule for the program that reads its file, or an entry here if none does.
#[test]
fn every_file_that_settings_decide_has_a_rule() {
    // apt reads its configuration anew at each start.
    let read_anew = "/etc/apt/apt.conf.d/";
    for profile in Definitions::find(&[]).profiles().unwrap() {
        let device = Device::flashed(&profile);
        let output = device.succeed("perl -I /usr/lib/imgbuild/perl -MImgbuild::Rules -MImgbuild::Store -e 'print map { \"$_\\n\" } \
            grep { m{^/etc} && !@{Imgbuild::Rules::of($_)} } map { $_->{path} } @{Imgbuild::Store::load()->{files}}'");
        let without: Vec<&str> = output
            .lines()
            .filter(|path| !path.starts_with(read_anew))
            .collect();
        assert!(without.is_empty(), "{profile}: {without:?}");
        // A service that is reloaded while it runs must also read the file when it starts.
        let output = device.succeed("perl -I /usr/lib/imgbuild/perl -MImgbuild::Rules -MImgbuild::Store -e 'print map { \"@{$_->{reload}}\\n\" } \
            grep { !$_->{service} && grep { m{ctl |/imgbuild/} } @{$_->{reload} // []} } @{Imgbuild::Rules::of(map { $_->{path} } @{Imgbuild::Store::load()->{files}})}'");
        assert_eq!(output, "", "{profile}: no `service` in apply.d");
    }
}

#[test]
fn a_pipe_is_waited_for_with_a_word_and_what_is_no_file_is_refused() {
    let device = started("wifi-hotspot");
    for (path, words) in [
        ("/etc", "it is a folder; expected a file or a pipe"),
        ("/dev/zero", "it is a device; expected a file or a pipe"),
        ("/nowhere", "No such file or directory"),
    ] {
        let refused = device.run(&format!("imgbuild-config set wifi-passphrase=@{path}"));
        assert_eq!(refused.status, Some(1), "{path}: {}", refused.output);
        assert!(refused.output.contains(words), "{path}: {}", refused.output);
    }
    let waits = "mkfifo /run/pipe /run/output; imgbuild-config set wifi-passphrase=@/run/pipe > /run/out 2> /run/output & \
        exec 3< /run/output; read -r line <&3; echo \"$line\"; echo 'from a pipe' > /run/pipe; wait $!";
    assert_eq!(
        device.succeed(waits),
        "waiting for `/run/pipe`: nobody has written into it yet\n"
    );
    assert_eq!(device.read("/etc/hotspot/passphrase"), "from a pipe\n");
}
