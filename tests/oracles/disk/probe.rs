//! Filesystems that their own mkfs made must be recognized by their magic numbers.

use crate::command::run;
use imgbuild::disk::device::FileDevice;
use imgbuild::disk::probe::{Contents, probe};
use std::path::Path;
use std::process::Command;

fn found(image: &Path) -> Option<Contents> {
    probe(&FileDevice::new(fs_err::File::open(image).unwrap()).unwrap()).unwrap()
}

#[test]
fn what_the_makers_of_filesystems_make_is_recognized() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for (mib, command, expected) in [
        (8, "mke2fs -q -F -t ext2", Contents::Ext2),
        (8, "mke2fs -q -F -t ext3", Contents::Ext3),
        (8, "mke2fs -q -F -t ext4", Contents::Ext4),
        (8, "mke2fs -q -F -O journal_dev", Contents::ExtJournal),
        (8, "mkfs.fat", Contents::Fat),
        (40, "mkfs.fat -F 32", Contents::Fat),
        (8, "mkfs.exfat", Contents::ExFat),
        (8, "mkfs.ntfs -q -F", Contents::Ntfs),
        (200, "mkfs.btrfs -q", Contents::Btrfs),
        (64, "mkfs.f2fs -q", Contents::F2fs),
        (320, "mkfs.xfs -q", Contents::Xfs),
        (8, "mkswap -q", Contents::Swap),
    ] {
        let file = fs_err::File::create(&image).unwrap();
        file.set_len(mib << 20).unwrap();
        assert_eq!(found(&image), None);
        let mut words = command.split(' ');
        let mut mkfs = Command::new(words.next().unwrap());
        run(mkfs.args(words).arg(&image));
        assert_eq!(found(&image), Some(expected), "{command}");
    }
    let tree = folder.path().join("tree");
    fs_err::create_dir(&tree).unwrap();
    fs_err::remove_file(&image).unwrap();
    run(Command::new("mksquashfs")
        .arg(&tree)
        .arg(&image)
        .arg("-quiet"));
    assert_eq!(found(&image), Some(Contents::SquashFs));
    fs_err::remove_file(&image).unwrap();
    run(Command::new("mkfs.erofs").arg(&image).arg(&tree));
    assert_eq!(found(&image), Some(Contents::Erofs));
}
