//! The image starts from every firmware, in each format, and works as a load balancer.

use super::BUILT;
use super::backends::{WebServer, free_port};
use super::guest::{Firmware, Guest, Pc};
use super::settings;
use crate::command::{run, stdout};
use crate::identity::Identity;
use crate::machine::Machine;
use crate::machine::PATIENCE;
use crate::mirror::{DebSpec, Server, TestArchive, TestKey};
use crate::support::run_folder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// The devices of the image that have started so far: each is compared with the others.
static DEVICES: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

fn differs_from_the_other_devices(own: Identity) {
    let mut devices = DEVICES.lock().unwrap();
    for other in &*devices {
        own.shares_nothing_with(other);
    }
    devices.push(own);
}

#[test]
fn x86_64_starts_with_secure_boot_and_settings_change_on_the_card_and_on_the_device() {
    let pc = Pc {
        firmware: Firmware::SecureBoot,
        forwards: &[],
        lab: None,
    };
    // bmaptool writes the image of a release to the card, which was in use.
    let release = BUILT.release();
    let packed = release.join("x86_64-haproxy-node.img.xz");
    let mut guest = Guest::start_with(&packed, &pc, settings::write_on_card);
    guest.machine.log_in();
    guest.settle();
    is_enforced(&mut guest.machine);
    has_the_packages_of_its_release(&mut guest.machine, &release);
    differs_from_the_other_devices(Identity::of(&mut guest.machine));
    settings::taken_from_the_card(&mut guest.machine);
    settings::change_while_it_runs(&mut guest.machine);
    settings::a_change_that_cuts_off_is_taken_back(&mut guest.machine);
    settings::the_administrator_finds_the_commands(&mut guest.machine);
    settings::what_does_not_work_is_taken_back(&mut guest.machine);
    settings::the_status_says_what_fails(&mut guest.machine);
    settings::a_mistake_is_told(&mut guest.machine);
    settings::write_what_does_not_come_up(&mut guest.machine);
    guest.machine.type_line("systemctl reboot");
    guest.machine.log_in();
    guest.settle();
    settings::kept_without_what_does_not_come_up(&mut guest.machine);
    let shown = settings::sealed(&mut guest.machine);
    guest.leave(|disk| settings::hold_none_of(disk, &shown));
    fs_err::remove_dir_all(release).unwrap();
}

