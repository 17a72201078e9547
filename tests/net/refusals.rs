//! What the programs of an image refuse is refused before there is an image, in their own words.
//!
//! Each file is one that no setting of ours makes: what nobody has thought of. That they accept what the shipped
//! profiles make is shown by every build of these tests.

use crate::image::{USER, refusal};
use crate::support::run;

/// A file of an overlay, the program that reads it, and what that says.
struct Nonsense {
    path: &'static str,
    text: &'static str,
    refused_by: &'static str,
    words: &'static str,
}

const OF_A_BALANCER: [Nonsense; 25] = [
    Nonsense {
        path: "etc/haproxy/conf.d/90-mine.cfg",
        text: "frontend mine\n    bind :8081\n    nonsense on\n",
        refused_by: "haproxy -c -f /etc/haproxy/haproxy.cfg",
        words: "unknown keyword 'nonsense' in 'frontend' section",
    },
    Nonsense {
        path: "etc/nftables.d/input/60-mine.nft",
        text: "tcp dport 8000 accept nonsense\n",
        refused_by: "nft -c -f /etc/nftables.conf",
        words: "60-mine.nft:1:",
    },
    Nonsense {
        path: "etc/ssh/sshd_config.d/90-mine.conf",
        text: "PermitNonsense yes\n",
        refused_by: "sshd -t",
        words: "Bad configuration option: PermitNonsense",
    },
    Nonsense {
        path: "etc/sudoers.d/90-mine",
        text: "admin ALL=(ALL nonsense\n",
        refused_by: "visudo -c",
        words: "syntax error",
    },
    Nonsense {
        path: "etc/apt/sources.list.d/mine.list",
        text: "deb http\n",
        refused_by: "apt-get indextargets",
        words: "Malformed entry 1 in list file /etc/apt/sources.list.d/mine.list",
    },
    Nonsense {
        path: "etc/udev/rules.d/90-mine.rules",
        text: "NONSENSE==\"1\"\n",
        refused_by: "udevadm verify",
        words: "90-mine.rules:1 ",
    },
    Nonsense {
        path: "etc/tmpfiles.d/mine.conf",
        text: "QQ /run/mine\n",
        refused_by: "systemd-tmpfiles --create --dry-run",
        words: "mine.conf:1: ",
    },
    Nonsense {
        path: "usr/lib/systemd/system/mine.service",
        text: "[Service]\nExecStart=/usr/bin/true\nNonsense=1\n",
        refused_by: "systemd-analyze verify",
        words: "mine.service:3: Unknown key 'Nonsense'",
    },
    Nonsense {
        path: "usr/local/bin/mine",
        text: "#!/usr/bin/perl\nuse v5.36;\nmy $x = nonsense(;\n",
        refused_by: "/usr/bin/perl -c /usr/local/bin/mine",
        words: "syntax error at /usr/local/bin/mine line 3",
    },
    Nonsense {
        path: "usr/local/bin/other",
        text: "#!/usr/bin/env python9\n",
        refused_by: "`/usr/local/bin/other` begins with `#!/usr/bin/env python9`",
        words: "the image has no program `python9`",
    },
    Nonsense {
        path: "etc/sysctl.d/90-mine.conf",
        text: "nonsense\n",
        refused_by: "systemd-sysctl --prefix=/nothing",
        words: "90-mine.conf:1: Line is not an assignment",
    },
    Nonsense {
        path: "etc/sysusers.d/mine.conf",
        text: "zz mine\n",
        refused_by: "systemd-sysusers --dry-run",
        words: "mine.conf:1: Unknown modifiers",
    },
    Nonsense {
        path: "etc/modprobe.d/mine.conf",
        text: "blacklst usb-storage\n",
        refused_by: "modprobe --showconfig",
        words: "mine.conf line 1: ignoring bad line",
    },
    Nonsense {
        path: "etc/systemd/network/90-mine.network",
        text: "[Match]\nName=mine0\n[Network]\nDHCQ=yes\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-networkd",
        words: "systemd does not know `DHCQ` in section [Network]",
    },
    Nonsense {
        path: "etc/systemd/resolved.conf.d/90-mine.conf",
        text: "[Resolve]\nDNSS=192.0.2.1\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-resolved",
        words: "systemd does not know `DNSS` in section [Resolve]",
    },
    Nonsense {
        path: "etc/systemd/timesyncd.conf.d/90-mine.conf",
        text: "[Tim]\nNTP=192.0.2.1\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-timesyncd",
        words: "systemd does not know `NTP` in section [Tim]",
    },
    Nonsense {
        path: "etc/systemd/journald.conf.d/90-mine.conf",
        text: "[Journal]\nnonsense\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-journald",
        words: "no `Key=value`: nonsense",
    },
    Nonsense {
        path: "etc/wifi-uplink/wpa_supplicant.conf",
        text: "network={\n    ssid=61\n    key_mgmt=NONSENSE\n}\n",
        refused_by: "/usr/lib/imgbuild/wifi-uplink --verify",
        words: "Line 3: invalid key_mgmt 'NONSENSE'",
    },
    Nonsense {
        path: "etc/dnsmasq.d/mine.conf",
        text: "nonsense\n",
        refused_by: "dnsmasq --test",
        words: "bad option at line 1 of /etc/dnsmasq.d/mine.conf",
    },
    Nonsense {
        path: "etc/nginx/conf.d/mine.conf",
        text: "nonsense on;\n",
        refused_by: "nginx -t -q",
        words: "unknown directive \"nonsense\" in /etc/nginx/conf.d/mine.conf:1",
    },
    Nonsense {
        path: "etc/apache2/conf-enabled/mine.conf",
        text: "Nonsense on\n",
        refused_by: "apache2ctl configtest",
        words: "Invalid command 'Nonsense'",
    },
    Nonsense {
        path: "etc/lighttpd/conf-enabled/90-mine.conf",
        text: "nonsense = {\n",
        refused_by: "lighttpd -tt",
        words: "/etc/lighttpd/conf-enabled/90-mine.conf line: 2",
    },
    Nonsense {
        path: "etc/bind/named.conf.local",
        text: "nonsense { };\n",
        refused_by: "named-checkconf",
        words: "named.conf.local:1: unknown option 'nonsense'",
    },
    Nonsense {
        path: "etc/rsyslog.d/mine.conf",
        text: "nonsense(\n",
        refused_by: "rsyslogd -N1",
        words: "error during parsing file /etc/rsyslog.d/mine.conf",
    },
    Nonsense {
        path: "etc/cron.d/mine",
        text: "99 4 * * * root true\n",
        refused_by: "crontab -n",
        words: "\"/etc/cron.d/mine\":0: bad minute",
    },
];

