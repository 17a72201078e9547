//! A file that a program of the image refuses is reported before there is an image, in the words of that
//! program.
//!
//! No setting of ours makes one of these files. Every build of these tests shows that the programs accept the
//! files of the shipped profiles.

mod names;
mod shipped;

use crate::command::run;
use crate::image::{USER, refusal};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

/// A file of an overlay, the program that reads it, and a part of its message.
struct Nonsense {
    path: &'static str,
    text: &'static str,
    refused_by: &'static str,
    words: &'static str,
}

const OF_A_BALANCER: [Nonsense; 34] = [
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
    Nonsense {
        path: "etc/systemd/network/90-value.network",
        text: "[Match]\nName=mine1\n[Network]\nDHCP=perhaps\nGateway=999.1.1.1\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-networkd",
        words: "90-value.network:5: Failed to parse Gateway=999.1.1.1",
    },
    Nonsense {
        path: "etc/systemd/network/90-mine.link",
        text: "[Match]\nOriginalName=mine2\n[Link]\nNamme=other\n",
        refused_by: "systemd-knows /usr/bin/udevadm",
        words: "systemd does not know `Namme` in section [Link]",
    },
    Nonsense {
        path: "etc/systemd/resolved.conf.d/90-value.conf",
        text: "[Resolve]\nDNSSEC=perhaps\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-resolved",
        words: "90-value.conf:2: Failed to parse DNSSEC=perhaps",
    },
    Nonsense {
        path: "etc/systemd/logind.conf.d/90-mine.conf",
        text: "[Login]\nHandlePowerKey=explode\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd-logind",
        words: "90-mine.conf:2: Failed to parse HandlePowerKey=explode",
    },
    Nonsense {
        path: "etc/systemd/system.conf.d/90-mine.conf",
        text: "[Manager]\nDefaultTimeoutStrtSec=9\n",
        refused_by: "systemd-knows /usr/lib/systemd/systemd ",
        words: "systemd does not know `DefaultTimeoutStrtSec` in section [Manager]",
    },
    Nonsense {
        path: "etc/logrotate.d/mine",
        text: "/var/log/mine {\n    nonsense\n}\n",
        refused_by: "logrotate -d /etc/logrotate.conf",
        words: "unknown option 'nonsense'",
    },
    Nonsense {
        path: "etc/profile.d/mine.sh",
        text: "if true; then\n",
        refused_by: "`/bin/sh -n /etc/profile.d/mine.sh`",
        words: "/etc/profile.d/mine.sh: 2: Syntax error",
    },
    Nonsense {
        path: "etc/modules-load.d/mine.conf",
        text: "# none\nnf_conntrack\nnonsense_module\n",
        refused_by: "/usr/lib/imgbuild/modules-known /etc/modules-load.d/*.conf",
        words: "/etc/modules-load.d/mine.conf: no kernel of the image has a module `nonsense_module`",
    },
    Nonsense {
        path: "etc/pam.d/mine",
        text: "@include common-auth\nauth required pam_unit.so\n",
        refused_by: "`/etc/pam.d/mine`, line 2: names module `pam_unit.so`",
        words: "the image does not have; there is `pam_unix.so`",
    },
];

/// The packages of these programs, none of whose services is needed.
const OF_OTHERS: &str = "\"wifi-uplink\"]\n[packages]\ninstall = [\"apache2\", \"bind9\", \"cron\", \
                         \"dnsmasq\", \"lighttpd\", \"logrotate\", \"nginx-light\", \"rsyslog\"";

/// Obfs4proxy as a client, where Tor's own confinement forbids it to start programs; and files whose mistakes
/// apt only reports if it can read all its sources.
const OF_A_HOTSPOT: [Nonsense; 3] = [
    Nonsense {
        path: "etc/tor/torrc.d/30-bridges.conf",
        text: "UseBridges 1\nClientTransportPlugin obfs4 exec /usr/bin/true\n\
           Bridge obfs4 192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567\nNonsense 1\n",
        refused_by: "tor --verify-config --hush -f /etc/tor/torrc",
        words: "Reading config failed",
    },
    Nonsense {
        path: "etc/apt/preferences.d/mine",
        text: "Package: mine\nPin: nonsense\nPin-Priority: 7\n",
        refused_by: "apt-cache policy",
        words: "W: Did not understand pin type nonsense",
    },
    Nonsense {
        path: "etc/apt/sources.list.d/mine.sources",
        text: "Types: deb\nURIs: http://192.0.2.1/\nSuites: ./\nSigned-By: /usr/share/keyrings/nonsense.gpg\n",
        refused_by: "`/etc/apt/sources.list.d/mine.sources` is signed by `/usr/share/keyrings/nonsense.gpg`",
        words: "which the image does not have",
    },
];

/// A profile of a test, and its overlay.
struct Definitions {
    name: String,
    folder: PathBuf,
}

impl Definitions {
    /// A profile `name` that extends `extends`. The text may close the list and continue the definition.
    fn new(name: &str, extends: &str) -> Self {
        let definitions = Self {
            name: name.to_owned(),
            folder: USER.home().join(name),
        };
        definitions.put(
            &format!("profiles/{name}/profile.toml"),
            &format!("schema = 1\ntitle = \"t\"\noverlays = [\"{name}\"]\nextends = [{extends}]\n"),
        );
        definitions.rules("");
        definitions
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn file(&self, path: &str, text: &str) {
        self.put(&format!("overlays/{}/root/{path}", self.name), text);
    }

    /// Gives the overlay `rules` for its files.
    fn rules(&self, rules: &str) {
        let path = format!("overlays/{}/overlay.toml", self.name);
        self.put(&path, &format!("schema = 1\nhelp = \"h\"\n{rules}"));
    }

    /// The error for an image of this profile, which must be refused.
    fn refusal(&self) -> String {
        run(std::process::Command::new("chmod")
            .arg("-R")
            .arg("a+rX")
            .arg(&self.folder));
        let folder = self.folder.display().to_string();
        refusal(&self.name, &self.name, &["--definitions", &folder])
    }
}

/// Builds `profile` with all of `nonsense` in it; `beside` continues its list of extended profiles and its
/// definition.
fn refuse(profile: &str, beside: &str, nonsense: &[Nonsense]) {
    let name = format!("{profile}-nonsense");
    let definitions = Definitions::new(&name, &format!("\"{profile}\", {beside}"));
    for file in nonsense {
        definitions.file(file.path, file.text);
    }
    let output = definitions.refusal();
    for file in nonsense {
        for part in [file.refused_by, file.words, &format!("/root/{}", file.path)] {
            assert!(output.contains(part), "`{part}` is not in:\n{output}");
        }
    }
    let checks: BTreeSet<&str> = nonsense.iter().map(|file| file.refused_by).collect();
    let count = format!(": {} mistake", checks.len());
    assert!(output.contains(&count), "{output}");
}

/// The first test that holds this lock builds an image with all of [`OF_OTHERS`]; the next one finds their
/// packages configured in the store.
static PACKAGES: Mutex<()> = Mutex::new(());

#[test]
fn programs_of_a_balancer_say_what_they_do_not_take_all_at_once() {
    let _guard = PACKAGES.lock();
    refuse("haproxy-node", OF_OTHERS, &OF_A_BALANCER);
}

#[test]
fn tor_and_apt_say_what_they_do_not_take() {
    refuse("tor-hotspot", "", &OF_A_HOTSPOT);
}
