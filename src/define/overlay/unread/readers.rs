//! The folders that programs of the device read, and their rules for names: one row for each kind of folder.
//!
//! The rules are those of the manuals of Debian 13. `tests/net/refusals/names.rs` compares them with what the programs of
//! an image read.

use super::names::Names;

/// A kind of folder. A program reads some files in it, by their names, and silently skips all others.
pub(super) struct Reader {
    /// The folders that can contain such a folder.
    pub(super) places: &'static [&'static str],
    /// The paths of the folders from there; a star stands for characters of one name.
    pub(super) folders: &'static [&'static str],
    /// The program that reads them.
    pub(super) program: &'static str,
    /// The names that it reads.
    pub(super) names: Names,
    /// Whether folders in it can be read too, because a file that is read may include them.
    pub(super) includes: bool,
    /// The other requirement for a file.
    pub(super) needs: Needs,
}

/// A requirement for a file, besides its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// There is no requirement.
    Nothing,
    /// The file is executable.
    Execution,
    /// The file belongs to root, and nobody else may write to it.
    RootAlone,
}

const ETC: &[&str] = &["/etc"];
/// The folders that systemd, udev and kmod read, besides /run.
const ALL: &[&str] = &["/etc", "/usr/lib", "/usr/local/lib"];
const SHARED: &[&str] = &["/etc", "/usr/share", "/usr/local/share"];
const CONF: Names = Names::Ending(&[".conf"]);

/// The endings of units (systemd.unit(5)).
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
/// The endings of systemd.network(5), systemd.netdev(5) and systemd.link(5).
const NETWORKS: &[&str] = &[".link", ".netdev", ".network"];

/// All kinds of folders. If two of them fit, a file has to follow the rules of both.
pub(super) const READERS: &[Reader] = &[
    Reader::of(
        ETC,
        &[
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
        "run-parts",
        Names::Plain,
    )
    .needing(Needs::Execution),
    Reader::of(ETC, &["update-motd.d"], "run-parts", Names::Lsb).needing(Needs::Execution),
    Reader::of(ETC, &["cron.d"], "cron", Names::Plain).needing(Needs::RootAlone),
    Reader::of(ETC, &["sudoers.d"], "sudo", Names::Sudo)
        .needing(Needs::RootAlone)
        .including(),
    Reader::of(ETC, &["logrotate.d"], "logrotate", Names::Logrotate).including(),
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
        Names::Apt(&[".list", ".sources"]),
    ),
    Reader::of(
        ETC,
        &["apt/trusted.gpg.d"],
        "apt",
        Names::Apt(&[".gpg", ".asc"]),
    ),
    Reader::of(
        ETC,
        &["apt/preferences.d"],
        "apt",
        Names::AptOrBare(&[".pref"]),
    ),
    Reader::of(
        ETC,
        &["apt/apt.conf.d", "apt/auth.conf.d"],
        "apt",
        Names::AptOrBare(&[".conf"]),
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

    const fn needing(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    const fn including(mut self) -> Self {
        self.includes = true;
        self
    }
}
