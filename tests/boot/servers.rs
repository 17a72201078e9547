//! Server packages of the archive, each alone on the profile `base`, compared with the result of mmdebstrap
//! for the same packages: every package is configured, every path has the same mode and owner, and every file
//! below /etc has the same contents, in which the decisions of scripts show.
//!
//! Differences that `base` alone has as well come from the profile and the board, not from the scripts of a
//! server, and are left out. [`REASONS`] explains the others.

mod system;

use crate::support::{self, User};
use crate::x86_64::guest::{Firmware, Guest};
use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};
use system::System;

/// Popular servers, and packages that are installed beside them.
const SERVERS: &[&str] = &[
    "apache2",
    "avahi-daemon",
    "bind9",
    "certbot",
    "cockpit",
    "collectd",
    "cups",
    "default-jre-headless",
    "dnsmasq",
    "docker.io",
    "dovecot-imapd",
    "exim4-daemon-light",
    "fail2ban",
    "git",
    "haproxy",
    "keepalived",
    "libvirt-daemon-system",
    "lighttpd",
    "mariadb-server",
    "memcached",
    "mosquitto",
    "munin-node",
    "nfs-kernel-server",
    "nginx",
    "nodejs",
    "openssh-server",
    "openvpn",
    "php-fpm",
    "postfix",
    "postgresql",
    "prometheus-node-exporter",
    "python3-pip",
    "rabbitmq-server",
    "redis-server",
    "rsyslog",
    "samba",
    "slapd",
    "snmpd",
    "squid",
    "tomcat10",
    "tor",
    "unbound",
    "wireguard-tools",
    "zabbix-agent",
];

/// Parts of paths that may differ, and why.
const REASONS: &[(&str, &str)] = &[
    ("var/log/", "logs of the run are taken out of an image"),
    ("var/cache/", "caches are made again on the device"),
    (
        "var/lib/apt/",
        "mmdebstrap runs apt, imgbuild resolves itself",
    ),
    (
        "var/lib/dpkg/",
        "its files are compared by state of the packages",
    ),
    (
        "var/lib/ucf/",
        "its backups follow the order of configuration",
    ),
    (
        "var/lib/systemd/",
        "presets and random seeds belong to the device",
    ),
    ("var/lib/dbus/machine-id", "each device makes its own"),
    (
        "etc/ssl/private/ssl-cert-snakeoil.key",
        "each device makes its own",
    ),
    (
        "etc/ssl/certs/",
        "the snake oil certificate and its hash are made on the device",
    ),
    ("etc/ssh/ssh_host_", "each device makes its own"),
    (
        "etc/passwd",
        "ids follow the order of configuration; owners are compared by name",
    ),
    ("etc/group", "as of passwd"),
    ("etc/shadow", "the order, and the day of the build"),
    ("etc/gshadow", "the order"),
    ("etc/bind/rndc.key", "drawn at random"),
    (
        "etc/mailname",
        "the name of the machine, which there is the host's",
    ),
    ("etc/exim4/update-exim4.conf.conf", "as of mailname"),
    ("etc/postfix/main.cf", "as of mailname"),
    (
        "etc/ldap/slapd.d/",
        "each entry has a UUID of its own and the time at which it was made",
    ),
    ("etc/aliases.db", "a hash table with unused bytes in it"),
    (
        "etc/munin/plugins/",
        "links follow the interfaces of the machine, and owners in /proc, which are root there (`sandbox::identities`)",
    ),
    (
        "__pycache__",
        "Python's cache names the time of its sources",
    ),
];

/// Writes a profile that extends `base` by `package`; gives its name.
fn owner_of_a_profile(package: Option<&str>) -> (User, String) {
    let name = package.map_or("base", |package| package).replace('.', "-");
    let user = User::first(&format!("server-{name}"));
    let profile = format!("only-{name}");
    let folder = user.home().join("definitions/profiles").join(&profile);
    fs_err::create_dir_all(&folder).unwrap();
    let install = package.map_or(String::new(), |package| format!("{package:?}"));
    let text = format!(
        "schema = 1\ntitle = \"A server\"\nextends = [\"base\"]\npackages.install = [{install}]\n"
    );
    fs_err::write(folder.join("profile.toml"), text).unwrap();
    user.own(user.home());
    (user, profile)
}

/// One package installed in both ways.
struct Pair {
    ours: System,
    peer: System,
}

impl Pair {
    fn of(package: Option<&str>) -> Self {
        let (user, profile) = owner_of_a_profile(package);
        let image = user.home().join("x.img");
        let lock = user.home().join("x.lock");
        let arguments = [
            "--definitions",
            "definitions",
            "--board",
            "x86_64",
            "--profile",
            &profile,
        ];
        let store = support::run_folder().join("servers-store");
        if !store.exists() {
            fs_err::create_dir(&store).unwrap();
            user.own(&store);
        }
        let imgbuild = |command: Option<&str>| {
            let mut imgbuild = user.imgbuild();
            imgbuild.args(command).args(arguments);
            imgbuild.arg("--store").arg(&store);
            imgbuild
        };
        crate::command::run(imgbuild(Some("lock")).arg("--output").arg(&lock));
        let packages = locked(&fs_err::read_to_string(&lock).unwrap());
        let pair = std::thread::scope(|scope| {
            let peer = scope.spawn(|| System::of_mmdebstrap(&packages, user.home()));
            let mut build = imgbuild(None);
            crate::command::run(build.arg("--lock").arg(&lock).arg("--output").arg(&image));
            let ours = System::of_image(&image);
            let peer = peer.join().expect("mmdebstrap succeeds");
            Self { ours, peer }
        });
        fs_err::remove_dir_all(user.home()).unwrap();
        pair
    }

