//! Changes that depend on the system of a base image: on its kernel, its boot loader, its tables.

use crate::bases::{self, output};
use crate::first_boot::inside;
use crate::fixture::{Fixture, run};
use crate::mirror::DebSpec;
use crate::test_debian::{self, KERNEL};
use std::path::Path;
use std::process::Command;

/// The regulatory database as Debian's package has it.
fn wireless_regdb() -> DebSpec {
    let postinst = "#!/bin/sh\nset -e\nfor s in debian=100 upstream=50; do\n\
        update-alternatives --install /lib/firmware/regulatory.db regulatory.db \\\n\
        /lib/firmware/regulatory.db-${s%=*} ${s#*=} \\\n\
        --slave /lib/firmware/regulatory.db.p7s regulatory.db.p7s \\\n\
        /lib/firmware/regulatory.db.p7s-${s%=*}\ndone\n";
    let names = [
        "db-debian",
        "db-upstream",
        "db.p7s-debian",
        "db.p7s-upstream",
    ];
    let files = names
        .into_iter()
        .fold(test_debian::package("wireless-regdb"), |deb, name| {
            let path = format!("/usr/lib/firmware/regulatory.{name}");
            deb.file(&path, 0o644, name.as_bytes())
        });
    files.script("postinst", postinst)
}

/// The module cfg80211 of a kernel, which trusts these `keys`.
fn radio(keys: &str) -> DebSpec {
    let module = format!("/usr/lib/modules/{KERNEL}/kernel/net/wireless/cfg80211.ko");
    test_debian::package("radio").file(&module, 0o644, keys.as_bytes())
}

/// The output of update-alternatives about the regulatory database of the system in `root`.
fn alternatives(root: &Path, arguments: &[&str]) -> String {
    let root = root.to_str().unwrap();
    let common = ["--root", root, "--log", "/dev/null"];
    let arguments = [&common[..], arguments].concat();
    output("/usr/bin/update-alternatives", &arguments)
}

const QUERY: [&str; 2] = ["--query", "regulatory.db"];
const SET: [&str; 3] = [
    "--set",
    "regulatory.db",
    "/lib/firmware/regulatory.db-upstream",
];

