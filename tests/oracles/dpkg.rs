//! Packages that `dpkg-deb` builds are unpacked by imgbuild and by the real `dpkg` as an ordinary
//! user. Both must give the same tree and the same database, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod fixture;
mod snapshot;

use crate::command::{run, stdout};
use fixture::{EPOCH, Fixture, Source, native, raw_deb};
use imgbuild::dpkg::deb::TarError;
use imgbuild::dpkg::unpack::{UnpackError, unpack_onto};
use imgbuild::event::Silent;
use imgbuild::tree::{Content, Kind, Piece, Slice, Tree, TreePath};
use snapshot::{assert_same, dpkgs_snapshot, our_snapshot};
use std::process::Command;

const ACCENTED: &str = "usr/share/aaa/f\u{fc}r \u{65e5}\u{672c}";

fn frame(source: &Source) {
    source.symlink("bin", "usr/bin");
    source.symlink("lib", "usr/lib");
    source.folder("usr/bin", 0o755);
    source.folder("usr/lib", 0o755);
    source.folder("etc", 0o755);
    source.folder("tmp", 0o1777);
    source.folder("var/lib/dpkg", 0o755);
}

/// Every kind of file, sorted before base-files.
fn first(source: &Source) {
    let long = format!("usr/share/aaa/{}", "long/".repeat(30));
    source.file("bin/aaa", 0o4755, "setuid\n");
    source.file("usr/bin/shared", 0o755, "of aaa\n");
    source.file("usr/bin/kept", 0o755, "of aaa\n");
    source.link("usr/bin/twice", "bin/aaa");
    source.symlink("usr/bin/link", "aaa");
    source.file(&format!("{long}{}", "n".repeat(200)), 0o640, "deep\n");
    source.symlink("usr/share/aaa/far", &format!("/{long}"));
    source.file(ACCENTED, 0o444, "");
    source.folder("var/cache/aaa", 0o2750);
    run(Command::new("mkfifo").arg(source.at("var/cache/aaa/fifo")));
    source.file("etc/aaa/conf", 0o600, "conf\n");
    source.link("etc/aaa/conf-link", "etc/aaa/conf");
    source.file("etc/aaa/shared.conf", 0o644, "of aaa\n");
    source.file("etc/aaa/kept.conf", 0o644, "of aaa\n");
    source.file(
        "DEBIAN/conffiles",
        0o644,
        "/etc/aaa/conf\n/etc/aaa/shared.conf \nremove-on-upgrade /etc/aaa/old\n/etc/aaa/kept.conf\n",
    );
    source.file(
        "DEBIAN/triggers",
        0o644,
        "interest-noawait /usr/share/aaa\nactivate multi\ninterest aaa-done\n",
    );
    source.file("DEBIAN/postinst", 0o755, "#!/bin/sh\n");
    source.file("DEBIAN/templates.old", 0o644, "not kept\n");
}

fn multi(source: &Source) {
    source.file("usr/lib/x/libmulti.so.1", 0o644, "elf\n");
    source.symlink("lib/x", "../usr/share/aaa");
    source.file(
        "DEBIAN/md5sums",
        0o644,
        "0123456789abcdef0123456789abcdef  usr/lib/x/libmulti.so.1\n",
    );
    source.file(
        "DEBIAN/triggers",
        0o644,
        "# why\ninterest multi\n interest /usr/share/aaa\n",
    );
    source.file("DEBIAN/shlibs", 0o644, "libmulti 1 libmulti\n");
}

