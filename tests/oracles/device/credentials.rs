//! The owner is shown the credentials that are set, until they are sealed; then they are shown
//! nowhere.

use super::scratch::Device;

const SECRETS: &str = "/boot/firmware/imgbuild-secrets.txt";
const ISSUE: &str = "/run/issue.d/50-imgbuild.issue";

/// A device after its first boot, in which `chpasswd` sets the password as Debian's does.
fn started(profile: &str) -> Device {
    let device = Device::flashed(profile);
    let chpasswd = "IFS=: read -r user password; export password\n\
         hash=$(perl -e 'print crypt($ENV{password}, q($6$salt$))')\n\
         echo \"$user:$hash:0::::::\" > /etc/shadow";
    device.program("chpasswd", chpasswd);
    device.write("etc/shadow", "admin:!:0::::::\n");
    device.write("etc/ssh/ssh_config", "");
    device.succeed("imgbuild-config boot; /usr/lib/imgbuild/firstboot");
    device.calls();
    device
}

/// The text that is shown, which is the same above the login and on the boot partition.
fn shown(device: &Device) -> String {
    let text = device.read(SECRETS);
    assert_eq!(
        device.read(ISSUE),
        format!("{}\n", text.replace('\\', "\\\\"))
    );
    assert_eq!(device.mode_of(ISSUE), 0o600);
    text
}

/// The text after this label on its line.
fn line<'t>(text: &'t str, label: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("no {label:?} in {text}"))
}

#[test]
fn the_first_boot_shows_what_it_made_and_prints_none_of_it() {
    let device = Device::flashed("haproxy-node");
    device.program("chpasswd", "cat > /run/chpasswd");
    device.write("etc/shadow", "admin:!:0::::::\n");
    device.write("etc/ssh/ssh_config", "");
    let output = device.succeed("imgbuild-config boot; /usr/lib/imgbuild/firstboot");
    assert_eq!(output, "", "what a unit prints stays in the journal");
    let passed = device.read("/run/chpasswd");
    let password = passed.trim().strip_prefix("admin:").unwrap();
    assert_eq!(password.len(), 14, "{password}");
    let kept = device.read("/var/lib/imgbuild/credentials");
    assert!(
        kept.contains(&format!("console-password = {password}\n")),
        "{kept}"
    );
    let text = shown(&device);
    assert!(
        text.starts_with("a test: made at the first boot of this device\nSSH host key: SHA256:"),
        "{text}"
    );
    assert_eq!(
        line(&text, "statistics page: "),
        "http://haproxy-node:1338/"
    );
    assert_eq!(line(&text, "statistics login: admin ").len(), 24);
    // After a power cut before the end, the same password is set once more.
    device
        .succeed("rm /var/lib/imgbuild/firstboot-done /run/chpasswd; /usr/lib/imgbuild/firstboot");
    assert_eq!(device.read("/run/chpasswd").trim(), passed.trim());
}

#[test]
fn what_is_shown_follows_each_change_and_goes_back_with_it() {
    let device = started("wifi-hotspot");
    let first = shown(&device);
    assert_eq!(line(&first, "console login: "), "admin");
    assert_eq!(line(&first, "password: ").len(), 14);
    assert_eq!(line(&first, "Wi-Fi name: "), "imgbuild-42cd");
    let passphrase = line(&first, "Wi-Fi passphrase: ").to_owned();
    let qr = format!("WIFI:T:WPA;S:imgbuild-42cd;P:{passphrase};;");
    assert!(first.contains(&qr), "{first}");

    device.succeed(
        "printf 'new; pass\\\\phrase\\n' | imgbuild-config set wifi-ssid=Café wifi-passphrase=@-",
    );
    let text = shown(&device);
    assert_eq!(line(&text, "Wi-Fi name: "), "Café");
    assert_eq!(line(&text, "Wi-Fi passphrase: "), "new; pass\\phrase");
    assert!(
        text.contains("\nWIFI:T:WPA;S:Café;P:new\\; pass\\\\phrase;;\n"),
        "{text}"
    );
    assert!(!text.contains(&passphrase), "{text}");

    // While the new name is provisional it is shown to those who look for it; afterwards it is not.
    device.health("! grep -q Other /etc/hotspot/ssid || { cp /run/issue.d/50-imgbuild.issue /run/tried; false; }");
    let refused = device.run("imgbuild-config set wifi-ssid=Other --wait 1");
    assert_eq!(refused.status, Some(1), "{}", refused.output);
    assert!(device.read("/run/tried").contains("Wi-Fi name: Other\n"));
    assert_eq!(shown(&device), text);

    device.health("true");
    device.succeed("imgbuild-config unset wifi-ssid wifi-passphrase");
    assert_eq!(shown(&device), first);
}

#[test]
fn what_the_card_sets_is_shown_until_it_is_put_back() {
    let device = started("haproxy-node");
    let first = shown(&device);
    device.services("[ $unit != haproxy.service ] || ! grep -q 7777 /etc/haproxy/haproxy.cfg");
    device.write(
        "/boot/firmware/imgbuild.txt",
        "hostname = lb\nstats-port = 7777\nstats-user = me\nstats-password = correct horse battery\n",
    );
    device.succeed("rm -r /run/issue.d; imgbuild-config boot");
    let text = shown(&device);
    assert_eq!(line(&text, "statistics page: "), "http://lb:7777/");
    assert_eq!(
        line(&text, "statistics login: "),
        "me with the password that was set"
    );
    device.succeed("imgbuild-config verdict --wait 1");
    assert_eq!(shown(&device), first);
}

