//! The menu of U-Boot. Debian's own u-boot-update(8), with the settings that imgbuild writes, must
//! leave the menu as imgbuild wrote it.

use super::{EPOCH, contents, empty, path, put_file};
use crate::command::run;
use imgbuild::boot::extlinux::{self, ExtlinuxSettings};
use imgbuild::tree::{Kind, Name, Tree};
use std::path::Path;
use std::process::Command;

/// The versions of two kernels. The older one has no initramfs, the newer one has device trees.
const KERNELS: [&str; 2] = ["6.12.9-arm64", "6.12.10-arm64"];

/// Makes the folder `$1` look like a root filesystem, with programs of this machine and files of
/// its own.
const ENTER: &str = r#"
set -e
cd "$1"
mkdir -p proc usr/bin usr/sbin usr/share usr/lib64 etc
for folder in bin sbin lib64; do ln -s usr/$folder $folder; done
ln -s usr/lib lib
for folder in usr/bin usr/sbin usr/share/perl usr/share/perl5 $(cd / && ls -d usr/lib64 usr/lib/*-linux-gnu*); do
    mkdir -p $folder
    mount --rbind /$folder $folder
done
mkdir dev
touch dev/null
mount --bind /dev/null dev/null
mkdir usr/local
mount --rbind /usr/local/lib/imgbuild-oracles/programs/usr usr/local
# Newer ones read a part of themselves from there.
[ ! -e usr/local/share/u-boot-menu ] || ln -s /usr/local/share/u-boot-menu usr/share/u-boot-menu
exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin PERL5LIB=/usr/local/share/perl5 u-boot-update
"#;

fn settings(device_tree: Option<&str>) -> ExtlinuxSettings {
    ExtlinuxSettings {
        root: "PARTUUID=12345678-01".to_owned(),
        consoles: vec!["tty0".to_owned(), "ttyAMA0,115200n8".to_owned()],
        command_line: vec!["rw".to_owned(), "quiet".to_owned()],
        device_tree: device_tree.map(str::to_owned),
    }
}

fn kernel_tree() -> Tree {
    let mut tree = empty();
    for kernel in KERNELS {
        put_file(&mut tree, &format!("/boot/vmlinuz-{kernel}"), b"a kernel");
        put_file(
            &mut tree,
            &format!("/usr/lib/linux-image-{kernel}/rockchip/board.dtb"),
            b"a device tree",
        );
    }
    put_file(&mut tree, "/boot/initrd.img-6.12.10-arm64", b"an archive");
    tree
}

/// The menu before and after u-boot-update ran on it.
fn before_and_after(settings: &ExtlinuxSettings) -> (String, String) {
    let mut tree = kernel_tree();
    let kernels = KERNELS.map(|kernel| Name::new(kernel.as_bytes()).unwrap());
    for (at, node) in extlinux::files(contents(&tree), &kernels, settings, EPOCH).unwrap() {
        let Kind::File(content) = node.kind else {
            panic!("{at} is no file");
        };
        let bytes = content.read(&super::NoObjects).unwrap();
        put_file(&mut tree, &at.to_string(), &bytes);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for kernel in KERNELS {
        written.push(format!("/boot/vmlinuz-{kernel}"));
        written.push(format!("/usr/lib/linux-image-{kernel}/rockchip/board.dtb"));
    }
    written.push("/boot/initrd.img-6.12.10-arm64".to_owned());
    written.push("/etc/u-boot-menu/conf.d/imgbuild.conf".to_owned());
    for at in &written {
        let to = folder.path().join(&at[1..]);
        fs_err::create_dir_all(to.parent().unwrap()).unwrap();
        fs_err::write(to, contents(&tree).bytes(&path(at)).unwrap()).unwrap();
    }
    run(Command::new("unshare")
        .args(["-Urm", "sh", "-c", ENTER, "sh"])
        .arg(folder.path()));
    let after = fs_err::read_to_string(on_disk(folder.path())).unwrap();
    (contents(&tree).text(&path(extlinux::MENU)).unwrap(), after)
}

fn on_disk(root: &Path) -> std::path::PathBuf {
    root.join(extlinux::MENU.trim_start_matches('/'))
}

#[test]
fn u_boot_update_writes_the_menu_as_it_is() {
    let (ours, theirs) = before_and_after(&settings(None));
    assert_eq!(ours, theirs);
    assert!(ours.contains("\tfdtdir /usr/lib/linux-image-6.12.10-arm64/\n"));
}

#[test]
fn u_boot_update_names_the_device_tree_as_we_do() {
    let (ours, theirs) = before_and_after(&settings(Some("rockchip/board.dtb")));
    assert_eq!(ours, theirs);
    let line = "\tfdt /usr/lib/linux-image-6.12.10-arm64/rockchip/board.dtb\n";
    assert!(ours.contains(line));
}