/// dpkg has installed what both lists of the components in the folder `release` say, and nothing else.
fn has_the_packages_of_its_release(machine: &mut Machine, release: &Path) {
    let document = |ending: &str| -> Value {
        let name = format!("x86_64-haproxy-node.{ending}.json");
        serde_json::from_slice(&fs_err::read(release.join(name)).unwrap()).unwrap()
    };
    let listed = |packages: &Value, version: &str, is_installed: &dyn Fn(&Value) -> bool| {
        let packages = packages.as_array().unwrap().iter();
        let packages = packages.filter(|package| is_installed(package));
        let text = |package: &Value, key: &str| package[key].as_str().unwrap().to_owned();
        packages
            .map(|package| format!("{} {}", text(package, "name"), text(package, version)))
            .collect::<BTreeSet<String>>()
    };
    let has = |package: &Value, key: &str, words: &str| {
        let mut notes = package[key].as_array().into_iter().flatten();
        notes.any(|note| note.to_string().contains(words))
    };
    let query = "dpkg-query -W -f '${Package} ${Version}\\n'";
    let installed = machine.succeed(query).lines().map(str::to_owned).collect();
    let cyclonedx = &document("cdx")["components"];
    let is_installed = |it: &Value| has(it, "properties", r#""imgbuild:installed","value":"true""#);
    assert_eq!(listed(cyclonedx, "version", &is_installed), installed);
    let spdx = &document("spdx")["packages"];
    let is_installed = |it: &Value| has(it, "externalRefs", "pkg:deb/debian/");
    let all = listed(spdx, "versionInfo", &is_installed);
    assert!(installed.is_subset(&all), "{:?}", &installed - &all);
}

/// Firmware and kernel enforce signatures.
fn is_enforced(machine: &mut Machine) {
    // UEFI specification, section 3.3: after four bytes of attributes, 1 while signatures are enforced.
    let variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let state = machine.succeed(&format!("od -An -tu1 -j4 {variable}"));
    assert_eq!(state, "1");
    let lockdown = machine.succeed("cat /sys/kernel/security/lockdown");
    assert!(lockdown.contains("[integrity]"), "{lockdown}");
}

#[test]
fn x86_64_starts_from_bios_balances_upgrades_and_starts_again() {
    let mut web = [WebServer::start("web1", 0), WebServer::start("web2", 0)].map(Some);
    let port = |server: &Option<WebServer>| server.as_ref().unwrap().port;
    let ports = [port(&web[0]), port(&web[1])];
    let mirror = mirror();
    let mirror_port = mirror.url().rsplit_once(':').unwrap().1.to_owned();
    let [http, tcp, statistics] = [free_port(), free_port(), free_port()];
    qemu_img_finds_the_image_in_qcow2();
    let mut guest = Guest::start(
        &BUILT.qcow2,
        Firmware::Bios,
        &[
            format!("hostfwd=tcp:127.0.0.1:{http}-:80"),
            format!("hostfwd=tcp:127.0.0.1:{tcp}-:5432"),
            format!("hostfwd=tcp:127.0.0.1:{statistics}-:1338"),
            format!("guestfwd=tcp:10.0.2.101:8081-cmd:nc 127.0.0.1 {}", ports[0]),
            format!("guestfwd=tcp:10.0.2.102:8081-cmd:nc 127.0.0.1 {}", ports[1]),
            format!("guestfwd=tcp:10.0.2.100:80-cmd:nc 127.0.0.1 {mirror_port}"),
        ],
    );
    let console = guest.machine.log_in();
    guest.settle();
    let own = Identity::of(&mut guest.machine);
    let identity = identity(&mut guest.machine);

    dpkg_is_content(&mut guest.machine);
    statistics_need_the_login(statistics, &console);

    let answers = || names(|| curl(&[&format!("http://127.0.0.1:{http}/")]));
    assert_eq!(
        answers(),
        BTreeSet::from(["web1".to_owned(), "web2".to_owned()])
    );
    web[0] = None;
    assert_eq!(answers(), BTreeSet::from(["web2".to_owned()]));
    web[0] = Some(WebServer::start("web1", ports[0]));

    serve_in(&mut guest.machine, "db1", 9001);
    serve_in(&mut guest.machine, "db2", 9002);
    healthy(&mut guest.machine);
    let answers = || names(|| hear(tcp));
    assert_eq!(
        answers(),
        BTreeSet::from(["db1".to_owned(), "db2".to_owned()])
    );
    guest.machine.succeed("systemctl stop db1");
    assert_eq!(answers(), BTreeSet::from(["db2".to_owned()]));
    // HAProxy checks its servers every two seconds, and the second failure counts.
    let notice = "n=0; while /usr/lib/imgbuild/health > /run/health; do \
                  n=$((n+1)); [ $n -lt 60 ] || break; sleep 1; done; cat /run/health";
    let ill = guest.machine.succeed(notice);
    assert!(ill.contains("servers-up FAIL"), "{ill}");

    upgrades(&mut guest.machine);

    guest.machine.type_line("systemctl reboot");
    guest.machine.log_in();
    guest.settle();
    assert_eq!(self::identity(&mut guest.machine), identity);
    statistics_need_the_login(statistics, &console);
    own.has(&["/var/lib/imgbuild/made", "statistics login: "]);
    differs_from_the_other_devices(own);
    fs_err::remove_file(&BUILT.qcow2).unwrap();
}

/// The image in qcow2 is sound, and is the disk that the raw image is.
fn qemu_img_finds_the_image_in_qcow2() {
    let mut check = Command::new("qemu-img");
    run(check.args(["check", "-f", "qcow2"]).arg(&BUILT.qcow2));
    let mut compare = Command::new("qemu-img");
    compare.args(["compare", "-f", "raw", "-F", "qcow2"]);
    let verdict = stdout(compare.args([&BUILT.image, &BUILT.qcow2]));
    assert!(verdict.contains("Images are identical."), "{verdict}");
}

/// The files that must never change, and that no other device has.
fn identity(machine: &mut Machine) -> String {
    let files = "/etc/machine-id /etc/ssh/ssh_host_*_key.pub /etc/shadow /etc/haproxy/conf.d/*";
    let identity = machine.succeed(&format!("cat {files}"));
    assert!(
        identity.contains("ssh-ed25519 ") && identity.contains("stats_users"),
        "{identity}"
    );
    identity
}

fn dpkg_is_content(machine: &mut Machine) {
    assert_eq!(machine.succeed("dpkg --audit"), "");
    let states = "dpkg-query -W -f '${db:Status-Abbrev}\\n' | sort -u";
    assert_eq!(machine.succeed(states), "ii");
}

/// The statistics need the login that the first boot has printed on the `console`.
fn statistics_need_the_login(port: u16, console: &str) {
    let login = console
        .lines()
        .find_map(|line| line.split_once("statistics login: "));
    let login = login
        .expect("the first boot tells the login")
        .1
        .trim()
        .replace(' ', ":");
    for path in ["", "metrics"] {
        let url = format!("http://127.0.0.1:{port}/{path}");
        let status = |login: &[&str]| {
            curl(
                &[
                    &["--output", "/dev/null", "--write-out", "%{http_code}", &url],
                    login,
                ]
                .concat(),
            )
        };
        assert_eq!(status(&[]), "401");
        assert_eq!(status(&["--user", "admin:wrong"]), "401");
        assert_eq!(status(&["--user", &login]), "200");
    }
}

fn curl(arguments: &[&str]) -> String {
    stdout(
        Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "120"])
            .args(arguments),
    )
}

