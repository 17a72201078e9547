//! Base images that mount further ext4 partitions: what a build does not touch stays byte for byte, and what
//! it touches keeps its hard links.

use crate::base_layouts::{disk, mib, parts};
use crate::bases::{self, LATER, cat, output};
use crate::fixture::{Fixture, run};
use crate::test_debian;
use std::path::{Path, PathBuf};

const MIB: usize = 1 << 20;
/// The first MiB of the root, behind the table and the FAT.
const ROOT: usize = 35;
/// The length of each further partition in MiB.
const LEN: usize = 8;

/// The names in a further partition that share a file, kind by kind.
const LINKED: [&[&str]; 4] = [
    &["/file", "/deep/down/file", "/other/file"],
    &["/socket", "/deep/socket"],
    &["/device", "/deep/device"],
    &["/symlink", "/other/symlink"],
];

/// An ext4 called `label`, with files, a socket, a device and a symlink that have several names.
fn volume(fixture: &Fixture, label: &str) -> Vec<u8> {
    let folder = fixture.path(label);
    for name in ["deep/down", "other", "inner"] {
        fs_err::create_dir_all(folder.join(name)).unwrap();
    }
    fs_err::write(folder.join("file"), label).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap());
    for names in &LINKED[..2] {
        for name in &names[1..] {
            let first = folder.join(&names[0][1..]);
            fs_err::hard_link(first, folder.join(&name[1..])).unwrap();
        }
    }
    let image = fixture.path(&format!("{label}.ext4"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let size = format!("{LEN}M");
    let (from, to) = (text(&folder), text(&image));
    output(
        "/usr/sbin/mke2fs",
        &["-q", "-t", "ext4", "-L", label, "-d", &from, &to, &size],
    );
    // mke2fs takes neither devices from an ordinary user nor links of symlinks.
    for command in [
        "mknod device c 1 3",
        "ln device deep/device",
        "set_inode_field device links_count 2",
        "symlink symlink file",
        "ln symlink other/symlink",
        "set_inode_field symlink links_count 2",
    ] {
        output("/usr/sbin/debugfs", &["-w", "-R", command, &to]);
    }
    output("/usr/sbin/e2fsck", &["-fn", &to]);
    fs_err::read(&image).unwrap()
}

/// The inode and the number of links of `path` in the ext4 in the file `image`.
fn links(image: &Path, path: &str) -> (String, String) {
    let command = format!("stat {path}");
    let text = output(
        "/usr/sbin/debugfs",
        &["-R", &command, image.to_str().unwrap()],
    );
    let after = |key: &str| {
        let rest = text.split_once(key).expect(key).1;
        rest.split_whitespace().next().unwrap().to_owned()
    };
    (after("Inode:"), after("Links:"))
}

/// The ext4 in the file `image` is sound, and its names share inodes as they did.
#[track_caller]
fn check_links(image: &Path) {
    output("/usr/sbin/e2fsck", &["-fn", image.to_str().unwrap()]);
    for names in LINKED {
        let (first, count) = links(image, names[0]);
        assert_eq!(count, names.len().to_string(), "{names:?}");
        for name in names {
            assert_eq!(links(image, name), (first.clone(), count.clone()), "{name}");
        }
    }
}

/// An image whose root mounts two further partitions, at `mounts`, and a package that puts a file into the first.
fn fixture(mounts: [&str; 2]) -> (Fixture, PathBuf, usize) {
    let (fixture, base) = bases::fixture();
    let extra = bases::extra().file(&format!("{}/extra", mounts[0]), 0o644, b"extra");
    fixture.publish(&test_debian::archive().package(extra).date(LATER));
    let old = cat(bases::root(&base).path(), "/etc/fstab");
    let [first, second] = mounts;
    let fstab = format!(
        "{old}LABEL=first {first} ext4 defaults 0 2\nLABEL=second {second} ext4 defaults 0 2\n"
    );
    bases::put(&base, "/etc/fstab", &fstab);
    let hidden = fixture.path("hidden");
    fs_err::write(&hidden, "hidden").unwrap();
    // The files of the root below a mount point are hidden while a filesystem is mounted there.
    let mut commands = format!("mkdir {first}\nwrite {} {first}/hidden\n", hidden.display());
    commands +=
        &format!("ln {first}/hidden /etc/shown\nset_inode_field {first}/hidden links_count 2\n");
    if !second.starts_with(first) {
        commands += &format!("mkdir {second}\n");
    }
    bases::edit(&base, &commands);
    let parts = parts(&base);
    let len = mib(&parts.root);
    let script = format!(
        "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=69632, type=c\n\
         start=71680, size={}, type=83\nstart={}, size={}, type=83\nstart={}, size={}, type=83\n",
        len * 2048,
        (ROOT + len) * 2048,
        LEN * 2048,
        (ROOT + len + LEN) * 2048,
        LEN * 2048
    );
    let [first, second] = ["first", "second"].map(|label| volume(&fixture, label));
    let contents: [(usize, &[u8]); 4] = [
        (1, &parts.fat),
        (ROOT, &parts.root),
        (ROOT + len, &first),
        (ROOT + len + LEN, &second),
    ];
    disk(&base, ROOT + len + 2 * LEN, &script, &contents);
    (fixture, base, ROOT + len)
}

/// Builds on the base, and looks at the two partitions, of which the first begins at `start` MiB.
#[track_caller]
fn check(mounts: [&str; 2]) {
    let (fixture, base, start) = fixture(mounts);
    run(&mut bases::inject(&fixture, &base)).succeeded();
    let (before, after) = (
        fs_err::read(&base).unwrap(),
        fs_err::read(fixture.image()).unwrap(),
    );
    assert_eq!(before.len(), after.len());
    let second = (start + LEN) * MIB;
    assert!(
        before[second..] == after[second..],
        "a partition that nothing touched is another one"
    );
    let path = fixture.path("after.ext4");
    fs_err::write(&path, &after[start * MIB..second]).unwrap();
    assert_eq!(cat(&path, "/extra"), "extra");
    check_links(&path);
    let root = bases::root(&fixture.image());
    output("/usr/sbin/e2fsck", &["-fn", root.path().to_str().unwrap()]);
    let hidden = format!("{}/hidden", mounts[0]);
    assert_eq!(cat(root.path(), &hidden), "hidden");
    assert_eq!(
        links(root.path(), &hidden),
        links(root.path(), "/etc/shown")
    );
}

#[test]
fn a_further_ext4_keeps_its_links_and_its_bytes() {
    check(["/opt", "/srv"]);
}

#[test]
fn so_does_one_that_is_mounted_below_another() {
    check(["/opt", "/opt/inner"]);
}