    /// The paths with other facts.
    fn differences(&self) -> BTreeSet<String> {
        let all = self.ours.paths.keys().chain(self.peer.paths.keys());
        let differ = |path: &&String| self.ours.paths.get(*path) != self.peer.paths.get(*path);
        all.filter(differ).cloned().collect()
    }
}

/// The names of the root's packages in a lock, without the kernel and the boot loader. No server's scripts
/// look at a kernel, and its initramfs would take most of mmdebstrap's time.
fn locked(text: &str) -> Vec<String> {
    let lock = imgbuild::lock::Lock::parse(text).unwrap();
    let names = lock.packages.into_iter().map(|package| package.name);
    names.filter(|name| !is_of_the_machine(name)).collect()
}

fn is_of_the_machine(package: &str) -> bool {
    let starts = ["linux-image-", "grub-", "shim-"];
    starts.iter().any(|start| package.starts_with(start))
}

/// The differences of `base` alone.
static BASE: LazyLock<BTreeSet<String>> = LazyLock::new(|| Pair::of(None).differences());

fn judge(package: &str) -> Vec<String> {
    let pair = Pair::of(Some(package));
    let mut wrong = Vec::new();
    for (name, state) in &pair.peer.packages {
        let ours = pair.ours.packages.get(name);
        if ours != Some(state) || !state.starts_with("install ok installed ") {
            wrong.push(format!(
                "{package}: package {name}: {ours:?}, not {state:?}"
            ));
        }
    }
    for name in pair.ours.packages.keys() {
        if !pair.peer.packages.contains_key(name) && !is_of_the_machine(name) {
            wrong.push(format!("{package}: package {name} is here only"));
        }
    }
    for path in pair.differences() {
        let reason = REASONS.iter().any(|(part, _)| path.contains(part));
        if !reason && !BASE.contains(&path) {
            let (ours, peer) = (pair.ours.paths.get(&path), pair.peer.paths.get(&path));
            wrong.push(format!("{package}: /{path}: {ours:?}, not {peer:?}"));
        }
    }
    wrong
}

/// Takes the next one; the lock is free again while it is judged.
fn next<'list>(left: &Mutex<impl Iterator<Item = &'list &'static str>>) -> Option<&'static str> {
    left.lock().unwrap().next().copied()
}

#[test]
fn each_is_what_mmdebstrap_makes_of_it() {
    // The variable chooses some of them: `SERVERS="nginx tor" cargo test --test boot servers::`.
    let picked = std::env::var("SERVERS").unwrap_or_default();
    let picked: Vec<&str> = picked.split_whitespace().collect();
    let wanted = |package: &&&str| picked.is_empty() || picked.contains(package);
    // It also makes the folder of the store.
    LazyLock::force(&BASE);
    let left = Mutex::new(SERVERS.iter().filter(wanted));
    let wrong = Mutex::new(Vec::new());
    // Scripts of packages are one process after the other, so two packages at once use two processors.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(package) = next(&left) {
                    let found = judge(package);
                    // All of them take half an hour or more, so each result is printed at once.
                    eprintln!("{package}: {} differences", found.len());
                    found.iter().for_each(|line| eprintln!("  {line}"));
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Dovecot does not start without a certificate. Its scripts look for one while the image is built, when
/// there is none yet.
#[test]
fn a_server_finds_the_certificate_of_its_device() {
    let (user, profile) = owner_of_a_profile(Some("dovecot-imapd"));
    let image = user.home().join("mail.img");
    let mut imgbuild = user.imgbuild();
    imgbuild.args(["--definitions", "definitions", "--board", "x86_64"]);
    imgbuild.args(["--profile", &profile, "--set", "hostname=mail"]);
    crate::command::run(imgbuild.arg("--output").arg(&image));
    let mut guest = Guest::start(&image, Firmware::Bios, &[]);
    guest.machine.log_in();
    guest.settle();
    let shown = "openssl s_client -connect 127.0.0.1:993 < /dev/null 2> /dev/null | openssl x509 -noout -subject -pubkey";
    let made = "openssl pkey -in /etc/ssl/private/ssl-cert-snakeoil.key -pubout";
    let machine = &mut guest.machine;
    let shown = machine.succeed(shown);
    let (subject, key) = shown.split_once('\n').expect("a name and a key");
    assert!(subject.ends_with("mail"), "{subject}");
    assert_eq!(key, machine.succeed(made));
    let of_key = "stat -c %U:%G:%a /etc/ssl/private/ssl-cert-snakeoil.key; ls /etc/ssl/certs/*.0 | xargs readlink";
    let output = machine.succeed(of_key);
    assert!(output.starts_with("root:ssl-cert:640\n"), "{output}");
    assert!(output.contains("ssl-cert-snakeoil.pem"), "{output}");
    fs_err::remove_file(&image).unwrap();
}
