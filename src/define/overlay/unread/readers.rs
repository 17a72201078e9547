//! Who reads which folder, and of which names: one row for each kind of folder.
//!
//! The rules are those of the programs' manuals in Debian 13. `tests/net/refusals/names.rs` compares them with what the
//! programs of an image read.

use super::names::Names;

/// A folder of which a program reads some files, by their names, and passes over all others without a word.
pub(super) struct Reader {
    /// Where the folders may lie.
    pub(super) places: &'static [&'static str],
    /// Their names from there; a star stands for characters of one name.
    pub(super) folders: &'static [&'static str],
    /// Who reads them.
    pub(super) program: &'static str,
    /// What it reads.
    pub(super) names: Names,
    /// Whether a folder in there can be read too, because a file that is read may include it.
    pub(super) includes: bool,
    /// What else a file has to be.
    pub(super) needs: Needs,
}

/// What a file has to be beside its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// Executable.
    Execution,
    /// Root's, and nobody else may write to it.
    RootAlone,
}

const ETC: &[&str] = &["/etc"];
/// Where systemd, udev and kmod look, beside /run.
const ALL: &[&str] = &["/etc", "/usr/lib", "/usr/local/lib"];
const SHARED: &[&str] = &["/etc", "/usr/share", "/usr/local/share"];
const CONF: Names = Names::Ending(&[".conf"]);

/// systemd.unit(5).
const UNITS: &[&str] = &[
    ".automount",
    ".device",
    ".mount",
    ".path",
    ".scope",
    ".service",
    ".slice",
    ".socket",
    ".swap",
    ".target",
    ".timer",
];
/// systemd.network(5), systemd.netdev(5), systemd.link(5).
const NETWORKS: &[&str] = &[".link", ".netdev", ".network"];

