//! The settings file on the boot partition, which is edited on another machine.

use super::super::values::PROGRAMS;
use super::command::started;
use super::scratch::Device;

const CARD: &str = "/boot/firmware/imgbuild.txt";
const PROBLEMS: &str = "/boot/firmware/imgbuild-problems.txt";

#[test]
fn the_file_on_the_boot_partition_is_read_as_windows_writes_it() {
    let device = Device::flashed("wifi-hotspot");
    device.write(
        CARD,
        "\u{feff}wifi-ssid = Café\r\nwifi-passphrase=swordfish 42\r\n# x\r\n\r\nhostname = den\r\n",
    );
    let output = device.succeed("imgbuild-config boot");
    assert!(
        output.contains("taken over from imgbuild.txt: wifi-ssid"),
        "{output}"
    );
    assert!(!output.contains("swordfish"), "{output}");
    assert_eq!(device.read("/etc/hotspot/ssid"), "Café\n");
    assert_eq!(device.read("/etc/hotspot/passphrase"), "swordfish 42\n");
    assert_eq!(device.read("/etc/hostname"), "den\n");
    assert!(device.read("/etc/hosts").contains("127.0.1.1\tden\n"));
    device.succeed("imgbuild-config verdict --wait 0");
    assert_eq!(
        device.read(CARD),
        "\u{feff}wifi-ssid = Café\r\n# wifi-passphrase: the device has it now\r\n# x\r\n\r\nhostname = den\r\n"
    );
    assert_eq!(device.mode_of("/etc/imgbuild/secrets"), 0o600);

    // A change on the device stays until the line on the card changes.
    device.succeed("imgbuild-config set wifi-ssid=here");
    device.succeed("imgbuild-config boot");
    assert_eq!(device.read("/etc/hotspot/ssid"), "here\n");
    device.write(CARD, "wifi-ssid = there\n");
    device.succeed("imgbuild-config boot");
    device.succeed("imgbuild-config verdict --wait 0");
    assert_eq!(device.read("/etc/hotspot/ssid"), "there\n");
}

#[test]
fn front_ends_are_written_over_several_lines_and_shown_on_one() {
    let device = started("haproxy-node");
    device.write(
        CARD,
        "http-frontends = [\r\n  # the shop\r\n  { name = \"shop\", port = 8080,\r\n    servers = [\"w=10.0.0.1:80\"] },\r\n\
         ]\r\ntcp-servers = db=10.0.0.2:5432\r\nstats-allow = [\r\n\"192.168.1.0/24\",\r\n]\r\n",
    );
    device.succeed("imgbuild-config boot; imgbuild-config verdict --wait 0");
    let config = device.read("/etc/haproxy/conf.d/30-http.cfg");
    assert!(
        config.contains("frontend http:shop\n    bind *:8080\n"),
        "{config}"
    );
    let rules = device.read("/etc/nftables.d/input/30-haproxy.nft");
    assert!(
        rules.contains("ip saddr 192.168.1.0/24 tcp dport 1338 accept\n"),
        "{rules}"
    );
    let shown = device.succeed("imgbuild-config show http-frontends");
    let line = r#"= [{ name = "shop", port = 8080, servers = ["w=10.0.0.1:80"] }]  (set here)"#;
    assert!(shown.contains(line), "{shown}");
    assert!(
        shown.contains(" port: a port from 1 to 65535; needed\n"),
        "{shown}"
    );
    assert_eq!(device.succeed("imgbuild-config boot"), "", "nothing is new");

    let set =
        "imgbuild-config set 'http-frontends=[{ name = \"shop\", servers = [\"w=10.0.0.1:80\"], ";
    for (rest, reason) in [
        ("port = 0 }]'", "`http-frontends`: `port`: expected a port"),
        (
            "prot = 1 }]'",
            "there is no field `prot`, only `accept-proxy`, ",
        ),
        ("tls = true }]'", "`port` is missing"),
        (
            "port = 81, tls = true }]'",
            "a frontend with TLS needs a certificate",
        ),
        ("port = 1338 }]'", "both listen on port 1338"),
        ("port = 81 }'", "expected a table, such as { name = "),
    ] {
        let finished = device.run(&format!("{set}{rest}"));
        assert_eq!(finished.status, Some(1), "{rest}");
        assert!(
            finished.output.contains(reason),
            "{rest}: {}",
            finished.output
        );
    }
    device.write(CARD, "http-frontends = [\n");
    let output = device.succeed("imgbuild-config boot");
    assert!(
        output.contains("line 1: expected a line with ] behind the values"),
        "{output}"
    );
}