#[test]
fn a_password_that_the_owner_changed_is_shown_no_more() {
    let device = started("base");
    let password = line(&shown(&device), "password: ").to_owned();
    device.succeed("echo admin:another | chpasswd; imgbuild-status");
    let text = shown(&device);
    assert!(!text.contains(&password), "{text}");
    assert_eq!(line(&text, "password: "), "the one that was set later");
}

#[test]
fn a_seal_leaves_nothing_of_it_but_what_the_device_needs() {
    let device = started("wifi-hotspot");
    let text = shown(&device);
    let passphrase = line(&text, "Wi-Fi passphrase: ").to_owned();
    let password = line(&text, "password: ").to_owned();
    let output = device.succeed("imgbuild-config seal");
    assert!(
        output.contains("stays, for the device needs it: wifi-passphrase"),
        "{output}"
    );
    let where_is = |text: &str| {
        device
            .run(&format!("grep -rl {text} boot etc run tmp var"))
            .output
    };
    assert_eq!(where_is(&password), "");
    let needed = where_is(&passphrase);
    for path in needed.lines() {
        assert!(
            path == "etc/hotspot/passphrase" || path.starts_with("var/lib/imgbuild/"),
            "{path}"
        );
    }
    // Neither a change nor a start shows the credentials a second time.
    device.succeed("imgbuild-config set wifi-ssid=X; imgbuild-config boot; imgbuild-status");
    assert!(!device.has(SECRETS) && !device.has(ISSUE));
    let revealed = device.succeed("imgbuild-config show --reveal wifi-passphrase");
    assert!(
        revealed.contains(&format!("= {passphrase}  (made by")),
        "{revealed}"
    );
}

#[test]
fn what_is_made_anew_after_a_seal_is_shown_once_or_until_the_next() {
    let device = started("haproxy-node");
    let hashed = "imgbuild-config show --reveal stats-password";
    let login = line(&shown(&device), "statistics login: admin ").to_owned();
    assert!(device.succeed(hashed).contains(&login));
    device.succeed("imgbuild-config seal");
    assert!(
        device
            .succeed(hashed)
            .contains("only its hash is on this device")
    );
    assert_eq!(device.run("imgbuild-config show --reveal").status, Some(2));
    // A device that has lost its state makes it in a start that nobody watches.
    device
        .succeed("rm /var/lib/imgbuild/made /var/lib/imgbuild/applied/made /etc/haproxy/conf.d/10-*; imgbuild-config boot");
    let text = shown(&device);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.starts_with("stats-password: ") && text.ends_with(" (made anew)\n"),
        "{text}"
    );
    device.succeed("imgbuild-config seal");
    assert!(!device.has(SECRETS) && !device.has(ISSUE));
}

/// An open file keeps its blocks, so reading it shows what the disk holds.
#[test]
fn what_others_may_not_read_is_overwritten_where_it_goes() {
    let device = Device::flashed("base");
    let script = r#"use v5.36; use Imgbuild::File;
        my @ways = (
            sub($path) { Imgbuild::File::remove($path) },
            sub($path) { Imgbuild::File::replace($path, "new", 0600) },
            sub($path) { Imgbuild::File::create($path, "new", 0600) },
        );
        for my $mode (0600, 0640, 0644) { for my $way (@ways) {
            Imgbuild::File::replace("/tmp/x", "secret" x 20000, $mode);
            open my $old, "<", "/tmp/x";
            $way->("/tmp/x");
            print 0 + (join("", <$old>) =~ /secret/), " ";
        } }
        Imgbuild::File::replace("/tmp/x", "secret", 0644);
        open my $old, "<", "/tmp/x";
        Imgbuild::File::remove("/tmp/x", 1);
        print 0 + (join("", <$old>) =~ /secret/);"#;
    device.write("/tmp/script", script);
    let output = device.succeed("perl -I /usr/lib/imgbuild/perl /tmp/script");
    // If only its owner may read the new file, the same is true of the old one.
    assert_eq!(output, "0 0 0 0 0 0 1 0 1 0");
}

#[test]
fn mistakes_of_the_card_stand_above_the_login_by_line() {
    let device = started("wifi-hotspot");
    let issue = "/run/issue.d/55-imgbuild.issue";
    let many = "wifi-chanel = 6\n".to_owned() + &"hello \\4\n".repeat(40);
    device.write("/boot/firmware/imgbuild.txt", &many);
    device.succeed("imgbuild-config boot");
    let text = device.read(issue);
    assert!(
        text.starts_with(
            "imgbuild.txt was not used. Nothing was changed because of:\n  \
             line 1: no setting is called `wifi-chanel`; did you mean `wifi-channel`?\n  line 2: "
        ),
        "{text}"
    );
    assert!(
        text.lines().count() < 16 && text.contains("and more, in imgbuild-problems.txt"),
        "{text}"
    );
    // The text is in memory only, and is there again after a start without changes.
    device.succeed("rm -r /run/issue.d; imgbuild-config boot");
    assert_eq!(device.read(issue), text);
    device.write("/boot/firmware/imgbuild.txt", "wifi-channel = 6\n");
    device.succeed("imgbuild-config boot");
    assert!(!device.has(issue));
}
