//! The device explains itself in words: a failed check gives its reason, and a mistyped word gets a
//! suggestion.

use super::scratch::Device;
use imgbuild::define::Definitions;
use imgbuild::diag::nearest;

/// The services do not run and the programs are missing, so each check fails and must say why.
#[test]
fn every_check_that_fails_has_a_reason_in_words() {
    let mut failed = 0;
    for profile in Definitions::find(&[]).profiles().unwrap() {
        let device = Device::flashed(&profile);
        device.services("false");
        device.program("haproxy", "echo '[ALERT] there is no such port'; exit 1");
        device.succeed("rm /usr/sbin/nc");
        device.own_health();
        let output = device.run("/usr/lib/imgbuild/health").output;
        for line in output.lines() {
            let mut words = line.splitn(3, ' ');
            let (name, state) = (words.next().unwrap(), words.next().unwrap_or_default());
            assert!(
                ["ok", "FAIL", "starting", "skipped"].contains(&state),
                "{profile}: {line}"
            );
            let detail = words.next().unwrap_or_default();
            if state != "FAIL" {
                continue;
            }
            failed += 1;
            assert!(
                detail.contains(' '),
                "{profile}: {name} has no reason: {line:?}"
            );
            for noise in [
                "<",
                "od:",
                "metric",
                "/usr/lib/imgbuild/health.d",
                "PROGRESS",
            ] {
                assert!(!detail.contains(noise), "{profile}: {line}");
            }
        }
    }
    assert!(failed > 40, "{failed}");
}

/// A login that took too long leaves a failed scope behind.
#[test]
fn what_a_person_started_does_not_make_the_device_unwell() {
    let device = Device::flashed("base");
    device.own_health();
    for (failed, state) in [
        ("session-1.scope", "ok"),
        (
            "session-1.scope loaded failed\\nx.service",
            "FAIL x.service",
        ),
    ] {
        let list =
            format!("case $1 in list-units) printf '{failed} loaded failed failed\\n' ;; esac");
        device.program("systemctl", &list);
        let output = device.run("/usr/lib/imgbuild/health").output;
        let units = output.lines().find_map(|line| line.strip_prefix("units "));
        assert_eq!(units.map(str::trim_end), Some(state), "{output}");
    }
}

#[test]
fn a_check_is_starting_while_its_service_has_only_just_come_up() {
    let device = Device::flashed("base");
    device.own_health();
    device.write(
        "usr/lib/imgbuild/health.d/10-base",
        "bad() { no not yet; }\ngone() { echo for good; return 2; }\nlater() { echo soon; return 75; }\n\
         check bad bad '' x.service\ncheck gone gone '' x.service\ncheck later later\ncheck far bad servers\n",
    );
    let unit = |state: &str, sub: &str, since: &str| {
        device.program(
            "systemctl",
            &format!("printf 'ActiveState={state}\\nSubState={sub}\\nActiveEnterTimestampMonotonic={since}\\n'"),
        );
        device.run("IMGBUILD_WITHOUT=network /usr/lib/imgbuild/health")
    };
    let others = "gone FAIL for good\nlater starting soon\nfar skipped needs network\n";
    let now = "$(sed 's/\\..*//' /proc/uptime)000000";
    device.program(
        "systemctl",
        &format!("echo ActiveState=active; echo ActiveEnterTimestampMonotonic={now}"),
    );
    let young = device.run("IMGBUILD_WITHOUT=network /usr/lib/imgbuild/health");
    assert_eq!(young.output, format!("bad starting not yet\n{others}"));
    assert_eq!(young.status, Some(1));
    for (state, sub, since, word) in [
        ("activating", "start", "0", "starting"),
        ("activating", "auto-restart", "0", "FAIL"),
        ("failed", "failed", "0", "FAIL"),
        ("inactive", "dead", "0", "FAIL"),
    ] {
        assert_eq!(
            unit(state, sub, since).output,
            format!("bad {word} not yet\n{others}"),
            "{state} {sub}"
        );
    }
    device.write(
        "usr/lib/imgbuild/health.d/10-base",
        "later() { echo soon; return 75; }\ncheck later later\n",
    );
    assert_eq!(device.run("/usr/lib/imgbuild/health").status, Some(75));
    let status = device.run("imgbuild-status");
    assert_eq!(status.status, Some(0), "{}", status.output);
    assert!(
        status.output.contains("starting  soon\n"),
        "{}",
        status.output
    );
    assert!(
        device
            .read("/run/issue.d/60-imgbuild.issue")
            .starts_with("Still starting:\n")
    );
}

#[test]
fn the_device_names_the_same_nearest_word_as_imgbuild() {
    let known = [
        "http-port",
        "http-servers",
        "https-port",
        "stats-port",
        "stats-user",
        "wifi-ssid",
        "ünï-cödé",
        "a",
        "b",
        "",
    ];
    let mut words: Vec<String> = known.map(str::to_owned).to_vec();
    for word in known {
        for at in (0..=word.len()).filter(|&at| word.is_char_boundary(at)) {
            let (head, tail) = word.split_at(at);
            words.push(format!("{head}x{tail}"));
            let mut rest = tail.chars();
            if let Some(first) = rest.next() {
                words.push(format!("{head}{}", rest.as_str()));
                words.push(format!("{head}é{}", rest.as_str()));
                let mut after = rest.clone();
                if let Some(second) = after.next() {
                    words.push(format!("{head}{second}{first}{}", after.as_str()));
                    words.push(format!("{head}{second}y{first}{}", after.as_str()));
                }
            }
        }
    }
    let device = Device::flashed("base");
    device.write("/tmp/known", &known.join("\n"));
    device.write("/tmp/words", &words.join("\n"));
    let script = "perl -I /usr/lib/imgbuild/perl -MImgbuild::Nearest -MImgbuild::File -e '\
         my @known = split /\\n/, Imgbuild::File::slurp(\"/tmp/known\") . \"\\n\", -1; pop @known; \
         print Imgbuild::Nearest::nearest($_, @known) // \"none\", \"\\n\" for split /\\n/, Imgbuild::File::slurp(\"/tmp/words\"), -1'";
    let output = device.succeed(script);
    let expected: Vec<&str> = words
        .iter()
        .map(|word| nearest(word, known).unwrap_or("none"))
        .collect();
    assert_eq!(
        output.split('\n').collect::<Vec<_>>()[..words.len()],
        expected
    );
    assert!(words.len() > 200);
}