#[test]
fn tree_and_database_are_those_of_dpkg_unpack() {
    let mut fixture = Fixture::new();
    let replaced =
        "Replaces: mid, other (<< 2)\nHomepage: https://deb.example\nPriority: Optional\n";
    fixture.build("aaa", replaced, "-Zgzip", first);
    fixture.build(
        "base-files",
        "Essential: yes\nPriority: required\nSection: admin\n",
        "-Zxz",
        frame,
    );
    fixture.build(
        "libmulti",
        "Multi-Arch: same\nDepends: aaa(>= 0:1)|b:any,\n c ( << 1:2)\nTag: x\n",
        "-Znone",
        multi,
    );
    fixture.build(
        "mid",
        "Multi-Arch: no\nSource: src (2)\n",
        "-Zzstd",
        |source| {
            source.file("usr/bin/kept", 0o755, "of mid\n");
            source.file("etc/aaa/kept.conf", 0o644, "of mid\n");
            source.file("usr/share/mid", 0o644, "\n");
            source.file("DEBIAN/conffiles", 0o644, "/etc/aaa/kept.conf\n");
        },
    );
    fixture.build(
        "taker",
        "Replaces: aaa (<= 1.0)\nEssential: no\n",
        "-Zxz",
        |source| {
            source.file("usr/bin/shared", 0o700, "of taker\n");
            source.file("etc/aaa/shared.conf", 0o644, "of taker\n");
            source.file("DEBIAN/conffiles", 0o644, "/etc/aaa/shared.conf\n");
            source.symlink("usr/share/aaa", "nowhere");
        },
    );
    let ours = fixture.ours().unwrap();
    run(&mut fixture.dpkg());
    assert_same(
        &our_snapshot(&ours, &fixture.store),
        &dpkgs_snapshot(&fixture.root()),
    );
    let memoized = fixture.ours().unwrap();
    assert_eq!(imgbuild::tree::dump(&memoized), imgbuild::tree::dump(&ours));
}

#[test]
fn diversions_and_overrides_of_a_tree_hold_as_for_dpkg() {
    let mut fixture = Fixture::new();
    fixture.build("base-files", "", "-Zxz", frame);
    fixture.build("one", "", "-Zxz", |source| {
        source.file("usr/bin/x", 0o755, "1");
        // dpkg makes a package disappear when another one has all of its files.
        source.file("usr/share/one", 0o644, "1");
    });
    let mut base = fixture.ours().unwrap();
    run(&mut fixture.dpkg());
    fixture.packages.clear();
    fixture.build("diverter", "", "-Zxz", |source| {
        source.file("usr/bin/x", 0o755, "2")
    });
    fixture.build("other", "", "-Zxz", |source| {
        source.file("usr/bin/y", 0o4755, "3");
        source.link("usr/bin/z", "usr/bin/y");
        source.folder("usr/share/other", 0o755);
    });
    let diversions = "/usr/bin/x\n/usr/bin/x.real\ndiverter\n/usr/bin/y\n/usr/bin/y.moved\n:\n";
    let overrides = "#0 #0 700 /usr/share/other\n";
    for (name, text) in [("diversions", diversions), ("statoverride", overrides)] {
        let path = TreePath::parse(format!("var/lib/dpkg/{name}").as_bytes()).unwrap();
        let id = base.at(&path).unwrap();
        base.node_mut(id).kind = Kind::File(Content::inline(text.as_bytes()));
        fs_err::write(fixture.root().join("var/lib/dpkg").join(name), text).unwrap();
    }
    let packages: Vec<_> = fixture
        .packages
        .iter()
        .map(|(_, package)| package.clone())
        .collect();
    let ours = unpack_onto(base, &packages, &fixture.store, native(), EPOCH, &Silent).unwrap();
    run(&mut fixture.dpkg_again());
    assert_same(
        &our_snapshot(&ours, &fixture.store),
        &dpkgs_snapshot(&fixture.root()),
    );
}

/// Where each file of `tree` lies in an object of the store, in the order of paths.
fn slices(tree: &Tree) -> Vec<(String, Slice)> {
    let files = tree.walk().into_iter().filter_map(|(path, id)| {
        let Kind::File(content) = &tree.node(id).kind else {
            return None;
        };
        match content.pieces().next() {
            Some(Piece::Stored(slice)) => Some((path.to_string(), slice)),
            _ => None,
        }
    });
    files.collect()
}

