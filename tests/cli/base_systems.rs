//! What the system on a base image asks for by what it is: its kernel, its boot loader, its tables.

use crate::bases::{self, output};
use crate::mirror::DebSpec;
use crate::scene::run;
use crate::world::{self, KERNEL};
use std::path::Path;
use std::process::Command;

/// The rules of radio as Debian's package brings them.
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
        .fold(world::package("wireless-regdb"), |deb, name| {
            let path = format!("/usr/lib/firmware/regulatory.{name}");
            deb.file(&path, 0o644, name.as_bytes())
        });
    files.script("postinst", postinst)
}

/// Radio of the kernel, which believes what `keys` signed.
fn radio(keys: &str) -> DebSpec {
    let module = format!("/usr/lib/modules/{KERNEL}/kernel/net/wireless/cfg80211.ko");
    world::package("radio").file(&module, 0o644, keys.as_bytes())
}

/// What update-alternatives says about the regulatory database of the system in `root`.
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

/// Every file and link that update-alternatives keeps, below `root`.
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
    let (scene, base) = bases::scene_with(vec![wireless_regdb(), radio("sforshee wens")]);
    let before = bases::files(&base);
    let query = alternatives(before.path(), &QUERY);
    assert!(
        query.contains("Status: auto\n")
            && query.contains("Value: /lib/firmware/regulatory.db-debian\n")
    );
    let ran = run(&mut bases::inject(&scene, &base)).succeeded();
    ran.says(&["kernel 6.1.0-test does not know Debian's key"]);
    let after = bases::files(&scene.image());
    alternatives(before.path(), &SET);
    assert_eq!(
        alternatives(before.path(), &QUERY),
        alternatives(after.path(), &QUERY)
    );
    assert_eq!(links(before.path()), links(after.path()));
    assert!(links(after.path()).starts_with("etc/alternatives"));

    // Once more, from there: nothing is left to be chosen.
    fs_err::rename(scene.image(), &base).unwrap();
    let ran = run(&mut bases::inject(&scene, &base)).succeeded();
    assert!(!ran.stderr.contains("regulatory.db"), "{}", ran.stderr);
    assert_eq!(
        links(bases::files(&scene.image()).path()),
        links(after.path())
    );
}

#[test]
fn debians_kernel_keeps_the_rules_of_radio_that_it_has() {
    let (scene, base) = bases::scene_with(vec![wireless_regdb(), radio("benh@debian.org wens")]);
    run(&mut bases::inject(&scene, &base)).succeeded();
    let (before, after) = (bases::files(&base), bases::files(&scene.image()));
    assert_eq!(links(before.path()), links(after.path()));
    assert!(alternatives(after.path(), &QUERY).contains("Status: auto\n"));
}
