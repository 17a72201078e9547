//! Settings from the boot partition are kept if the device is well with them, and undone otherwise.

use super::scratch::Device;

const CONFIG: &str = "/etc/haproxy/haproxy.cfg";
const CARD: &str = "/boot/firmware/imgbuild.txt";
const PROBLEMS: &str = "/boot/firmware/imgbuild-problems.txt";
const BAD: &str =
    "stats-port = 7777\r\nstats-password = correct horse battery\r\nstats-user = me\r\n";

/// A load balancer that runs, except on port 7777. `test` adds a further condition.
fn device(test: &str) -> Device {
    let device = Device::flashed("haproxy-node");
    device.succeed("imgbuild-config boot");
    device.services(&format!(
        "[ $unit != haproxy.service ] || ! grep -q 7777 {CONFIG}"
    ));
    device.health(test);
    device.calls();
    device
}

/// The files and settings of the device.
fn state(device: &Device) -> String {
    device.succeed("find etc var/lib/imgbuild -type f ! -name refused ! -name problems ! -name well | sort | xargs sha256sum")
}

#[test]
fn the_card_is_put_back_where_a_service_does_not_come_up() {
    let device = device("true");
    let before = state(&device);
    device.program("journalctl", "echo cannot bind");
    device.write(CARD, BAD);
    device.succeed("imgbuild-config boot");
    assert!(device.read(CONFIG).contains("7777"));
    let busy = device.run("imgbuild-config set stats-port=1400");
    assert!(busy.output.contains("still being tried"), "{}", busy.output);

    let output = device.succeed("imgbuild-config verdict --wait 1");
    let reason = "haproxy.service (failed, exit-code)";
    assert!(
        output.contains(reason) && !output.contains("horse"),
        "{output}"
    );
    assert_eq!(state(&device), before);
    let reloaded = device.calls();
    assert!(
        reloaded.iter().any(|call| call.starts_with("nc ")),
        "{reloaded:?}"
    );
    let problems = device.read(PROBLEMS);
    assert!(
        problems.contains(&format!("because of:\r\n  {reason}\r\n  cannot bind\r\n")),
        "{problems}"
    );
    assert_eq!(device.read(CARD), BAD, "as the person wrote it");
    for command in ["imgbuild-status", "imgbuild-config status"] {
        let text = device.run(command).output;
        assert!(text.contains(reason), "{command}: {text}");
    }

    for _ in 0..2 {
        let output = device.succeed("imgbuild-config boot");
        assert!(
            output.contains("not tried again before it changes"),
            "{output}"
        );
        assert_eq!(device.succeed("imgbuild-config verdict"), "");
        assert_eq!(
            (state(&device), device.read(PROBLEMS)),
            (before.clone(), problems.clone())
        );
    }

    // All settings are tried again, not only the new line.
    device.write(CARD, &BAD.replace("7777", "7000"));
    device.succeed("imgbuild-config boot");
    let output = device.succeed("imgbuild-config verdict --wait 1");
    assert!(output.contains("works with the settings"), "{output}");
    let config = device.read(CONFIG);
    assert!(config.contains("bind *:7000"), "{config}");
    assert!(
        device
            .read("/etc/haproxy/conf.d/10-stats-users.cfg")
            .contains("user me password $6$")
    );
    assert_eq!(
        device.read(CARD),
        "stats-port = 7000\r\n# stats-password: the device has it now\r\nstats-user = me\r\n"
    );
    assert!(!device.has(PROBLEMS));
    assert_eq!(device.succeed("imgbuild-config boot"), "");
    assert!(!device.run("imgbuild-status").output.contains("Settings:"));
}

#[test]
fn a_person_who_takes_the_line_back_is_told_of_it_no_more() {
    let device = device("true");
    device.write(CARD, BAD);
    device.succeed("imgbuild-config boot");
    device.succeed("imgbuild-config verdict --wait 1");
    device.write(CARD, "# nothing\r\n");
    assert_eq!(device.succeed("imgbuild-config boot"), "");
    assert!(!device.has(PROBLEMS));
    device.write(CARD, BAD);
    assert!(
        device
            .succeed("imgbuild-config boot")
            .contains("taken over")
    );
}

#[test]
fn only_checks_that_passed_before_have_to_pass() {
    let device = device("false");
    device.run("imgbuild-status");
    device.write(CARD, "stats-port = 7000\n");
    device.succeed("imgbuild-config boot");
    let output = device.succeed("imgbuild-config verdict --wait 1");
    assert!(output.contains("works with the settings"), "{output}");

    device.health("! grep -q 7001 /etc/haproxy/haproxy.cfg");
    device.run("imgbuild-status");
    device.write(CARD, "stats-port = 7001\n");
    device.succeed("imgbuild-config boot");
    let output = device.succeed("imgbuild-config verdict --wait 1");
    assert!(
        output.contains("because of:\nimgbuild:   service (not up)\n"),
        "{output}"
    );
    assert!(device.read(CONFIG).contains("bind *:7000"));
}