#[test]
fn a_mistake_on_the_boot_partition_is_told_and_costs_no_start() {
    let device = Device::flashed("wifi-hotspot");
    device.write(
        CARD,
        "wifi-ssid = Home\r\nwifi-passphrase = short\r\nwifi-chanel = 6\r\nhello\r\n",
    );
    let output = device.succeed("imgbuild-config boot");
    let problems = device.read(PROBLEMS);
    for mistake in [
        "line 2: `wifi-passphrase`: expected 8 to 63 printable ASCII characters, or a key of 64 hexadecimal digits",
        "line 3: no setting is called `wifi-chanel`; did you mean `wifi-channel`?",
        "line 4: expected `name = value`",
    ] {
        assert!(problems.contains(&format!("  {mistake}\r\n")), "{problems}");
        assert!(output.contains(mistake), "{output}");
    }
    assert!(!(problems + &output).contains("short"));
    assert_eq!(
        device.read("/etc/hotspot/ssid"),
        "imgbuild-42cd\n",
        "the device starts with safe values"
    );
    device.write(CARD, "wifi-band = 5\n");
    device.succeed("imgbuild-config boot");
    assert!(
        device
            .read(PROBLEMS)
            .contains("the 5 GHz band needs a country")
    );
    device.write(
        CARD,
        "wifi-band = 5\nwifi-country = DE\nwifi-channel = 36\n",
    );
    device.succeed("imgbuild-config boot");
    assert!(!device.has(PROBLEMS));
    assert!(
        device
            .read("/etc/hotspot/hotspot.env")
            .contains("WIFI_BAND=5\n")
    );
}

#[test]
fn a_time_zone_that_the_device_does_not_have_is_refused_with_the_one_that_it_has() {
    let device = Device::flashed("haproxy-node");
    let folder = "/usr/share/zoneinfo";
    for file in [
        "tzdata.zi",
        "America/Los_Angeles",
        "Europe/Berlin",
        "Etc/UTC",
    ] {
        let from = format!("{PROGRAMS}{folder}/{file}");
        device.copy(std::path::Path::new(&from), &format!("{folder}/{file}"));
    }
    device.write(CARD, "hostname = den\ntime-zone = US/Pacific\n");
    device.succeed("imgbuild-config boot");
    let problems = device.read(PROBLEMS);
    let near = "line 2: `time-zone`: the device has no such zone; there is `America/Los_Angeles`";
    assert!(problems.contains(near), "{problems}");
    device.calls();
    for (zone, words) in [
        ("US/Pacific", "there is `America/Los_Angeles`"),
        ("berlin", "there is `Europe/Berlin`"),
        ("Europe/Berlinn", "there is `Europe/Berlin`"),
        ("America", "expected a name such as"),
        ("Etc", "expected a name such as"),
    ] {
        let refused = device.run(&format!("imgbuild-config set time-zone={zone}"));
        assert_eq!(refused.status, Some(1), "{zone}: {}", refused.output);
        assert!(refused.output.contains(words), "{zone}: {}", refused.output);
    }
    // Everything else is unchanged.
    assert_eq!(device.calls(), [""; 0]);
    device.succeed("imgbuild-config set time-zone=America/Los_Angeles");
    assert_eq!(device.read("/etc/timezone"), "America/Los_Angeles\n");
    // The rule that checks this file where an image is built gives the same error.
    device.write("/etc/imgbuild/time-zone", "Etc\n");
    let rules = device.read("/usr/lib/imgbuild/apply.d/10-base");
    let rule = rules
        .lines()
        .find(|line| line.contains("Imgbuild::Zone"))
        .unwrap();
    let finished = device.run(rule.strip_prefix("verify ").unwrap());
    assert_ne!(finished.status, Some(0));
    assert!(
        finished.output.contains("the device has no such zone"),
        "{}",
        finished.output
    );
}