/// The files have the lengths at which the padding of tar and that of blocks begin and end.
#[test]
fn files_of_a_package_lie_in_one_object_on_blocks_in_the_order_in_which_dpkg_deb_has_them() {
    const LENS: [usize; 9] = [1, 511, 512, 513, 4095, 4096, 4097, 8192, 300_000];
    let mut fixture = Fixture::new();
    fixture.build("one", "", "-Zxz", |source| {
        for (number, len) in LENS.into_iter().enumerate() {
            let path = format!("usr/share/one/{}/{number}", number % 2);
            source.file(&path, 0o644, &"x".repeat(len));
        }
        source.file("usr/share/one/empty", 0o644, "");
        source.link("usr/share/one/second-name", "usr/share/one/0/0");
        source.symlink("usr/share/one/a-symlink", "empty");
    });
    let deb = &fixture.packages[0].0;
    let listed = stdout(Command::new("dpkg-deb").arg("--contents").arg(deb));
    let listed = listed.lines().filter(|line| line.starts_with('-'));
    let listed: Vec<_> = listed
        .filter_map(|line| {
            let size: u64 = line.split_whitespace().nth(2)?.parse().ok()?;
            let path = line.rsplit(' ').next()?.strip_prefix('.')?;
            (size > 0 && !line.contains(" link to ")).then(|| (path.to_owned(), size))
        })
        .collect();
    assert_eq!(listed.len(), LENS.len());

    let tree = fixture.ours().unwrap();
    let names = |(path, _): &(String, Slice)| listed.iter().any(|(listed, _)| listed == path);
    let mut found: Vec<_> = slices(&tree).into_iter().filter(names).collect();
    found.sort_by_key(|(_, slice)| slice.offset);
    let mut next = 0;
    let object = fs_err::read(fixture.store.object_path(&found[0].1.object)).unwrap();
    for ((path, slice), (listed, size)) in found.iter().zip(&listed) {
        assert_eq!((path, slice.len, slice.offset), (listed, *size, next));
        assert_eq!(slice.object, found[0].1.object);
        next += size.next_multiple_of(4096);
        let bytes = &object[slice.offset as usize..next as usize];
        let (content, zeros) = bytes.split_at(*size as usize);
        assert!(content.iter().all(|byte| *byte == b'x') && zeros.iter().all(|byte| *byte == 0));
    }
}

/// An older version kept data.tar as it is, so that files were not on blocks.
#[test]
fn what_an_older_version_has_unpacked_changes_nothing() {
    let mut fixture = Fixture::new();
    fixture.build("one", "", "-Zxz", |source| {
        source.file("usr/share/one/a", 0o644, "a");
        source.file("usr/share/one/b", 0o644, "b");
    });
    let (deb, locked) = &fixture.packages[0];
    let archive = run(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(deb)).stdout;
    let old = fixture.store.insert(&archive).unwrap();
    fixture
        .store
        .set_memo("data-tar", &locked.sha256, &old)
        .unwrap();
    let places: Vec<_> = slices(&fixture.ours().unwrap())
        .into_iter()
        .filter(|(path, _)| path.starts_with("/usr/share/one/"))
        .map(|(_, slice)| (slice.object == old, slice.offset))
        .collect();
    assert_eq!(places, [(false, 0), (false, 4096)]);
}

#[test]
fn apt_knows_which_packages_are_automatic() {
    let mut fixture = Fixture::new();
    fixture.build("base-files", "", "-Zxz", frame);
    fixture.build("needed", "Multi-Arch: same\n", "-Zxz", |_| {});
    fixture.build("wanted", "Depends: needed\n", "-Zxz", |_| {});
    fixture.packages[0].1.automatic = true;
    fixture.packages[1].1.automatic = true;
    let tree = fixture.ours().unwrap();
    let folder = fixture.folder.path();
    let mut apt = Command::new("apt-mark");
    apt.arg("showauto").env("APT_CONFIG", "/dev/null");
    for (option, path) in [
        ("Dir::State::status", "/var/lib/dpkg/status"),
        (
            "Dir::State::extended_states",
            "/var/lib/apt/extended_states",
        ),
    ] {
        let id = tree.at(&TreePath::parse(path.as_bytes()).unwrap()).unwrap();
        let Kind::File(content) = &tree.node(id).kind else {
            panic!("{path} is no file")
        };
        let file = folder.join(option);
        fs_err::write(&file, content.read(&fixture.store).unwrap()).unwrap();
        apt.arg("-o").arg(format!("{option}={}", file.display()));
    }
    for option in ["Dir::Cache", "Dir::State::lists"] {
        apt.arg("-o")
            .arg(format!("{option}={}", folder.join(option).display()));
    }
    assert_eq!(stdout(&mut apt), "base-files\nneeded\n");
}

#[test]
fn a_package_that_is_not_what_was_locked_is_refused() {
    let mut fixture = Fixture::new();
    fixture.build("one", "", "-Zxz", |_| {});
    fixture.packages[0].1.version = "1.1".to_owned();
    let message = fixture.ours().unwrap_err().to_string();
    assert!(
        message.contains("Version `1.0`") && message.contains("`1.1`"),
        "{message}"
    );
    fixture.packages[0].1.version = "1.0".to_owned();
    let again = fixture.packages[0].clone();
    fixture.packages.push(again);
    assert!(matches!(fixture.ours(), Err(UnpackError::Twice { package }) if package == "one"));
}