/// The folders. Where two rows fit, both have to.
pub(super) const READERS: &[Reader] = &[
    Reader {
        places: ETC,
        folders: &[
            "cron.hourly",
            "cron.daily",
            "cron.weekly",
            "cron.monthly",
            "cron.yearly",
            "network/if-pre-up.d",
            "network/if-up.d",
            "network/if-down.d",
            "network/if-post-down.d",
            "kernel/preinst.d",
            "kernel/postinst.d",
            "kernel/prerm.d",
            "kernel/postrm.d",
            "ppp/ip-up.d",
            "ppp/ip-down.d",
        ],
        program: "run-parts",
        names: Names::Plain,
        includes: false,
        needs: Needs::Execution,
    },
    Reader {
        places: ETC,
        folders: &["update-motd.d"],
        program: "run-parts",
        names: Names::Lsb,
        includes: false,
        needs: Needs::Execution,
    },
    Reader {
        places: ETC,
        folders: &["cron.d"],
        program: "cron",
        names: Names::Plain,
        includes: false,
        needs: Needs::RootAlone,
    },
    Reader {
        places: ETC,
        folders: &["sudoers.d"],
        program: "sudo",
        names: Names::Sudo,
        includes: true,
        needs: Needs::RootAlone,
    },
    Reader {
        places: ETC,
        folders: &["logrotate.d"],
        program: "logrotate",
        names: Names::Logrotate,
        includes: true,
        needs: Needs::Nothing,
    },
    Reader::of(
        ETC,
        &["nftables.d", "nftables.d/*"],
        "nft",
        Names::Ending(&[".nft"]),
    )
    .including(),
    Reader::of(ETC, &["ssh/sshd_config.d"], "sshd", CONF).including(),
    Reader::of(ETC, &["ssh/ssh_config.d"], "ssh", CONF).including(),
    Reader::of(ALL, &["udev/rules.d"], "udev", Names::Ending(&[".rules"])),
    Reader::of(ALL, &["udev/hwdb.d"], "udev", Names::Ending(&[".hwdb"])),
    Reader::of(ALL, &["modprobe.d"], "modprobe", CONF),
    Reader::of(
        ALL,
        &[
            "binfmt.d",
            "environment.d",
            "modules-load.d",
            "sysctl.d",
            "sysusers.d",
            "systemd/*.conf.d",
            "systemd/network/*.d",
            "systemd/system/*.d",
            "systemd/user/*.d",
            "tmpfiles.d",
            "user-tmpfiles.d",
        ],
        "systemd",
        CONF,
    ),
    Reader::of(
        ALL,
        &["systemd/system-preset", "systemd/user-preset"],
        "systemd",
        Names::Ending(&[".preset"]),
    ),
    Reader::of(
        ALL,
        &["systemd/system", "systemd/user"],
        "systemd",
        Names::Kinds(UNITS, &[".wants", ".requires", ".upholds"]),
    ),
    Reader::of(
        ALL,
        &[
            "systemd/system/*.wants",
            "systemd/system/*.requires",
            "systemd/system/*.upholds",
            "systemd/user/*.wants",
        ],
        "systemd",
        Names::Ending(UNITS),
    ),
    Reader::of(
        ALL,
        &["systemd/network"],
        "systemd",
        Names::Kinds(NETWORKS, &[]),
    ),
    Reader::of(
        ETC,
        &["apt/sources.list.d"],
        "apt",
        Names::Apt {
            endings: &[".list", ".sources"],
            bare: false,
        },
    ),
    Reader::of(
        ETC,
        &["apt/trusted.gpg.d"],
        "apt",
        Names::Apt {
            endings: &[".gpg", ".asc"],
            bare: false,
        },
    ),
    Reader::of(
        ETC,
        &["apt/preferences.d"],
        "apt",
        Names::Apt {
            endings: &[".pref"],
            bare: true,
        },
    ),
    Reader::of(
        ETC,
        &["apt/apt.conf.d", "apt/auth.conf.d"],
        "apt",
        Names::Apt {
            endings: &[".conf"],
            bare: true,
        },
    ),
    Reader::of(
        ETC,
        &["profile.d"],
        "the login shell",
        Names::Ending(&[".sh"]),
    )
    .including(),
    Reader::of(
        SHARED,
        &["polkit-1/rules.d"],
        "polkit",
        Names::Ending(&[".rules"]),
    ),
    Reader::of(
        SHARED,
        &["dbus-1/system.d", "dbus-1/session.d"],
        "dbus",
        CONF,
    ),
    Reader::of(ETC, &["security/limits.d"], "pam_limits", CONF),
    Reader::of(ETC, &["ld.so.conf.d"], "ldconfig", CONF),
    Reader::of(ALL, &["NetworkManager/conf.d"], "NetworkManager", CONF),
    Reader::of(ETC, &["rsyslog.d"], "rsyslogd", CONF).including(),
    Reader::of(
        ETC,
        &["haproxy/conf.d"],
        "haproxy",
        Names::Ending(&[".cfg"]),
    )
    .including(),
    Reader::of(ETC, &["tor/torrc.d"], "tor", CONF).including(),
    Reader::of(ETC, &["unbound/unbound.conf.d"], "unbound", CONF).including(),
    Reader::of(ETC, &["nginx/conf.d"], "nginx", CONF).including(),
    Reader::of(
        ETC,
        &["apache2/conf-enabled", "apache2/sites-enabled"],
        "apache2",
        CONF,
    )
    .including(),
    Reader::of(ETC, &["lighttpd/conf-enabled"], "lighttpd", CONF).including(),
    Reader::of(
        ETC,
        &["mysql/conf.d", "mysql/mariadb.conf.d"],
        "mariadb",
        Names::Ending(&[".cnf"]),
    )
    .including(),
    Reader::of(ETC, &["chrony/conf.d"], "chrony", CONF).including(),
];

impl Reader {
    const fn of(
        places: &'static [&'static str],
        folders: &'static [&'static str],
        program: &'static str,
        names: Names,
    ) -> Self {
        Self {
            places,
            folders,
            program,
            names,
            includes: false,
            needs: Needs::Nothing,
        }
    }

    const fn including(mut self) -> Self {
        self.includes = true;
        self
    }
}