#[test]
fn what_is_not_better_without_the_card_is_not_its_fault() {
    let device = device("false");
    device.program("nc", "exit 1");
    device.write(
        CARD,
        "stats-port = 7000\nstats-password = correct horse battery\n",
    );
    device.succeed("imgbuild-config boot");
    device.calls();
    let output = device.succeed("imgbuild-config verdict --wait 1");
    assert!(
        output.contains("not well without them either: service (not up)"),
        "{output}"
    );
    assert!(device.read(CONFIG).contains("bind *:7000"));
    let reloads = device.calls();
    let reloads = reloads.iter().filter(|call| call.starts_with("nc "));
    assert_eq!(reloads.count(), 2, "with what was before, and again");
    assert!(!device.has(PROBLEMS) && !device.read(CARD).contains("horse"));
    assert_eq!(
        device.succeed("imgbuild-config boot; imgbuild-config verdict"),
        ""
    );
}

#[test]
fn a_device_that_never_gets_so_far_goes_back_after_three_starts() {
    let device = device("true");
    let before = state(&device);
    device.write(CARD, BAD);
    for _ in 0..3 {
        device.succeed("imgbuild-config boot");
        assert!(device.read(CONFIG).contains("7777"));
    }
    let output = device.succeed("imgbuild-config boot");
    assert!(output.contains("not tried again"), "{output}");
    assert_eq!(state(&device), before);
    assert!(device.read(PROBLEMS).contains("switched off each time"));
}

#[test]
fn a_card_that_changes_while_it_is_tried_is_tried_instead() {
    let device = device("true");
    device.write(CARD, BAD);
    device.succeed("imgbuild-config boot");
    device.write(CARD, "stats-port = 7000\n");
    device.succeed("imgbuild-config boot");
    assert!(device.read(CONFIG).contains("bind *:7000"));
    let users = device.read("/etc/haproxy/conf.d/10-stats-users.cfg");
    assert!(users.contains("user admin "), "{users}");
    let output = device.succeed("imgbuild-config verdict --wait 1");
    assert!(output.contains("works with the settings"), "{output}");
}

#[test]
fn a_power_cut_while_it_is_put_back_is_made_up_for() {
    let device = device("true");
    let before = state(&device);
    device.write(CARD, BAD);
    device.succeed("imgbuild-config boot");
    // This is the state that a power cut right after the verdict leaves.
    device.write("/var/lib/imgbuild/undo/failed", "haproxy.service\n");
    device.succeed("imgbuild-config boot");
    assert_eq!(state(&device), before);
    assert!(device.read(PROBLEMS).contains("  haproxy.service\r\n"));
}

/// The passphrase was on the card only, so the first boot has made none.
#[test]
fn a_first_start_goes_back_to_what_is_built_in_and_tells_what_it_makes() {
    let device = Device::flashed("wifi-hotspot");
    device.services("! grep -q WIFI_CHANNEL=11 /etc/hotspot/hotspot.env");
    device.write(CARD, "wifi-channel = 11\nwifi-passphrase = swordfish 42\n");
    device.succeed("imgbuild-config boot");
    assert_eq!(device.read("/etc/hotspot/passphrase"), "swordfish 42\n");
    device.write("/var/lib/imgbuild/firstboot-done", "done\n");
    let secrets = "/boot/firmware/imgbuild-secrets.txt";
    device.write(secrets, "password: x\n");

    device.succeed("imgbuild-config verdict --wait 1");
    assert!(
        device
            .read("/etc/hotspot/hotspot.env")
            .contains("WIFI_CHANNEL=6\n")
    );
    assert!(
        device.read(CARD).contains("swordfish 42"),
        "nobody else has it"
    );
    let passphrase = device.read("/etc/hotspot/passphrase");
    assert_eq!(passphrase.trim().len(), 24, "{passphrase}");
    let text = device.read(secrets);
    let line = format!("\nWi-Fi passphrase: {passphrase}");
    assert!(
        text.contains(&line) && !text.contains("password: x"),
        "{text}"
    );
    let reloaded = device.calls();
    assert!(
        reloaded.contains(&"systemctl restart hotspot.service".to_owned()),
        "{reloaded:?}"
    );
}
