//! The channels of an access point by the image's own regulatory database.

use super::scratch::Device;
use crate::command::stdout;
use crate::values::PROGRAMS;
use std::path::Path;
use std::process::Command;

/// Prints the open channels of each band in a country, and the reason why channel 149 is not open.
const SAY: &str = r#"
    use v5.36;
    use Imgbuild::Radio;
    $Imgbuild::Radio::DATABASE = shift;
    my $bytes = Imgbuild::File::slurp($Imgbuild::Radio::DATABASE);
    my $countries = Imgbuild::Radio::countries($bytes);
    for my $country (sort keys %$countries) {
        my $rules = $countries->{$country};
        say join ' ', $country, Imgbuild::Radio::open_channels($rules, '2.4'), '5:', Imgbuild::Radio::open_channels($rules, 5),
            Imgbuild::Radio::closed($rules, 149) // 'open';
    }
    for (my $length = 0; $length < length $bytes; $length += 61) {
        next if !eval { Imgbuild::Radio::countries(substr $bytes, 0, $length); 1 };
        say "not damaged at $length" if $length < length($bytes) / 2;
    }
"#;

fn database() -> std::path::PathBuf {
    Path::new(PROGRAMS).join("usr/lib/firmware/regulatory.db-debian")
}

/// In wireless-regdb of 2026, 45 countries have no rule for 5745 MHz, and in 13 more it is shared
/// with radar.
#[test]
fn the_rules_of_radio_say_what_is_open() {
    let overlays = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays");
    let modules = "root/usr/lib/imgbuild/perl";
    let mut perl = Command::new("perl");
    for overlay in ["base", "hotspot"] {
        perl.arg("-I").arg(overlays.join(overlay).join(modules));
    }
    let output = stdout(perl.arg("-e").arg(SAY).arg(database()));
    let count = |reason: &str| output.lines().filter(|line| line.contains(reason)).count();
    assert_eq!(
        (count("no rule"), count("radar"), count("damaged")),
        (45, 13, 0),
        "{output}"
    );
    let of = |country: &str| {
        let line = output.lines().find(|line| line.starts_with(country));
        line.unwrap_or_else(|| panic!("{country}: {output}"))
    };
    for (country, channels) in [
        ("00", "00 1 2 3 4 5 6 7 8 9 10 11 5: lets"),
        (
            "US",
            "US 1 2 3 4 5 6 7 8 9 10 11 5: 36 40 44 48 149 153 157 161 165 open",
        ),
        (
            "CA",
            "CA 1 2 3 4 5 6 7 8 9 10 11 12 13 5: 36 40 44 48 149 153 157 161 165 open",
        ),
        (
            "TW",
            "TW 1 2 3 4 5 6 7 8 9 10 11 12 13 5: 36 40 44 48 149 153 157 161 165 open",
        ),
        ("JP", "JP 1 2 3 4 5 6 7 8 9 10 11 12 13 5: 36 40 44 48 has"),
        (
            "BD",
            "BD 1 2 3 4 5 6 7 8 9 10 11 12 13 5: 149 153 157 161 165 open",
        ),
        ("AM", "AM 1 2 3 4 5 6 7 8 9 10 11 12 13 5: shares"),
    ] {
        assert!(of(country).starts_with(channels), "{}", of(country));
    }
}

#[test]
fn a_channel_that_the_country_keeps_closed_is_refused_with_those_that_are_open() {
    let device = Device::flashed("wifi-hotspot");
    device.succeed("imgbuild-config boot");
    device.copy(&database(), "usr/lib/firmware/regulatory.db");
    for (settings, reason) in [
        (
            "wifi-country=JP wifi-band=5 wifi-channel=149",
            "has no rule for it: channel 149 (5745 MHz) in JP; wifi-channel can be 36, 40, 44, 48\n",
        ),
        (
            "wifi-country=AM wifi-band=5 wifi-channel=36",
            "no channel of the 5 GHz band is open there",
        ),
        (
            "wifi-country=US wifi-channel=12",
            "channel 12 (2467 MHz) in US; wifi-channel can be 1, 2, 3",
        ),
        ("wifi-country=AQ", "has no rules for AQ"),
        ("wifi-country=CA wifi-channel=12", ""),
        ("wifi-country=TW wifi-channel=13", ""),
        ("wifi-country=JP wifi-band=5 wifi-channel=36", ""),
        ("wifi-country=00 wifi-band=2.4 wifi-channel=11", ""),
    ] {
        let finished = device.run(&format!("imgbuild-config set {settings}"));
        let refused = finished.status != Some(0);
        assert_eq!(
            refused,
            !reason.is_empty(),
            "{settings}: {}",
            finished.output
        );
        assert!(
            finished.output.contains(reason),
            "{settings}: {}",
            finished.output
        );
    }
    assert!(
        device
            .read("/etc/hotspot/hotspot.env")
            .contains("WIFI_CHANNEL=11\n")
    );
}