#[test]
fn a_file_of_two_packages_is_refused_as_by_dpkg() {
    let mut fixture = Fixture::new();
    fixture.build("one", "", "-Zxz", |source| {
        source.file("usr/bin/x", 0o755, "1")
    });
    fixture.build("two", "Replaces: one (<< 1.0)\n", "-Zxz", |source| {
        source.file("usr/bin/x", 0o755, "2")
    });
    let message = fixture.ours().unwrap_err().to_string();
    let output = fixture.dpkg().output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("trying to overwrite '/usr/bin/x', which is also in package one"),
        "{error}"
    );
    for named in ["`two`", "`one`", "`/usr/bin/x`"] {
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn owners_are_those_that_base_passwd_names() {
    let mut fixture = Fixture::new();
    let source = Source(fixture.folder.path().join("names"));
    source.file(
        "usr/share/base-passwd/passwd.master",
        0o644,
        "root:*:0:0:::\nmail:*:8:8:::\n",
    );
    source.file(
        "usr/share/base-passwd/group.master",
        0o644,
        "root:*:0:\nshadow:*:42:\n",
    );
    let files = Source(fixture.folder.path().join("files"));
    files.file("shadowed", 0o2755, "");
    raw_deb(
        &mut fixture,
        "aaa",
        &files.0,
        &["--owner=mail:1", "--group=shadow:1", "./shadowed"],
    );
    raw_deb(
        &mut fixture,
        "base-passwd",
        &source.0,
        &["--owner=nobody:77", "--group=other:78", "./usr"],
    );
    let tree = fixture.ours().unwrap();
    let owner = |path: &str| {
        let id = tree.at(&TreePath::parse(path.as_bytes()).unwrap()).unwrap();
        (tree.node(id).meta.uid, tree.node(id).meta.gid)
    };
    assert_eq!(owner("/shadowed"), (8, 42));
    assert_eq!(owner("/usr/share/base-passwd"), (77, 78));
}

#[test]
fn members_that_lead_out_of_the_tree_are_refused_by_name() {
    for (name, transform) in [
        ("climbs", "s,^./x,./a/../../x,"),
        ("absolute", "s,^./x,/etc/x,"),
        ("lines", "s,^./x,./a\\nb,"),
    ] {
        let mut fixture = Fixture::new();
        let files = Source(fixture.folder.path().join("files"));
        files.file("x", 0o644, "");
        raw_deb(
            &mut fixture,
            name,
            &files.0,
            &["-P", "--transform", transform, "./x"],
        );
        let error = fixture.ours().unwrap_err();
        assert!(
            matches!(&error, UnpackError::Name { package, .. } if package == name),
            "{error}"
        );
    }
}

#[test]
fn pax_headers_are_refused_as_by_dpkg() {
    let mut fixture = Fixture::new();
    let files = Source(fixture.folder.path().join("files"));
    files.file("x", 0o644, "");
    raw_deb(&mut fixture, "pax", &files.0, &["--format=pax", "./x"]);
    let output = fixture.dpkg().output().unwrap();
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(
        refused.contains("unsupported PAX tar header type 'x'"),
        "{refused}"
    );
    let error = fixture.ours().unwrap_err();
    assert!(
        matches!(
            &error,
            UnpackError::Tar(_, TarError::Type { found: b'x', .. })
        ),
        "{error}"
    );
}

#[test]
fn nothing_is_written_through_a_symlink_that_leads_out() {
    let mut fixture = Fixture::new();
    let files = Source(fixture.folder.path().join("files"));
    let outside = fixture.folder.path().join("outside");
    files.symlink("d", &format!("../../../../../..{}", outside.display()));
    raw_deb(&mut fixture, "one", &files.0, &["./d"]);
    let through = Source(fixture.folder.path().join("through"));
    through.file("d/x", 0o644, "");
    raw_deb(&mut fixture, "two", &through.0, &["./d/x"]);
    let error = fixture.ours().unwrap_err();
    assert!(
        matches!(&error, UnpackError::Place(package, _) if package == "two"),
        "{error}"
    );
    assert!(!outside.exists());
}