/// All files and links of update-alternatives below `root`.
fn links(root: &Path) -> String {
    let folders = [
        "etc/alternatives",
        "var/lib/dpkg/alternatives",
        "usr/lib/firmware",
    ];
    let find = Command::new("find")
        .args(folders)
        .args(["-printf", "%p %l %m\n"])
        .current_dir(root)
        .output();
    let mut lines: Vec<String> = String::from_utf8(find.unwrap().stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    let database = root.join("var/lib/dpkg/alternatives/regulatory.db");
    lines.join("\n") + &fs_err::read_to_string(database).unwrap()
}

#[test]
fn a_vendors_kernel_gets_the_rules_of_radio_that_it_believes() {
    let (fixture, base) = bases::fixture_with(vec![wireless_regdb(), radio("sforshee wens")]);
    let before = bases::files(&base);
    let query = alternatives(before.path(), &QUERY);
    assert!(
        query.contains("Status: auto\n")
            && query.contains("Value: /lib/firmware/regulatory.db-debian\n")
    );
    let finished = run(&mut bases::inject(&fixture, &base)).succeeded();
    finished.says(&["kernel 6.1.0-test does not know Debian's key"]);
    let after = bases::files(&fixture.image());
    alternatives(before.path(), &SET);
    assert_eq!(
        alternatives(before.path(), &QUERY),
        alternatives(after.path(), &QUERY)
    );
    assert_eq!(links(before.path()), links(after.path()));
    assert!(links(after.path()).starts_with("etc/alternatives"));

    // A second build on this result has nothing left to choose.
    fs_err::rename(fixture.image(), &base).unwrap();
    let finished = run(&mut bases::inject(&fixture, &base)).succeeded();
    assert!(
        !finished.stderr.contains("regulatory.db"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        links(bases::files(&fixture.image()).path()),
        links(after.path())
    );
}

#[test]
fn debians_kernel_keeps_the_rules_of_radio_that_it_has() {
    let (fixture, base) =
        bases::fixture_with(vec![wireless_regdb(), radio("benh@debian.org wens")]);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let (before, after) = (bases::files(&base), bases::files(&fixture.image()));
    assert_eq!(links(before.path()), links(after.path()));
    assert!(alternatives(after.path(), &QUERY).contains("Status: auto\n"));
}

const MENU: &str = "/boot/extlinux/extlinux.conf";

/// Debian's own u-boot-menu, with as much of its dependencies as it needs.
fn u_boot_menu() -> DebSpec {
    let folder = Path::new("/usr/local/lib/imgbuild-oracles/programs");
    let script = fs_err::read(folder.join("usr/sbin/u-boot-update")).unwrap();
    let read_config = fs_err::read(folder.join("usr/share/u-boot-menu/read-config")).unwrap();
    let versions = "#!/bin/sh\ncase $1 in\nsort) sort -r ;;\n\
        list) for k in /boot/vmlinuz-*; do echo \"${k#/boot/vmlinuz-} $k\"; done ;;\nesac\n";
    let initramfs = "#!/bin/sh\necho \"$*\" > \"/boot/initrd.img-$3\"\n";
    let stat = fs_err::read("/usr/bin/stat").unwrap();
    let applets = ["cmp", "grep", "head", "id", "sed", "sort"];
    let applets = applets
        .into_iter()
        .fold(test_debian::package("u-boot-menu"), |deb, applet| {
            deb.symlink(&format!("/usr/bin/{applet}"), "busybox")
        });
    applets
        .file("/usr/sbin/u-boot-update", 0o755, &script)
        .file("/usr/share/u-boot-menu/read-config", 0o644, &read_config)
        .file("/usr/bin/linux-version", 0o755, versions.as_bytes())
        .file("/usr/sbin/update-initramfs", 0o755, initramfs.as_bytes())
        .file("/usr/bin/stat", 0o755, &stat)
}

/// A newer kernel, whose script does the same as those of Debian's kernels.
fn newer_kernel() -> DebSpec {
    let postinst = "#!/bin/sh\nset -e\nupdate-initramfs -c -k 6.2.0-test\nu-boot-update\n";
    test_debian::package("linux-image-newer")
        .file("/boot/vmlinuz-6.2.0-test", 0o644, b"a newer kernel")
        .script("postinst", postinst)
}

/// Writes `text` to the base as the boot menu of its device.
fn write_menu(base: &Path, text: &str) {
    bases::edit(base, "mkdir /boot/extlinux\n");
    bases::put(base, MENU, text);
}

/// Publishes a newer kernel, and adds it to the profile.
fn publish_kernel(fixture: &Fixture) {
    let archive = bases::archive()
        .package(u_boot_menu())
        .package(newer_kernel());
    fixture.publish(&archive.date(bases::LATER));
    fixture.edit(bases::ADDER, "[\"extra\"]", "[\"linux-image-newer\"]");
}

fn menu(image: &Path) -> String {
    bases::cat(bases::root(image).path(), MENU)
}

#[test]
fn the_menu_of_u_boot_is_the_images_own_after_a_kernel_came() {
    let (fixture, base) = bases::fixture_with(vec![u_boot_menu()]);
    let by_hand = "# by hand\nlabel l0\n\tappend root=/dev/none\n";
    write_menu(&base, by_hand);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    assert_eq!(menu(&fixture.image()), by_hand);

    publish_kernel(&fixture);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let written = menu(&fixture.image());
    let files = bases::files(&fixture.image());
    let fstab = fs_err::read_to_string(files.path().join("etc/fstab")).unwrap();
    let root = fstab.lines().find(|line| line.contains(" / ")).unwrap();
    let entry = format!(
        "\tlinux /boot/vmlinuz-6.2.0-test\n\tinitrd /boot/initrd.img-6.2.0-test\n\t\n\t\n\tappend root={} ro quiet\n",
        root.split(' ').next().unwrap()
    );
    assert!(
        written.contains(&entry) && written.contains(KERNEL),
        "{written}"
    );
    // The device's own program changes nothing.
    let finished = inside(files.path(), &["/usr/sbin/u-boot-update"]);
    let output = String::from_utf8(finished.stderr).unwrap();
    assert!(
        finished.status.success() && output.contains("Writing config for vmlinuz-6.2.0-test"),
        "{output}"
    );
    assert!(!output.contains("Updating"), "{output}");
}

#[test]
fn where_fstab_names_no_root_the_menu_of_u_boot_keeps_its_own() {
    let (fixture, base) = bases::fixture_with(vec![u_boot_menu()]);
    let old = "label l0\n\tappend root=PARTUUID=of-the-device it's quiet\n";
    write_menu(&base, old);
    bases::put(&base, "/etc/fstab", "");
    publish_kernel(&fixture);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let written = menu(&fixture.image());
    let entry = "\tappend root=PARTUUID=of-the-device ro quiet\n";
    assert!(written.contains(entry), "{written}");
}

#[test]
fn a_name_that_leads_to_no_partition_is_refused() {
    let (fixture, base) = bases::fixture();
    let fstab = bases::cat(bases::root(&base).path(), "/etc/fstab");
    let root = fstab.lines().find(|line| line.contains(" / ")).unwrap();
    let source = root.split(' ').next().unwrap();
    let tried = |text: &str| {
        bases::put(&base, "/etc/fstab", text);
        run(&mut bases::inject(&fixture, &base))
    };
    let other = "UUID=00000000-0000-4000-8000-000000000000";
    tried(&fstab.replace(source, other)).ended(1).says(&[
        &format!("`/etc/fstab` says `{other} at /`"),
        "the root, which is partition 2",
    ]);
    let more = format!("{fstab}PARTUUID=0badcafe-01 /srv ext4 defaults 0 2\n");
    tried(&more)
        .ended(1)
        .says(&["`PARTUUID=0badcafe-01 at /srv`"]);
    assert_eq!(fixture.outputs(), [""; 0]);
    tried(&more.replace("ext4 defaults", "ext4 noauto")).succeeded();
    fs_err::remove_file(fixture.image()).unwrap();

    let definition = "definitions/overlays/line/overlay.toml";
    fixture.write(definition, "schema = 1\nhelp = \"a line\"\n");
    let line = |text: &str| {
        let path = "definitions/overlays/line/root/boot/firmware/cmdline.txt";
        fixture.write(path, text);
    };
    line("console=tty1 root=PARTUUID=0badcafe-02 rootwait\n");
    let overlays = "overlays = [\"line\"]\nroot-margin";
    fixture.edit(bases::ADDER, "root-margin", overlays);
    tried(&fstab)
        .ended(1)
        .says(&["`/boot/firmware/cmdline.txt` says `root=PARTUUID=0badcafe-02`"]);
    line("root=/dev/mmcblk0p2 rootwait\n");
    tried(&fstab).succeeded();
}

/// The passwords are set as Armbian and DietPi ship them, with hashes of `1234` and `dietpi`.
#[test]
fn nobody_logs_in_with_the_password_that_a_base_is_known_for() {
    let (fixture, base) = bases::fixture();
    let of_base = "root:$6$salt$known:20000:0:99999:7:::\n\
                   dietpi:$6$salt$known:20000:0:99999:7:::\n\
                   ada:$6$salt$own:20000:0:99999:7:::\n";
    bases::put(&base, "/etc/shadow", of_base);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let shadow = bases::cat(bases::root(&fixture.image()).path(), "/etc/shadow");
    let hashes: Vec<_> = shadow
        .lines()
        .map(|line| line.split(':').take(2).collect::<Vec<_>>())
        .collect();
    assert_eq!(
        hashes,
        [
            ["root", "!"],
            ["dietpi", "!"],
            ["ada", "$6$salt$own"],
            ["adder", "!"]
        ]
    );
}
