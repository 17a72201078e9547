//! A change that can lock the owner out is kept if the gateway answers or the owner confirms it,
//! and is undone otherwise, whatever happens to the session that made it.

use super::scratch::Device;

const NETWORK: &str = "/etc/systemd/network/80-ethernet.network";
const SET: &str = "imgbuild-config set uplink-address=192.0.2.7/24 uplink-gateway=192.0.2.1";
/// Waits in the device until a line of shell succeeds, which is tried again and again.
const UNTIL: &str = "upto() { n=0; until eval \"$1\"; do n=$((n+1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done; }; ";
const WAITS: &str = "upto '[ -e /run/imgbuild-change/waiting ]'; ";
const ENDED: &str = "upto '[ -e /run/imgbuild-change/result ]'; ";

fn device() -> Device {
    let device = Device::flashed("haproxy-node");
    device.succeed("imgbuild-config boot");
    device.calls();
    device
}

#[test]
fn a_new_address_stays_where_the_gateway_answers() {
    let device = device();
    let output = device.succeed(SET);
    assert!(
        output.contains(&format!("changed: {NETWORK}\n")),
        "{output}"
    );
    assert!(device.read(NETWORK).contains("Address=192.0.2.7/24\n"));
}

#[test]
fn a_new_address_is_taken_back_where_it_does_not() {
    let device = device();
    let before = device.read(NETWORK);
    device.gateway(&format!("! grep -q 192.0.2.7 {NETWORK}"));
    let refused = device.run(&format!("{SET} --wait 4"));
    assert_eq!(refused.status, Some(1), "{}", refused.output);
    for words in [
        "taken back where the device is not well with it within 4 s",
        " s left until it is taken back; waiting for: the gateway 192.0.2.1 to answer",
        "nothing was changed: not well within 4 s: the gateway 192.0.2.1 to answer",
        "`sudo imgbuild-config confirm` keeps it, as does --force",
    ] {
        assert!(
            refused.output.contains(words),
            "no {words:?} in {}",
            refused.output
        );
    }
    assert_eq!(device.read(NETWORK), before);
    assert!(!device.read("/etc/imgbuild/settings").contains("uplink"));
    let reloads = device.calls();
    let reloads = reloads.iter().filter(|call| *call == "networkctl reload");
    assert_eq!(reloads.count(), 2);
}

#[test]
fn a_firewall_is_taken_back_as_well_and_what_cannot_cut_off_is_not() {
    let device = device();
    device.gateway("false");
    let refused = device.run("imgbuild-config set stats-port=1400 --wait 4");
    assert!(
        refused.output.contains("a gateway that answers"),
        "{}",
        refused.output
    );
    assert_eq!(refused.status, Some(1));
    device.succeed("imgbuild-config set stats-user=boss");
    device.succeed("imgbuild-config set stats-port=1400 --force --wait 0");
}

#[test]
fn the_owner_confirms_from_another_login() {
    let device = device();
    device.gateway("false");
    let nothing = device.run("imgbuild-config confirm");
    assert_eq!(nothing.status, Some(1));
    assert!(
        nothing.output.contains("no change waits to be confirmed"),
        "{}",
        nothing.output
    );
    let output = device.succeed(&format!(
        "{UNTIL} {SET} > /run/output 2>&1 & {UNTIL} {WAITS} \
         upto 'grep -q left /run/output'; imgbuild-config status; \
         imgbuild-config set stats-port=1400; imgbuild-status | grep Settings; \
         imgbuild-config confirm; wait; cat /run/output"
    ));
    for words in [
        "a change is still being tried: 1",
        "another change is still being tried",
        "Settings:        a change is still being tried: ",
        "confirmed: the change stays",
        "changed: /etc/systemd/network/80-ethernet.network",
    ] {
        assert!(output.contains(words), "no {words:?} in {output}");
    }
    assert!(device.read(NETWORK).contains("Address=192.0.2.7/24\n"));
    assert_eq!(device.run("imgbuild-config confirm").status, Some(1));
}