/// The text of the server behind a port.
fn hear(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// The names of the servers that answer ten requests.
fn names(request: impl Fn() -> String) -> BTreeSet<String> {
    (0..10).map(|_| request()).collect()
}

/// Starts a TCP server in the machine that sends its name. HAProxy's checks hang up without reading it.
fn serve_in(machine: &mut Machine, name: &str, port: u16) {
    let program = format!(
        "import socket\ns=socket.create_server((\"127.0.0.1\",{port}))\n\
         while True:\n c,a=s.accept()\n try: c.sendall(b\"{name}\")\n except OSError: pass\n c.close()"
    );
    machine.succeed(&format!("cat > /run/{name}.py <<'END'\n{program}\nEND"));
    machine.succeed(&format!(
        "systemd-run --quiet --unit={name} python3 /run/{name}.py"
    ));
}

/// Waits until the load balancer has noticed that its servers run.
fn healthy(machine: &mut Machine) {
    let wait = "n=0; until /usr/lib/imgbuild/health; do \
                n=$((n+1)); [ $n -lt 150 ] || break; sleep 2; done; [ $n -lt 150 ]";
    machine.succeed(wait);
}

/// An archive with a newer version of a package of the image.
fn mirror() -> Server {
    let folder = run_folder().join("mirror");
    for suite in ["trixie", "trixie-updates", "trixie-security"] {
        let archive = TestArchive::new().suite(suite, suite);
        let archive = archive.package(DebSpec::new("nano", "99", "amd64"));
        let firmware = DebSpec::new("firmware-of-a-test", "1", "all");
        archive
            .package_in("non-free-firmware", firmware)
            .write(&folder);
    }
    Server::start(&folder)
}

/// The image's sources work with another archive at their addresses, and offer an upgrade.
fn upgrades(machine: &mut Machine) {
    let key = TestKey::new(1).armored_keyring();
    machine.succeed("systemctl stop apt-daily.timer apt-daily-upgrade.timer apt-daily.service");
    machine.succeed(&format!(
        "cat > /etc/apt/keyrings/test.asc <<'END'\n{key}\nEND"
    ));
    let edit = "sed -i -e 's|^URIs: .*|URIs: http://10.0.2.100/|' \
                -e 's|^Signed-By: .*|Signed-By: /etc/apt/keyrings/test.asc|' /etc/apt/sources.list.d/*";
    machine.succeed(edit);
    machine.succeed("apt-get -q --error-on=any update");
    let upgrade = machine.succeed("apt-get -q --simulate upgrade");
    assert!(
        upgrade.lines().any(|line| line.starts_with("Inst nano ")),
        "{upgrade}"
    );
}