/// What brings those programs, and none of their services is wanted.
const OF_OTHERS: &str = "\"wifi-uplink\"]\n[packages]\ninstall = [\"apache2\", \"bind9\", \"cron\", \
                         \"dnsmasq\", \"lighttpd\", \"nginx-light\", \"rsyslog\"";

/// Obfs4proxy as a client, where Tor's own confinement forbids it to start programs.
const OF_A_HOTSPOT: [Nonsense; 1] = [Nonsense {
    path: "etc/tor/torrc.d/30-bridges.conf",
    text: "UseBridges 1\nClientTransportPlugin obfs4 exec /usr/bin/true\n\
           Bridge obfs4 192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567\nNonsense 1\n",
    refused_by: "tor --verify-config --hush -f /etc/tor/torrc",
    words: "Reading config failed",
}];

/// Builds `profile` with all of `nonsense` in it; `beside` is what else it builds on, and more of its definition.
fn refuse(profile: &str, beside: &str, nonsense: &[Nonsense]) {
    let name = format!("{profile}-nonsense");
    let definitions = USER.home().join(&name);
    let put = |path: &str, text: &str| {
        let path = definitions.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    put(
        &format!("profiles/{name}/profile.toml"),
        &format!(
            "schema = 1\ntitle = \"t\"\noverlays = [\"{name}\"]\nextends = [\"{profile}\", {beside}]\n"
        ),
    );
    put(
        &format!("overlays/{name}/overlay.toml"),
        "schema = 1\nhelp = \"h\"\n",
    );
    for file in nonsense {
        put(&format!("overlays/{name}/root/{}", file.path), file.text);
    }
    run(std::process::Command::new("chmod")
        .arg("-R")
        .arg("a+rX")
        .arg(&definitions));
    let folder = definitions.display().to_string();
    let said = refusal(&name, &name, &["--definitions", &folder]);
    for file in nonsense {
        for part in [file.refused_by, file.words, &format!("/root/{}", file.path)] {
            assert!(said.contains(part), "`{part}` is not in:\n{said}");
        }
    }
    let count = format!(": {} mistake", nonsense.len());
    assert!(said.contains(&count), "{said}");
}

#[test]
fn programs_of_a_balancer_say_what_they_do_not_take_all_at_once() {
    refuse("haproxy-node", OF_OTHERS, &OF_A_BALANCER);
}

#[test]
fn tor_says_what_it_does_not_take() {
    refuse("tor-hotspot", "", &OF_A_HOTSPOT);
}