/// The session of SSH breaks because of the change, or its user presses Ctrl-C.
#[test]
fn a_session_that_breaks_leaves_the_change_to_its_end() {
    for signal in ["HUP", "INT", "KILL"] {
        let device = device();
        let before = device.read(NETWORK);
        let asked = format!(
            "{UNTIL} perl -e '$SIG{{INT}} = \"DEFAULT\"; exec @ARGV' {SET} --wait 2 > /run/output 2>&1 & pid=$!; \
             {WAITS} kill -{signal} $pid; wait $pid; {ENDED}"
        );
        device.gateway("false");
        device.succeed(&asked);
        assert_eq!(device.read(NETWORK), before, "{signal}");
        device.gateway("true");
        device.succeed(&asked);
        assert!(device.read(NETWORK).contains("192.0.2.7"), "{signal}");
        // The next change is not hindered.
        device.succeed("imgbuild-config unset uplink-address uplink-gateway");
        assert_eq!(device.read(NETWORK), before, "{signal}");
    }
}

#[test]
fn a_change_whose_unit_is_killed_is_taken_back_at_once() {
    let device = device();
    let before = device.read(NETWORK);
    device.gateway("false");
    let killed = device.run(&format!(
        "{UNTIL} {SET} & asked=$!; {WAITS} \
         kill -9 $(pgrep -f 'perl.*carry-out'); wait $asked"
    ));
    assert_eq!(killed.status, Some(1), "{}", killed.output);
    assert!(
        killed.output.contains("was taken back"),
        "{}",
        killed.output
    );
    assert_eq!(device.read(NETWORK), before);
    device.gateway("true");
    device.succeed(SET);
}

/// A systemctl that runs the unit as systemd does: one at a time, and the end of the unit after its
/// work. The end begins when the file `go` exists.
const SYSTEMCTL: &str = r#"
case "$*" in
start*)
    exec 9> /run/unit.lock; flock 9
    echo activating > /run/unit
    imgbuild-config carry-out
    echo deactivating > /run/unit
    n=0; until [ -e /run/go ]; do n=$((n+1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done
    imgbuild-config take-back
    echo inactive > /run/unit ;;
*--property=ActiveState*imgbuild-change.service) cat /run/unit 2> /dev/null || echo inactive ;;
esac"#;

/// After the session of a change broke, the unit may still be undoing that change.
#[test]
fn a_change_waits_until_what_ends_the_last_one_has_ended() {
    let killed = "kill -9 $(pgrep -f 'perl.*carry-out'); ";
    let begun = format!("{UNTIL} {WAITS} {killed}");
    for (gateway, meanwhile, uplink) in [("true", UNTIL, true), ("false", &*begun, false)] {
        let device = device();
        device.succeed("mkdir -p /run/systemd/system");
        device.program("systemctl", SYSTEMCTL);
        device.gateway(gateway);
        let before = device.read(NETWORK);
        let output = device.succeed(&format!(
            "{SET} > /dev/null 2>&1 & asked=$!; {meanwhile} upto 'grep -q deactivating /run/unit'; kill -9 $asked; \
             imgbuild-config set stats-user=boss > /run/output 2>&1 & next=$!; \
             upto 'grep -q waiting /run/output || [ -e /run/imgbuild-change/request ]'; touch /run/go; \
             wait $next; status=$?; cat /run/output; exit $status"
        ));
        for words in [
            "waiting for the change before to end; 3",
            "changed: /etc/haproxy/conf.d/10-stats-users.cfg\n",
        ] {
            assert!(output.contains(words), "no {words:?} in {output}");
        }
        let settings = device.read("/etc/imgbuild/settings");
        assert!(settings.contains("stats-user = boss"), "{settings}");
        assert_eq!(settings.contains("uplink"), uplink, "{settings}");
        assert_eq!(device.read(NETWORK) != before, uplink);
    }
}

#[test]
fn servers_that_are_down_are_told_and_not_refused() {
    let device = device();
    let health = "#!/bin/bash\nresult=0\n. /usr/lib/imgbuild/health.functions\n\
         servers() { ! grep -q 10.0.0.9 /etc/haproxy/conf.d/30-http.cfg || no 'http/w DOWN'; }\n\
         check servers-up servers servers\n[ $result = 0 ]\n";
    // This loads the shipped functions without the shipped checks.
    device.own_health();
    device.succeed(
        "sed '/^for checks/,$d' /usr/lib/imgbuild/health > /usr/lib/imgbuild/health.functions",
    );
    device.write("usr/lib/imgbuild/health", health);
    device.succeed("chmod 755 /usr/lib/imgbuild/health");
    let output = device.succeed("imgbuild-config set http-servers=w=10.0.0.9:80");
    assert!(
        output.ends_with("note: servers-up (http/w DOWN)\n"),
        "{output}"
    );
    assert!(
        device
            .read("/etc/haproxy/conf.d/30-http.cfg")
            .contains("10.0.0.9")
    );
}

#[test]
fn what_was_changed_by_hand_is_restored_when_that_is_asked_for() {
    let device = device();
    let (config, users) = (
        "/etc/haproxy/haproxy.cfg",
        "/etc/haproxy/conf.d/10-stats-users.cfg",
    );
    let before = (device.read(config), device.read(users));
    device.write(config, &(before.0.clone() + "# mine\n"));
    device.succeed(&format!("rm {users}"));
    assert_eq!(
        device.succeed("imgbuild-config apply"),
        "nothing had to change\n"
    );
    assert!(device.read(config).ends_with("# mine\n"));
    let output = device.succeed("imgbuild-config apply --overwrite");
    assert!(output.contains(&format!("changed: {config}\n")), "{output}");
    assert_eq!((device.read(config), device.read(users)), before);
    assert_eq!(device.mode_of(users), 0o640);
    assert!(
        device
            .succeed("imgbuild-config status")
            .starts_with("everything")
    );
}

/// The kernel's own ARP and NDP, between two network namespaces.
#[test]
fn a_gateway_answers_or_is_silent_on_a_real_wire() {
    let device = device();
    device.succeed("rm /usr/sbin/ip");
    let ask = "perl -I /usr/lib/imgbuild/perl -MImgbuild::Reach -e '\
         print map { \"$_->{address} \" } Imgbuild::Reach::answering(Imgbuild::Reach::gateways()); print \"\\n\"'";
    let output = device.succeed(&format!(
        "set -e; unshare --net sleep 600 & router=$!; {UNTIL}
         upto '[ \"$(readlink /proc/$router/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]'
         in_router() {{ nsenter --target $router --net \"$@\"; }}
         ip link add eth0 type veth peer name wire; ip link set wire netns $router
         in_router ip addr add 192.0.2.1/24 dev wire; in_router ip addr add 2001:db8::1/64 dev wire nodad
         in_router ip link set wire up
         ip link set eth0 up; ip addr add 192.0.2.7/24 dev eth0; ip addr add 2001:db8::7/64 dev eth0 nodad
         {ask}
         ip route add default via 192.0.2.9 metric 2000; {ask}
         ip route add default via 192.0.2.1 metric 1000; {ask}
         ip -6 route add default via 2001:db8::1; {ask}
         in_router ip addr del 192.0.2.1/24 dev wire; {ask}
         in_router ip link set wire down; {ask}"
    ));
    assert_eq!(
        output,
        "\n\n192.0.2.1 \n192.0.2.1 2001:db8::1 \n2001:db8::1 \n\n"
    );
}

/// The gateways before and now: `4` and `6` for one of each family that answers, `-` before one
/// that is silent, and a letter after it to tell two of one family apart.
#[test]
fn each_gateway_that_is_new_or_answered_before_has_to_answer() {
    let device = device();
    for (before, now, reason) in [
        ("4", "4", ""),
        ("4", "4b", ""),
        ("4 6", "4b 6", ""),
        ("", "4", ""),
        ("-4", "-4 6", ""),
        ("6", "-4 6", "the gateway 4 to answer"),
        ("4 6", "-4b 6", "the gateway 4b to answer"),
        ("4 6", "6", "a gateway in the place of 4"),
        ("4", "-4", "the gateway 4 to answer"),
        ("4", "", "a gateway in the place of 4"),
        (
            "4 6",
            "-4 -6",
            "the gateway 4 to answer and the gateway 6 to answer",
        ),
        ("", "", "a gateway that answers"),
        ("-4", "-4", "a gateway that answers"),
        ("-4", "-4b", "the gateway 4b to answer"),
    ] {
        let script = r#"use v5.36; use Imgbuild::Provisional; no warnings;
            my ($before, $now) = map { [map { /^(-?)((.).*)/; {family => $3, address => $2, silent => $1} } split] } @ARGV;
            *Imgbuild::Reach::gateways = sub { @$now };
            *Imgbuild::Reach::answering = sub(@gateways) { grep { !$_->{silent} } @gateways };
            print Imgbuild::Provisional::unreached(Imgbuild::Provisional::known(@$before)) // """#;
        device.write("/tmp/script", script);
        let output = device.succeed(&format!(
            "perl -I /usr/lib/imgbuild/perl /tmp/script '{before}' '{now}'"
        ));
        assert_eq!(output, reason, "{before:?}, then {now:?}");
    }
}
